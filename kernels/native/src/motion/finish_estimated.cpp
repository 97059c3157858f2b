// From a network's answer to a finished motion of keypoints: what runtime/refine/pipeline.py does with one camera and no text.
#include <algorithm>
#include <cmath>

#include "motion/estimated.h"
#include "motion/feet_rules.h"
#include "motion/filters.h"
#include "small.h"

namespace genmo {
namespace {

// The slow part of the path is a known camera's; without one the feet know it better than the velocity does.
constexpr FeetOptions kCameraFeet{NAN, 45, 0.4, 0.3}, kEstimatedFeet{0, 300, 0.38, 0.27};
constexpr double kGroundShare = 0.05, kNearGround = 0.15;

// `by_gravity`: the camera is given, so the root in it is turned as in the world.
Estimated decode_estimated(const double* features, const Keypoints& keypoints, bool by_gravity, Pool& pool) {
  const int64_t frames = keypoints.frames;
  Estimated motion;
  motion.clip = decode(features, frames, pool, keypoints.rotation);
  motion.root_rotation = pool.get<double>(9 * frames);
  motion.root_translation = pool.get<double>(3 * frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* row = features + frame * kFeatures;
    double* root = motion.root_rotation + 9 * frame;
    matrix_from_6d(row + kTurns, root);
    if (by_gravity) put(root, transposed(mat_at(keypoints.rotation + 9 * frame)) * mat_at(motion.clip.rotations + frame * 9 * kJoints));
    std::copy_n(row + kRootInCamera, 3, motion.root_translation + 3 * frame);
  }
  return motion;
}

// Onto its floor.  Where a known camera gives the height it changes by a constant, which brings a ground that is near to y = 0;
// else the camera goes up or down with the motion.
void stand_on_floor(Estimated& motion, bool anchored, Pool& pool) {
  const Pool::Scope scope(pool);
  Clip& clip = motion.clip;
  const int64_t frames = clip.frames;
  if (anchored) {
    auto* lowest = pool.get<double>(frames);
    lowest_points(clip, pool, lowest);
    const double ground = quantile(lowest, frames, kGroundShare);
    if (std::abs(ground) >= kNearGround) return;
    for (int64_t frame = 0; frame < frames; ++frame) clip.translation[3 * frame + 1] -= ground;
    return;
  }
  auto* before = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) before[frame] = clip.translation[3 * frame + 1];
  put_on_floor(clip, pool);
  double rise = 0;
  for (int64_t frame = 0; frame < frames; ++frame) rise += clip.translation[3 * frame + 1] - before[frame];
  motion.rise += rise / static_cast<double>(frames);
}

void lock_feet(Estimated& motion, bool anchored, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* floor = pool.get<double>(motion.clip.frames);
  bool level = false;
  if (!anchored) {
    floor_of(motion.clip, pool, floor);
    level = std::all_of(floor, floor + motion.clip.frames, [](double height) { return height == 0; });
  }
  FeetOptions options = level ? kEstimatedFeet : kCameraFeet;  // without a flat ground a foot is pinned as high as it was
  if (anchored) options.ground = flat_ground(motion.clip, kGroundShare, kNearGround, pool);
  clean_feet(motion.clip, options, pool);
  if (!level) stand_on_floor(motion, anchored, pool);
}

}  // namespace

genmo_status finish_estimated(const double* features, const Keypoints& keypoints, const EstimateOptions& options, Pool& pool,
                              Estimated& motion, genmo_error* error) {
  const bool placed = !std::isnan(features[kRootInCamera]), anchored = placed && keypoints.rotation && keypoints.ground_known;
  motion = decode_estimated(features, keypoints, anchored && options.root_by_gravity, pool);
  if (placed && options.fit && options.stages >= 2) {
    const genmo_status status = fit_to_keypoints(motion, keypoints, options, pool, error);
    if (status != GENMO_OK) return status;
  }
  if (placed && options.fit && options.stages >= 3) with_image_contacts(motion, keypoints, pool);
  if (placed && options.stages >= 4) follow_camera(motion, keypoints, pool);
  if (options.stages >= 5) stand_on_floor(motion, anchored, pool);
  if (options.clean_feet && options.stages >= 6) lock_feet(motion, anchored, pool);
  if (!anchored && options.stages >= 7) {
    const Pool::Scope scope(pool);
    auto* floor = pool.get<double>(motion.clip.frames);
    floor_of(motion.clip, pool, floor);
    raise_above_floor(motion.clip, floor, pool);
  }
  return GENMO_OK;
}

size_t estimate_bytes(int64_t frames, int64_t width, int64_t conditions) {
  constexpr int64_t kOfFrame = 10000, kOfFittedFrame = 16000, kFittedAtOnce = 1124;
  const int64_t numbers = 4 * (width + conditions);
  return static_cast<size_t>(frames * (kOfFrame + numbers) + std::min(frames + 64, kFittedAtOnce) * kOfFittedFrame) + (size_t{1} << 20);
}

}  // namespace genmo
