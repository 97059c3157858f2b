#include "sampling/constrained.h"

#include <algorithm>

#include "sampling/known_frames.h"
#include "small.h"

namespace genmo {
namespace {

// What keyframes fix: the pose, the root's as it is upright, and its velocity where the next frame is one too.
void fix_features(const Model& model, const Keyframes& keys, float* values, uint8_t* mask) {
  const auto fix = [&](int64_t frame, int first, const double* features, int count) {
    for (int64_t i = 0, at = frame * kFeatures + first; i < count; ++i, ++at) {
      values[at] = normalised(model, at, features[i]);
      mask[at] = 1;
    }
  };
  for (int64_t k = 0; k < keys.count; ++k) {
    const double* turns = keys.rotations + k * 9 * kJoints;
    const int64_t frame = keys.frames[k];
    fix(frame, kGravityView, turns, 6);  // the first two rows: seen by a level camera that looks along +z
    for (int joint = 1; joint < kJoints; ++joint) fix(frame, kTurns + 6 * joint, turns + 9 * joint, 6);
    if (k + 1 == keys.count || keys.frames[k + 1] != frame + 1 || !keys.placed(k) || !keys.placed(k + 1)) continue;
    double step[3];
    put(step, transposed(mat_at(turns)) * (at(keys.roots + 3 * k + 3) - at(keys.roots + 3 * k)));
    fix(frame, kVelocity, step, 3);
  }
}

// A prediction that meets the constraints.
void project(void* context, float* x_0, Pool& pool) {
  const auto& [model, constraints, frames] = *static_cast<const Projected*>(context);
  const Pool::Scope scope(pool);
  const int64_t count = frames * kFeatures;
  auto *features = pool.get<double>(count), *roots = pool.get<double>(9 * frames), *heights = pool.get<double>(frames);
  for (int64_t i = 0; i < count; ++i) features[i] = restored(model, i, x_0[i]);
  Clip clip = decode(features, frames, pool);
  put_on_floor(clip, pool);
  for (int64_t frame = 0; frame < frames; ++frame) {
    std::copy_n(clip.rotations + frame * 9 * kJoints, 9, roots + 9 * frame);
    heights[frame] = clip.translation[3 * frame + 1];
  }
  solve_constraints(clip, constraints, nullptr, pool);
  put_poses(features, clip, roots, heights, 0);
  for (int64_t i = 0; i < count; ++i) x_0[i] = normalised(model, i, features[i]);
}

}  // namespace

Inpainting inpainting_of(Projected& projected, Pool& pool) {
  Inpainting inpainting;
  if (!projected.constraints.any()) return inpainting;
  const Keyframes& keys = projected.constraints.keyframes;
  const int64_t frames = projected.frames, count = frames * kFeatures;
  auto *values = pool.get<float>(count), *condition = pool.get<float>(frames * kKeyframeWidth), *shown = pool.get<float>(frames);
  auto* mask = pool.get<uint8_t>(count);
  std::fill_n(values, count, 0.0f);
  std::fill_n(mask, count, uint8_t{0});
  fix_features(projected.model, keys, values, mask);
  inpainting.values = values;
  inpainting.mask = mask;
  inpainting.project = project;
  inpainting.context = &projected;
  if (!keys.count) return inpainting;  // joint targets are no condition of the network
  const Pool::Scope scope(pool);
  auto* path = pool.get<double>(3 * frames);
  std::fill_n(path, 3 * frames, NAN);
  for (int64_t k = 0; k < keys.count; ++k) std::copy_n(keys.roots + 3 * k, 3, path + 3 * keys.frames[k]);
  keyframe_condition(values, mask, frames, path, 0, condition, shown);
  inpainting.known = {condition, shown};
  return inpainting;
}

void put_poses(double* features, const Clip& clip, const double* roots, const double* heights, double yaw) {
  const Mat3 level = matrix_from_yaw(-yaw);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    double* row = features + frame * kFeatures;
    const double *turns = clip.rotations + frame * 9 * kJoints, *place = clip.translation + 3 * frame;
    double seen[9];
    matrix_from_6d(row + kTurns, seen);
    const Mat3 from_world = mat_at(seen) * transposed(mat_at(roots + 9 * frame)), root = mat_at(turns);
    put_sixd(row + kGravityView, level * root);
    put_sixd(row + kTurns, from_world * root);
    for (int joint = 1; joint < kJoints; ++joint) put_sixd(row + kTurns + 6 * joint, mat_at(turns + 9 * joint));
    const int64_t now = std::max<int64_t>(std::min(frame, clip.frames - 2), 0), next = std::min(now + 1, clip.frames - 1);
    put(row + kVelocity, transposed(mat_at(clip.rotations + now * 9 * kJoints)) * (at(clip.translation + 3 * next) - at(clip.translation + 3 * now)));
    put(row + kRootInCamera, at(row + kRootInCamera) + from_world * Vec3{0, place[1] - heights[frame], 0});
  }
}

}  // namespace genmo
