// Corrections that are exact at some frames and spread over the others.  Twin: runtime/refine/constraint_solver.py.
#pragma once

#include "motion/spline.h"

namespace genmo {

inline constexpr int64_t kBlend = 20;  // frames from a keyframe at which its pose has no weight any more

// How many frames the nearest of `frames` [count], which rise, is from a frame; very many: there is none.
int64_t distance_to(const int64_t* frames, int64_t count, int64_t frame);

bool is_among(const int64_t* frames, int64_t count, int64_t frame);

// Frames of a spline, which rise, and its values there [count, width]; arrays are a pool's.
struct Knots {
  int64_t* frames;
  double* values;
  int64_t count = 0;
  int width;

  Knots(int64_t most, int width, Pool& pool) : frames(pool.get<int64_t>(most)), values(pool.get<double>(most * width)), width(width) {}
  Knots(int64_t* frames, double* values, int64_t count, int width) : frames(frames), values(values), count(count), width(width) {}

  void add(int64_t frame, const double* value);  // nullptr: zeros
};

// The knots and zeros where the last of them has no weight any more, three in a row: the slope is zero too.
Knots with_ends(const Knots& knots, Pool& pool);

// `out` [total, width]: corrections spread smoothly; zero kBlend frames away from them, and at the frames `unchanged` [count], which rise,
// unless those are among theirs.
void spread_corrections(const Knots& corrections, const int64_t* unchanged, int64_t count, int64_t total, Pool& pool, double* out);

}  // namespace genmo
