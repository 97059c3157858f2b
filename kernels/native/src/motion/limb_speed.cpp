// No limb faster than people's.  Twin: runtime/refine/limb_limits.py.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "motion/filters.h"
#include "motion/quaternions.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kMostSpeed = 15, kMostAcceleration = 350;
constexpr double kSpreads[] = {1, 1.5, 2, 3, 4, 6, 8};
constexpr int kAround = 12, kWidth = 4 * kJoints + 3;

// Speed and acceleration of the fastest joint over their limits [frames], the larger of the two.
void excess(const double* joints, int64_t frames, double* over) {
  std::fill(over, over + frames, 0.0);
  for (int64_t frame = 1; frame < frames; ++frame) {
    double speed = 0, sharp = 0;
    for (int joint = 0; joint < kJoints; ++joint) {
      const double* p = joints + (frame * kJoints + joint) * 3;
      const Vec3 change = at(p) - at(p - 3 * kJoints);
      speed = std::max(speed, length(change));
      if (frame + 1 < frames) sharp = std::max(sharp, length((at(p + 3 * kJoints) - at(p)) - change));
    }
    speed *= GENMO_FPS / kMostSpeed;
    over[frame - 1] = std::max(over[frame - 1], speed);
    over[frame] = std::max({over[frame], speed, sharp * (GENMO_FPS * GENMO_FPS) / kMostAcceleration});
  }
}

// Rotations [frames, 24, 3, 3] and root [frames, 3] of quaternions and root.
void pose(const double* features, int64_t frames, double* rotations, double* root) {
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* row = features + frame * kWidth;
    for (int joint = 0; joint < kJoints; ++joint)
      put(rotations + (frame * kJoints + joint) * 9, matrix_from_quaternion(row[4 * joint], at(row + 4 * joint + 1)));
    std::memcpy(root + 3 * frame, row + 4 * kJoints, 3 * sizeof *root);
  }
}

// Features smoothed from `start` to `end` by the least spread that is enough.
void slow_down(double* features, int64_t frames, int64_t start, int64_t end, int64_t fixed, const double* offsets, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t first = std::max<int64_t>(start - 2 * kAround, 0), count = std::min<int64_t>(end + 2 * kAround, frames) - first;
  double* window = features + first * kWidth;
  auto *slow = pool.get<double>(count * kWidth), *best = pool.get<double>(count * kWidth), *over = pool.get<double>(count);
  auto *rotations = pool.get<double>(count * 9 * kJoints), *root = pool.get<double>(3 * count), *joints = pool.get<double>(count * 3 * kJoints);
  double least = INFINITY;
  for (const double spread : kSpreads) {
    smooth(window, count, kWidth, spread, slow);
    for (int64_t i = 0; i < count; ++i) {
      const auto away = static_cast<double>(std::max<int64_t>({start - (first + i), first + i - (end - 1), 0}));
      const double share = first + i < fixed ? 0 : smoothstep(1.5 - 1.5 * (away / kAround));
      for (int64_t k = i * kWidth; k < (i + 1) * kWidth; ++k) slow[k] = window[k] + share * (slow[k] - window[k]);
    }
    pose(slow, count, rotations, root);
    kinematics(count, rotations, root, offsets, nullptr, joints);
    excess(joints, count, over);
    const double remaining = *std::max_element(over + std::max<int64_t>(fixed - first, 0), over + count);
    if (remaining < least) {
      least = remaining;
      std::copy(slow, slow + count * kWidth, best);
    }
    if (remaining <= 1) break;
  }
  if (std::isfinite(least)) std::copy(best, best + count * kWidth, window);
}

}  // namespace

void limit_limb_speed(Clip& clip, Pool& pool, int64_t fixed) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto* over = pool.get<double>(frames);
  excess(joints_of(clip, pool), frames, over);
  std::fill_n(over, std::min(fixed, frames), 0.0);
  if (!std::any_of(over, over + frames, [](double value) { return value > 1; })) return;
  auto* features = pool.get<double>(frames * kWidth);
  auto* quaternions = pool.get<double>(frames * 4 * kJoints);
  continuous_quaternions(clip.rotations, frames, kJoints, quaternions);
  for (int64_t frame = 0; frame < frames; ++frame) {
    std::memcpy(features + frame * kWidth, quaternions + frame * 4 * kJoints, 4 * kJoints * sizeof *features);
    std::memcpy(features + frame * kWidth + 4 * kJoints, clip.translation + 3 * frame, 3 * sizeof *features);
  }
  for (int64_t start = 0; start < frames;) {
    if (!(over[start] > 1)) {
      ++start;
      continue;
    }
    int64_t end = start + 1;  // frames that are near each other are one range
    for (int64_t frame = end; frame < frames && frame - end < kAround; ++frame)
      if (over[frame] > 1) end = frame + 1;
    slow_down(features, frames, start, end, fixed, clip.offsets, pool);
    start = end;
  }
  pose(features, frames, clip.rotations, clip.translation);
}

}  // namespace genmo
