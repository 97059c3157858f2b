#include "network/layer.h"

#include <cmath>

namespace genmo {

namespace {

// The column's weights with the norm's folded in, rounded to float32; returns the bias.
float read_column(const LayerSource& source, int64_t column, float* values) {
  const int64_t depth = source.weight.rows;
  double bias = source.bias.data ? double{source.bias.at(0, column)} : 0.0;
  for (int64_t k = 0; k < depth; ++k) {
    const float weight = source.weight.at(k, column);
    values[k] = weight;
    if (source.norm_weight.data) {
      values[k] = static_cast<float>(double{weight} * double{source.norm_weight.at(0, k)});
      bias += double{weight} * double{source.norm_bias.at(0, k)};
    }
  }
  return static_cast<float>(bias);
}

// One column of whole numbers in a panel of pairs; returns their unit.  They are as large as they may be without a sum of
// kFlush products with the largest activations leaving an int32: their magnitudes' sum decides, not the largest of them
// alone, which gains one bit over that.
float quantise_column(const float* values, int depth, int panel, int16_t* pairs) {
  double most = 0, sum = 0;
  for (int from = 0; from < depth; from += kFlush) {
    double block = 0;
    for (int k = from; k < depth && k < from + kFlush; ++k) {
      block += std::fabs(double{values[k]});
      most = std::fmax(most, std::fabs(double{values[k]}));
    }
    sum = std::fmax(sum, block);
  }
  if (!(most > 1e-30) || !(sum < 1e30)) return most > 1 ? NAN : 0.0f;  // NAN: the weights are not finite
  const double allowed = 2147483647.0 / kActivation - 0.5 * kFlush;  // every weight may be rounded up by a half
  const double per_unit = std::fmin(32767.0 / most, allowed / sum);
  for (int k = 0; k < depth; ++k)
    pairs[(k / 2) * 2 * panel + k % 2] = static_cast<int16_t>(std::lrint(values[k] * per_unit));
  return static_cast<float>(1.0 / per_unit);
}

}  // namespace

Layer pack(const LayerSource& source, const NetworkKernels& kernels, bool fixed, Arena& arena) {
  const int panel = kernels.panel;
  Layer layer;
  layer.depth = static_cast<int>(source.weight.rows);
  layer.columns = source.columns;
  layer.panels = round_up(source.columns, panel) / panel;
  const int padded = layer.panels * panel, even = round_up(layer.depth, 2);
  float* bias = arena.get<float>(padded);
  float* weight = fixed ? nullptr : arena.get<float>(int64_t{padded} * layer.depth);
  float* unit = fixed ? arena.get<float>(padded) : nullptr;
  int16_t* pairs = fixed ? arena.get<int16_t>(int64_t{padded} * even) : nullptr;
  Arena scratch;
  float* values = scratch.get<float>(layer.depth);
  if (arena.failed() || scratch.failed()) {
    arena.get<char>(-1);  // remembers the failure
    return layer;
  }
  for (int column = 0; column < source.columns; ++column) {
    const int64_t from = source.order ? source.order[column] : column;
    bias[column] = read_column(source, from, values);
    const int64_t at = int64_t{column / panel} * panel;
    if (fixed)
      unit[column] = quantise_column(values, layer.depth, panel, pairs + at * even + (column % panel) * 2);
    else
      for (int k = 0; k < layer.depth; ++k) weight[at * layer.depth + int64_t{k} * panel + column % panel] = values[k];
  }
  layer.weight = weight;
  layer.fixed = pairs;
  layer.unit = unit;
  layer.bias = bias;
  return layer;
}

void multiply(const NetworkKernels& kernels, const Layer& layer, const float* a, ptrdiff_t a_stride, float* c,
              ptrdiff_t c_stride, int rows, Store store) {
  Product product = {};
  product.a = a;
  product.a_stride = a_stride;
  product.b = layer.weight;
  product.b_stride = kernels.panel;
  product.panel_stride = int64_t{layer.depth} * kernels.panel;
  product.bias = layer.bias;
  product.c = c;
  product.c_stride = c_stride;
  product.rows = rows;
  product.depth = layer.depth;
  product.panels = layer.panels;
  product.store = store;
  kernels.product(product);
}

}  // namespace genmo
