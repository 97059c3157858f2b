// Numbers that traits rest on: speed and turn, posture, jumps, what hands and feet do.  Twin: runtime/actions/measures.py.
#pragma once

#include "actions/signals.h"

namespace genmo {

// A flight that starts and ends within the frames.
struct Jump {
  int64_t start, end;
  double rise;      // metres of the pelvis from take-off to the top
  double distance;  // metres towards the facing at take-off
  int one_foot;     // 0 left, 1 right: the foot it leaves from and lands on; -1: both, or different ones

  // A jump and no running step: long enough in the air, and as high as that time makes a body rise.
  bool is_big() const;
};

// Of a stretch of at least three frames; left and right as the person has them, 0 is the left.  Arrays are a pool's.
class Measures {
 public:
  Measures(const Signals& signals, Pool& pool);

  const Signals& s;
  Pool& pool;
  double floor;             // height of the balls of planted feet
  double* pelvis;           // [frames] height over the floor: 1 when standing
  double path_turn;         // degrees that the direction of the path changes by while moving, left above zero
  Jump* jumps;
  int jump_count = 0;
  int punches[2] = {0, 0};  // by side: fists that fly ahead as the elbow straightens

  double height(int64_t frame, int joint) const { return s.joint(frame, joint)[1] - floor; }
  double foot_height(int64_t frame, int side) const { return height(frame, kAnkles[side]) - 0.05; }
  double over_head(int64_t frame, int side) const { return wrist(frame, side)[1] - s.joint(frame, kHead)[1]; }
  double over_shoulder(int64_t frame, int side) const { return from_shoulder(frame, side, 1); }
  double over_pelvis(int64_t frame, int side) const { return wrist(frame, side)[1] - s.joint(frame, kPelvis)[1]; }
  double outward(int64_t frame, int side) const { return from_shoulder(frame, side, 0) * (1 - 2 * side); }
  double ahead(int64_t frame, int side) const { return from_shoulder(frame, side, 2); }
  double reach(int64_t frame, int side) const;   // shoulder to wrist by the arm's length: 1 for a straight arm
  double apart(int64_t frame) const;             // metres between the wrists
  double to_hip(int64_t frame, int side) const;  // metres between wrist and hip
  double thigh(int64_t frame, int side) const;   // degrees from straight down
  double sway(int64_t frame, int side) const { return wrist(frame, side)[0] - s.joint(frame, kElbows[side])[0]; }

 private:
  const double* wrist(int64_t frame, int side) const { return s.joint(frame, kWrists[side]); }
  double from_shoulder(int64_t frame, int side, int axis) const { return wrist(frame, side)[axis] - s.joint(frame, kShoulders[side])[axis]; }
  double floor_height() const;
  double turn_of_path() const;
  bool is_up(int64_t frame, int side) const;
  int foot_of(int64_t start, int64_t end) const;
  void find_jumps();
  int count_punches(int side) const;
};

}  // namespace genmo
