#include "endless/known_past.h"

#include <algorithm>
#include <cmath>

#include "small.h"

namespace genmo {
namespace {

constexpr int kEase = 20;
constexpr double kCameraDistance = 5.8, kCameraHeight = 1.2, kPelvisHeight = 0.95;

// Frames [start, end) in which a feature is known, one after the other; none: start == end.
struct Known {
  int64_t start = 0, end = 0;
};

Known known_of(const uint8_t* mask, int64_t frames, int feature) {
  Known known;
  while (known.start < frames && !mask[known.start * kFeatures + feature]) ++known.start;
  for (known.end = known.start; known.end < frames && mask[known.end * kFeatures + feature];) ++known.end;
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

void ease_from_known(const float* values, const uint8_t* mask, int64_t frames, bool back, float* x_0) {
  const auto place = [&](int64_t frame, int i) { return (back ? frames - 1 - frame : frame) * kFeatures + i; };
  for (int i = 0; i < kFeatures; ++i) {
    const Known given = known_of(mask, frames, i);
    const int64_t known = given.end - given.start, last = known - 1;
    if (last < 0) continue;
    const auto difference = [&](int64_t frame) { return values[place(frame, i)] - x_0[place(frame, i)]; };
    const float end = difference(last);
    const float slope = last > 0 ? (end - difference(last - 1)) * static_cast<float>(kEase) : 0.0f;
    for (int64_t frame = known; frame < std::min(known + kEase, frames); ++frame) {
      const double s = static_cast<double>(frame - last) / kEase;
      const double offset = (1 + 2 * s) * (1 - s) * (1 - s) * static_cast<double>(end) + s * (1 - s) * (1 - s) * static_cast<double>(slope);
      float& x = x_0[place(frame, i)];
      x = static_cast<float>(static_cast<double>(x) + offset);
    }
    for (int64_t frame = 0; frame < known; ++frame) x_0[place(frame, i)] = values[place(frame, i)];
  }
}

}  // namespace genmo
