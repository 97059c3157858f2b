// Nothing of the body under the floor.  Twin: runtime/refine/body_clearance.py.
#include <algorithm>
#include <cmath>

#include "angles.h"
#include "feet.h"
#include "motion/clip.h"
#include "motion/feet_rules.h"
#include "motion/filters.h"

namespace genmo {
namespace {

constexpr int kRaise = 10;
constexpr double kSlack = 0.02, kExtended = 0.97;
constexpr int kArms[2][4] = {{kLeftShoulder, kLeftElbow, kLeftWrist, kLeftHand}, {kRightShoulder, kRightElbow, kRightWrist, kRightHand}};

// `curve` [frames]: smooth, nowhere under `sunk` [frames] nor under 0, and 0 away from it; false where it is 0 everywhere.
bool raised(const double* sunk, int64_t frames, Pool& pool, double* curve) {
  std::fill(curve, curve + frames, 0.0);
  if (!std::any_of(sunk, sunk + frames, [](double value) { return value > 0; })) return false;
  const Pool::Scope scope(pool);
  constexpr int taps = 2 * kRaise + 1;
  const int64_t wide = frames + 4 * kRaise;
  auto *padded = pool.get<double>(wide), *peaks = pool.get<double>(frames + 2 * kRaise);
  for (int64_t i = 0; i < wide; ++i) padded[i] = std::max(sunk[clamped(i - 2 * kRaise, frames)], 0.0);
  best_of_window(padded, wide, taps, pool, peaks, [](double a, double b) { return a > b; });
  double weights[taps], sum = 0;
  for (int k = 0; k < taps; ++k) sum += weights[k] = 0.5 - 0.5 * std::cos(2 * kPi * (k + 1) / (taps + 1));
  for (int64_t i = 0; i < frames; ++i)
    for (int k = 0; k < taps; ++k) curve[i] += weights[k] / sum * peaks[i + k];
  return true;
}

// A wrist raised by `up` [frames]; the hand keeps its orientation.
void raise_arm(Clip& clip, const int* arm, const double* up, Pool& pool) {
  const Pool::Scope scope(pool);
  auto *globals = pool.get<double>(9 * kJoints), *joints = pool.get<double>(3 * kJoints);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    if (!(up[frame] > 0)) continue;
    double* local = clip.rotations + frame * 9 * kJoints;
    kinematics(1, local, clip.translation + 3 * frame, clip.offsets, globals, joints);
    const Vec3 shoulder = at(joints + 3 * arm[0]), elbow = at(joints + 3 * arm[1]), wrist = at(joints + 3 * arm[2]);
    const Mat3 upper = mat_at(globals + 9 * arm[0]), lower = mat_at(globals + 9 * arm[1]), hand = mat_at(globals + 9 * arm[2]);
    const Vec3 across{upper.row[0].y, upper.row[1].y, upper.row[2].y};
    const Vec3 axis = unit(cross(elbow - shoulder, wrist - elbow) + 1e-6 * across);
    const Turns turns = two_bone(kExtended, shoulder, elbow, wrist, wrist + Vec3{0, up[frame], 0}, axis);
    const Mat3 new_upper = turns.thigh * upper, new_lower = turns.shin * lower;
    const Mat3 above = transposed(upper * transposed(mat_at(local + 9 * arm[0])));
    put(local + 9 * arm[0], above * new_upper);
    put(local + 9 * arm[1], transposed(new_upper) * new_lower);
    put(local + 9 * arm[2], transposed(new_lower) * hand);
  }
}

}  // namespace

void raise_above_floor(Clip& clip, const double* floor, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  const double* joints = joints_of(clip, pool);
  auto *deepest = pool.get<double>(3 * frames), *lift = pool.get<double>(frames), *up = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    double most[3] = {-INFINITY, -INFINITY, -INFINITY};  // of both forearms, of the rest
    for (int joint = 0; joint < kJoints; ++joint) {
      const int part = joint < kLeftWrist ? 2 : joint % 2;  // left wrists and hands have even numbers
      const double sunk = floor[frame] + kClearance[joint] - kSlack - joints[(frame * kJoints + joint) * 3 + 1];
      most[part] = std::max(most[part], sunk);
    }
    for (int part = 0; part < 3; ++part) deepest[part * frames + frame] = most[part];
  }
  if (raised(deepest + 2 * frames, frames, pool, lift))
    for (int64_t frame = 0; frame < frames; ++frame) clip.translation[3 * frame + 1] += lift[frame];
  for (int side = 0; side < 2; ++side) {
    double* sunk = deepest + side * frames;
    for (int64_t frame = 0; frame < frames; ++frame) sunk[frame] -= lift[frame];
    if (raised(sunk, frames, pool, up)) raise_arm(clip, kArms[side], up, pool);
  }
}

}  // namespace genmo
