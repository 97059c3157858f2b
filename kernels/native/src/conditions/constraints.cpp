#include "conditions/constraints.h"

#include <algorithm>

#include "error.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kFarthest = 1e4;     // metres or radians
constexpr double kUnit = 0.01;        // by which the square of a quaternion's length may miss 1
constexpr int kIndexBits = 24, kJointBits = 5;

static_assert(kJoints < 1 << kJointBits);

bool is_near(double value) { return std::abs(value) <= kFarthest; }

// The order of what is at a frame and joint, in `keys` [count]: numbers in the bits of an index, frames and joints above them.
uint64_t key_of(int64_t frame, int64_t joint, int64_t index) {
  return (static_cast<uint64_t>(frame) << kJointBits | static_cast<uint64_t>(joint)) << kIndexBits | static_cast<uint64_t>(index);
}

int64_t index_in(uint64_t key) { return static_cast<int64_t>(key & ((uint64_t{1} << kIndexBits) - 1)); }

// Sorts; the number of the second of two at the same frame and joint, or -1.
int64_t sort_keys(uint64_t* keys, int64_t count) {
  std::sort(keys, keys + count);
  for (int64_t i = 1; i < count; ++i)
    if (keys[i] >> kIndexBits == keys[i - 1] >> kIndexBits) return index_in(keys[i]);
  return -1;
}

genmo_status check_frame(const char* what, int64_t frame, Within within, genmo_error* error) {
  if (frame >= within.first && frame < within.past) return GENMO_OK;
  return fail(error, GENMO_BAD_ARGUMENT, "a %s at frame %lld; wanted it within %lld to %lld", what, static_cast<long long>(frame),
              static_cast<long long>(within.first), static_cast<long long>(within.past - 1));
}

genmo_status twice(const char* what, int64_t frame, genmo_error* error) {
  return fail(error, GENMO_BAD_ARGUMENT, "frame %lld has two %s; wanted one", static_cast<long long>(frame), what);
}

bool are_units(const float* quaternions) {
  for (const float* q = quaternions; q != quaternions + 4 * kJoints; q += 4) {
    double square = 0;
    for (int i = 0; i < 4; ++i) square += static_cast<double>(q[i]) * static_cast<double>(q[i]);
    if (!(std::abs(square - 1) <= kUnit)) return false;
  }
  return true;
}

genmo_status check(const genmo_keyframe& given, genmo_error* error) {
  if (!given.rotations || !are_units(given.rotations))
    return fail(error, GENMO_BAD_ARGUMENT, "the keyframe of frame %d has no rotations, or numbers that are none; wanted 24 unit quaternions x, y, z, w", given.frame);
  for (int i = 0; given.root && i < 3; ++i)
    if (!is_near(static_cast<double>(given.root[i])))
      return fail(error, GENMO_BAD_ARGUMENT, "the keyframe of frame %d has its root at %g; wanted metres, at most %g", given.frame, static_cast<double>(given.root[i]), kFarthest);
  return GENMO_OK;
}

}  // namespace

Keyframes new_keyframes(int64_t count, Pool& pool) { return {count, pool.get<int64_t>(count), pool.get<double>(count * 9 * kJoints), pool.get<double>(3 * count)}; }

JointTargets new_targets(int64_t count, Pool& pool) { return {count, pool.get<int64_t>(count), pool.get<int32_t>(count), pool.get<double>(3 * count)}; }

void copy_keyframes(const Keyframes& from, Keyframes& to) {
  to.count = from.count;
  std::copy_n(from.frames, from.count, to.frames);
  std::copy_n(from.rotations, from.count * 9 * kJoints, to.rotations);
  std::copy_n(from.roots, 3 * from.count, to.roots);
}

void copy_targets(const JointTargets& from, JointTargets& to) {
  to.count = from.count;
  std::copy_n(from.frames, from.count, to.frames);
  std::copy_n(from.joints, from.count, to.joints);
  std::copy_n(from.places, 3 * from.count, to.places);
}

genmo_status check_counts(int32_t keyframes, int32_t targets, int32_t headings, int64_t frames, genmo_error* error) {
  if (keyframes >= 0 && keyframes <= frames && targets >= 0 && targets <= frames * kJoints && headings >= 0 && headings <= frames) return GENMO_OK;
  return fail(error, GENMO_BAD_ARGUMENT, "%d keyframes, %d targets and %d headings of %lld frames; wanted one a frame at most, of targets one a joint", keyframes, targets, headings,
              static_cast<long long>(frames));
}

size_t constraint_bytes(int64_t keyframes, int64_t targets, int64_t headings) {
  return static_cast<size_t>(keyframes) * (9 * kJoints + 5) * sizeof(double) + static_cast<size_t>(targets) * 6 * sizeof(double) +
         static_cast<size_t>(headings) * 3 * sizeof(double) + 16 * kAlignment;
}

genmo_status read_keyframes(const genmo_keyframe* given, int64_t count, Within within, Pool& pool, Keyframes& keyframes, genmo_error* error) {
  keyframes = new_keyframes(count, pool);
  auto* keys = pool.get<uint64_t>(count);
  for (int64_t i = 0; i < count; ++i) {
    genmo_status status = check_frame("keyframe", given[i].frame, within, error);
    if (status == GENMO_OK) status = check(given[i], error);
    if (status != GENMO_OK) return status;
    keys[i] = key_of(given[i].frame, 0, i);
  }
  const int64_t second = sort_keys(keys, count);
  if (second >= 0) return twice("keyframes", given[second].frame, error);
  for (int64_t k = 0; k < count; ++k) {
    const genmo_keyframe& one = given[index_in(keys[k])];
    keyframes.frames[k] = one.frame;
    for (int joint = 0; joint < kJoints; ++joint) {
      const float* q = one.rotations + 4 * joint;
      put(keyframes.rotations + (k * kJoints + joint) * 9,
          matrix_from_quaternion(static_cast<double>(q[3]), {static_cast<double>(q[0]), static_cast<double>(q[1]), static_cast<double>(q[2])}));
    }
    for (int i = 0; i < 3; ++i) keyframes.roots[3 * k + i] = one.root ? static_cast<double>(one.root[i]) : NAN;
  }
  return GENMO_OK;
}

genmo_status read_targets(const genmo_joint_target* given, int64_t count, Within within, Pool& pool, JointTargets& targets, genmo_error* error) {
  targets = new_targets(count, pool);
  auto* keys = pool.get<uint64_t>(count);
  for (int64_t i = 0; i < count; ++i) {
    const genmo_joint_target& one = given[i];
    const genmo_status status = check_frame("target", one.frame, within, error);
    if (status != GENMO_OK) return status;
    if (one.joint < 0 || one.joint >= kJoints) return fail(error, GENMO_BAD_ARGUMENT, "a target of joint %d; wanted 0 to %d", one.joint, kJoints - 1);
    for (const double value : one.position)
      if (!std::isnan(value) && !is_near(value))
        return fail(error, GENMO_BAD_ARGUMENT, "a target in frame %d is at %g; wanted metres, at most %g, or NaN where it is free", one.frame, value, kFarthest);
    keys[i] = key_of(one.frame, one.joint, i);
  }
  const int64_t second = sort_keys(keys, count);
  if (second >= 0)
    return fail(error, GENMO_BAD_ARGUMENT, "frame %d has two places for %s; wanted one a joint and frame", given[second].frame, genmo_joint_name(given[second].joint));
  for (int64_t k = 0; k < count; ++k) {
    const genmo_joint_target& one = given[index_in(keys[k])];
    targets.frames[k] = one.frame;
    targets.joints[k] = one.joint;
    std::copy_n(one.position, 3, targets.places + 3 * k);
  }
  return GENMO_OK;
}

genmo_status read_headings(const genmo_heading* given, int64_t count, Within within, Pool& pool, Headings& headings, genmo_error* error) {
  headings = {count, pool.get<int64_t>(count), pool.get<double>(count)};
  auto* keys = pool.get<uint64_t>(count);
  for (int64_t i = 0; i < count; ++i) {
    const genmo_status status = check_frame("heading", given[i].frame, within, error);
    if (status != GENMO_OK) return status;
    if (!is_near(given[i].radians)) return fail(error, GENMO_BAD_ARGUMENT, "the heading of frame %d is %g; wanted radians", given[i].frame, given[i].radians);
    keys[i] = key_of(given[i].frame, 0, i);
  }
  const int64_t second = sort_keys(keys, count);
  if (second >= 0) return twice("headings", given[second].frame, error);
  for (int64_t k = 0; k < count; ++k) {
    headings.frames[k] = given[index_in(keys[k])].frame;
    headings.radians[k] = given[index_in(keys[k])].radians;
  }
  return GENMO_OK;
}

genmo_status read_constraints(const genmo_generation& g, Pool& pool, Constraints& constraints, genmo_error* error) {
  const Within within{0, g.frames};
  genmo_status status = read_keyframes(g.keyframes, g.keyframe_count, within, pool, constraints.keyframes, error);
  if (status == GENMO_OK) status = read_targets(g.targets, g.target_count, within, pool, constraints.targets, error);
  return status == GENMO_OK ? read_headings(g.headings, g.heading_count, within, pool, constraints.headings, error) : status;
}

}  // namespace genmo
