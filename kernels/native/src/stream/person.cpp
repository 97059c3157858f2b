#include "stream/person.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/image_contacts.h"
#include "sampling/estimate.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int64_t kForgotten = 30, kContactLag = 3;
constexpr FeetOptions kStreamFeet{0, 60, kEnter, kLeave};

}  // namespace

void Person::open(const StreamOptions& options, Pool& memory) {
  options_ = options;
  raw_ = memory.get<double>(options.window * 3 * kAllPoints);
  body_ = memory.get<double>(options.window * 3 * kPoints);
  foot_ = memory.get<double>(options.window * 3 * kFootPoints);
  x_0_ = memory.get<float>(options.window * kFeatures);
  stood_ = memory.get<bool>(options.window);
  feet_.open(0, kStreamFeet, memory);
  std::fill_n(raw_, options.window * 3 * kAllPoints, 0.0);
  std::fill_n(stood_, options.window, false);
}

size_t Person::bytes(const StreamOptions& options) {
  const auto frames = static_cast<size_t>(options.window);
  return frames * (6 * kAllPoints * sizeof(double) + kFeatures * sizeof(float) + 1) + FeetStream::bytes(0, kStreamFeet.horizon) + 9 * kAlignment;
}

void Person::forget() {
  mean_ = RunningMean();
  shape_ = RunningShape();
}

void Person::reset() {
  age_ = estimated_ = length_ = since_ = 0;
  gate_ = TrackGate();
  std::fill_n(stood_, options_.window, false);
  locking_ = false;
  forget();
}

void Person::push(const double* points) {
  const int64_t width = 3 * kAllPoints;
  double* newest = raw_ + (options_.window - 1) * width;
  std::memmove(raw_, raw_ + width, static_cast<size_t>((options_.window - 1) * width) * sizeof *raw_);
  std::copy_n(points, width, newest);
  if (options_.clean_keypoints) {
    const int64_t missing = gate_.missing;
    const bool accepted = gate_.push(points);
    if (accepted && missing >= kForgotten) since_ = 0;
    for (int i = 0; i < kAllPoints && !accepted; ++i) newest[3 * i + 2] = 0;
  }
  const bool present = age_ > 0 || has_box(newest);
  age_ += present;
  since_ += present;
}

// Frames of the estimate from `row` on; `posed`: with the camera that saw them.
Keypoints Person::keypoints_of(const StreamCamera& camera, int64_t row, int64_t frames, bool posed) const {
  Keypoints keypoints;
  keypoints.frames = frames;
  keypoints.points = body_ + row * 3 * kPoints;
  double* feet = foot_ + row * 3 * kFootPoints;
  for (int64_t i = 0; i < frames * kFootPoints; ++i)
    if (feet[3 * i + 2] != 0) keypoints.feet = feet;
  std::copy_n(camera.focal, 2, keypoints.focal);
  std::copy_n(camera.middle, 2, keypoints.middle);
  keypoints.noise = NAN;
  if (!posed || !camera.known) return keypoints;
  keypoints.rotation = camera.rotation + 9 * camera_row(row);
  keypoints.position = camera.position + 3 * camera_row(row);
  return keypoints;
}

genmo_status Person::estimate(Model& model, const StreamCamera& camera, const Spaces& own, Pool& pool, genmo_error* error) {
  // until the answered frame lies behind a break, the frames before it are needed
  length_ = std::min(since_ > options_.look_ahead ? since_ : age_, options_.window);
  estimated_ = age_;
  for (int64_t row = 0; row < length_; ++row) {
    const double* points = raw_ + (options_.window - length_ + row) * 3 * kAllPoints;
    std::copy_n(points, 3 * kPoints, body_ + row * 3 * kPoints);
    std::copy_n(points + 3 * kPoints, 3 * kFootPoints, foot_ + row * 3 * kFootPoints);
  }
  Keypoints keypoints = keypoints_of(camera, 0, length_, false);
  if (options_.clean_keypoints) clean_keypoints(keypoints, pool);
  const float* condition = camera.known ? camera.condition + 12 * (options_.window - length_) : nullptr;
  // answers read the frames that are fitted with them, the one before for its step, and those behind
  const int64_t before = std::max<int64_t>(options_.reach, 1), first = std::max<int64_t>(length_ - 1 - options_.look_ahead - before, 0);
  return estimate_normalised(model, keypoints, condition, first, &own, pool, {x_0_}, error);
}

void Person::block(const Model& model, int64_t row, int64_t index, int64_t count, double* out) const {
  for (int64_t i = 0; i < count; ++i) out[i] = feature(model, row, index + i);
}

bool Person::seen_in(int64_t row) const {
  bool seen = false;
  for (int i = 0; i < kPoints; ++i) seen = seen || body_[(row * kPoints + i) * 3 + 2] > kVisible;
  for (int i = 0; i < kFootPoints; ++i) seen = seen || foot_[(row * kFootPoints + i) * 3 + 2] > kVisible;
  return seen;
}

// Shape and camera-to-level rotation: means over the settled frames and the window's rest, of frames in which the person was visible.
void Person::average(const Model& model, int64_t row, bool settled, double* betas, Mat3& tilt) {
  constexpr int kWidth = RunningMean::kWidth;
  double sums[kWidth] = {}, newest[kWidth], mean[kWidth], matrix[9], count = 0;
  bool by_sight = options_.clean_keypoints && mean_.count() > 0;
  for (int64_t frame = row; frame < length_ && options_.clean_keypoints && !by_sight; ++frame) by_sight = seen_in(frame);
  for (int64_t frame = row; frame < length_; ++frame) {
    if (by_sight && !seen_in(frame)) continue;
    for (int i = 0; i < kWidth; ++i) sums[i] += feature(model, frame, i < kBetas ? kShape + i : kCameraTurn + i - kBetas);
    ++count;
  }
  mean_.with_more(sums, count, mean);
  if (settled) {
    for (int i = 0; i < kWidth; ++i) newest[i] = feature(model, row, i < kBetas ? kShape + i : kCameraTurn + i - kBetas);
    mean_.add(newest, !by_sight || seen_in(row));
  }
  std::copy_n(mean, kBetas, betas);
  matrix_from_6d(mean + kBetas, matrix);
  tilt = mat_at(matrix);
}

// The root in the camera before, and the pose after the fit.
genmo_status Person::fit(const Model& model, const StreamCamera& camera, int64_t row, Pool& pool, Mat3& root, PersonPose& pose, genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t side = std::max<int64_t>(options_.reach, 0), first = std::max<int64_t>(row - side, 0), frames = std::min(row + side + 1, length_) - first;
  auto *rotations = pool.get<double>(frames * 9 * kJoints), *places = pool.get<double>(3 * frames);
  double turns[6 * kJoints];
  for (int64_t i = 0; i < frames; ++i) {
    double* local = rotations + i * 9 * kJoints;
    block(model, first + i, kTurns, 6 * kJoints, turns);
    for (int joint = 0; joint < kJoints; ++joint) matrix_from_6d(turns + 6 * joint, local + 9 * joint);
    block(model, first + i, kRootInCamera, 3, places + 3 * i);
    if (!camera.known) continue;
    const double* seen = camera.rotation + 9 * camera_row(first + i);
    block(model, first + i, kGravityView, 6, turns);
    matrix_from_6d(turns, local);
    put(local, transposed(mat_at(seen)) * (matrix_from_yaw(gravity_view_yaw(seen)) * mat_at(local)));
  }
  const int64_t middle = row - first;
  root = mat_at(rotations + middle * 9 * kJoints);
  if (options_.reach >= 0) {
    const genmo_status status = fit_frames(rotations, places, pose.offsets, keypoints_of(camera, first, frames, false), pool, error);
    if (status != GENMO_OK) return status;
  }
  std::copy_n(rotations + middle * 9 * kJoints, 9 * kJoints, pose.rotations);
  std::copy_n(places + 3 * middle, 3, pose.root_translation);
  std::copy_n(pose.rotations, 9, pose.root_rotation);
  return GENMO_OK;
}

Person::Rolled Person::roll_out(const Model& model, const StreamCamera& camera, int64_t row) const {
  Mat3 root[2];
  double velocity[3], turn[6], matrix[9];
  const int64_t rows[2] = {std::max<int64_t>(row - 1, 0), row};
  for (int i = 0; i < 2; ++i) {
    block(model, rows[i], kGravityView, 6, turn);
    matrix_from_6d(turn, matrix);
    root[i] = matrix_from_yaw(gravity_view_yaw(camera.rotation + 9 * camera_row(rows[i]))) * mat_at(matrix);
  }
  block(model, rows[0], kVelocity, 3, velocity);
  return {root[1], root[0] * at(velocity)};
}

// Where the root is in the world; people on their first frame start anew.
void Person::place(const StreamCamera& camera, const Rolled& rolled, Mat3 turn, const Mat3& tilt, int64_t row, bool visible, PersonPose& pose) {
  double joints[3 * kJoints], foot = INFINITY, observed[3], step[3];
  const Vec3 root = at(pose.root_translation);
  kinematics(1, pose.rotations, pose.root_translation, pose.offsets, nullptr, joints);
  for (const int ball : {kLeftFoot, kRightFoot}) foot = std::min(foot, (turn * (at(joints + 3 * ball) - root)).y);
  const bool first = pose.frame == 0;
  if (camera.known) {
    put(observed, at(camera.position + 3 * camera_row(row)) + mat_at(camera.rotation + 9 * camera_row(row)) * root);
  } else {
    put(observed, view_.position(tilt, root, first));
  }
  if (first) {
    const double start[3] = {camera.known ? observed[0] : 0, observed[1], camera.known ? observed[2] : 0};
    tracker_.start(start, foot, observed, pose.translation);
    return;
  }
  put(step, rolled.step);
  tracker_.advance(step, observed, foot, visible, pose.translation);
}

// Frames of the window in which a foot stands by the network: those before `frame`, of that row, as they were answered.
int64_t Person::standing(const Model& model, int64_t frame, int64_t row) const {
  double contacts[kContacts];
  int64_t count = 0;
  for (int64_t i = frame - row; i < frame; ++i) count += stood_[i % options_.window];
  for (int64_t i = row; i < length_; ++i) {
    block(model, i, kContactsAt, kContacts, contacts);
    count += stands(contacts);
  }
  return count;
}

// Contacts changed by the keypoints around a row.
void Person::add_image_contacts(const Model& model, const StreamCamera& camera, int64_t row, Pool& pool, PersonPose& pose) {
  const Pool::Scope scope(pool);
  double joints[3 * kJoints], local[9 * kJoints], height[2], depth[2];
  kinematics(1, pose.rotations, pose.translation, pose.offsets, nullptr, joints);
  for (int foot = 0; foot < 2; ++foot) height[foot] = joints[3 * kLegs[foot][2] + 1];
  std::copy_n(pose.rotations, 9 * kJoints, local);
  std::copy_n(pose.root_rotation, 9, local);
  kinematics(1, local, pose.root_translation, pose.offsets, nullptr, joints);
  for (int foot = 0; foot < 2; ++foot) depth[foot] = joints[3 * kLegs[foot][2] + 2];
  const int64_t first = std::max<int64_t>(row - kContactLag, 0), frames = std::min(row + kContactLag + 1, length_) - first;
  auto* depths = pool.get<double>(2 * frames);
  for (int64_t i = 0; i < 2 * frames; ++i) depths[i] = depth[i % 2];
  const Keypoints keypoints = keypoints_of(camera, first, frames, true);
  add_evidence(views_of(keypoints, depths, pool), row - first, height, network_doubt(standing(model, pose.frame, row), length_), pose.contacts);
}

void Person::lock_feet(const StreamCamera& camera, Pool& pool, PersonPose& pose) {
  if (!locking_) {
    feet_.clear();
    feet_.options = kStreamFeet;
    if (camera.known) feet_.options.ground = NAN;  // a surveyed world need not have its ground at 0
    locking_ = true;
  }
  double rotations[9 * kJoints], translation[3];
  feet_.push(pose.rotations, pose.translation, pose.contacts, pose.offsets, pool, rotations, translation);
  std::copy_n(rotations, 9 * kJoints, pose.rotations);
  std::copy_n(translation, 3, pose.translation);
}

genmo_status Person::answer(const Model& model, const StreamCamera& camera, int64_t frame, bool settled, Pool& pool, PersonPose& pose,
                            genmo_error* error) {
  const int64_t row = frame - (estimated_ - length_);
  const bool visible = seen_in(row);
  Mat3 tilt, root;
  if (settled && row == 0 && frame > 0) forget();  // the first frame after a break
  pose.frame = frame;
  pose.settled = settled;
  average(model, row, settled, pose.betas, tilt);
  shape_.move(pose.betas);
  rest_offsets(pose.betas, pose.offsets);
  const genmo_status status = fit(model, camera, row, pool, root, pose, error);
  if (status != GENMO_OK) return status;
  if (options_.reach >= 0 && settled && visible)
    shape_.push(pose.rotations, pose.root_translation, pose.offsets, keypoints_of(camera, row, 1, false), pose.betas, pool);
  const Rolled rolled = roll_out(model, camera, row);
  const Mat3 turn = rolled.root * transposed(root);  // camera to world, in the network's estimate
  place(camera, rolled, turn, tilt, row, visible, pose);
  put(pose.rotations, turn * mat_at(pose.rotations));
  block(model, row, kContactsAt, kContacts, pose.contacts);
  for (double& contact : pose.contacts) contact = std::clamp(contact, 0.0, 1.0);
  stood_[frame % options_.window] = stands(pose.contacts);
  if (options_.clean_keypoints) add_image_contacts(model, camera, row, pool, pose);
  if (options_.clean_feet && settled) lock_feet(camera, pool, pose);
  return GENMO_OK;
}

}  // namespace genmo
