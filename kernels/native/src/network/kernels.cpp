// The network's arithmetic for one instruction set, on GCC's vector extensions; compiled once for each.
#include "network/kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace genmo::GENMO_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kVectors = 2, kTile = 12;  // 24 of 32 registers are sums
#elif defined(__AVX2__)
constexpr int kLanes = 8, kVectors = 2, kTile = 6;  // 12 of 16
#elif defined(__aarch64__)
constexpr int kLanes = 4, kVectors = 2, kTile = 10;  // 20 of 32
#else
constexpr int kLanes = 4, kVectors = 2, kTile = 5;  // 10 of 16
#endif
constexpr int kPanel = kLanes * kVectors;

typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef float FloatsAt __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntsAt __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef int16_t Shorts __attribute__((vector_size(kLanes * 2)));
typedef int16_t ShortsAt __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

#define GENMO_INLINE inline __attribute__((always_inline))

GENMO_INLINE Floats load(const float* p) { return* reinterpret_cast<const FloatsAt*>(p); }
GENMO_INLINE void store(float* p, Floats x) { *reinterpret_cast<FloatsAt*>(p) = x; }
GENMO_INLINE Floats spread(float x) { return x - Floats{}; }

GENMO_INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }
GENMO_INLINE Floats smaller(Floats a, Floats b) { return a < b ? a : b; }

GENMO_INLINE float sum(Floats x) {
  float s[kLanes];
  __builtin_memcpy(s, &x, sizeof s);
  for (int step = kLanes / 2; step; step /= 2)
    for (int i = 0; i < step; ++i) s[i] += s[i + step];
  return s[0];
}

GENMO_INLINE float largest(Floats x) {
  float s[kLanes];
  __builtin_memcpy(s, &x, sizeof s);
  for (int step = kLanes / 2; step; step /= 2)
    for (int i = 0; i < step; ++i) s[i] = s[i] > s[i + step] ? s[i] : s[i + step];
  return s[0];
}

constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number

// e^x for -87 <= x <= 88, to 2e-7 of the value
GENMO_INLINE Floats exponential(Floats x) {
  x = larger(smaller(x, spread(88.0f)), spread(-87.0f));
  const Floats shifted = x * 1.44269504088896341f + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (x - n * 0.693145751953125f) - n * 1.42860682030941723e-6f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  Ints exponent;
  __builtin_memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent + (127 - 0x4B400000)) << 23;
  Floats power;
  __builtin_memcpy(&power, &exponent, sizeof power);
  return p * power;
}

// GELU by its tanh form: x / (1 + e^(-2 sqrt(2 / pi) (x + 0.044715 x^3)))
GENMO_INLINE Floats gelu(Floats x) {
  const Floats inner = x * (x * x * (-2 * 0.7978845608f * 0.044715f) - 2 * 0.7978845608f);
  const Floats below = exponential(inner) + 1.0f;
#if defined(__AVX512F__)  // a quarter of a division's time, to two roundings
  Floats inverse = _mm512_rcp14_ps(below);
  inverse = inverse * (2.0f - below * inverse);
  return x * inverse;
#else
  return x / below;
#endif
}

GENMO_INLINE void finish(float* c, Floats value, Store how) {
  if (how == Store::kAdd) value = load(c) + value;
  if (how == Store::kGelu) value = gelu(value);
  store(c, value);
}

template <int M>
__attribute__((noinline)) void tile(const Product& p, const float* a, const float* b, const float* bias, float* c) {
  Floats sums[M][kVectors] = {};
  const ptrdiff_t a_stride = p.a_stride, b_stride = p.b_stride;
  for (int k = 0; k < p.depth; ++k, b += b_stride) {
    Floats column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
      const Floats x = spread(a[m * a_stride + k]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[m][v] += x * column[v];
    }
  }
  Floats done[M][kVectors];  // in memory: what follows is a loop that is not unrolled
  __builtin_memcpy(done, sums, sizeof done);
#pragma GCC unroll 1
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 1
    for (int v = 0; v < kVectors; ++v) {
      Floats value = done[m][v];
      if (bias) value += load(bias + v * kLanes);
      finish(c + m * p.c_stride + v * kLanes, value, p.store);
    }
}

typedef void (*Tile)(const Product&, const float*, const float*, const float*, float*);
template <int M>
void fill_tiles(Tile* tiles) {
  tiles[M - 1] = tile<M>;
  if constexpr (M > 1) fill_tiles<M - 1>(tiles);
}

void product(const Product& p) {
  Tile tiles[kTile];
  fill_tiles<kTile>(tiles);
  for (int panel = 0; panel < p.panels; ++panel) {
    const float* b = p.b + panel * p.panel_stride, *bias = p.bias ? p.bias + panel * kPanel : nullptr;
    for (int row = 0; row < p.rows; row += kTile) {
      const int rows = p.rows - row < kTile ? p.rows - row : kTile;
      tiles[rows - 1](p, p.a + row * p.a_stride, b, bias, p.c + row * p.c_stride + panel * kPanel);
    }
  }
}

void normalise(const float* x, ptrdiff_t x_stride, float* y, ptrdiff_t y_stride, int rows, int width, float epsilon) {
  const int whole = width / kLanes * kLanes;
  for (int row = 0; row < rows; ++row, x += x_stride, y += y_stride) {
    Floats total{};
    for (int i = 0; i < whole; i += kLanes) total += load(x + i);
    float mean = sum(total);
    for (int i = whole; i < width; ++i) mean += x[i];
    mean /= static_cast<float>(width);
    total = Floats{};
    for (int i = 0; i < whole; i += kLanes) {
      const Floats off = load(x + i) - mean;
      total += off * off;
    }
    float variance = sum(total);
    for (int i = whole; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean);
    const float scale = 1.0f / __builtin_sqrtf(variance / static_cast<float>(width) + epsilon);
    for (int i = 0; i < whole; i += kLanes) store(y + i, (load(x + i) - mean) * scale);
    for (int i = whole; i < width; ++i) y[i] = (x[i] - mean) * scale;
  }
}

void quantise(const float* x, ptrdiff_t x_stride, int16_t* y, ptrdiff_t y_stride, float* scale, int rows, int width,
              int padded) {
  const int whole = width / kLanes * kLanes;
  for (int row = 0; row < rows; ++row, x += x_stride, y += y_stride) {
    Floats most{}, zeros{};
    for (int i = 0; i < whole; i += kLanes) {
      const Floats value = load(x + i);
      most = larger(most, larger(value, -value));
      zeros += value * 0.0f;  // comparisons lose a NaN
    }
    float amplitude = largest(most);
    for (int i = whole; i < width; ++i) amplitude = __builtin_fabsf(x[i]) > amplitude ? __builtin_fabsf(x[i]) : amplitude;
    // numbers that are not finite must reach the answer, where they are an error
    float zero = sum(zeros);
    for (int i = whole; i < width; ++i) zero += x[i] * 0.0f;
    const bool finite = zero == 0.0f;
    const float inverse = amplitude > 1e-30f && finite ? kActivation / amplitude : 0.0f;
    scale[row] = finite ? amplitude / kActivation : __builtin_nanf("");
    for (int i = 0; i < whole; i += kLanes) {
      const Floats value = load(x + i) * inverse + kRound;
      Ints bits;
      __builtin_memcpy(&bits, &value, sizeof bits);
      *reinterpret_cast<ShortsAt*>(y + i) = __builtin_convertvector(bits - 0x4B400000, Shorts);
    }
    for (int i = whole; i < width; ++i) {
      const float value = x[i] * inverse + kRound;
      int32_t bits;
      __builtin_memcpy(&bits, &value, sizeof bits);
      y[i] = static_cast<int16_t>(bits - 0x4B400000);
    }
    for (int i = width; i < padded; ++i) y[i] = 0;
  }
}

// Length is a multiple of kPanel.
// Shares under e^-70 are 0: as denormal numbers, which words that are not there become, they take ten times as long to multiply.
constexpr float kNothing = -70.0f;

void softmax(float* x, int begin, int end, int length, float weight) {
  for (int i = 0; i < begin; ++i) x[i] = -3e38f;
  for (int i = end; i < length; ++i) x[i] = -3e38f;
  Floats top = load(x);
  for (int i = kLanes; i < length; i += kLanes) top = larger(top, load(x + i));
  const float most = largest(top);
  Floats total{};
  for (int i = 0; i < length; i += kLanes) {
    const Floats under = load(x + i) - most;
    store(x + i, under > spread(kNothing) ? exponential(under) : Floats{});
  }
  for (int i = 0; i < begin; ++i) x[i] = 0.0f;
  for (int i = end; i < length; ++i) x[i] = 0.0f;
  for (int i = 0; i < length; i += kLanes) total += load(x + i);
  const float scale = weight / sum(total);
  for (int i = 0; i < length; i += kLanes) store(x + i, load(x + i) * scale);
}

void rotate(float* x, const float* cosine, const float* sine, int half, int repeats) {
  for (int repeat = 0; repeat < repeats; ++repeat, x += 2 * half)
    for (int i = 0; i < half; ++i) {
      const float first = x[i], second = x[half + i];
      x[i] = first * cosine[i] - second * sine[i];
      x[half + i] = first * sine[i] + second * cosine[i];
    }
}

void accumulate(float* y, const float* x, float s, int n) {
  for (int i = 0; i < n; ++i) y[i] += s * x[i];
}

// Sums of products of pairs, s[m][v] = a[m, 2k] b[2k] + a[m, 2k + 1] b[2k + 1] over all k.
typedef int32_t Pair __attribute__((may_alias, aligned(2)));

// GCC 12 keeps integer sums in memory unless the instruction is spelled out.
#if defined(__AVX512VNNI__)
GENMO_INLINE void add_pairs(Ints& total, Ints column, const Pair* pair) {
  asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(total) : "v"(column), "m"(*pair));
}
#elif defined(__AVX2__)
GENMO_INLINE void add_pairs(Ints& total, Ints column, const Pair* pair) {
  const Ints both = *pair - Ints{};
  Ints products;
  asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(total), "=&v"(products) : "v"(column), "v"(both));
}
#elif defined(__SSE2__)
GENMO_INLINE void add_pairs(Ints& total, Ints column, const Pair* pair) {
  total += reinterpret_cast<Ints>(_mm_madd_epi16(reinterpret_cast<__m128i>(column), _mm_set1_epi32(*pair)));
}
#else
GENMO_INLINE void add_pairs(Ints& total, Ints column, const Pair* pair) {
  const Ints low = (column << 16) >> 16, high = column >> 16;
  total += low * int32_t{static_cast<int16_t>(*pair)} + high * (*pair >> 16);
}
#endif

template <int M>
GENMO_INLINE void sum_pairs(const int16_t* a, ptrdiff_t a_stride, const int16_t* b, int pairs,
                            Ints (&sums)[M][kVectors]) {
  Ints s[M][kVectors] = {};
  for (int k = 0; k < pairs; ++k, a += 2, b += 2 * kPanel) {
    Ints column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = *reinterpret_cast<const IntsAt*>(b + 2 * v * kLanes);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) add_pairs(s[m][v], column[v], reinterpret_cast<const Pair*>(a + m * a_stride));
  }
  __builtin_memcpy(sums, s, sizeof s);
}

// Sums [rows, panel] of the depth from `from` on become rows of c.  One for tiles of every height.
__attribute__((noinline)) void finish_fixed(const FixedProduct& p, int row, int rows, int panel, int from, const int32_t* sums) {
  const bool last = from + kFlush >= p.depth;
  float* c = p.c + row * p.c_stride + panel * kPanel;
#pragma GCC unroll 1
  for (int m = 0; m < rows; ++m)
#pragma GCC unroll 1
    for (int v = 0; v < kVectors; ++v) {
      float* at = c + m * p.c_stride + v * kLanes;
      const Floats unit = load(p.b_scale + panel * kPanel + v * kLanes) * p.a_scale[row + m];
      const Ints total = *reinterpret_cast<const IntsAt*>(sums + m * kPanel + v * kLanes);
      Floats value = __builtin_convertvector(total, Floats) * unit;
      if (from && p.store == Store::kGelu) value += load(at);
      if (last && p.bias) value += load(p.bias + panel * kPanel + v * kLanes);
      const Store how = from && p.store == Store::kSet     ? Store::kAdd
                        : p.store == Store::kGelu && !last ? Store::kSet
                                                           : p.store;
      finish(at, value, how);
    }
}

template <int M>
__attribute__((noinline)) void fixed_tile(const FixedProduct& p, int row, const int16_t* b, int panel) {
  const int16_t* a = p.a + row * p.a_stride;
  for (int from = 0; from < p.depth; from += kFlush) {
    const int depth = p.depth - from < kFlush ? p.depth - from : kFlush;
    Ints sums[M][kVectors];
    sum_pairs<M>(a + from, p.a_stride, b + from * kPanel, depth / 2, sums);
    int32_t totals[M * kPanel];
    __builtin_memcpy(totals, sums, sizeof totals);
    finish_fixed(p, row, M, panel, from, totals);
  }
}

typedef void (*FixedTile)(const FixedProduct&, int, const int16_t*, int);
template <int M>
void fill_fixed_tiles(FixedTile* tiles) {
  tiles[M - 1] = fixed_tile<M>;
  if constexpr (M > 1) fill_fixed_tiles<M - 1>(tiles);
}

// The next panel's share of a tile, while this one is computed: a step's weights are more than the nearer caches hold
// (5 % of the time in fixed point, nothing in float32, which is slower than the memory).
GENMO_INLINE void fetch_ahead(const void* next, ptrdiff_t bytes, int tile, int tiles) {
  const char* at = static_cast<const char*>(next);
  const ptrdiff_t end = bytes * (tile + 1) / tiles;
  for (ptrdiff_t i = bytes * tile / tiles; i < end; i += 64) __builtin_prefetch(at + i, 0, 2);
}

void fixed_product(const FixedProduct& p) {
  FixedTile tiles[kTile];
  fill_fixed_tiles<kTile>(tiles);
  const int count = (p.rows + kTile - 1) / kTile;
  const ptrdiff_t panel_size = static_cast<ptrdiff_t>(p.depth) * kPanel;
  for (int panel = 0; panel < p.panels; ++panel) {
    const int16_t* b = p.b + panel * panel_size;
    const ptrdiff_t bytes = panel + 1 < p.panels ? panel_size * static_cast<ptrdiff_t>(sizeof(int16_t)) : 0;
    for (int row = 0; row < p.rows; row += kTile) {
      fetch_ahead(b + panel_size, bytes, row / kTile, count);
      tiles[(p.rows - row < kTile ? p.rows - row : kTile) - 1](p, row, b, panel);
    }
  }
}

extern const NetworkKernels network_kernels;
const NetworkKernels network_kernels = {kPanel,   kTile,   product, fixed_product, normalise,
                                        quantise, softmax, rotate,  accumulate};

}  // namespace genmo::GENMO_ISA
