// Features of a frame as a pose and a path.  Twin: `decode` of runtime/motion/representation.py.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kMostBeta = 4;
// Where blocks of layout "genmo" begin: runtime/motion/layout.py.
constexpr int kGravityView = 0, kVelocity = 6, kShape = kTurns + 6 * kJoints,
              kContact = kFeatures - kContacts;

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

Clip decode(const double* features, int64_t frames, Pool& pool, const double* camera) {
  Clip clip;
  clip.frames = frames;
  clip.rotations = pool.get<double>(frames * 9 * kJoints);
  clip.translation = pool.get<double>(frames * 3);
  clip.contacts = pool.get<double>(frames * kContacts);
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
    for (int k = 0; k < kContacts; ++k) clip.contacts[frame * kContacts + k] = std::clamp(row[kContact + k], 0.0, 1.0);
  }
  for (double& beta : clip.betas) beta = std::clamp(beta / static_cast<double>(frames), -kMostBeta, kMostBeta);
  rest_offsets(clip.betas, clip.offsets);
  return clip;
}

}  // namespace genmo
