// What the two sources of the feet share.
#pragma once

#include "error.h"
#include "small.h"

namespace genmo {

// How far a foot that is so many metres over its height on the ground belongs to it, 1 to 0.
inline double to_ground(double over, double step) {
  const double high = over > 0 ? over / step : 0, square = high * high;
  return std::exp(-(square * square));
}

// Whether options and a number of frames can be.
genmo_status check(const genmo_feet* feet, int64_t frames, genmo_error* error);

}  // namespace genmo
