// Where the root is wanted in the next frames: from a stick, or from a path with times.  Twin: runtime/streaming/root_plan.py.
#pragma once

#include "pool.h"

namespace genmo {

// x and z in metres, metres a second and m/s^2; radians, not wrapped, and radians a second, of the legs, and of the body further over
// them.
struct RootState {
  double position[2] = {}, velocity[2] = {}, acceleration[2] = {}, heading = 0, turning = 0, aside = 0, swerving = 0;
};

struct Stick {
  double velocity[2], facing;  // NaN: where it goes
};

// Where the root must be, and when; frames rise.
struct RootPath {
  int64_t count = 0;
  const int64_t* frames = nullptr;
  const double* positions = nullptr;  // [count, 2]
  const double* facing = nullptr;     // [count] without jumps; nullptr: the way that it goes
};

struct Command {
  enum Kind { kNone, kStick, kPath } kind = kNone;
  Stick stick{};
  RootPath path;
};

// The plan [count] of the frames from `first` on, which follows that of `state`.
void plan_root(const RootState& state, const Command& command, int64_t first, int64_t count, Pool& pool, RootState* states);

// Whether the legs of a plan [count] walk backward, on the whole.
bool goes_back(const RootState* states, int64_t count);

// `state` where a motion is: at the end of the lines through its last `positions` [n, 2] and `headings` [n] without jumps.
RootState at_end_of(RootState state, const double* positions, const double* headings, int64_t n);

// `aside` [count] of somebody whom nothing leads any more.
void straighten(RootState state, int64_t count, double* asides);

// Where a motion begins that begins at `frame`.
RootState beginning(const Command& command, int64_t frame, Pool& pool);

}  // namespace genmo
