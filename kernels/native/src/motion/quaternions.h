// Rotations as quaternions.  Twin: runtime/motion/rotation.py.
#pragma once

#include <cstdint>

#include "small.h"

namespace genmo {

// Axis times angle, 0 to pi radians, of a rotation.
Vec3 axis_angle(const Mat3& rotation);

// Quaternions w, x, y, z [frames, joints, 4] of rotations [frames, joints, 3, 3], each on the side of the one before in time; of the
// first that is `before` [joints, 4], nullptr: none.
void continuous_quaternions(const double* rotations, int64_t frames, int joints, double* quaternions, const double* before = nullptr);

}  // namespace genmo
