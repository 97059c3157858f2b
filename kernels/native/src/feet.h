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

struct Turns {
  Mat3 thigh, shin;
};

// World turns of thigh and shin that bring the ankle to the target; the bend grows about `axis`.  A reach is softened beyond
// `extended` of the leg's length.
Turns two_bone(double extended, Vec3 hip, Vec3 knee, Vec3 ankle, Vec3 target, Vec3 axis);

// Whether options and a number of frames can be.
genmo_status check(const genmo_feet* feet, int64_t frames, genmo_error* error);

}  // namespace genmo
