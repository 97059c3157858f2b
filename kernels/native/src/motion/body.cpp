#include "motion/body.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "once.h"
#include "small.h"

namespace genmo {

const int32_t kParents[kJoints] = {-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21};

namespace {

#include "skeleton.inc"  // kMean [72] and kComponents [10 x 72], from runtime/motion/skeleton.json

constexpr const char* kNames[kJoints] = {
    "pelvis",      "left_hip",       "right_hip",     "spine1",         "left_knee",  "right_knee",  "spine2",     "left_ankle",
    "right_ankle", "spine3",         "left_foot",     "right_foot",     "neck",       "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow",  "right_elbow",    "left_wrist", "right_wrist", "left_hand",  "right_hand"};

// The sole's ends, metres of the mean body: two spheres that touch the floor (the toes' all but) when the foot is flat.
constexpr double kHeelBack = 0.026, kHeelRadius = 0.034, kToeAhead = 0.062, kToeRadius = 0.019, kToeRise = 0.004;

// Height of the head joint over the ankles in the rest pose.
double stature(const double* offsets) {
  double spine = 0, legs = 0;
  for (const int joint : {kSpine1, kSpine2, kSpine3, kNeck, kHead}) spine += offsets[3 * joint + 1];
  for (const auto& leg : kLegs)
    for (int bone = 0; bone < 3; ++bone) legs += offsets[3 * leg[bone] + 1];
  return spine - legs / 2;
}

constexpr double kProportion = 0.03;  // of a part's length, one standard deviation

// The components of the betas, then those of thighs, shins and trunk.
struct FittedComponents {
  double rows[kFitted][3 * kJoints] = {};

  FittedComponents() {
    std::copy_n(kComponents, kBetas * 3 * kJoints, *rows);
    lengthen(rows[kBetas], {kLeftKnee, kRightKnee});
    lengthen(rows[kBetas + 1], {kLeftAnkle, kRightAnkle});
    lengthen(rows[kBetas + 2], {kSpine1, kSpine2, kSpine3, kLeftCollar, kRightCollar});
  }

  static void lengthen(double* row, std::initializer_list<int> joints) {
    for (const int joint : joints)
      for (int axis = 0; axis < 3; ++axis) row[3 * joint + axis] = kProportion * kMean[3 * joint + axis];
  }
};

}  // namespace

genmo_shape_space shape_space() { return {sizeof(genmo_shape_space), kBetas, kMean, kComponents}; }

genmo_shape_space fitted_space() {
  const auto& components = made_once<FittedComponents>();
  return {sizeof(genmo_shape_space), kFitted, kMean, *components.rows};
}

void rest_offsets(const double* betas, double* offsets) { rest_offsets(shape_space(), betas, offsets); }

void rest_offsets(const genmo_shape_space& space, const double* shape, double* offsets) {
  for (int i = 0; i < 3 * kJoints; ++i) {
    double sum = 0;
    for (int k = 0; k < space.count; ++k) sum += shape[k] * space.components[k * 3 * kJoints + i];
    offsets[i] = space.mean[i] + sum;
  }
}

genmo_soles soles_of(const double* offsets) {
  const double scale = stature(offsets) / stature(kMean);
  genmo_soles soles{};
  soles.size = sizeof soles;
  soles.heel_radius = scale * kHeelRadius;
  soles.toe_radius = scale * kToeRadius;
  for (int side = 0; side < 2; ++side) {
    const double* ball = offsets + 3 * kLegs[side][3];
    const double ankle_drop = std::max(kBallHeight - ball[1], kAnkleHeight), ball_drop = ankle_drop + ball[1];
    std::copy(ball, ball + 3, soles.balls[side]);
    soles.heels[side][1] = scale * kHeelRadius - ankle_drop;
    soles.heels[side][2] = -scale * kHeelBack;
    for (int i = 0; i < 3; ++i) soles.heels[side][i] -= ball[i];
    soles.toes[side][1] = scale * (kToeRadius + kToeRise) - ball_drop;
    soles.toes[side][2] = scale * kToeAhead;
  }
  return soles;
}

void kinematics(int64_t frames, const double* rotations, const double* root, const double* offsets, double* globals,
                double* positions) {
  double turned[9 * kJoints];
  for (int64_t frame = 0; frame < frames; ++frame)
    genmo_forward_kinematics(1, kJoints, kParents, rotations + frame * 9 * kJoints, root + 3 * frame, offsets, 0,
                             globals ? globals + frame * 9 * kJoints : turned, positions + frame * 3 * kJoints, nullptr);
}

}  // namespace genmo

extern "C" {

const char* genmo_joint_name(int32_t joint) {
  return joint >= 0 && joint < genmo::kJoints ? genmo::kNames[joint] : nullptr;
}

int32_t genmo_joint_parent(int32_t joint) { return joint >= 0 && joint < genmo::kJoints ? genmo::kParents[joint] : -1; }
}
