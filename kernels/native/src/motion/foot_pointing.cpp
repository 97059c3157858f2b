// Feet that point where their heels and toes are seen.  Twin: runtime/refine/foot_pointing.py.
#include <algorithm>
#include <cmath>

#include "motion/estimated.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kFarthest = 1;  // radians by which a foot is turned at most
// Times its own length that a foot must be from heel to toes for its points to count not at all, in full, in full, not at all.
constexpr double kShares[4] = {0.2, 0.6, 1.3, 1.8};

// Linear between (kShares[i], 0, 1, 1, 0).
double trust_in(double share) {
  if (!(share > kShares[0]) || share >= kShares[3]) return 0;
  if (share < kShares[1]) return (share - kShares[0]) * (1 / (kShares[1] - kShares[0]));
  return share <= kShares[2] ? 1 : 1 + (share - kShares[2]) * (-1 / (kShares[3] - kShares[2]));
}

// Axis times angle of the shortest turn between two directions, at most kFarthest.
Vec3 shortest_turn_vector(Vec3 source, Vec3 target) {
  const Vec3 axis = cross(source, target);
  const double sine = length(axis), angle = std::min(std::atan2(sine, dot(source, target)), kFarthest);
  return (angle / std::max(sine, 1e-12)) * axis;
}

}  // namespace

void point_feet(double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, Pool& pool) {
  const Pool::Scope scope(pool);
  auto *rays = pool.get<double>(keypoints.frames * 2 * kFootPoints), *weight = pool.get<double>(keypoints.frames * kFootPoints);
  normalised_rays(keypoints, keypoints.feet, kFootPoints, rays, weight);
  const genmo_soles soles = soles_of(offsets);
  double globals[9 * kJoints], joints[3 * kJoints];
  for (int64_t frame = 0; frame < keypoints.frames; ++frame) {
    double* local = rotations + frame * 9 * kJoints;
    kinematics(1, local, root + 3 * frame, offsets, globals, joints);
    for (int side = 0; side < 2; ++side) {
      const int knee = kLegs[side][1], ankle = kLegs[side][2], ball = kLegs[side][3];
      const Mat3 foot = mat_at(globals + 9 * ankle);
      // from heel to toes; both are told from the ball
      const Vec3 along = foot * (mat_at(local + 9 * ball) * at(soles.toes[side]) - at(soles.heels[side]));
      const Vec3 place = at(joints + 3 * ankle);
      const double depth = std::max(place.z, 1e-3);
      const double *heel = rays + (frame * kFootPoints + 2 * side) * 2, *toes = heel + 2;
      const double* counts = weight + frame * kFootPoints + 2 * side;
      const Vec3 target{(toes[0] - heel[0]) * depth + place.x / depth * along.z, (toes[1] - heel[1]) * depth + place.y / depth * along.z, along.z};
      const double trust = trust_in(length(target) / length(along)) * std::min(counts[0], counts[1]);
      const Mat3 turned = matrix_from_axis_angle(trust * shortest_turn_vector(along, target)) * foot;
      put(local + 9 * ankle, transposed(mat_at(globals + 9 * knee)) * turned);
    }
  }
}

}  // namespace genmo
