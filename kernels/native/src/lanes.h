// Several frames in the lanes of a vector: arithmetic of 3 x 3 matrices on them. Included by sources that are compiled
// once for each instruction set; everything is inside that instruction set's namespace.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace genmo::GENMO_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 8;
#elif defined(__AVX__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif

typedef double Vec __attribute__((vector_size(kLanes * 8)));

#define GENMO_INLINE static inline __attribute__((always_inline))

GENMO_INLINE Vec all(double value) { return Vec{} + value; }

GENMO_INLINE Vec load(const double* from) {
  Vec value;
  memcpy(&value, from, sizeof value);
  return value;
}

GENMO_INLINE void store(double* to, Vec value) { memcpy(to, &value, sizeof value); }

GENMO_INLINE Vec larger(Vec a, Vec b) { return a > b ? a : b; }

GENMO_INLINE Vec square_root(Vec value) {
  Vec root;
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = sqrt(value[lane]);
  return root;
}

// 3-vectors and 3 x 3 matrices, row-major, one in each lane.
struct V3 {
  Vec v[3];
};

struct M3 {
  Vec v[9];
};

GENMO_INLINE V3 operator+(const V3& a, const V3& b) { return {{a.v[0] + b.v[0], a.v[1] + b.v[1], a.v[2] + b.v[2]}}; }
GENMO_INLINE V3 operator-(const V3& a, const V3& b) { return {{a.v[0] - b.v[0], a.v[1] - b.v[1], a.v[2] - b.v[2]}}; }
GENMO_INLINE V3 operator*(const V3& a, Vec s) { return {{a.v[0] * s, a.v[1] * s, a.v[2] * s}}; }

GENMO_INLINE V3 cross(const V3& a, const V3& b) {
  return {{a.v[1] * b.v[2] - a.v[2] * b.v[1], a.v[2] * b.v[0] - a.v[0] * b.v[2], a.v[0] * b.v[1] - a.v[1] * b.v[0]}};
}

GENMO_INLINE Vec dot(const V3& a, const V3& b) { return a.v[0] * b.v[0] + a.v[1] * b.v[1] + a.v[2] * b.v[2]; }

GENMO_INLINE V3 row(const M3& m, int i) { return {{m.v[3 * i], m.v[3 * i + 1], m.v[3 * i + 2]}}; }

GENMO_INLINE void set_row(M3& m, int i, const V3& r) {
  for (int c = 0; c < 3; ++c) m.v[3 * i + c] = r.v[c];
}

// m @ a
GENMO_INLINE V3 times(const M3& m, const V3& a) { return {{dot(row(m, 0), a), dot(row(m, 1), a), dot(row(m, 2), a)}}; }

GENMO_INLINE V3 times(const M3& m, const double* a) { return times(m, V3{{all(a[0]), all(a[1]), all(a[2])}}); }

// transpose(m) @ a
GENMO_INLINE V3 transposed_times(const M3& m, const V3& a) {
  V3 out;
  for (int c = 0; c < 3; ++c) out.v[c] = m.v[c] * a.v[0] + m.v[3 + c] * a.v[1] + m.v[6 + c] * a.v[2];
  return out;
}

// a @ b
GENMO_INLINE M3 times(const M3& a, const M3& b) {
  M3 out;
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) {
      out.v[3 * r + c] = a.v[3 * r] * b.v[c] + a.v[3 * r + 1] * b.v[3 + c] + a.v[3 * r + 2] * b.v[6 + c];
    }
  }
  return out;
}

// out -= transpose(a) @ b
GENMO_INLINE void subtract_product(M3& out, const M3& a, const M3& b) {
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) {
      out.v[3 * r + c] -= a.v[r] * b.v[c] + a.v[3 + r] * b.v[3 + c] + a.v[6 + r] * b.v[6 + c];
    }
  }
}

// cos(h) and sin(h) / h from h^2; series to rounding for h <= 1, the C library beyond.
GENMO_INLINE void cosine_and_sinc(Vec square, Vec* cosine, Vec* sinc) {
  Vec c = all(0), s = all(0);
  constexpr double kCosine[] = {1.0 / 2432902008176640000.0, -1.0 / 6402373705728000.0, 1.0 / 20922789888000.0,
                                -1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0,
                                1.0 / 24.0, -1.0 / 2.0, 1.0};
  constexpr double kSinc[] = {1.0 / 51090942171709440000.0, -1.0 / 121645100408832000.0, 1.0 / 355687428096000.0,
                              -1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0,
                              -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0};
  for (int term = 0; term < 11; ++term) {
    c = c * square + kCosine[term];
    s = s * square + kSinc[term];
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(square[lane] <= 1)) {
      const double half = sqrt(square[lane]);
      c[lane] = cos(half);
      s[lane] = sin(half) / half;
    }
  }
  *cosine = c;
  *sinc = s;
}

// The rotation matrix of axis times angle, radians.
GENMO_INLINE M3 matrix_from_axis_angle(const V3& turn) {
  Vec w, sinc;
  cosine_and_sinc(0.25 * dot(turn, turn), &w, &sinc);
  const Vec x = 0.5 * turn.v[0] * sinc, y = 0.5 * turn.v[1] * sinc, z = 0.5 * turn.v[2] * sinc;
  return {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
           2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
           2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
}

// The `count` numbers of `lanes` frames from `frame` on, one frame after the other in `from`, side by side in `to`.
// Lanes beyond the last frame repeat it.
GENMO_INLINE void gather(Vec* to, const double* from, int64_t frame, int64_t frames, int count) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const int64_t at = frame + lane < frames ? frame + lane : frames - 1;
    for (int i = 0; i < count; ++i) reinterpret_cast<double*>(to)[i * kLanes + lane] = from[at * count + i];
  }
}

GENMO_INLINE void scatter(double* to, const Vec* from, int64_t frame, int64_t frames, int count) {
  for (int lane = 0; lane < kLanes && frame + lane < frames; ++lane) {
    for (int i = 0; i < count; ++i) {
      to[(frame + lane) * count + i] = reinterpret_cast<const double*>(from)[i * kLanes + lane];
    }
  }
}

}  // namespace genmo::GENMO_ISA
