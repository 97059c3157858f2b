#include "actions/signals.h"

#include <cmath>
#include <iterator>
#include <utility>

#include "angles.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int64_t kFacingWindow = 11, kPathWindow = 9, kJointWindow = 3;  // frames of the box filters

double degrees(double radians) { return radians * (180 / kPi); }

double angle_of(double cosine) { return degrees(std::acos(std::clamp(cosine, -1.0, 1.0))); }

// `out` [frames]: change a second of every `stride`th value, smoothed; the ends are one-sided.
void velocity(const double* values, int64_t frames, int64_t stride, int64_t window, Pool& pool, double* out) {
  const Pool::Scope scope(pool);
  std::fill_n(out, frames, 0.0);
  if (frames < 3) return;
  auto* smooth = pool.get<double>(frames);
  box_filtered(values, frames, stride, window, pool, smooth);
  for (int64_t i = 1; i < frames - 1; ++i) out[i] = (smooth[i + 1] - smooth[i - 1]) * (GENMO_FPS / 2);
  // the repeated ends of the filter slow the outermost frames down
  const int64_t edge = std::min(window / 2 + 1, (frames - 1) / 2);
  const double first = out[edge], last = out[frames - edge - 1];
  std::fill_n(out, edge, first);
  std::fill_n(out + frames - edge, edge, last);
}

// `out` [frames]: speed of a joint, less the pelvis's height where `against` it.
void speed_of(const double* joints, int64_t frames, int joint, bool against, Pool& pool, double* out) {
  const Pool::Scope scope(pool);
  auto *curve = pool.get<double>(frames), *change = pool.get<double>(frames);
  std::fill_n(out, frames, 0.0);
  for (int axis = 0; axis < 3; ++axis) {
    for (int64_t frame = 0; frame < frames; ++frame) {
      const double* of_frame = joints + frame * 3 * kJoints;
      curve[frame] = of_frame[3 * joint + axis] - (against && axis == 1 ? of_frame[3 * kPelvis + 1] : 0);
    }
    velocity(curve, frames, 1, kJointWindow, pool, change);
    for (int64_t frame = 0; frame < frames; ++frame) out[frame] += change[frame] * change[frame];
  }
  for (int64_t frame = 0; frame < frames; ++frame) out[frame] = std::sqrt(out[frame]);
}

void facing_of(const double* joints, int64_t frames, Pool& pool, double* heading) {
  const Pool::Scope scope(pool);
  auto* yaw = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const auto joint = [&](int which) { return at(joints + (frame * kJoints + which) * 3); };
    const Vec3 side = (joint(kHips[0]) - joint(kHips[1])) + (joint(kShoulders[0]) - joint(kShoulders[1]));
    yaw[frame] = std::atan2(-side.z, side.x);
  }
  unwrap(yaw, frames);
  if (frames > kFacingWindow) {
    box_filtered(yaw, frames, 1, kFacingWindow, pool, heading);
  } else {
    std::copy_n(yaw, frames, heading);
  }
}

// The pelvis over the ground, and all joints from the world to the facing frame: turned by -heading about y.
void turn_to_facing(const double* joints, Signals& s, Pool& pool) {
  const Pool::Scope scope(pool);
  auto *x = pool.get<double>(s.frames), *z = pool.get<double>(s.frames);
  for (int axis = 0; axis < 2; ++axis) {
    box_filtered(joints + 2 * axis, s.frames, 3 * kJoints, kPathWindow, pool, x);
    for (int64_t frame = 0; frame < s.frames; ++frame) s.path[2 * frame + axis] = x[frame];
  }
  velocity(joints, s.frames, 3 * kJoints, kPathWindow, pool, x);
  velocity(joints + 2, s.frames, 3 * kJoints, kPathWindow, pool, z);
  for (int64_t frame = 0; frame < s.frames; ++frame) {
    const double cosine = std::cos(s.heading[frame]), sine = std::sin(s.heading[frame]);
    s.along[frame] = x[frame] * sine + z[frame] * cosine;
    s.across[frame] = x[frame] * cosine - z[frame] * sine;
    s.speed[frame] = std::hypot(x[frame], z[frame]);
    const double* from = joints + frame * 3 * kJoints;
    double* to = s.joints + frame * 3 * kJoints;
    for (int i = 0; i < 3 * kJoints; i += 3) {
      const double ahead = from[i + 2] - from[2], left = from[i] - from[0];
      to[i] = left * cosine - ahead * sine;
      to[i + 1] = from[i + 1];
      to[i + 2] = left * sine + ahead * cosine;
    }
  }
}

// Degrees by which an arm is bent, and of the trunk from upright.
void bend_of(const double* joints, Signals& s) {
  for (int64_t frame = 0; frame < s.frames; ++frame) {
    const auto joint = [&](int which) { return at(joints + (frame * kJoints + which) * 3); };
    for (int side = 0; side < 2; ++side) {
      const Vec3 upper = joint(kElbows[side]) - joint(kShoulders[side]), lower = joint(kWrists[side]) - joint(kElbows[side]);
      s.elbows[2 * frame + side] = angle_of(dot(upper, lower) / std::max(std::sqrt(dot(upper, upper) * dot(lower, lower)), 1e-9));
    }
    const Vec3 trunk = at(s.joint(frame, kNeck)) - at(s.joint(frame, kPelvis));
    s.tilt[frame] = angle_of(trunk.y / std::max(length(trunk), 1e-9));
  }
}

// Metres along the first frame's bones of both sides, their mean.
double chain(const double* joints, const int* first, const int* middle, const int* last) {
  double sum = 0;
  for (int side = 0; side < 2; ++side)
    sum += length(at(joints + 3 * first[side]) - at(joints + 3 * middle[side])) + length(at(joints + 3 * middle[side]) - at(joints + 3 * last[side]));
  return sum / 2;
}

}  // namespace

void box_filtered(const double* values, int64_t frames, int64_t stride, int64_t window, Pool& pool, double* out) {
  const Pool::Scope scope(pool);
  const int64_t half = window / 2, count = frames + window;
  auto* total = pool.get<double>(count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) total[i] = sum += values[std::clamp<int64_t>(i - half - 1, 0, frames - 1) * stride];
  for (int64_t i = 0; i < frames; ++i) out[i] = (total[i + window] - total[i]) / static_cast<double>(window);
}

double quantile(const double* values, int64_t count, double below, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* sorted = pool.get<double>(count);
  std::copy_n(values, count, sorted);
  double* wanted = sorted + static_cast<int64_t>(below * static_cast<double>(count - 1));
  std::nth_element(sorted, wanted, sorted + count);
  return *wanted;
}

double mean_of(const double* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i];
  return sum / static_cast<double>(count);
}

int swings(const double* values, int64_t count, double least) {
  int found = 0, direction = 0;
  double extreme = values[0];
  for (int64_t i = 0; i < count; ++i) {
    const double value = values[i];
    if ((direction >= 0 && value > extreme) || (direction <= 0 && value < extreme)) {
      if (direction == 0 && std::abs(value - values[0]) >= least) direction = value > values[0] ? 1 : -1;
      if (direction != 0) extreme = value;
    } else if (direction != 0 && std::abs(value - extreme) >= least) {
      ++found;
      direction = -direction;
      extreme = value;
    }
  }
  return found;
}

Signals Signals::span(int64_t start, int64_t end) const {
  Signals s = *this;
  s.frames = end - start;
  for (double** curve : {&s.heading, &s.along, &s.across, &s.speed, &s.bustle, &s.tilt}) *curve += start;
  for (double** pairs : {&s.path, &s.wrist_speed, &s.foot_speed, &s.elbows}) *pairs += 2 * start;
  s.joints += start * 3 * kJoints;
  return s;
}

Signals signals_of(const double* joints, int64_t frames, Pool& pool) {
  Signals s;
  s.frames = frames;
  for (double** curve : {&s.heading, &s.along, &s.across, &s.speed, &s.bustle, &s.tilt}) *curve = pool.get<double>(frames);
  for (double** pairs : {&s.path, &s.wrist_speed, &s.foot_speed, &s.elbows}) *pairs = pool.get<double>(2 * frames);
  s.joints = pool.get<double>(frames * 3 * kJoints);
  const Pool::Scope scope(pool);
  facing_of(joints, frames, pool, s.heading);
  turn_to_facing(joints, s, pool);
  bend_of(joints, s);
  s.leg = chain(joints, kHips, kKnees, kAnkles);
  s.arm = chain(joints, kShoulders, kElbows, kWrists);
  auto* speed = pool.get<double>(frames);
  for (int side = 0; side < 2; ++side)
    for (const auto& [joint, out] : {std::pair<int, double*>{kWrists[side], s.wrist_speed}, {kAnkles[side], s.foot_speed}}) {
      speed_of(s.joints, frames, joint, true, pool, speed);
      for (int64_t frame = 0; frame < frames; ++frame) out[2 * frame + side] = speed[frame];
    }
  constexpr int kMoving[] = {kHead, kLeftWrist, kRightWrist, kLeftKnee, kRightKnee, kLeftAnkle, kRightAnkle};
  std::fill_n(s.bustle, frames, 0.0);
  for (const int joint : kMoving) {
    speed_of(joints, frames, joint, false, pool, speed);
    for (int64_t frame = 0; frame < frames; ++frame) s.bustle[frame] += speed[frame] / std::size(kMoving);
  }
  return s;
}

}  // namespace genmo
