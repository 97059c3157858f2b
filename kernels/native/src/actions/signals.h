// What each joint does against the ground and the person's own facing: curves over the frames of a motion.  Twin:
// runtime/actions/signals.py.
#pragma once

#include <algorithm>

#include "motion/body.h"
#include "pool.h"

namespace genmo {

inline constexpr int kHips[2] = {kLeftHip, kRightHip}, kKnees[2] = {kLeftKnee, kRightKnee}, kAnkles[2] = {kLeftAnkle, kRightAnkle},
                     kBalls[2] = {kLeftFoot, kRightFoot}, kShoulders[2] = {kLeftShoulder, kRightShoulder},
                     kElbows[2] = {kLeftElbow, kRightElbow}, kWrists[2] = {kLeftWrist, kRightWrist};

// Pairs are of the left and the right; a pool's.
struct Signals {
  int64_t frames = 0;
  double* heading = nullptr;      // [frames] radians, continuous; grows when the person turns left
  double* path = nullptr;         // [frames, 2] pelvis on the ground (x, z), smoothed
  double *along = nullptr, *across = nullptr, *speed = nullptr;  // [frames] m/s of the pelvis ahead, to the left, over the ground
  double* joints = nullptr;       // [frames, 24, 3] left and ahead of the pelvis, and height in the world
  double* wrist_speed = nullptr;  // [frames, 2] m/s against the pelvis
  double* foot_speed = nullptr;   // [frames, 2] of the ankles
  double* bustle = nullptr;       // [frames] m/s, mean of head, wrists, knees and ankles in the world
  double* elbows = nullptr;       // [frames, 2] degrees of flexion
  double* tilt = nullptr;         // [frames] degrees of the trunk from upright
  double leg = 0, arm = 0;        // metres along the bones

  // Of frames [start, end).
  Signals span(int64_t start, int64_t end) const;

  const double* joint(int64_t frame, int which) const { return joints + (frame * kJoints + which) * 3; }
};

// Of world joints [frames, 24, 3].
Signals signals_of(const double* joints, int64_t frames, Pool& pool);

// `out` [frames]: moving average over `window` (odd) frames of every `stride`th value, the ends repeated.
void box_filtered(const double* values, int64_t frames, int64_t stride, int64_t window, Pool& pool, double* out);

// The value that the share `below` of the values is under.
double quantile(const double* values, int64_t count, double below, Pool& pool);

double mean_of(const double* values, int64_t count);

// Reversals of a curve that goes up and down by at least `least` between them.
int swings(const double* values, int64_t count, double least);

// The share of the frames for which it is true.
template <typename True>
double share(int64_t frames, True is_true) {
  int64_t count = 0;
  for (int64_t frame = 0; frame < frames; ++frame) count += is_true(frame);
  return static_cast<double>(count) / static_cast<double>(frames);
}

// Calls visit(first, end) for the stretches of frames for which it is true.
template <typename True, typename Visit>
void visit_runs(int64_t frames, True is_true, Visit visit) {
  for (int64_t first = 0; first < frames; ++first) {
    if (!is_true(first)) continue;
    int64_t end = first + 1;
    while (end < frames && is_true(end)) ++end;
    visit(first, end);
    first = end;
  }
}

// Seconds of the longest of them.
template <typename True>
double longest(int64_t frames, True is_true) {
  int64_t most = 0;
  visit_runs(frames, is_true, [&](int64_t first, int64_t end) { most = std::max(most, end - first); });
  return static_cast<double>(most) / GENMO_FPS;
}

}  // namespace genmo
