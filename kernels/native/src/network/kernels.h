// The arithmetic of the network, once an instruction set: functions of an IsaTable.
//
// Matrices are row-major and float32 unless said otherwise.  What a function writes for a row depends on that row alone,
// never on how many rows are computed together: threads may split rows anywhere and get the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace genmo {

inline constexpr int kMaxPanel = 32;   // widest panel of any instruction set
inline constexpr int kFlush = 256;     // products in fixed point that are added up before they become float
inline constexpr int kActivation = 8191;  // the largest activation in fixed point: 14 bits with the sign

// What becomes of a product with its bias.
enum class Store { kSet, kAdd, kGelu };

// c [rows, columns] = or += a [rows, depth] b [depth, columns] + bias [columns], or its GELU.
// Columns come in panels of `NetworkKernels::panel`; b of panel p starts at b + p * panel_stride, its rows are b_stride apart.
struct Product {
  const float* a;
  ptrdiff_t a_stride;
  const float* b;
  ptrdiff_t b_stride, panel_stride;
  const float* bias;  // nullptr: none
  float* c;
  ptrdiff_t c_stride;
  int rows, depth, panels;
  Store store;
};

// The same in fixed point.  a [rows, depth] in `a_scale` [rows] units; b in panels of pairs [depth / 2, panel, 2], in
// units of `b_scale` [columns].  Depth is even.
struct FixedProduct {
  const int16_t* a;
  ptrdiff_t a_stride;
  const float* a_scale;
  const int16_t* b;
  const float* b_scale;
  const float* bias;
  float* c;
  ptrdiff_t c_stride;
  int rows, depth, panels;
  Store store;
};

struct NetworkKernels {
  int panel;  // columns of a panel
  int rows;   // rows of a whole tile
  void (*product)(const Product&);
  void (*fixed_product)(const FixedProduct&);
  // y = (x - mean) / sqrt(variance + epsilon) of every row
  void (*normalise)(const float* x, ptrdiff_t x_stride, float* y, ptrdiff_t y_stride, int rows, int width,
                    float epsilon);
  // rows of x [rows, width] as numbers up to kActivation, zeros up to `padded`; scale [rows]
  void (*quantise)(const float* x, ptrdiff_t x_stride, int16_t* y, ptrdiff_t y_stride, float* scale, int rows,
                   int width, int padded);
  // softmax of x[begin, end) times `weight`, in place; the rest of x[0, length) becomes zero
  void (*softmax)(float* x, int begin, int end, int length, float weight);
  // rotary halves a, b [half] of every head of x [repeats, 2, half], by angles: a cos - b sin, a sin + b cos, in place
  void (*rotate)(float* x, const float* cosine, const float* sine, int half, int repeats);
  // y += s x over n numbers
  void (*accumulate)(float* y, const float* x, float s, int n);
};

}  // namespace genmo
