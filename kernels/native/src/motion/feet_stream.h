// Planted feet that stand still in a stream of frames.  Twin: `FootLocker` of runtime/refine/foot_locking.py.
#pragma once

#include "motion/feet_rules.h"

namespace genmo {

// Frames go in and come out `lookahead` frames later.  Memory is taken when it is opened.
class FeetStream {
 public:
  FeetOptions options{};  // may change between frames, the horizon up to that of the opening

  void open(int lookahead, const FeetOptions& given, Pool& pool);

  // As when it was opened, but for the options.
  void clear();

  // The state of another one that was opened alike.
  void copy(const FeetStream& other);

  // Takes a frame of a body of `offsets` [24, 3]: rotations [24, 3, 3], translation [3] and contacts [6].  Whether one is ready, of
  // which rotations and translation are written.
  bool push(const double* rotations, const double* translation, const double* contacts, const double* offsets, Pool& scratch,
            double* ready_rotations, double* ready_translation);

  static size_t bytes(int lookahead, int32_t horizon);

 private:
  static constexpr int kPosed = 9 * kJoints + 3 + 24 + 72;  // rotations, translation, points and turns of the legs

  int64_t capacity() const { return most_horizon_ + kLift + kSlip + 2 + lookahead_ + 2; }
  void move(int64_t frame, Pool& scratch, double* shift, double* offset);
  void decide(int64_t final, Pool& scratch);
  void anchor(const double* balls, int64_t upto);
  void drop(int64_t count);

  int lookahead_ = 0, ahead_ = 0, fade_ = 0;
  int32_t most_horizon_ = 0;
  int64_t count_ = 0, next_ = 0, decided_ = 0, anchored_ = 0;  // frames held, answered of them, with decisions, with anchors
  double* poses_ = nullptr;                                    // [lookahead + 1, kPosed] not answered yet
  double *balls_ = nullptr, *contacts_ = nullptr, *scores_ = nullptr, *anchors_ = nullptr;  // [frames, 6], [frames, 6], [frames, 2], [frames, 6]
  uint8_t* planted_ = nullptr;                                                              // [frames, 2]
  genmo_lock locks_[2] = {};
};

}  // namespace genmo
