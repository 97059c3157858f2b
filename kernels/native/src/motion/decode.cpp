// Features of a frame as a pose and a path, and back.  Twin: runtime/motion/representation.py.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kMostBeta = 4, kStaticSpeed = 0.15;
constexpr int kContactJoints[kContacts] = {kLeftAnkle, kLeftFoot, kRightAnkle, kRightFoot, kLeftWrist, kRightWrist};

// The frames of a step to the next one; the last repeats the one before.
struct Step {
  int64_t now, next;
  Step(int64_t frame, int64_t frames) : now(std::max<int64_t>(std::min(frame, frames - 2), 0)), next(std::min(now + 1, frames - 1)) {}
};

}  // namespace

void matrix_from_6d(const double* sixd, double* matrix) {
  const Vec3 first = unit(at(sixd)), across = at(sixd + 3);
  const Vec3 second = unit(across - dot(first, across) * first);
  put(matrix, Mat3{{first, second, cross(first, second)}});
}

double* joints_of(const Clip& clip, Pool& pool) {
  auto* positions = pool.get<double>(clip.frames * 3 * kJoints);
  kinematics(clip.frames, clip.rotations, clip.translation, clip.offsets, nullptr, positions);
  return positions;
}

double gravity_view_yaw(const double* rotation) {
  const double down = rotation[5];
  if (std::abs(down) <= 1 - 1e-6) return std::atan2(rotation[2], rotation[8]);
  const double side = down > 0 ? 1 : -1;  // it looks straight up or down: the top edge of the image gives the heading
  return std::atan2(side * rotation[1], side * rotation[7]);
}

Clip new_clip(int64_t frames, Pool& pool) {
  Clip clip;
  clip.frames = frames;
  clip.rotations = pool.get<double>(frames * 9 * kJoints);
  clip.translation = pool.get<double>(frames * 3);
  clip.contacts = pool.get<double>(frames * kContacts);
  return clip;
}

void copy_frames(const Clip& from, int64_t first, int64_t count, Clip& to, int64_t at) {
  const auto move = [&](const double* source, double* target, int64_t width) {
    std::memmove(target + at * width, source + first * width, static_cast<size_t>(count * width) * sizeof(double));
  };
  move(from.rotations, to.rotations, 9 * kJoints);
  move(from.translation, to.translation, 3);
  move(from.contacts, to.contacts, kContacts);
}

Clip decode(const double* features, int64_t frames, Pool& pool, const double* camera) {
  Clip clip = new_clip(frames, pool);
  std::fill(clip.betas, clip.betas + kBetas, 0.0);
  Vec3 path{0, 0, 0};
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* row = features + frame * kFeatures;
    double* turns = clip.rotations + frame * 9 * kJoints;
    matrix_from_6d(row + kGravityView, turns);
    if (camera) put(turns, matrix_from_yaw(gravity_view_yaw(camera + 9 * frame)) * mat_at(turns));
    for (int joint = 1; joint < kJoints; ++joint) matrix_from_6d(row + kTurns + 6 * joint, turns + 9 * joint);
    put(clip.translation + 3 * frame, path);
    path = path + mat_at(turns) * at(row + kVelocity);
    for (int k = 0; k < kBetas; ++k) clip.betas[k] += row[kShape + k];
    for (int k = 0; k < kContacts; ++k) clip.contacts[frame * kContacts + k] = std::clamp(row[kContactsAt + k], 0.0, 1.0);
  }
  for (double& beta : clip.betas) beta = std::clamp(beta / static_cast<double>(frames), -kMostBeta, kMostBeta);
  rest_offsets(clip.betas, clip.offsets);
  return clip;
}

void encode(const Clip& clip, const Still& camera, double* features) {
  const Mat3 in_camera = transposed(mat_at(camera.rotation)), level = matrix_from_yaw(-gravity_view_yaw(camera.rotation));
  const Mat3 turn = level * mat_at(camera.rotation);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    double* row = features + frame * kFeatures;
    const double* turns = clip.rotations + frame * 9 * kJoints;
    const Mat3 root = mat_at(turns);
    put_sixd(row + kGravityView, level * root);
    const Step step(frame, clip.frames);
    put(row + kVelocity, transposed(mat_at(clip.rotations + step.now * 9 * kJoints)) * (at(clip.translation + 3 * step.next) - at(clip.translation + 3 * step.now)));
    put_sixd(row + kTurns, in_camera * root);
    for (int joint = 1; joint < kJoints; ++joint) put_sixd(row + kTurns + 6 * joint, mat_at(turns + 9 * joint));
    std::copy_n(clip.betas, kBetas, row + kShape);
    put(row + kRootInCamera, in_camera * (at(clip.translation + 3 * frame) - at(camera.position)));
    put_sixd(row + kCameraTurn, turn);
    put(row + kCameraTurn + 6, Vec3{0, 0, 0});
    std::copy_n(clip.contacts + frame * kContacts, kContacts, row + kContactsAt);
  }
}

void label_contacts(const Clip& clip, Pool& pool, double* contacts) {
  const Pool::Scope scope(pool);
  const double* joints = joints_of(clip, pool);
  for (int64_t frame = 0; frame < clip.frames; ++frame)
    for (int k = 0; k < kContacts; ++k) {
      const Step step(frame, clip.frames);
      const Vec3 moved = at(joints + (step.next * kJoints + kContactJoints[k]) * 3) - at(joints + (step.now * kJoints + kContactJoints[k]) * 3);
      contacts[frame * kContacts + k] = length(moved) * GENMO_FPS < kStaticSpeed;
    }
}

}  // namespace genmo
