#include "network/layer.h"

#include <cmath>

namespace genmo {

namespace {

// Rows of `columns` weights of the source from column `first` on, with the norm's folded in and rounded to float32, `stride` apart in
// `values`; and their biases.  Row by row, as they lie in the file.
void read_panel(const LayerSource& source, int first, int columns, float* values, int64_t stride, float* biases) {
  double sums[kMaxPanel];
  for (int c = 0; c < columns; ++c) sums[c] = source.bias.data ? double{source.bias.at(0, source.column(first + c))} : 0.0;
  for (int64_t k = 0; k < source.weight.rows; ++k, values += stride) {
    if (source.order) {
      for (int c = 0; c < columns; ++c) values[c] = source.weight.at(k, source.order[first + c]);
    } else {
      std::memcpy(values, source.weight.data + (k * source.weight.columns + first) * 4, static_cast<size_t>(columns) * 4);
    }
    if (!source.norm_weight.data) continue;
    const double scale = double{source.norm_weight.at(0, k)}, shift = double{source.norm_bias.at(0, k)};
    for (int c = 0; c < columns; ++c) {
      sums[c] += double{values[c]} * shift;
      values[c] = static_cast<float>(double{values[c]} * scale);
    }
  }
  for (int c = 0; c < columns; ++c) biases[c] = static_cast<float>(sums[c]);
}

// Columns of whole numbers in a panel of pairs, of `values` [depth, panel]; their units.  They are as large as they may be without a
// sum of kFlush products with the largest activations leaving an int32: their magnitudes' sum decides, not the largest of them
// alone, which gains one bit over that.
void quantise_panel(const float* values, int depth, int panel, int columns, int16_t* pairs, float* units) {
  double most[kMaxPanel] = {}, sum[kMaxPanel] = {}, per_unit[kMaxPanel] = {};
  for (int from = 0; from < depth; from += kFlush) {
    double block[kMaxPanel] = {};
    for (int k = from; k < depth && k < from + kFlush; ++k)
      for (int c = 0; c < columns; ++c) {
        const double size = std::fabs(double{values[int64_t{k} * panel + c]});
        block[c] += size;
        most[c] = size > most[c] ? size : most[c];
      }
    for (int c = 0; c < columns; ++c) sum[c] = std::fmax(sum[c], block[c]) + 0 * block[c];  // a NaN stays one
  }
  const double allowed = 2147483647.0 / kActivation - 0.5 * kFlush;  // every weight may be rounded up by a half
  for (int c = 0; c < columns; ++c) {
    const bool right = most[c] > 1e-30 && sum[c] < 1e30;
    per_unit[c] = right ? std::fmin(32767.0 / most[c], allowed / sum[c]) : 0.0;
    units[c] = right ? static_cast<float>(1.0 / per_unit[c]) : sum[c] < 1 ? 0.0f : NAN;  // NAN: the weights are not finite
  }
  for (int k = 0; k < depth; ++k)
    for (int c = 0; c < columns; ++c) {
      if (!(per_unit[c] > 0)) continue;
      pairs[int64_t{k / 2} * 2 * panel + 2 * c + k % 2] = static_cast<int16_t>(std::lrint(double{values[int64_t{k} * panel + c]} * per_unit[c]));
    }
}

}  // namespace

Layer pack(const LayerSource& source, const NetworkKernels& kernels, bool fixed, Arena& arena) {
  const int panel = kernels.panel;
  Layer layer;
  layer.depth = static_cast<int>(source.weight.rows);
  layer.columns = source.columns;
  layer.panels = round_up(source.columns, panel) / panel;
  const int padded = layer.panels * panel, even = round_up(layer.depth, 2);
  const int64_t size = int64_t{panel} * layer.depth;
  float* bias = arena.get<float>(padded);
  float* weight = fixed ? nullptr : arena.get<float>(size * layer.panels);
  float* unit = fixed ? arena.get<float>(padded) : nullptr;
  int16_t* pairs = fixed ? arena.get<int16_t>(int64_t{padded} * even) : nullptr;
  Arena scratch;
  float* values = fixed ? scratch.get<float>(size) : nullptr;
  if (arena.failed() || scratch.failed()) {
    arena.get<char>(-1);  // remembers the failure
    return layer;
  }
  for (int column = 0; column < source.columns; column += panel) {
    const int columns = source.columns - column < panel ? source.columns - column : panel;
    float* const to = fixed ? values : weight + column / panel * size;
    read_panel(source, column, columns, to, panel, bias + column);
    if (fixed) quantise_panel(values, layer.depth, panel, columns, pairs + int64_t{column} * even, unit + column);
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
