// What of a fit depends on the skeleton and the constants alone: computed once a call, for all frames.
#pragma once

#include "genmo/stages.h"

namespace genmo {

constexpr int kMaxJoints = 64, kMaxFree = 32, kMaxPoints = 64, kMaxShape = 16;
constexpr int kMaxParameters = 3 * kMaxFree + 3;
constexpr int kMaxBlocks = 512;

struct FitPlan {
  int joints, free_joints, points, parameters;
  int parent[kMaxJoints];
  bool measured[kMaxJoints];  // a point is fixed to it or to a joint below it
  int free_of[kMaxJoints];    // its number among the free joints, -1

  // Free joints, the deepest first, with the free joints above each, the nearest first, then the root's move, whose
  // number is free_joints. The 3 x 3 blocks of the normal equations of joint k with itself and with chain[k][i] are
  // those from block[k] on.
  int joint_of[kMaxFree];
  int order[kMaxFree];
  int chain_length[kMaxFree + 1];
  int chain[kMaxFree + 1][kMaxFree + 1];
  int block[kMaxFree + 1];
  int blocks;

  int fixed_to[kMaxPoints];
  double place[kMaxPoints][3];
  double inverse_variance[kMaxPoints];
  double stiffness[kMaxParameters];
  double tie[kMaxParameters];
  bool along_view[kMaxParameters];
  double min_depth, inverse_robust_square;
};

genmo_status make_plan(FitPlan* plan, const genmo_fit_model* model, genmo_error* error);

}  // namespace genmo
