// Keyframes and joint targets of a block of endless motion: the past stays as it was answered.  Twin: runtime/streaming/block_constraints.py.
#pragma once

#include "motion/constraint_solver.h"

namespace genmo {

inline constexpr int64_t kPinned = 2;  // frames before a block that a correction of it goes through: pose and speed stay

// Forgets what lies before a frame.
void drop_past(Constraints& told, int64_t frame);

// Those of the window [first, first + frames), in its frames; arrays are views, but the frames.
Constraints constraints_in(const Constraints& told, int64_t first, int64_t frames, Pool& pool);

// How many of `block` frames from `first` on to keep, so that the next block knows in time of what comes.
int64_t frames_to_keep(const Constraints& told, int64_t first, int64_t block, Pool& pool);

// Features [frames, 181], not normalised, of a window that begins with `past` and meets the constraints.
void meet_in_features(const Constraints& constraints, const Still& camera, const Clip& past, int64_t frames, double* features, Pool& pool);

// A finished block that meets them, after the last frames that were answered, kPinned at most.
void meet_in_block(const Constraints& constraints, const Clip& answered, Clip& block, Pool& pool);

}  // namespace genmo
