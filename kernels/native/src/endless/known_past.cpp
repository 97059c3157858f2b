#include "endless/known_past.h"

#include <algorithm>
#include <cmath>

#include "small.h"

namespace genmo {
namespace {

constexpr int kEase = 20, kReach = 60;
constexpr double kCameraDistance = 5.8, kCameraHeight = 1.2, kPelvisHeight = 0.95, kClose = 8, kLine = 0.05;

// Blocks of layout "genmo", of the joints the root apart: what of a frame is given as a whole.
constexpr int kGroups[kKeyframeGroups + 1] = {kGravityView, kVelocity, kTurns, kTurns + 6, kShape, kRootInCamera, kCameraTurn, kCameraTurn + 6, kContactsAt, kFeatures};

// Frames in which a feature is known: the first ones.
int64_t known_of(const uint8_t* mask, int64_t frames, int feature) {
  int64_t known = 0;
  while (known < frames && mask[known * kFeatures + feature]) ++known;
  return known;
}

}  // namespace

Still facing_camera(double yaw, const double* pelvis) {
  const Vec3 under{pelvis[0], 0, pelvis[2]};
  const Vec3 position = under + kCameraDistance * Vec3{std::sin(yaw), 0, std::cos(yaw)} + Vec3{0, kCameraHeight, 0};
  const Vec3 forward = unit(under + Vec3{0, kPelvisHeight, 0} - position), right = unit(cross(forward, {0, 1, 0}));
  Still camera{};
  put(camera.rotation, transposed(Mat3{{right, cross(forward, right), forward}}));
  put(camera.position, position);
  return camera;
}

void ease_from_known(const float* values, const uint8_t* mask, int64_t frames, float* x_0) {
  for (int i = 0; i < kFeatures; ++i) {
    const int64_t known = known_of(mask, frames, i), last = known - 1;
    if (last < 0) continue;
    const auto difference = [&](int64_t frame) { return values[frame * kFeatures + i] - x_0[frame * kFeatures + i]; };
    const float end = difference(last);
    const float slope = last > 0 ? (end - difference(last - 1)) * static_cast<float>(kEase) : 0.0f;
    for (int64_t frame = known; frame < std::min(known + kEase, frames); ++frame) {
      const double s = static_cast<double>(frame - last) / kEase;
      const double offset = (1 + 2 * s) * (1 - s) * (1 - s) * static_cast<double>(end) + s * (1 - s) * (1 - s) * static_cast<double>(slope);
      float& x = x_0[frame * kFeatures + i];
      x = static_cast<float>(static_cast<double>(x) + offset);
    }
    for (int64_t frame = 0; frame < known; ++frame) x_0[frame * kFeatures + i] = values[frame * kFeatures + i];
  }
}

void keyframe_condition(const float* values, const uint8_t* mask, int64_t frames, const double* path, int64_t known, double yaw, float* out,
                        float* out_mask) {
  const Mat3 level = matrix_from_yaw(-yaw);
  for (int64_t frame = 0; frame < frames; ++frame) {
    float* row = out + frame * kKeyframeWidth;
    std::fill(row, row + kKeyframeWidth, 0.0f);
    int64_t nearest = kReach + 1;
    for (int group = 0; group < kKeyframeGroups; ++group) {
      const int64_t given = known_of(mask, frames, kGroups[group]);
      if (!given) continue;
      const int64_t from = std::min(frame, given - 1);
      std::copy(values + from * kFeatures + kGroups[group], values + from * kFeatures + kGroups[group + 1], row + kGroups[group]);
      row[kFeatures + group] = static_cast<float>(std::exp(-static_cast<double>(frame - from) / kClose));
      nearest = std::min(nearest, frame - from);
    }
    if (frame + 1 < known) {
      const Vec3 step = level * (at(path + 3 * (frame + 1)) - at(path + 3 * frame));
      float* line = row + kFeatures + kKeyframeGroups;
      line[0] = static_cast<float>(step.x / kLine);
      line[1] = static_cast<float>(step.y / kLine);
      line[2] = static_cast<float>(step.z / kLine);
      line[3] = 1;
    }
    out_mask[frame] = nearest <= kReach;
    if (nearest > kReach) std::fill(row, row + kKeyframeWidth, 0.0f);
  }
}

}  // namespace genmo
