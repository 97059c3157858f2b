// A finished motion into the caller's arrays.
#pragma once

#include "motion/estimated.h"

namespace genmo {

// Says what of the caller's struct is wrong for so many frames.
genmo_status check_room(const genmo_motion* motion, int32_t frames, genmo_error* error);

// `last` [24, 4] becomes the quaternions w, x, y, z of the last frame; where it `goes_on` it holds those of the frame in front, on
// whose side the first one then is.
void answer(const Clip& clip, Pool& pool, genmo_motion& motion, double* last = nullptr, bool goes_on = false);
void answer(const Estimated& estimated, Pool& pool, genmo_motion& motion);

// The caller's arrays as a motion of the pool's: those of a genmo_motion; `contacts` nullptr: of joints that stand still, `betas` nullptr:
// the mean body.
Clip read_clip(int64_t frames, const float* rotations, const float* translation, const float* contacts, const float* betas, const float* offsets,
               Pool& pool);

}  // namespace genmo
