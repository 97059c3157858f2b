// What is learned of a person over the frames of a stream.  Twins: runtime/streaming/running_mean.py and `RunningShape` of
// runtime/refine/shape_fit.py.
#pragma once

#include "motion/keypoint_fit.h"

namespace genmo {

inline constexpr int kMemory = 300;  // frames from which on what is long ago counts less and less

// Means of the shape and of how the camera is tilted.
class RunningMean {
 public:
  static constexpr int kWidth = kBetas + 6;

  double count() const { return count_; }

  // The mean if `values` [kWidth], a sum over so many frames, came too.
  void with_more(const double* values, double frames, double* mean) const {
    for (int i = 0; i < kWidth; ++i) mean[i] = (sums_[i] + values[i]) / (count_ + frames);
  }

  // A frame, where it is `counted`; else it is as long ago for that.
  void add(const double* values, bool counted) {
    const double kept = count_ >= kMemory && counted ? 1 - 1.0 / kMemory : 1;
    for (int i = 0; i < kWidth; ++i) sums_[i] = sums_[i] * kept + (counted ? values[i] : 0);
    count_ = count_ * kept + counted;
  }

 private:
  double sums_[kWidth] = {}, count_ = 0;
};

class RunningShape {
 public:
  // Learns from a fitted pose of the body of `betas` and its keypoints, a frame.
  void push(const double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, const double* betas, Pool& pool);

  // The network's betas [10] moved to where the frames so far fit best.
  void move(double* betas) const;

 private:
  int frames_ = 0;
  double seen_ = 0, hessian_[kBetas * kBetas] = {}, target_[kBetas] = {};
};

}  // namespace genmo
