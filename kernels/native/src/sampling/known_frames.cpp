#include "sampling/known_frames.h"

#include <algorithm>
#include <cmath>

#include "small.h"

namespace genmo {
namespace {

constexpr int64_t kReach = 60;  // frames
constexpr double kClose = 8, kLine = 0.05;

// Blocks of layout "genmo", of the joints the root apart: what of a frame is given as a whole.
constexpr int kGroups[kKeyframeGroups + 1] = {kGravityView, kVelocity, kTurns, kTurns + 6, kShape, kRootInCamera, kCameraTurn, kCameraTurn + 6, kContactsAt, kFeatures};

// The given frames around one that goes up by one: the last that is not behind it, -1 where there is none, and the first behind it,
// `frames` where there is none.
template <typename Given>
class Around {
 public:
  int64_t before = -1, after = -1;

  Around(int64_t frames, Given given) : frames_(frames), given_(given) {}
  void move_to(int64_t frame) {
    if (given_(frame)) before = frame;
    if (after > frame) return;
    for (after = frame + 1; after < frames_ && !given_(after);) ++after;
  }

 private:
  int64_t frames_;
  Given given_;
};

}  // namespace

void keyframe_condition(const float* values, const uint8_t* mask, int64_t frames, const double* path, double yaw, float* out, float* out_mask) {
  std::fill(out, out + frames * kKeyframeWidth, 0.0f);
  std::fill(out_mask, out_mask + frames, 0.0f);
  for (int group = 0; group < kKeyframeGroups; ++group) {
    const int from = kGroups[group];
    Around around(frames, [&](int64_t frame) { return mask[frame * kFeatures + from] != 0; });
    for (int64_t frame = 0; frame < frames; ++frame) {
      around.move_to(frame);
      const bool behind = around.before >= 0, ahead = around.after < frames;
      if (!behind && !ahead) break;
      float* row = out + frame * kKeyframeWidth;
      const float *first = values + (behind ? around.before : around.after) * kFeatures, *second = ahead ? values + around.after * kFeatures : first;
      const double share = behind && ahead ? static_cast<double>(frame - around.before) / static_cast<double>(around.after - around.before) : 0;
      for (int i = from; i < kGroups[group + 1]; ++i)
        row[i] = static_cast<float>(static_cast<double>(first[i]) + share * (static_cast<double>(second[i]) - static_cast<double>(first[i])));
      const int64_t distance = std::min(behind ? frame - around.before : frames, ahead ? around.after - frame : frames);
      row[kFeatures + group] = static_cast<float>(std::exp(-static_cast<double>(distance) / kClose));
      if (distance <= kReach) out_mask[frame] = 1;
    }
  }
  const Mat3 level = matrix_from_yaw(-yaw);
  Around around(frames, [&](int64_t frame) { return std::isfinite(path[3 * frame]) != 0; });
  for (int64_t frame = 0; frame < frames; ++frame) {
    around.move_to(frame);
    float* row = out + frame * kKeyframeWidth;
    if (around.before >= 0 && around.after < frames) {
      const Vec3 step = level * (1 / static_cast<double>(around.after - around.before) * (at(path + 3 * around.after) - at(path + 3 * around.before)));
      float* line = row + kFeatures + kKeyframeGroups;
      line[0] = static_cast<float>(step.x / kLine);
      line[1] = static_cast<float>(step.y / kLine);
      line[2] = static_cast<float>(step.z / kLine);
      line[3] = 1;
    }
    if (out_mask[frame] == 0) std::fill_n(row, kKeyframeWidth, 0.0f);
  }
}

}  // namespace genmo
