// Rotations as quaternions.  Twin: runtime/motion/rotation.py.
#pragma once

#include <cstdint>

namespace genmo {

// Quaternions w, x, y, z [frames, 24, 4] of rotations [frames, 24, 3, 3], each on the side of the one before in time.
void continuous_quaternions(const double* rotations, int64_t frames, double* quaternions);

}  // namespace genmo
