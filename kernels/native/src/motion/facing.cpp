#include "motion/facing.h"

#include <algorithm>
#include <cmath>

#include "angles.h"
#include "feet.h"
#include "motion/feet_rules.h"
#include "motion/filters.h"

namespace genmo {
namespace {

constexpr double kPelvisShare = 0.55, kFeetShare = 0.45, kFarthest = 100 * kPi / 180, kExtended = 0.97, kStraightest = 0.993;
constexpr double kOver = 0.042, kSwing = 1.4, kSoft = 0.006;
constexpr int kBeginning = 4, kEase = 3;
constexpr int kSpine[] = {kSpine1, kSpine2, kSpine3};

// A frame of a clip in the world.
struct Posed {
  double globals[9 * kJoints], joints[3 * kJoints];
  Posed(const Clip& clip, int64_t frame) {
    kinematics(1, clip.rotations + frame * 9 * kJoints, clip.translation + 3 * frame, clip.offsets, globals, joints);
  }
  Mat3 turn(int joint) const { return mat_at(globals + 9 * joint); }
  Vec3 place(int joint) const { return at(joints + 3 * joint); }
};

// Local rotations [24, 3, 3] of a posed frame whose ankle is at `target`, and the foot's rotation in the world `foot`.
void reach(const Posed& posed, const int (&leg)[4], Vec3 target, const Mat3& foot, double* rotations) {
  const Mat3 hip = posed.turn(leg[0]), knee = posed.turn(leg[1]);
  const Vec3 axis{knee.row[0].x, knee.row[1].x, knee.row[2].x};
  const Turns turns = two_bone(kExtended, posed.place(leg[0]), posed.place(leg[1]), posed.place(leg[2]), target, axis);
  const Mat3 upper = turns.thigh * hip, lower = turns.shin * knee;
  put(rotations + 9 * leg[0], transposed(posed.turn(kPelvis)) * upper);
  put(rotations + 9 * leg[1], transposed(upper) * lower);
  put(rotations + 9 * leg[2], transposed(lower) * foot);
}

// Metres by which the root must come down for a leg to reach the target.
double out_of_reach(const Posed& posed, const int (&leg)[4], Vec3 target) {
  const Vec3 hip = posed.place(leg[0]), knee = posed.place(leg[1]), ankle = posed.place(leg[2]);
  const double straight = length(knee - hip) + length(ankle - knee);
  const double longest = std::min(std::max(kExtended * straight, length(ankle - hip)), kStraightest * straight);
  const double x = target.x - hip.x, z = target.z - hip.z;
  return hip.y - target.y - std::sqrt(std::max(longest * longest - (x * x + z * z), 0.0));
}

// Hips and spine of a posed frame turned by an angle, in local rotations [24, 3, 3].
void turn_body(const Posed& was, double angle, double* rotations) {
  put(rotations, matrix_from_yaw(kPelvisShare * angle) * mat_at(rotations));
  for (int i = 0; i < 3; ++i) {
    const double before = kPelvisShare + (1 - kPelvisShare) * i / 3, share = kPelvisShare + (1 - kPelvisShare) * (i + 1) / 3;
    const Mat3 parent = matrix_from_yaw(before * angle) * was.turn(kParents[kSpine[i]]);
    put(rotations + 9 * kSpine[i], transposed(parent) * (matrix_from_yaw(share * angle) * was.turn(kSpine[i])));
  }
}

// `eased` [frames]: no less than `down`, which comes and goes over kEase frames.
void ease(const double* down, int64_t frames, Pool& pool, double* eased) {
  const Pool::Scope scope(pool);
  auto* high = pool.get<double>(frames + 2 * kEase);
  for (int64_t i = 0; i < frames + 2 * kEase; ++i) {
    high[i] = 0;
    for (int64_t k = -2 * kEase; k <= 0; ++k) high[i] = std::max(high[i], down[clamped(i + k, frames)]);
  }
  double taps[2 * kEase + 1], sum = 0;
  for (int k = -kEase; k <= kEase; ++k) sum += taps[kEase + k] = 1 + std::cos(kPi * k / (kEase + 1));
  for (int64_t frame = 0; frame < frames; ++frame) {
    eased[frame] = 0;
    for (int k = 0; k <= 2 * kEase; ++k) eased[frame] += high[frame + k] * (taps[k] / sum);
  }
}

}  // namespace

void face_aside(Clip& clip, const double* turn, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto *targets = pool.get<double>(6 * frames), *feet = pool.get<double>(18 * frames), *down = pool.get<double>(frames), *eased = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double angle = std::clamp(turn[frame], -kFarthest, kFarthest);
    const Posed was(clip, frame);
    turn_body(was, angle, clip.rotations + frame * 9 * kJoints);
    const Mat3 foot = matrix_from_yaw(kFeetShare * angle);
    const Posed turned(clip, frame);
    down[frame] = 0;
    for (int side = 0; side < 2; ++side) {
      const Vec3 ball = was.place(kLegs[side][3]), target = ball + foot * (was.place(kLegs[side][2]) - ball);
      put(targets + 3 * (2 * frame + side), target);
      put(feet + 9 * (2 * frame + side), foot * was.turn(kLegs[side][2]));
      down[frame] = std::max(down[frame], out_of_reach(turned, kLegs[side], target));
    }
  }
  ease(down, frames, pool, eased);
  for (int64_t frame = 0; frame < frames; ++frame) {
    clip.translation[3 * frame + 1] -= eased[frame];
    const Posed lowered(clip, frame);
    for (int side = 0; side < 2; ++side)
      reach(lowered, kLegs[side], at(targets + 3 * (2 * frame + side)), mat_at(feet + 9 * (2 * frame + side)), clip.rotations + frame * 9 * kJoints);
  }
}

void swing_clear(Clip& clip, const double* before, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  if (frames + (before != nullptr) < 2) return;
  auto *balls = pool.get<double>(6 * frames), *steps = pool.get<double>(2 * frames), *lift = pool.get<double>(2 * frames);
  balls_of(joints_of(clip, pool), frames, balls);
  for (int64_t i = 0; i < 2 * frames; ++i) {
    const double *here = balls + 3 * i, *was = i >= 2 ? here - 6 : before ? before + 3 * i : here;
    steps[i] = std::sqrt((here[0] - was[0]) * (here[0] - was[0]) + (here[2] - was[2]) * (here[2] - was[2]));
  }
  double most = 0;
  for (int64_t i = 0; i < 2 * frames; ++i) {
    const double speed = GENMO_FPS * std::min(steps[i], steps[i + 2 < 2 * frames ? i + 2 : i]);
    const double missing = kOver * smoothstep(speed / kSwing) - (balls[3 * i + 1] - kBallHeight);
    lift[i] = (missing + std::hypot(missing, kSoft)) / 2 * smoothstep(4 * speed / kSwing);
    if (!before) lift[i] *= smoothstep(static_cast<double>(i / 2) / kBeginning);
    most = std::max(most, lift[i]);
  }
  for (int64_t frame = 0; frame < frames && most > 0; ++frame) {
    const Posed posed(clip, frame);
    for (int side = 0; side < 2; ++side) {
      const int ankle = kLegs[side][2];
      reach(posed, kLegs[side], posed.place(ankle) + Vec3{0, lift[2 * frame + side], 0}, posed.turn(ankle), clip.rotations + frame * 9 * kJoints);
    }
  }
}

}  // namespace genmo
