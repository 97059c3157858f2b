// Keypoints of one person in a video, and what the network is told of them.  Twins: runtime/conditions/keypoints.py,
// keypoint_cleaning.py and condition_arrays.py.
#pragma once

#include "genmo/genmo.h"
#include "pool.h"

namespace genmo {

inline constexpr int kPoints = 17, kFootPoints = 4;      // COCO-17; left heel, left toes, right heel, right toes
inline constexpr double kVisible = 0.5;                  // points of higher confidence count as visible
inline constexpr int kLongestGap = 15;                   // frames that are bridged
inline constexpr int kLeftAnklePoint = 15, kRightAnklePoint = 16;

// Points are x, y in pixels and confidence.  The arrays are a pool's.
struct Keypoints {
  int64_t frames = 0;
  double* points = nullptr;  // [frames, 17, 3]
  double* feet = nullptr;    // [frames, 4, 3]; nullptr: the detector gives none
  double focal[2], middle[2];
  bool guessed = false;        // the intrinsics are those of default_intrinsics
  double* rotation = nullptr;  // [frames, 3, 3] camera to world, OpenCV axes, y-up world; nullptr: not known
  double* position = nullptr;  // [frames, 3] metres
  bool ground_known = false;   // y = 0 of that world is the ground
  double noise = 0;            // keypoint_cleaning.noise_level of what was brought to 30 a second; NaN: as in `points`
};

// Keypoints of the caller, checked and copied; a point that holds NaN is hidden.
genmo_status read_keypoints(const genmo_keypoints& given, Pool& pool, Keypoints& keypoints, genmo_error* error);

// [rows, 3] of the caller's points, all 0 where one is NaN; false where another number is out of bounds.
bool read_points(const float* given, int64_t rows, double* points);

// The lens and the camera's poses alone.
genmo_status read_lens(const genmo_keypoints& given, Keypoints& keypoints, genmo_error* error);
genmo_status read_camera(const genmo_keypoints& given, Pool& pool, Keypoints& keypoints, genmo_error* error);

// How weights want their conditions: runtime/denoiser/conventions.py, the defaults for layout "genmo".
struct ConditionRules {
  double box_aspect = 1;     // width over height of what a box is widened to
  int box_points = 2;        // visible points that the box's condition needs
  bool camera_stands = false;  // one that is not known is one that stands still; else absent
};
inline constexpr ConditionRules kReleasedRules{192.0 / 256.0, 4, true};

// The centre and side in pixels of the square around the visible points [17, 3] of a frame; false where fewer than two are.
bool bounding_box(const double* points, double aspect, double* box);

// Whether points [17, 3] make a box.
bool has_box(const double* points);

// What the camera of keypoints does until the next frame [frames, 12]: its turn in 6D, its step, and where up is.
void camera_condition(const Keypoints& keypoints, float* out);

// Sides put right, outliers hidden, short gaps bridged, noise smoothed: `points` and `feet` are changed.
void clean_keypoints(Keypoints& keypoints, Pool& pool);

// Where points [frames, count, 3] lie on the plane at depth 1, `rays` [frames, count, 2], and how much each counts by its
// confidence, `weight` [frames, count].  Twin: `normalised_rays` of runtime/refine/reprojection_fit.py.
void normalised_rays(const Keypoints& keypoints, const double* points, int count, double* rays, double* weight);

// The conditions of a motion that the keypoints span: [frames, 17 x 3], [frames, 3], [frames, 12], and their masks [frames].
struct KeypointConditions {
  float *keypoints, *keypoints_mask, *box, *box_mask, *camera, *camera_mask;
};
void keypoint_conditions(const Keypoints& keypoints, const KeypointConditions& out, const ConditionRules& rules = {});

}  // namespace genmo
