#include "motion/feet_stream.h"

#include <algorithm>
#include <cstring>

namespace genmo {
namespace {

constexpr int kLeg = 9 * kJoints + 3, kTurned = kLeg + 24;  // where in a held pose the legs' points and turns are

template <typename T>
void shift_down(T* rows, int64_t by, int64_t count, int64_t width) {
  std::memmove(rows, rows + by * width, static_cast<size_t>((count - by) * width) * sizeof(T));
}

}  // namespace

void FeetStream::open(int lookahead, const FeetOptions& given, Pool& pool) {
  options = given;
  lookahead_ = lookahead;
  ahead_ = std::max(lookahead - kDetect, 0);
  fade_ = std::min(kLand, std::max(ahead_ - 1, 0));
  most_horizon_ = given.horizon;
  clear();
  poses_ = pool.get<double>((lookahead + 1) * kPosed);
  balls_ = pool.get<double>(6 * capacity());
  contacts_ = pool.get<double>(kContacts * capacity());
  scores_ = pool.get<double>(2 * capacity());
  anchors_ = pool.get<double>(6 * capacity());
  planted_ = pool.get<uint8_t>(2 * capacity());
}

void FeetStream::clear() {
  count_ = next_ = decided_ = anchored_ = 0;
  locks_[0] = locks_[1] = genmo_lock{};
}

size_t FeetStream::bytes(int lookahead, int32_t horizon) {
  FeetStream one;
  one.lookahead_ = lookahead;
  one.most_horizon_ = horizon;
  return static_cast<size_t>((lookahead + 1) * kPosed + one.capacity() * 24) * sizeof(double) + 8 * kAlignment;
}

void FeetStream::copy(const FeetStream& other) {
  options = other.options;
  count_ = other.count_;
  next_ = other.next_;
  decided_ = other.decided_;
  anchored_ = other.anchored_;
  locks_[0] = other.locks_[0];
  locks_[1] = other.locks_[1];
  std::copy_n(other.poses_, (count_ - next_) * kPosed, poses_);
  std::copy_n(other.balls_, 6 * count_, balls_);
  std::copy_n(other.contacts_, kContacts * count_, contacts_);
  std::copy_n(other.scores_, 2 * decided_, scores_);
  std::copy_n(other.anchors_, 6 * anchored_, anchors_);
  std::copy_n(other.planted_, 2 * decided_, planted_);
}

// Scores and decisions of the frames before `final`, from those that are held.
void FeetStream::decide(int64_t final, Pool& scratch) {
  if (final <= decided_) return;
  const Pool::Scope scope(scratch);
  const int64_t start = std::max<int64_t>(decided_ - 3, 0), frames = count_ - start, before = decided_ - start, fresh = final - decided_;
  const genmo_contact_rule rule = contact_rule(options.enter, options.leave);
  auto* scores = scratch.get<double>(2 * frames);
  auto* planted = scratch.get<uint8_t>(2 * frames);
  genmo_contact_scores(&rule, frames, balls_ + 6 * start, contacts_ + kContacts * start, GENMO_FPS, scores, nullptr);
  const uint8_t free[2] = {0, 0};
  genmo_frames_in_contact(&rule, frames - before, scores + 2 * before, decided_ ? planted_ + 2 * (decided_ - 1) : free, planted, nullptr);
  std::copy_n(scores + 2 * before, 2 * fresh, scores_ + 2 * decided_);
  std::copy_n(planted, 2 * fresh, planted_ + 2 * decided_);
  decided_ = final;
}

// Anchors of the frames before `upto`; `balls` [decided, 6] are those of a root that was moved.
void FeetStream::anchor(const double* balls, int64_t upto) {
  if (upto <= anchored_) return;
  const genmo_anchor_rule rule = anchors_of(options);
  genmo_lock_anchors(&rule, decided_ - anchored_, upto - anchored_, balls + 6 * anchored_, planted_ + 2 * anchored_, locks_, anchors_ + 6 * anchored_, nullptr);
  anchored_ = upto;
}

// How far the root [3] and the feet [2, 3] of a frame move.
void FeetStream::move(int64_t frame, Pool& scratch, double* shift, double* offset) {
  const Pool::Scope scope(scratch);
  const int64_t final = frame + ahead_ + 1;
  decide(final, scratch);
  const genmo_feet feet = feet_of(options);
  auto *shifts = scratch.get<double>(3 * decided_), *balls = scratch.get<double>(6 * decided_), *offsets = scratch.get<double>(6 * decided_);
  genmo_root_shift(&feet, decided_, balls_, scores_, ahead_, shifts, scratch.get<double>(shift_scratch(feet, decided_)), nullptr);
  for (int64_t i = 0; i < 6 * decided_; ++i) balls[i] = balls_[i] + shifts[i / 6 * 3 + i % 3];
  anchor(balls, std::min(frame + fade_ + 1, final));
  const int64_t start = std::max<int64_t>(frame - kLift - kSlip - 1, 0), near = std::min(anchored_ + 1, decided_) - start;
  genmo_pin_offsets(&feet, near, anchored_ - start, balls + 6 * start, anchors_ + 6 * start, planted_ + 2 * start, fade_, offsets, nullptr);
  std::copy_n(shifts + 3 * frame, 3, shift);
  std::copy_n(offsets + 6 * (frame - start), 6, offset);
}

void FeetStream::drop(int64_t count) {
  if (count <= 0) return;
  shift_down(balls_, count, count_, 6);
  shift_down(contacts_, count, count_, kContacts);
  shift_down(scores_, count, decided_, 2);
  shift_down(planted_, count, decided_, 2);
  shift_down(anchors_, count, anchored_, 6);
  count_ -= count;
  next_ -= count;
  decided_ -= count;
  anchored_ -= count;
}

bool FeetStream::push(const double* rotations, const double* translation, const double* contacts, const double* offsets, Pool& scratch,
                      double* ready_rotations, double* ready_translation) {
  double globals[9 * kJoints], joints[3 * kJoints], shift[3], offset[6], local[72];
  double* pose = poses_ + (count_ - next_) * kPosed;
  kinematics(1, rotations, translation, offsets, globals, joints);
  std::copy_n(rotations, 9 * kJoints, pose);
  std::copy_n(translation, 3, pose + 9 * kJoints);
  legs_of(joints, globals, pose + kLeg, pose + kTurned);
  balls_of(joints, 1, balls_ + 6 * count_);
  std::copy_n(contacts, kContacts, contacts_ + kContacts * count_);
  ++count_;
  if (count_ - lookahead_ <= next_) return false;
  move(next_, scratch, shift, offset);
  const genmo_feet feet = feet_of(options);
  const genmo_soles soles = soles_of(offsets);
  genmo_move_feet(&feet, &soles, 1, poses_ + kLeg, poses_ + kTurned, poses_, shift, offset, local, nullptr);
  std::copy_n(poses_, 9 * kJoints, ready_rotations);
  put_legs(local, ready_rotations);
  for (int i = 0; i < 3; ++i) ready_translation[i] = poses_[9 * kJoints + i] + shift[i];
  ++next_;
  shift_down(poses_, 1, count_ - next_ + 1, kPosed);
  drop(next_ - options.horizon - kLift - kSlip - 2);
  return true;
}

}  // namespace genmo
