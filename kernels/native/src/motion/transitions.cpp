// Where a text begins or ends, no jerk of the person.  Twin: runtime/refine/transitions.py.
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "motion/filters.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kSeam = 10, kBorderFrames = 8, kAround = 14;
constexpr double kSpreads[] = {1, 1.5, 2, 3, 4, 5};
constexpr double kSharpnessLimit = 1.1, kSharpnessFloor = 15, kElsewhere = 0.99;
constexpr int kPosed = 6 * kJoints + 3;  // rotations in 6D and the root

// `sharp` [frames - 2]: the largest acceleration of any joint of [frames, 24, 3], m/s^2.
void sharpness(const double* joints, int64_t frames, double* sharp) {
  for (int64_t frame = 0; frame + 2 < frames; ++frame) {
    double most = 0;
    for (int joint = 0; joint < kJoints; ++joint) {
      const double* p = joints + (frame * kJoints + joint) * 3;
      const Vec3 change = (at(p + 6 * kJoints) - at(p + 3 * kJoints)) - (at(p + 3 * kJoints) - at(p));
      most = std::max(most, length(change));
    }
    sharp[frame] = most * (GENMO_FPS * GENMO_FPS);
  }
}

// `out` is `values` smoothed at the border, less and less away from it.
void smooth_around(const double* values, int64_t frames, int64_t width, int64_t border, double spread, double* out) {
  smooth(values, frames, width, spread, out);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double distance = std::abs(static_cast<double>(frame - border) + 0.5) / kAround;
    const double share = smoothstep(1.5 - 1.5 * distance);
    for (int64_t i = frame * width; i < (frame + 1) * width; ++i) out[i] = values[i] + share * (out[i] - values[i]);
  }
}

double limit_of(const double* sharp, int64_t count, Borders borders, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* away = pool.get<double>(count);
  auto* near = pool.get<bool>(count);
  std::fill(near, near + count, false);
  for (int i = 0; i < borders.count; ++i) {
    const int64_t first = std::max<int64_t>(borders.frames[i] - 1 - kBorderFrames, 0), past = std::min(borders.frames[i] + kBorderFrames, count);
    std::fill(near + std::min(first, count), near + std::max(past, std::min(first, count)), true);
  }
  int64_t kept = 0;
  for (int64_t frame = 0; frame < count; ++frame)
    if (!near[frame]) away[kept++] = sharp[frame];
  if (!kept) return kSharpnessFloor;
  return std::max(kSharpnessFloor, kSharpnessLimit * quantile(away, kept, kElsewhere));
}

// Smooths around borders that are sharper than elsewhere, as little as is enough; whether any was.
// `joints(features, frames, positions)` poses the features.
template <typename Joints>
bool smooth_borders(double* features, int64_t frames, int64_t width, Borders borders, Pool& pool, Joints joints) {
  if (!borders.count || frames < 3) return false;
  const Pool::Scope scope(pool);
  auto* positions = pool.get<double>(frames * 3 * kJoints);
  auto* sharp = pool.get<double>(frames);
  joints(features, frames, positions);
  sharpness(positions, frames, sharp);
  const double limit = limit_of(sharp, frames - 2, borders, pool);
  auto* rough = pool.get<double>(std::min<int64_t>(frames, 2 * (kAround + kBorderFrames)) * width);
  bool changed = false;
  for (int i = 0; i < borders.count; ++i) {
    const int64_t border = borders.frames[i], first = std::max<int64_t>(border - kAround - kBorderFrames, 0);
    const int64_t count = std::min<int64_t>(border + kAround + kBorderFrames, frames) - first;
    const int64_t from = std::max<int64_t>(border - 1 - kBorderFrames - first, 0);
    const int64_t to = std::min<int64_t>(border + kBorderFrames - first, count - 2);
    double* window = features + first * width;
    std::copy(window, window + count * width, rough);
    const auto calm = [&] {
      joints(window, count, positions);
      sharpness(positions, count, sharp);
      double most = 0;
      for (int64_t frame = from; frame < to; ++frame) most = std::max(most, sharp[frame]);
      return most <= limit;
    };
    for (int k = -1; k < static_cast<int>(sizeof kSpreads / sizeof *kSpreads); ++k) {
      if (k >= 0) {
        smooth_around(rough, count, width, border - first, kSpreads[k], window);
        changed = true;
      }
      if (calm()) break;
    }
  }
  return changed;
}

}  // namespace

void remove_steps(double* features, int64_t frames, int64_t width, Borders borders) {
  for (int i = 0; i < borders.count; ++i) {
    const int64_t border = borders.frames[i];
    if (border < 2 || border > frames - 2) continue;
    for (int64_t c = 0; c < width; ++c) {
      double* at = features + border * width + c;
      const double step = at[0] - at[-width] - 0.5 * (at[-width] - at[-2 * width] + at[width] - at[0]);
      for (int64_t k = 0; k < std::min<int64_t>(kSeam, border); ++k)
        at[-(k + 1) * width] += 0.5 * step * smoothstep(1 - static_cast<double>(k) / kSeam);
      for (int64_t k = 0; k < std::min<int64_t>(kSeam, frames - border); ++k)
        at[k * width] -= 0.5 * step * smoothstep(1 - static_cast<double>(k) / kSeam);
    }
  }
}

void smooth_transitions(double* features, int64_t frames, Borders borders, Pool& pool) {
  smooth_borders(features, frames, kFeatures, borders, pool, [&](const double* values, int64_t count, double* positions) {
    const Pool::Scope scope(pool);
    const Clip clip = decode(values, count, pool);
    kinematics(count, clip.rotations, clip.translation, clip.offsets, nullptr, positions);
  });
}

void smooth_motion_transitions(Clip& clip, Borders borders, Pool& pool) {
  if (!borders.count) return;
  const Pool::Scope scope(pool);
  auto* features = pool.get<double>(clip.frames * kPosed);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    double* row = features + frame * kPosed;
    for (int joint = 0; joint < kJoints; ++joint)
      std::memcpy(row + 6 * joint, clip.rotations + (frame * kJoints + joint) * 9, 6 * sizeof *row);
    std::memcpy(row + 6 * kJoints, clip.translation + 3 * frame, 3 * sizeof *row);
  }
  const auto pose = [](const double* values, int64_t count, double* rotations, double* translation) {
    for (int64_t frame = 0; frame < count; ++frame) {
      const double* row = values + frame * kPosed;
      for (int joint = 0; joint < kJoints; ++joint) matrix_from_6d(row + 6 * joint, rotations + (frame * kJoints + joint) * 9);
      std::memcpy(translation + 3 * frame, row + 6 * kJoints, 3 * sizeof *row);
    }
  };
  const auto joints = [&](const double* values, int64_t count, double* positions) {
    const Pool::Scope inner(pool);
    auto *rotations = pool.get<double>(count * 9 * kJoints), *translation = pool.get<double>(count * 3);
    pose(values, count, rotations, translation);
    kinematics(count, rotations, translation, clip.offsets, nullptr, positions);
  };
  if (smooth_borders(features, clip.frames, kPosed, borders, pool, joints))
    pose(features, clip.frames, clip.rotations, clip.translation);
}

}  // namespace genmo
