// Frames that are given, as the network's condition "keyframes".  Twin: runtime/denoiser/known_frames.py.
#pragma once

#include "motion/clip.h"

namespace genmo {

inline constexpr int kKeyframeGroups = 9, kKeyframeWidth = kFeatures + kKeyframeGroups + 4;

// `out` [frames, 194] and `out_mask` [frames].  values, mask [frames, 181]: normalised features and which of them are given, alike within a
// block; path [frames, 3]: the root in the world, NaN where it is not given; yaw of the camera.
void keyframe_condition(const float* values, const uint8_t* mask, int64_t frames, const double* path, double yaw, float* out, float* out_mask);

}  // namespace genmo
