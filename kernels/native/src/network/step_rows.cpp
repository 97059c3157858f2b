#include "network/step_rows.h"

namespace genmo {

void StepRows::multiply(const Layer& layer, const float* a, ptrdiff_t a_stride, float* c, ptrdiff_t c_stride,
                        Store store) const {
  FixedRows fixed = {};
  if (layer.fixed) fixed = {space.fixed + int64_t{begin} * space.fixed_stride, space.fixed_stride, space.unit + begin};
  genmo::multiply(*network.kernels, layer, a, a_stride, row(c, c_stride), c_stride, end - begin, store, fixed);
}

void StepRows::normalise() const {
  network.kernels->normalise(row(space.x, stride), stride, row(space.normed, stride), stride, end - begin,
                             network.options.width, network.options.norm_epsilon);
}

void StepRows::mlp(const Mlp& mlp) const {
  normalise();
  multiply(mlp.first, row(space.normed, stride), stride, space.wide, space.wide_stride, Store::kGelu);
  multiply(mlp.second, row(space.wide, space.wide_stride), space.wide_stride, space.x, stride, Store::kAdd);
}

void StepRows::head(const Head& head, float* c, ptrdiff_t c_stride) const {
  multiply(head.first, row(space.normed, stride), stride, space.wide, space.wide_stride, network.released ? Store::kSet : Store::kGelu);
  if (network.released) activate(Activation::kExactGelu, row(space.wide, space.wide_stride), space.wide_stride, end - begin, head.first.columns);
  multiply(head.second, row(space.wide, space.wide_stride), space.wide_stride, c, c_stride, Store::kSet);
}

}  // namespace genmo
