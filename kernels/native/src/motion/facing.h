// The body turned over its legs, and feet lifted while they go.  Twins: runtime/refine/facing.py, swing_clearance.py.
#pragma once

#include "motion/clip.h"

namespace genmo {

// The motion looking `turn` [frames] radians further to the left, its balls of the feet where they were; the root may come down a little.
void face_aside(Clip& clip, const double* turn, Pool& pool);

// The motion on the ground y = 0 whose feet are lifted while they go.  `before` [2, 3]: the balls of the feet in the frame before the
// first; nullptr: there is none.
void swing_clear(Clip& clip, const double* before, Pool& pool);

}  // namespace genmo
