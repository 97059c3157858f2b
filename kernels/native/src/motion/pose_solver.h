// Joints brought to places by damped Gauss-Newton on the pose.  Twins: runtime/refine/gauss_newton.py, `_solve` of constraint_solver.py.
#pragma once

#include "motion/body.h"
#include "pool.h"

namespace genmo {

struct JointGoals {
  int64_t count;          // poses
  const int64_t* frames;  // [count] rising; those that follow each other are neighbours, and change alike
  const double* places;   // [count, 24, 3] in the world; NaN where a coordinate is free
  const uint8_t* fixed;   // [count, 3] coordinates of the root that stay
};

// Changes local rotations [count, 24, 3, 3] and roots [count, 3] of a body of rest offsets [24, 3]; feet are held back.
void solve_joints(const JointGoals& goals, const double* offsets, Pool& pool, double* rotations, double* roots);

}  // namespace genmo
