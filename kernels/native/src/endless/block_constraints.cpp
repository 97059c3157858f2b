#include "endless/block_constraints.h"

#include <algorithm>

#include "sampling/constrained.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int64_t kNotice = 50;    // frames before a constraint from which a block should know of it
constexpr int64_t kShortest = 15;  // frames of a block that ends for that

struct Range {
  int64_t first, count;
};

Range frames_within(const int64_t* frames, int64_t count, int64_t first, int64_t past) {
  const int64_t low = std::lower_bound(frames, frames + count, first) - frames;
  return {low, std::lower_bound(frames, frames + count, past) - frames - low};
}

Keyframes keyframes_from(const Keyframes& all, Range range) { return {range.count, all.frames + range.first, all.rotations + range.first * 9 * kJoints, all.roots + 3 * range.first}; }

JointTargets targets_from(const JointTargets& all, Range range) { return {range.count, all.frames + range.first, all.joints + range.first, all.places + 3 * range.first}; }

int64_t* shifted(const int64_t* frames, int64_t count, int64_t shift, Pool& pool) {
  auto* moved = pool.get<int64_t>(count);
  for (int64_t i = 0; i < count; ++i) moved[i] = frames[i] + shift;
  return moved;
}

// The frames [first, first + count) of a past as keyframes at `at`, and those of the constraints `shift` later behind them.
Constraints pinned(const Constraints& given, const Clip& past, int64_t first, int64_t count, int64_t at, int64_t shift, Pool& pool) {
  Constraints all = given;
  const Keyframes& keys = given.keyframes;
  all.keyframes = {count + keys.count, pool.get<int64_t>(count + keys.count), pool.get<double>((count + keys.count) * 9 * kJoints), pool.get<double>(3 * (count + keys.count))};
  for (int64_t i = 0; i < count; ++i) all.keyframes.frames[i] = at + i;
  std::copy_n(past.rotations + first * 9 * kJoints, count * 9 * kJoints, all.keyframes.rotations);
  std::copy_n(past.translation + 3 * first, 3 * count, all.keyframes.roots);
  for (int64_t k = 0; k < keys.count; ++k) all.keyframes.frames[count + k] = keys.frames[k] + shift;
  std::copy_n(keys.rotations, keys.count * 9 * kJoints, all.keyframes.rotations + count * 9 * kJoints);
  std::copy_n(keys.roots, 3 * keys.count, all.keyframes.roots + 3 * count);
  all.targets.frames = shifted(given.targets.frames, given.targets.count, shift, pool);
  return all;
}

uint8_t* first_ones(int64_t count, int64_t frames, Pool& pool) {
  auto* chosen = pool.get<uint8_t>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) chosen[frame] = frame < count;
  return chosen;
}

}  // namespace

void drop_past(Constraints& told, int64_t frame) {
  Keyframes& keys = told.keyframes;
  JointTargets& targets = told.targets;
  const Range later = frames_within(keys.frames, keys.count, frame, INT64_MAX), after = frames_within(targets.frames, targets.count, frame, INT64_MAX);
  keys = keyframes_from(keys, later);
  targets = targets_from(targets, after);
}

Constraints constraints_in(const Constraints& told, int64_t first, int64_t frames, Pool& pool) {
  Constraints inside;
  inside.keyframes = keyframes_from(told.keyframes, frames_within(told.keyframes.frames, told.keyframes.count, first, first + frames));
  inside.targets = targets_from(told.targets, frames_within(told.targets.frames, told.targets.count, first, first + frames));
  inside.keyframes.frames = shifted(inside.keyframes.frames, inside.keyframes.count, -first, pool);
  inside.targets.frames = shifted(inside.targets.frames, inside.targets.count, -first, pool);
  return inside;
}

int64_t frames_to_keep(const Constraints& told, int64_t first, int64_t block, Pool& pool) {
  const Pool::Scope scope(pool);
  const Keyframes& keys = told.keyframes;
  const JointTargets& targets = told.targets;
  auto* moments = pool.get<int64_t>(keys.count + targets.count);
  std::merge(keys.frames, keys.frames + keys.count, targets.frames, targets.frames + targets.count, moments);
  int64_t before = -kNotice - 1;
  for (int64_t i = 0; i < keys.count + targets.count; before = moments[i++]) {
    if (moments[i] - before <= kNotice || moments[i] < first + block || moments[i] >= first + block + kNotice) continue;
    return std::clamp(moments[i] - kNotice - first, std::min(kShortest, block), block);
  }
  return block;
}

void meet_in_features(const Constraints& constraints, const Still& camera, const Clip& past, int64_t frames, double* features, Pool& pool) {
  const Pool::Scope scope(pool);
  auto *turns = pool.get<double>(9 * frames), *roots = pool.get<double>(9 * frames), *heights = pool.get<double>(frames);
  for (int64_t i = 0; i < 9 * frames; ++i) turns[i] = camera.rotation[i % 9];
  Clip clip = decode(features, frames, pool, turns);
  const int64_t known = past.frames;
  if (known) {
    const Vec3 shift = at(past.translation + 3 * (known - 1)) - at(clip.translation + 3 * (known - 1));
    for (int64_t frame = 0; frame < frames; ++frame) put(clip.translation + 3 * frame, at(clip.translation + 3 * frame) + shift);
  } else {
    put_on_floor(clip, pool);
  }
  for (int64_t frame = 0; frame < frames; ++frame) {
    std::copy_n(clip.rotations + frame * 9 * kJoints, 9, roots + 9 * frame);
    heights[frame] = clip.translation[3 * frame + 1];
  }
  const int64_t pins = std::min(kPinned, known);
  solve_constraints(clip, pinned(constraints, past, known - pins, pins, known - pins, 0, pool), first_ones(known, frames, pool), pool);
  put_poses(features, clip, roots, heights, gravity_view_yaw(camera.rotation));
}

void meet_in_block(const Constraints& constraints, const Clip& answered, Clip& block, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t tail = answered.frames;
  Clip whole = new_clip(tail + block.frames, pool);
  std::copy_n(block.offsets, 3 * kJoints, whole.offsets);
  std::copy_n(block.betas, kBetas, whole.betas);
  copy_frames(answered, 0, tail, whole, 0);
  copy_frames(block, 0, block.frames, whole, tail);
  solve_constraints(whole, pinned(constraints, answered, 0, tail, 0, tail, pool), first_ones(tail, whole.frames, pool), pool);
  copy_frames(whole, tail, block.frames, block, 0);
}

}  // namespace genmo
