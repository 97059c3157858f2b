// What a motion must have at some frames: whole poses, places of joints, headings.  Twin: runtime/conditions/constraints.py.
#pragma once

#include <cmath>

#include "motion/body.h"
#include "pool.h"

namespace genmo {

// All rise in time; worlds and units are those of the motion, arrays a pool's.
struct Keyframes {
  int64_t count = 0;
  int64_t* frames = nullptr;    // [count]
  double* rotations = nullptr;  // [count, 24, 3, 3] local; the root's in the world
  double* roots = nullptr;      // [count, 3]; a row of NaN: the pose may be anywhere

  bool placed(int64_t k) const { return !std::isnan(roots[3 * k]); }
};

struct JointTargets {
  int64_t count = 0;
  int64_t* frames = nullptr;   // [count], in a frame by joint
  int32_t* joints = nullptr;   // [count]
  double* places = nullptr;    // [count, 3]; a coordinate of NaN is free
};

struct Headings {
  int64_t count = 0;
  int64_t* frames = nullptr;   // [count]
  double* radians = nullptr;   // [count] of the root's own z axis, about +y from +z
};

struct Constraints {
  Keyframes keyframes;
  JointTargets targets;
  Headings headings;

  bool any() const { return keyframes.count || targets.count || headings.count; }
};

// Room for so many, and a copy into it.
Keyframes new_keyframes(int64_t count, Pool& pool);
JointTargets new_targets(int64_t count, Pool& pool);
void copy_keyframes(const Keyframes& from, Keyframes& to);
void copy_targets(const JointTargets& from, JointTargets& to);

// Frames that constraints may be at.
struct Within {
  int64_t first, past;
};

// What the caller gives, in order; or what is wrong with it.  Counts are checked first: `check_counts`, for the memory of the rest.
genmo_status check_counts(int32_t keyframes, int32_t targets, int32_t headings, int64_t frames, genmo_error* error);
size_t constraint_bytes(int64_t keyframes, int64_t targets, int64_t headings);
genmo_status read_keyframes(const genmo_keyframe* given, int64_t count, Within within, Pool& pool, Keyframes& keyframes, genmo_error* error);
genmo_status read_targets(const genmo_joint_target* given, int64_t count, Within within, Pool& pool, JointTargets& targets, genmo_error* error);
genmo_status read_headings(const genmo_heading* given, int64_t count, Within within, Pool& pool, Headings& headings, genmo_error* error);

// Those of a motion, whose counts are right.
genmo_status read_constraints(const genmo_generation& wanted, Pool& pool, Constraints& constraints, genmo_error* error);

}  // namespace genmo
