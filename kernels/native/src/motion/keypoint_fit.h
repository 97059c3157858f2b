// The fit of a person to keypoints in the camera, for those who fit frames as they come.  Twin: runtime/refine/keypoint_fit.py.
#pragma once

#include "motion/estimated.h"

namespace genmo {

inline constexpr double kShapeWeight = 10;  // frames that those of a motion count as at most, beside the network's shape

// Rotations [frames, 24, 3, 3], the root in the camera, and root [frames, 3] of a body, changed until they project onto the keypoints
// of as many frames, and its feet until they point as heels and toes do.
genmo_status fit_frames(double* rotations, double* root, const double* offsets, const Keypoints& keypoints, Pool& pool, genmo_error* error);

// The shape's equations at a fitted pose of one frame, which is at rest: second derivative [10, 10] and slope [10].  The share of points
// that are seen.
double shape_at_rest(const double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, Pool& pool, double* hessian,
                     double* slope);

}  // namespace genmo
