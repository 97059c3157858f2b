// The floor under a motion that no camera sees, and its heading.  Twin: runtime/refine/grounding.py.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "motion/feet_rules.h"
#include "motion/filters.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kWindow = 31, kTrend = 121, kSure = 8, kStepGap = 12;
constexpr double kStepHeight = 0.14;
constexpr double kCarried = 0.45, kOffShare = 0.1;
constexpr int kFeet[] = {kLeftFoot, kRightFoot, kLeftAnkle, kRightAnkle};

// Height [frames] of the lowest point of the body that may carry it.
void support_heights(const double* joints, const double* scores, int64_t frames, double* support) {
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* pose = joints + frame * 3 * kJoints;
    const auto under = [&](int joint) { return pose[3 * joint + 1] - kClearance[joint]; };
    double feet = under(kFeet[0]), lowest = feet;
    for (const int joint : kFeet) feet = std::min(feet, under(joint));
    for (int joint = 0; joint < kJoints; ++joint) lowest = std::min(lowest, under(joint));
    const double contact = std::max(scores[2 * frame], scores[2 * frame + 1]);
    support[frame] = feet - (1 - contact) * std::max(feet - lowest, 0.0);
  }
}

// A slow trend [frames] of `lowest` [count] in the middle of that time, on straight at both ends.
void slow_trend(const double* lowest, int64_t count, int64_t frames, Pool& pool, double* trend) {
  const int64_t side = (frames - count) / 2, baseline = std::min<int64_t>(kWindow, count - 1);
  double* slow = trend + side;
  local_trend(lowest, count, kTrend, pool, slow);
  const auto length = static_cast<double>(std::max<int64_t>(baseline, 1));
  const double start = (slow[0] - slow[baseline]) / length, end = (slow[count - 1] - slow[count - 1 - baseline]) / length;
  for (int64_t k = 1; k <= side; ++k) trend[side - k] = slow[0] + start * static_cast<double>(k);
  for (int64_t k = 1; side + count - 1 + k < frames; ++k) slow[count - 1 + k] = slow[count - 1] + end * static_cast<double>(k);
}

// The floor [frames] under heights of the lowest point of the body: the lowest of a second, averaged over as long, of what is
// left when the trend is taken off.
void floor_under(const double* support, int64_t frames, Pool& pool, double* floor) {
  if (frames <= kWindow) {
    std::fill(floor, floor + frames, *std::min_element(support, support + frames));
    return;
  }
  const Pool::Scope scope(pool);
  const int64_t count = frames - kWindow + 1;
  auto *lowest = pool.get<double>(count), *trend = pool.get<double>(frames), *rest = pool.get<double>(frames);
  const auto less = [](double a, double b) { return a < b; };
  best_of_window(support, frames, kWindow, pool, lowest, less);
  slow_trend(lowest, count, frames, pool, trend);
  for (int64_t i = 0; i < frames; ++i) rest[i] = support[i] - trend[i];
  best_of_window(rest, frames, kWindow, pool, lowest, less);
  auto* sums = pool.get<double>(frames + kWindow);
  sums[0] = 0;
  for (int64_t i = 0; i < frames + kWindow - 1; ++i) sums[i + 1] = sums[i] + lowest[clamped(i - (kWindow - 1), count)];
  for (int64_t i = 0; i < frames; ++i) floor[i] = trend[i] + (sums[i + kWindow] - sums[i]) / kWindow;
}

// The floor [frames] that follows heights wherever they stay: their opening, never over them.
void floor_with_steps(const double* support, int64_t frames, Pool& pool, double* floor) {
  if (frames <= kWindow) return floor_under(support, frames, pool, floor);
  const Pool::Scope scope(pool);
  const int64_t count = frames - kWindow + 1, padded = count + 2 * (kWindow - 1);
  auto* lowest = pool.get<double>(padded);
  std::fill(lowest, lowest + padded, -INFINITY);
  best_of_window(support, frames, kWindow, pool, lowest + kWindow - 1, [](double a, double b) { return a < b; });
  best_of_window(lowest, padded, kWindow, pool, floor, [](double a, double b) { return a > b; });
}

struct Stand {
  int64_t start, end;
  double height;
  int foot;
  bool operator<(const Stand& other) const {
    if (start != other.start) return start < other.start;
    if (end != other.end) return end < other.end;
    return height != other.height ? height < other.height : foot < other.foot;
  }
};

double median(const double* balls, int foot, int64_t start, int64_t end, double* values) {
  const int64_t count = end - start;
  for (int64_t i = 0; i < count; ++i) values[i] = balls[((start + i) * 2 + foot) * 3 + 1];
  return quantile(values, count, 0.5);
}

// Where a foot stands for long enough to be sure of its height.
int64_t stands_of(const double* balls, const uint8_t* planted, int64_t frames, double* values, Stand* stands) {
  int64_t count = 0;
  for (int foot = 0; foot < 2; ++foot)
    for (int64_t start = 0, end; start < frames; start = end + 1) {
      for (end = start; end < frames && planted[2 * end + foot];) ++end;
      if (end - start >= kSure) stands[count++] = {start, end, median(balls, foot, start, end, values), foot};
    }
  std::sort(stands, stands + count);
  return count;
}

// Height of the ground [frames] that a person walks up or down, least 0.
void terrain(const double* balls, const uint8_t* planted, int64_t frames, Pool& pool, double* ground) {
  const Pool::Scope scope(pool);
  std::fill(ground, ground + frames, 0.0);
  auto* stands = pool.get<Stand>(2 * (frames / kSure + 1));
  auto* levels = pool.get<double>(2 * frames);
  const int64_t count = stands_of(balls, planted, frames, levels, stands);
  if (!count) return;
  std::fill(levels, levels + 2 * frames, NAN);
  double level = 0;
  const Stand* before = stands;
  for (const Stand* stand = stands; stand < stands + count; before = stand++) {
    const double climbed = stand->height - before->height;
    const bool follows = stand->foot != before->foot && stand->start - before->end < kStepGap;
    // in a jump both feet leave; on stairs the other one is still behind
    const double other = balls[(stand->start * 2 + before->foot) * 3 + 1];
    const bool behind = std::abs(other - before->height) < std::abs(climbed) / 2;
    if (std::abs(climbed) > kStepHeight && follows && behind) level += climbed;
    for (int64_t frame = stand->start; frame < stand->end; ++frame) levels[2 * frame + stand->foot] = level;
  }
  int64_t last = -1;
  for (int64_t frame = 0; frame < frames; ++frame) {
    ground[frame] = std::fmin(levels[2 * frame], levels[2 * frame + 1]);
    if (std::isnan(ground[frame])) continue;
    for (int64_t gap = last + 1; gap < frame; ++gap) {
      const double share = static_cast<double>(gap - last) / static_cast<double>(frame - last);
      ground[gap] = last < 0 ? ground[frame] : ground[last] + (ground[frame] - ground[last]) * share;
    }
    last = frame;
  }
  for (int64_t gap = last + 1; gap < frames; ++gap) ground[gap] = ground[last];
  const double least = *std::min_element(ground, ground + frames);
  for (int64_t frame = 0; frame < frames; ++frame) ground[frame] -= least;
}

}  // namespace

const double kClearance[kJoints] = {0.08, 0.08, 0.08, 0.08, 0.05, 0.05, 0.08, kAnkleHeight, kAnkleHeight, 0.08, kBallHeight, kBallHeight,
                                    0.05, 0.05, 0.05, 0.08, 0.05, 0.05, 0.04, 0.04, 0.03, 0.03, 0.02, 0.02};

namespace {

// Balls of the feet [frames, 2, 3], how surely they stand [frames, 2] and which do so and carry the body [frames, 2].
struct Feet {
  double *balls, *scores;
  uint8_t* planted;
};

Feet feet_of(const Clip& clip, const double* joints, Pool& pool) {
  const int64_t frames = clip.frames;
  const Feet feet{pool.get<double>(6 * frames), pool.get<double>(2 * frames), pool.get<uint8_t>(2 * frames)};
  balls_of(joints, frames, feet.balls);
  planted_feet(feet.balls, clip.contacts, frames, kEnter, kLeave, feet.scores, feet.planted);
  for (int64_t foot = 0; foot < 2 * frames; ++foot)  // feet over the rest of the body carry nothing
    feet.planted[foot] &= joints[foot / 2 * 3 * kJoints + 1] - feet.balls[3 * foot + 1] > kCarried;
  return feet;
}

// The floor [frames] of a motion, and heights [frames] of the lowest point of its body.
void look_at_floor(const Clip& clip, Pool& pool, double* floor, double* support) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  const double* joints = joints_of(clip, pool);
  const Feet feet = feet_of(clip, joints, pool);
  terrain(feet.balls, feet.planted, frames, pool, floor);
  support_heights(joints, feet.scores, frames, support);
}

}  // namespace

void floor_of(const Clip& clip, Pool& pool, double* floor) {
  const Pool::Scope scope(pool);
  look_at_floor(clip, pool, floor, pool.get<double>(clip.frames));
}

void lowest_points(const Clip& clip, Pool& pool, double* lowest) {
  const Pool::Scope scope(pool);
  look_at_floor(clip, pool, pool.get<double>(clip.frames), lowest);
}

double flat_ground(const Clip& clip, double share, double near, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto *lowest = pool.get<double>(frames), *off = pool.get<double>(2 * frames);
  lowest_points(clip, pool, lowest);
  const double ground = quantile(lowest, frames, share), level = std::abs(ground) < near ? 0 : ground;
  const Feet feet = feet_of(clip, joints_of(clip, pool), pool);
  int64_t standing = 0;
  for (int64_t foot = 0; foot < 2 * frames; ++foot)
    if (feet.planted[foot]) off[standing++] = std::abs(feet.balls[3 * foot + 1] - kBallHeight - level);
  return standing && quantile(off, standing, 1 - kOffShare) < near ? level : NAN;
}

void carried(const Clip& clip, Pool& pool, double* feet, double* floor) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto *joints = joints_of(clip, pool), *balls = pool.get<double>(6 * frames), *scores = pool.get<double>(2 * frames);
  auto* planted = pool.get<uint8_t>(2 * frames);
  balls_of(joints, frames, balls);
  planted_feet(balls, clip.contacts, frames, kEnter, kLeave, scores, planted);
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int joint = 0; joint < kJoints; ++joint) joints[(frame * kJoints + joint) * 3 + 1] -= clip.translation[3 * frame + 1];
  support_heights(joints, scores, frames, feet);
  auto* support = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) support[frame] = clip.translation[3 * frame + 1] + feet[frame];
  floor_with_steps(support, frames, pool, floor);
}

void put_on_floor(Clip& clip, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto *floor = pool.get<double>(frames), *support = pool.get<double>(frames), *wrong = pool.get<double>(frames);
  look_at_floor(clip, pool, floor, support);
  for (int64_t frame = 0; frame < frames; ++frame) support[frame] -= floor[frame];
  floor_under(support, frames, pool, wrong);
  for (int64_t frame = 0; frame < frames; ++frame) clip.translation[3 * frame + 1] -= wrong[frame];
}

void face_forward(Clip& clip) {
  const double* root = clip.rotations;
  const Mat3 turn = matrix_from_yaw(-std::atan2(root[2], root[8]));
  const Vec3 start = turn * at(clip.translation);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    double *rotation = clip.rotations + frame * 9 * kJoints, *place = clip.translation + 3 * frame;
    put(rotation, turn * mat_at(rotation));
    put(place, turn * at(place) - Vec3{start.x, 0, start.z});
  }
}

}  // namespace genmo
