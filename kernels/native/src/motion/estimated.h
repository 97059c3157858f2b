// A motion from keypoints between the network and the caller, and the stages that it goes through.  Twin: the motion stages of
// runtime/refine/pipeline.py.
#pragma once

#include "conditions/keypoints.h"
#include "motion/clip.h"

namespace genmo {

// The camera is OpenCV's.  Arrays are a pool's.
struct Estimated {
  Clip clip;
  double* root_rotation = nullptr;     // [frames, 3, 3] root to camera
  double* root_translation = nullptr;  // [frames, 3] metres
  double rise = 0;                     // metres by which the floor and the camera went up
};

// What may be asked of the stages.
struct EstimateOptions {
  bool fit = true, clean_feet = true;
  bool root_by_gravity = true;  // under a camera that is given the root in it is turned as in the world; not of released weights
  genmo_progress progress = nullptr;
  void* user = nullptr;
  // The stages that are gone through: 1 decoded, 2 fitted, 3 with contacts from the image, 4 on the camera's path, 5 on its
  // floor, 6 with feet that stand, 7 all.
  int stages = 7;
};

// Turns joints and changes the shape until they project onto the keypoints; the path in the world stays.
genmo_status fit_to_keypoints(Estimated& motion, const Keypoints& keypoints, const EstimateOptions& options, Pool& pool, genmo_error* error);

// Ankles of rotations [frames, 24, 3, 3], the root in the camera, turned until heels and toes lie in the image as the feet's
// keypoints do.
void point_feet(double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, Pool& pool);

// The contacts of the feet changed by what the keypoints show.
void with_image_contacts(Estimated& motion, const Keypoints& keypoints, Pool& pool);

// The path anchored to where the camera sees the root, if its poses are known or it stands still and its lens is known.
void follow_camera(Estimated& motion, const Keypoints& keypoints, Pool& pool);

// From features [frames, 181] that the network answered to the finished motion; where they do not place the root in the camera, which is
// NaN then, the keypoints and the camera change nothing.
genmo_status finish_estimated(const double* features, const Keypoints& keypoints, const EstimateOptions& options, Pool& pool,
                              Estimated& motion, genmo_error* error);

// Bytes of a pool that an estimate of so many frames needs, by an engine of this width whose conditions have so many numbers.
size_t estimate_bytes(int64_t frames, int64_t width, int64_t conditions);

}  // namespace genmo
