// Splines in tension.  Twin: `tension_spline` of runtime/motion/filters.py.
#pragma once

#include "pool.h"

namespace genmo {

// Through `values` [count, width] at `knots` [count], which rise; count is 1 or more.  Its arrays are the pool's.
class TensionSpline {
 public:
  TensionSpline(const int64_t* knots, const double* values, int64_t count, int width, double tension, Pool& pool);

  void at(double time, double* out) const;  // [width]

  // `out` [frames, width] of the frames from 0 on.
  void fill(int64_t frames, double* out) const;

 private:
  // From piece `k` on, which becomes that of the time.
  void at(double time, int64_t& k, double* out) const;

  const int64_t* knots_;
  const double* values_;
  double* bend_;  // [count, width] second derivatives over sigma^2
  int64_t count_;
  int width_;
  double sigma_;
};

}  // namespace genmo
