// The functions of the fit that every instruction set has, and the scratch memory that they share.
#pragma once

#include <stddef.h>

#include "fit_plan.h"

namespace genmo {

constexpr int kMostLanes = 8;
constexpr size_t kVecBytes = kMostLanes * sizeof(double);

// Scratch, each part starting at a multiple of a vector. Frames are stored in blocks of as many as a vector has lanes,
// side by side; `padded` is at least what that needs.
struct FitScratch {
  int64_t frames, padded, stride;  // stride: of the changes' rows, with a frame before the first and after the last
  double *rotations, *root, *rays, *weight, *trust;
  double* changes[2];              // [parameters, stride]
  double *before, *after;          // [frames, points, 2] residuals
  double* work;                    // of one block: see Work and ShapeWork
  double* solved;                  // [blocks of frames, free + 1, count + 1, 3] steps of the pose for each shape
  size_t bytes;
};

// Where everything lies from `base` on, a multiple of kVecBytes; NULL to learn how much it is.
FitScratch lay_out(const FitPlan& plan, int64_t frames, void* base);

struct ShapeSums {
  double hessian[kMaxShape][kMaxShape];
  double slope[kMaxShape];
};

// Gauss-Newton steps of all frames, from the input's pose, under a trust [frames] (NULL: full); false where an equation
// has no solution.
typedef bool (*FitPose)(const FitPlan&, const genmo_fit_input&, const double* trust, int iterations,
                        const FitScratch&, double* rotations, double* root);
// Residuals [frames, points, 2] of a pose, metres at the points' depth.
typedef void (*FitResiduals)(const FitPlan&, const genmo_fit_input&, const double* rotations, const double* root,
                             const FitScratch&, double* residual);
// Rotations, root, rays and weights of the input into the scratch; changes are zero.
typedef void (*ShapeStart)(const FitPlan&, const genmo_fit_input&, const FitScratch&);
// Sums over the frames of the shape's normal equations for rest offsets [joints, 3]; at rest: without the poses' pull.
typedef bool (*ShapeEquations)(const FitPlan&, const double* offsets, int count, const double* components, bool at_rest,
                               const FitScratch&, ShapeSums*);
// Moves the poses by what ShapeEquations solved for a change [count] of the shape.
typedef void (*ShapeMove)(const FitPlan&, const double* offsets, int count, const double* change, const FitScratch&);

}  // namespace genmo
