// One person of a stream of keypoints: the newest window, its estimate, and the poses that are answered.  Twin:
// runtime/streaming/motion_stream.py.
#pragma once

#include "engine/model.h"
#include "motion/feet_stream.h"
#include "motion/root_tracker.h"
#include "network/spaces.h"
#include "small.h"
#include "stream/running.h"
#include "stream/track_gate.h"

namespace genmo {

inline constexpr int kAllPoints = kPoints + kFootPoints;

struct StreamOptions {
  int64_t window = 0, look_ahead = 0;
  int32_t people = 0, stride = 0;
  int64_t reach = 0;  // frames on each side that are fitted with the answered one; -1: no fit
  bool clean_feet = true, clean_keypoints = true;
};

// The camera of everybody in the newest `window` frames, the newest last.
struct StreamCamera {
  bool known = false;
  double *rotation = nullptr, *position = nullptr;  // [window, 3, 3] level where it is not known, [window, 3]
  float* condition = nullptr;                       // [window, 12]
  double focal[2], middle[2];
};

struct PersonPose {
  int64_t frame = -1;
  bool settled = false;
  double rotations[9 * kJoints], translation[3], betas[kBetas], offsets[3 * kJoints], contacts[kContacts];
  double root_rotation[9], root_translation[3];  // in the camera
};

class Person {
 public:
  void open(const StreamOptions& options, Pool& memory);
  static size_t bytes(const StreamOptions& options);

  // The slot waits for the next one.
  void reset();

  // The path of a stream begins: whether the camera's poses and its lens are known.
  void begin_path(bool surveyed, bool lens_known) { tracker_ = RootTracker(surveyed, true, true, lens_known); }

  // Points [21, 3] of a frame.
  void push(const double* points);

  int64_t age() const { return age_; }              // frames so far
  int64_t estimated() const { return estimated_; }  // the age at which the window was estimated

  genmo_status estimate(Model& model, const StreamCamera& camera, const Spaces& own, Pool& pool, genmo_error* error);

  // The pose of a frame of the window that was estimated.
  genmo_status answer(const Model& model, const StreamCamera& camera, int64_t frame, bool settled, Pool& pool, PersonPose& pose, genmo_error* error);

 private:
  struct Rolled {
    Mat3 root;  // in the world
    Vec3 step;  // to it from the frame before
  };

  int64_t camera_row(int64_t row) const { return options_.window - 1 - (age_ - estimated_ + length_ - 1 - row); }
  double feature(const Model& model, int64_t row, int64_t index) const { return restored(model, index, x_0_[row * kFeatures + index]); }
  void block(const Model& model, int64_t row, int64_t index, int64_t count, double* out) const;
  bool seen_in(int64_t row) const;
  Keypoints keypoints_of(const StreamCamera& camera, int64_t row, int64_t frames, bool posed) const;
  void average(const Model& model, int64_t row, bool settled, double* betas, Mat3& tilt);
  genmo_status fit(const Model& model, const StreamCamera& camera, int64_t row, Pool& pool, Mat3& root, PersonPose& pose, genmo_error* error);
  Rolled roll_out(const Model& model, const StreamCamera& camera, int64_t row) const;
  void place(const StreamCamera& camera, const Rolled& rolled, Mat3 turn, const Mat3& tilt, int64_t row, bool visible, PersonPose& pose);
  int64_t standing(const Model& model, int64_t frame, int64_t row) const;
  void add_image_contacts(const Model& model, const StreamCamera& camera, int64_t row, Pool& pool, PersonPose& pose);
  void lock_feet(const StreamCamera& camera, Pool& pool, PersonPose& pose);
  void forget();

  StreamOptions options_;
  int64_t age_ = 0, estimated_ = 0, length_ = 0, since_ = 0;  // length of the estimate; frames since they became visible again
  double* raw_ = nullptr;               // [window, 21, 3] the newest points, newest last
  double *body_ = nullptr, *foot_ = nullptr;  // [window, 17, 3], [window, 4, 3] of the estimate, cleaned, oldest first
  float* x_0_ = nullptr;                // [window, 181] the estimate, of the frames that answers read
  bool* stood_ = nullptr;               // [window] whether a foot stood in the answered frames, by the network; at their number modulo the window
  TrackGate gate_;
  RunningMean mean_;
  RunningShape shape_;
  RootTracker tracker_{false, true, true};
  StaticView view_;
  FeetStream feet_;
  bool locking_ = false;
};

}  // namespace genmo
