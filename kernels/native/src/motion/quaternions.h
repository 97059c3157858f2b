// Rotations as quaternions.  Twin: runtime/motion/rotation.py.
#pragma once

#include <cstdint>

namespace genmo {

// Quaternions w, x, y, z [frames, joints, 4] of rotations [frames, joints, 3, 3], each on the side of the one before in time; of the
// first that is `before` [joints, 4], nullptr: none.
void continuous_quaternions(const double* rotations, int64_t frames, int joints, double* quaternions, const double* before = nullptr);

}  // namespace genmo
