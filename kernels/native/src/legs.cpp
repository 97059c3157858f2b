// Legs that follow their feet: two-bone inverse kinematics, and heels and toes that turn up over the floor.
#include <algorithm>
#include <cmath>

#include "feet.h"

namespace genmo {
namespace {

enum Bone { kHip, kKnee, kAnkle, kBall };

Vec3 column(const Mat3& m, int c) {
  return c == 0 ? Vec3{m.row[0].x, m.row[1].x, m.row[2].x} : Vec3{m.row[0].y, m.row[1].y, m.row[2].y};
}

// A rotation bent about its own left-right axis until `end`, from the ball in the rest frame, is high enough.
Mat3 bent_up(const genmo_feet& o, const Mat3& rotation, Vec3 rest_end, double min_height) {
  const Vec3 across = column(rotation, 0), end = rotation * rest_end;
  // A turn by t brings the end to fixed + level * cos(t) + turning * sin(t) metres over the ball.
  const double fixed = dot(across, end) * across.y, level = end.y - fixed, turning = cross(across, end).y;
  const double radius = std::hypot(level, turning), angle = std::atan2(turning, level);
  const double wanted = std::clamp((min_height - fixed) / std::max(radius, 1e-9), -1.0, 1.0);
  const double bend = std::clamp(std::abs(angle) - std::acos(wanted), 0.0, o.most_bent);
  const double sign = angle > 0 ? 1 : angle < 0 ? -1 : 0;
  return matrix_from_turn(sign * o.strength * bend, across) * rotation;
}

// How far the ball rises so that neither it nor the heel is under the floor; its height after that.
double rise_of(const genmo_feet& o, const genmo_soles& soles, int foot, const Mat3& ankle, double height) {
  const double ball = std::max(o.ball_height - height, 0.0);
  const double heel = (ankle * at(soles.heels[foot])).y;
  const double sunk = std::max(soles.heel_radius - height - ball - heel, 0.0);
  const double over = std::max(height - o.ball_height, 0.0) / o.stands;
  return o.strength * (ball + sunk * -std::expm1(-over * over));
}

// The distance hip to ankle that the leg will have: the requested one, but for the last few per cent.
double soft_reach(double extended, double requested, double current, double upper, double lower) {
  const double longest = upper + lower, free = std::min(std::max(extended * longest, current), longest);
  const double room = std::max(longest - free, 1e-9);
  const double distance = requested > free ? free + room * -std::expm1(-(requested - free) / room) : requested;
  return std::max(distance, std::abs(upper - lower) + 0.01 * longest);
}

}  // namespace

Turns two_bone(double extended, Vec3 hip, Vec3 knee, Vec3 ankle, Vec3 target, Vec3 axis) {
  const Vec3 thigh = knee - hip, shin = ankle - knee, to_ankle = ankle - hip, to_target = target - hip;
  const double upper = length(thigh), lower = length(shin);
  const double distance = soft_reach(extended, length(to_target), length(to_ankle), upper, lower);
  const Vec3 along = unit(to_target), bend = cross(unit(thigh), unit(shin));
  const double cosine =
      std::clamp((upper * upper + distance * distance - lower * lower) / (2 * upper * distance), -1.0, 1.0);
  const double sine = std::sqrt(1 - cosine * cosine);
  // sine of the knee's bend, from the triangle's area
  const double more = std::max(sine * distance / lower - length(bend), 0.0);
  const Vec3 normal = shortest_turn(unit(to_ankle), along) * (bend + more * axis);
  const Vec3 outward = unit(cross(along, normal));
  const Vec3 new_thigh = upper * (cosine * along + sine * outward), new_shin = distance * along - new_thigh;
  return {shortest_turn(unit(thigh), unit(new_thigh)), shortest_turn(unit(shin), unit(new_shin))};
}

namespace {

void move_foot(const genmo_feet& o, const genmo_soles& soles, int foot, const double* points, const double* globals,
               const Mat3& root, Vec3 shift, Vec3 offset, double* rotations) {
  Vec3 joint[4];
  for (int bone = 0; bone < 4; ++bone) joint[bone] = at(points + 3 * bone) + shift;
  Mat3 ankle = mat_at(globals + 9 * kAnkle), toes = mat_at(globals + 9 * kBall);
  if (!std::isnan(o.ground)) {
    const Mat3 before = ankle;
    double height = joint[kBall].y + offset.y - o.ground;
    const double rise = rise_of(o, soles, foot, ankle, height);
    height += rise;
    ankle = bent_up(o, ankle, at(soles.heels[foot]), soles.heel_radius - height);
    toes = bent_up(o, toes, at(soles.toes[foot]), soles.toe_radius - height);
    offset.y += rise;
    offset = offset + (before * at(soles.balls[foot]) - ankle * at(soles.balls[foot]));  // the ball stays, the ankle moves
  }
  const Mat3 hip = mat_at(globals + 9 * kHip), knee = mat_at(globals + 9 * kKnee);
  const Turns turns =
      two_bone(o.extended, joint[kHip], joint[kKnee], joint[kAnkle], joint[kAnkle] + offset, column(hip, 0));
  const Mat3 upper = turns.thigh * hip, lower = turns.shin * knee;
  put(rotations + 9 * kHip, transposed(root) * upper);
  put(rotations + 9 * kKnee, transposed(upper) * lower);
  put(rotations + 9 * kAnkle, transposed(lower) * ankle);
  put(rotations + 9 * kBall, transposed(ankle) * toes);
}

}  // namespace
}  // namespace genmo

extern "C" genmo_status genmo_move_feet(const genmo_feet* feet, const genmo_soles* soles, int64_t frames,
                                        const double* points, const double* globals, const double* roots,
                                        const double* shift, const double* offsets, double* rotations,
                                        genmo_error* error) {
  using genmo::fail;
  const genmo_status status = genmo::check(feet, frames, error);
  if (status != GENMO_OK) return status;
  if (soles == nullptr || soles->size != sizeof *soles) {
    return fail(error, GENMO_BAD_ARGUMENT, "soles is NULL or not of this header");
  }
  if (points == nullptr || globals == nullptr || roots == nullptr || shift == nullptr || offsets == nullptr ||
      rotations == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL");
  }
  for (int64_t frame = 0; frame < frames; ++frame) {
    const genmo::Mat3 root = genmo::mat_at(roots + 9 * frame);
    const genmo::Vec3 moved = feet->strength * genmo::at(shift + 3 * frame);
    for (int foot = 0; foot < 2; ++foot) {
      const int64_t leg = frame * 2 + foot;
      genmo::move_foot(*feet, *soles, foot, points + leg * 12, globals + leg * 36, root, moved,
                       feet->strength * genmo::at(offsets + 3 * leg), rotations + leg * 36);
    }
  }
  return GENMO_OK;
}
