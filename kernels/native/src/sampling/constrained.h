// Keyframes and joint targets while sampling: features that are fixed, and predictions that meet them.  Twin: runtime/refine/inpainting.py.
#pragma once

#include "motion/constraint_solver.h"
#include "sampling/sampler.h"

namespace genmo {

// What the projection of a motion without a camera needs, for as long as it is sampled.
struct Projected {
  const Model& model;
  const Constraints& constraints;
  int64_t frames;
};

// Nothing without constraints.
Inpainting inpainting_of(Projected& projected, Pool& pool);

// Features [frames, 181], not normalised, which `decode` makes a motion of, with the poses of another: it had `roots` [frames, 3, 3] and
// heights `rises` [frames] of the root.  `yaw` of the camera.
void put_poses(double* features, const Clip& clip, const double* roots, const double* heights, double yaw);

}  // namespace genmo
