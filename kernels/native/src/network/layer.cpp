#include "network/layer.h"

#include <cmath>

namespace genmo {

namespace {

void copy(float* to, const unsigned char* from, int count) {
  for (; count >= 8; count -= 8, from += 32, to += 8) std::memcpy(to, from, 32);
  std::memcpy(to, from, static_cast<size_t>(count) * 4);
}

// `columns` weights of a row of the file, from column `first` on.
void read_row(const LayerSource& source, int64_t k, int first, int columns, float* values) {
  const unsigned char* row = source.weight.data + k * source.weight.columns * 4;
  if (!source.order) return copy(values, row + int64_t{first} * 4, columns);
  for (int c = 0; c < columns;) {
    const int left = source.run - (first + c) % source.run, together = left < columns - c ? left : columns - c;
    copy(values + c, row + int64_t{source.order[first + c]} * 4, together);
    c += together;
  }
}

// The weights in panels of `panel` columns, `size` apart, with the norm's folded in and rounded to float32; and their biases.  Row by
// row, as they lie in the file: each is read once.  `sums` has room for the columns.
void read_panels(const LayerSource& source, int panel, int64_t size, float* panels, double* sums, float* biases) {
  const int total = source.columns;
  for (int c = 0; c < total; ++c) sums[c] = source.bias.data ? double{source.bias.at(0, source.column(c))} : 0.0;
  for (int64_t k = 0; k < source.weight.rows; ++k) {
    float* values = panels + k * panel;
    const bool normed = source.norm_weight.data;
    const float scale = normed ? source.norm_weight.at(0, k) : 1;
    const double shift = normed ? double{source.norm_bias.at(0, k)} : 0;
    for (int first = 0; first < total; first += panel, values += size) {
      const int columns = total - first < panel ? total - first : panel;
      read_row(source, k, first, columns, values);
      if (!normed) continue;
      for (int c = 0; c < columns; ++c) {
        sums[first + c] += double{values[c]} * shift;
        values[c] *= scale;
      }
    }
  }
  for (int c = 0; c < total; ++c) biases[c] = static_cast<float>(sums[c]);
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

Layer pack(const LayerSource& source, const NetworkKernels& kernels, bool fixed, Arena& arena, PackScratch& scratch) {
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
  double* sums = scratch.sums(padded);
  float* values = fixed ? scratch.values(size * layer.panels) : weight;
  if (arena.failed() || !sums || !values) {
    arena.get<char>(-1);  // remembers the failure
    return layer;
  }
  read_panels(source, panel, size, values, sums, bias);
  for (int column = 0; fixed && column < source.columns; column += panel) {
    const int columns = source.columns - column < panel ? source.columns - column : panel;
    quantise_panel(values + int64_t{column} * layer.depth, layer.depth, panel, columns, pairs + int64_t{column} * even, unit + column);
  }
  layer.weight = weight;
  layer.fixed = pairs;
  layer.unit = unit;
  layer.bias = bias;
  return layer;
}

void multiply(const NetworkKernels& kernels, const Layer& layer, const float* a, ptrdiff_t a_stride, float* c,
              ptrdiff_t c_stride, int rows, Store store, const FixedRows& fixed) {
  if (layer.fixed) {
    const int even = round_up(layer.depth, 2);
    if (a) kernels.quantise(a, a_stride, fixed.numbers, fixed.stride, fixed.unit, rows, layer.depth, even);
    FixedProduct product = {};
    product.a = fixed.numbers;
    product.a_stride = fixed.stride;
    product.a_scale = fixed.unit;
    product.b = layer.fixed;
    product.b_scale = layer.unit;
    product.bias = layer.bias;
    product.c = c;
    product.c_stride = c_stride;
    product.rows = rows;
    product.depth = even;
    product.panels = layer.panels;
    product.store = store;
    kernels.fixed_product(product);
    return;
  }
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
