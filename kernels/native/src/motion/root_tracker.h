// Where a person is in the world, frame by frame: velocity integrated, drift taken off as it comes.  Twin:
// runtime/streaming/root_tracker.py, for one person.
#pragma once

#include <algorithm>

#include "motion/body.h"
#include "small.h"

namespace genmo {

// Where a static camera sees a person while its tilt is still being learned: ways add up, each by the tilt known when it was gone, so
// that a better tilt moves nobody who stands.
class StaticView {
 public:
  // In level axes from the camera; `tilt` turns it level, `root` [3] is in the camera.  The way of who is seen `anew` begins there.
  Vec3 position(const Mat3& tilt, Vec3 root, bool anew) {
    if (anew) root_ = position_ = {0, 0, 0};
    position_ = position_ + tilt * (root - root_);
    root_ = root;
    return position_;
  }

 private:
  Vec3 root_{0, 0, 0}, position_{0, 0, 0};
};

class RootTracker {
 public:
  // `surveyed`: observations are positions in the world.  Else heights count from the lowest foot, and observations are relative to the
  // camera: `over_ground` and `heights` say which of them are followed; across the view only where the lens is not known, which stretches
  // depth and nothing else.
  RootTracker(bool surveyed, bool over_ground, bool heights, bool lens_known = true) : across_only_(!surveyed && !lens_known), from_feet_(!surveyed) {
    gain_[0] = gain_[2] = surveyed || over_ground ? kHold : 0;
    gain_[1] = surveyed || heights ? kHold : 0;
  }

  // At `position` when first `observed` (nullptr: there), on feet `foot` metres over the root; writes the place in the world.
  void start(const double* position, double foot, const double* observed, double* place) {
    for (int i = 0; i < 3; ++i) {
      position_[i] = position[i];
      origin_[i] = observed ? position[i] - observed[i] : 0;
    }
    ground_ = position[1] + foot - kBallHeight;
    std::fill(feet_, feet_ + kWindow, ground_);
    answer(place);
  }

  // On from the end of a path [frames, 3] over ground at y = 0, with `feet` [frames] as in `start`.
  void resume(const double* path, const double* feet, int64_t frames) {
    std::copy_n(path + 3 * (frames - 1), 3, position_);
    ground_ = 0;
    for (int64_t i = 0; i < kWindow; ++i) {
      const int64_t frame = std::max(frames - kWindow + i, std::max<int64_t>(frames - kWindow, 0));
      feet_[i] = path[3 * frame + 1] + feet[frame] - kBallHeight;
    }
  }

  // On by `step` and towards `observed`; who is not `visible` moves by the step alone.
  void advance(const double* step, const double* observed, double foot, bool visible, double* place) {
    const Vec3 moved = at(position_) + at(step);
    Vec3 away = at(observed) + at(origin_) - moved;
    if (across_only_) {
      const Vec3 view{observed[0], 0, observed[2]}, ground = (1 / std::max(length(view), 1e-9)) * view;
      away = away - dot(away, ground) * ground;
    }
    put(position_, visible ? moved + Vec3{gain_[0] * away.x, gain_[1] * away.y, gain_[2] * away.z} : moved);
    if (visible) {
      std::copy(feet_ + 1, feet_ + kWindow, feet_);
      feet_[kWindow - 1] = position_[1] + foot - kBallHeight;
    }
    ground_ += kSettle * (*std::min_element(feet_, feet_ + kWindow) - ground_);
    answer(place);
  }

 private:
  static constexpr int kWindow = 31;
  static constexpr double kHold = 1.0 / 30, kSettle = 0.1;

  void answer(double* place) const {
    std::copy_n(position_, 3, place);
    if (from_feet_) place[1] -= ground_;
  }

  double gain_[3], position_[3] = {}, origin_[3] = {}, feet_[kWindow] = {}, ground_ = 0;  // of the newest frames, newest last
  bool across_only_, from_feet_;
};

}  // namespace genmo
