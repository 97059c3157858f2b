// The body: 24 joints in the order of SMPL and the space of its shapes.  Twin: runtime/motion/skeleton.py.
#pragma once

#include <cstdint>

#include "genmo/stages.h"

namespace genmo {

inline constexpr int kJoints = GENMO_JOINTS, kBetas = GENMO_BETAS, kContacts = GENMO_CONTACTS;

enum Joint {
  kPelvis, kLeftHip, kRightHip, kSpine1, kLeftKnee, kRightKnee, kSpine2, kLeftAnkle, kRightAnkle, kSpine3, kLeftFoot, kRightFoot,
  kNeck, kLeftCollar, kRightCollar, kHead, kLeftShoulder, kRightShoulder, kLeftElbow, kRightElbow, kLeftWrist, kRightWrist,
  kLeftHand, kRightHand
};

inline constexpr double kBallHeight = 0.028, kAnkleHeight = 0.035;  // metres over the floor of a foot that stands
inline constexpr int kLegs[2][4] = {{kLeftHip, kLeftKnee, kLeftAnkle, kLeftFoot}, {kRightHip, kRightKnee, kRightAnkle, kRightFoot}};

extern const int32_t kParents[kJoints];

// The space of the bodies' shapes.
genmo_shape_space shape_space();

// That with more numbers behind the betas: how much longer thighs, shins and trunk are. Twin: fitted_space in
// runtime/refine/shape_fit.py.
inline constexpr int kFitted = kBetas + 3;
genmo_shape_space fitted_space();

// Rest offsets [24, 3] of a body of betas [10], and of a `shape` [count] in a space.
void rest_offsets(const double* betas, double* offsets);
void rest_offsets(const genmo_shape_space& space, const double* shape, double* offsets);

// Where the soles of a body of rest offsets [24, 3] end.
genmo_soles soles_of(const double* offsets);

// World rotations [frames, 24, 3, 3] and positions [frames, 24, 3]; `globals` NULL: positions alone are wanted.
void kinematics(int64_t frames, const double* rotations, const double* root, const double* offsets, double* globals,
                double* positions);

}  // namespace genmo
