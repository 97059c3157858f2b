// Rotations as quaternions.  Twin: runtime/motion/rotation.py.
#pragma once

#include <cstdint>

namespace genmo {

// Quaternions w, x, y, z [frames, joints, 4] of rotations [frames, joints, 3, 3], each on the side of the one before in time.
void continuous_quaternions(const double* rotations, int64_t frames, int joints, double* quaternions);

}  // namespace genmo
