// A finished motion into the caller's arrays.
#pragma once

#include "motion/estimated.h"

namespace genmo {

// Says what of the caller's struct is wrong for so many frames.
genmo_status check_room(const genmo_motion* motion, int32_t frames, genmo_error* error);

void answer(const Clip& clip, Pool& pool, genmo_motion& motion);
void answer(const Estimated& estimated, Pool& pool, genmo_motion& motion);

}  // namespace genmo
