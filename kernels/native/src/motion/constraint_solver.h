// A motion made to have keyframes exactly and joints at their targets, without the network.  Twin: runtime/refine/constraint_solver.py.
#pragma once

#include "conditions/constraints.h"
#include "motion/clip.h"

namespace genmo {

// Constraints lie within the clip; its contacts stay.  `anchored` [frames]: where heading and path stay unless a keyframe is near; nullptr:
// nowhere.
void solve_constraints(Clip& clip, const Constraints& constraints, const uint8_t* anchored, Pool& pool);

}  // namespace genmo
