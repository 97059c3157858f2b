// How a block of endless motion opens: the camera that sees its known frames, and the step into the new ones.  Twin:
// runtime/streaming/known_past.py.
#pragma once

#include "motion/clip.h"

namespace genmo {

// The camera of texts: level with the chest, in front of a person with the heading `yaw` at `pelvis` [3].
Still facing_camera(double yaw, const double* pelvis);

// x_0 [frames, 181] that goes through the known `values`, of which each feature is known up to some frame by `mask`; counted from the
// last frame where time runs `back`.
void ease_from_known(const float* values, const uint8_t* mask, int64_t frames, bool back, float* x_0);

}  // namespace genmo
