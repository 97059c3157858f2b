#include "endless/steering.h"

#include <algorithm>
#include <cmath>

#include "angles.h"
#include "motion/filters.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kStride = 21, kLongStride = 31, kSharp = 7, kEnter = 8;
constexpr double kBraking = 4, kStanding = 0.3, kSlowFrom = 1.1, kSlowAt = 0.8;

// `out` [frames]: numpy's gradient of values [frames] with `stride`.
void gradient(const double* values, int64_t frames, int64_t stride, double* out) {
  for (int64_t frame = 0; frame < frames; ++frame) {
    const int64_t before = std::max<int64_t>(frame - 1, 0), after = std::min(frame + 1, frames - 1);
    out[frame] = after > before ? (values[after * stride] - values[before * stride]) / static_cast<double>(after - before) : 0;
  }
}

// How much [frames] a plan brakes, speeds up or stands, 0 to 1.
void sharpness(const double* positions, int64_t frames, Pool& pool, double* sharp) {
  const Pool::Scope scope(pool);
  double *velocity[2], *change[2];
  for (int i = 0; i < 2; ++i) {
    velocity[i] = pool.get<double>(frames);
    change[i] = pool.get<double>(frames);
    auto* slow = pool.get<double>(frames);
    gradient(positions + i, frames, 2, velocity[i]);
    for (int64_t frame = 0; frame < frames; ++frame) velocity[i][frame] *= GENMO_FPS;
    local_trend(velocity[i], frames, kSharp, pool, slow);
    gradient(slow, frames, 1, change[i]);
  }
  auto* raw = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double speed = std::sqrt(velocity[0][frame] * velocity[0][frame] + velocity[1][frame] * velocity[1][frame]);
    const double acceleration = std::sqrt(change[0][frame] * change[0][frame] + change[1][frame] * change[1][frame]) * GENMO_FPS;
    raw[frame] = std::max(smoothstep(acceleration / kBraking), smoothstep(2 - speed / kStanding));
  }
  local_trend(raw, frames, kSharp, pool, sharp);
  for (int64_t frame = 0; frame < frames; ++frame) sharp[frame] = std::clamp(sharp[frame], 0.0, 1.0);
}

// How slowly [frames] a plan walks, 0 to 1.
void leisure_of(const double* positions, int64_t frames, Pool& pool, double* leisure) {
  const Pool::Scope scope(pool);
  auto *velocity = pool.get<double>(frames), *slow = pool.get<double>(frames);
  std::fill_n(leisure, frames, 0.0);
  for (int axis = 0; axis < 2; ++axis) {
    gradient(positions + axis, frames, 2, velocity);
    local_trend(velocity, frames, kStride, pool, slow);
    for (int64_t frame = 0; frame < frames; ++frame) leisure[frame] += slow[frame] * slow[frame];
  }
  for (int64_t frame = 0; frame < frames; ++frame)
    leisure[frame] = smoothstep((kSlowFrom - std::sqrt(leisure[frame]) * GENMO_FPS) / (kSlowFrom - kSlowAt));
}

// The known frame next to the others.
int64_t border_of(const Reference& reference, int64_t frames) {
  const int64_t known = std::max<int64_t>(reference.known, 1);
  return reference.back ? frames - known : known - 1;
}

// The slow part of a difference [frames], in its place, grown from nothing away from the known frames.
void correct(double* difference, const double* sharp, const double* leisure, int64_t frames, const Reference& reference, Pool& pool) {
  const Pool::Scope scope(pool);
  auto *slow = pool.get<double>(frames), *slower = pool.get<double>(frames), *quick = pool.get<double>(frames);
  local_trend(difference, frames, kStride, pool, slow);
  local_trend(difference, frames, kLongStride, pool, slower);
  for (int64_t frame = 0; frame < frames; ++frame) slow[frame] += leisure[frame] * (slower[frame] - slow[frame]);
  local_trend(difference, frames, kSharp, pool, quick);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const int64_t away = (frame - border_of(reference, frames)) * (reference.back ? -1 : 1);
    const double grown = reference.known ? smoothstep(static_cast<double>(away) / kEnter) : 1;
    difference[frame] = (slow[frame] + sharp[frame] * (quick[frame] - slow[frame])) * grown;
  }
}

// Angles [frames] without jumps, the middle one nearest to zero.
void centre(double* angles, int64_t frames, Pool& pool) {
  const Pool::Scope scope(pool);
  unwrap(angles, frames);
  auto* sorted = pool.get<double>(frames);
  std::copy_n(angles, frames, sorted);
  const double turns = 2 * kPi * std::nearbyint(quantile(sorted, frames, 0.5) / (2 * kPi));
  for (int64_t frame = 0; frame < frames; ++frame) angles[frame] -= turns;
}

// `path` [frames, 3] of a root [frames, 3, 3] with the features' velocities, at `anchor` in the frame `last`.
void integrate(const double* root, const double* features, int64_t frames, int64_t last, const double* anchor, double* path) {
  Vec3 place{0, 0, 0};
  for (int64_t frame = 0; frame < frames; ++frame) {
    put(path + 3 * frame, place);
    place = place + mat_at(root + 9 * frame) * at(features + frame * kFeatures + kVelocity);
  }
  const Vec3 shift = at(anchor) - at(path + 3 * last);
  for (int64_t frame = 0; frame < frames; ++frame) put(path + 3 * frame, at(path + 3 * frame) + shift);
}

// Writes the root's rotation in the world [frames, 3, 3] and its path, moved from one to another [frames, 3].
void put_root(double* features, int64_t frames, const Still& camera, const double* root, const double* before, const double* after) {
  const Mat3 level = matrix_from_yaw(-gravity_view_yaw(camera.rotation)), in_camera = transposed(mat_at(camera.rotation));
  for (int64_t frame = 0; frame < frames; ++frame) {
    double* row = features + frame * kFeatures;
    const Mat3 turn = mat_at(root + 9 * frame);
    put_sixd(row + kGravityView, level * turn);
    put_sixd(row + kTurns, in_camera * turn);
    const int64_t now = std::max<int64_t>(std::min(frame, frames - 2), 0), next = std::min(now + 1, frames - 1);
    put(row + kVelocity, transposed(mat_at(root + 9 * now)) * (at(after + 3 * next) - at(after + 3 * now)));
    put(row + kRootInCamera, at(row + kRootInCamera) + in_camera * (at(after + 3 * frame) - at(before + 3 * frame)));
  }
}

}  // namespace

void steer_root(double* features, int64_t frames, const Still& camera, const Reference& reference, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t last = border_of(reference, frames);
  const Mat3 yaw = matrix_from_yaw(gravity_view_yaw(camera.rotation));
  auto *root = pool.get<double>(9 * frames), *before = pool.get<double>(3 * frames), *after = pool.get<double>(3 * frames);
  auto *sharp = pool.get<double>(frames), *leisure = pool.get<double>(frames), *difference = pool.get<double>(frames);
  sharpness(reference.positions, frames, pool, sharp);
  leisure_of(reference.positions, frames, pool, leisure);
  for (int64_t frame = 0; frame < frames; ++frame) {
    matrix_from_6d(features + frame * kFeatures + kGravityView, root + 9 * frame);
    put(root + 9 * frame, yaw * mat_at(root + 9 * frame));
    difference[frame] = reference.headings[frame] - heading(root + 9 * frame);
  }
  integrate(root, features, frames, last, reference.root, before);
  centre(difference, frames, pool);
  correct(difference, sharp, leisure, frames, reference, pool);
  for (int64_t frame = 0; frame < frames; ++frame) put(root + 9 * frame, matrix_from_yaw(difference[frame]) * mat_at(root + 9 * frame));
  integrate(root, features, frames, last, reference.root, after);
  for (int axis = 0; axis < 2; ++axis) {
    for (int64_t frame = 0; frame < frames; ++frame) difference[frame] = reference.positions[2 * frame + axis] - after[3 * frame + 2 * axis];
    correct(difference, sharp, leisure, frames, reference, pool);
    for (int64_t frame = 0; frame < frames; ++frame) after[3 * frame + 2 * axis] += difference[frame];
  }
  put_root(features, frames, camera, root, before, after);
}

}  // namespace genmo
