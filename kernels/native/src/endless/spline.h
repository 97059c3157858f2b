// Splines in tension.  Twin: `tension_spline` of runtime/motion/filters.py.
#pragma once

#include "pool.h"

namespace genmo {

// Through `values` [count, 2] at `knots` [count], which rise; count is 1 or more.  Its arrays are the pool's.
class TensionSpline {
 public:
  TensionSpline(const int64_t* knots, const double* values, int64_t count, double tension, Pool& pool);
  void at(double time, double out[2]) const;

 private:
  const int64_t* knots_;
  const double* values_;
  double* bend_;  // [count, 2] second derivatives over sigma^2
  int64_t count_;
  double sigma_;
};

}  // namespace genmo
