#include "motion/constraint_solver.h"

#include <algorithm>

#include "angles.h"
#include "motion/corrections.h"
#include "motion/pose_solver.h"
#include "motion/quaternions.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kPathTension = 15;  // frames
constexpr int64_t kSway = 10;        // frames between the targets of the trunk that the root follows
constexpr int64_t kStride = 20;      // frames between the targets that define a direction
constexpr double kMinStep = 0.2;     // metres between them, below which they define none
constexpr double kReach = 0.3;       // metres that an arm or leg may be off its target before the root walks there

bool is_trunk(int joint) { return joint == kSpine1 || joint == kSpine2 || joint == kSpine3 || joint == kNeck || joint == kHead; }

double* root_at(const Clip& clip, int64_t frame) { return clip.rotations + frame * 9 * kJoints; }

// The targets that are in no keyframe's frame.
JointTargets uncovered(const JointTargets& given, const Keyframes& keyframes, Pool& pool) {
  JointTargets kept{0, pool.get<int64_t>(given.count), pool.get<int32_t>(given.count), pool.get<double>(3 * given.count)};
  for (int64_t i = 0; i < given.count; ++i) {
    if (is_among(keyframes.frames, keyframes.count, given.frames[i])) continue;
    kept.frames[kept.count] = given.frames[i];
    kept.joints[kept.count] = given.joints[i];
    std::copy_n(given.places + 3 * i, 3, kept.places + 3 * kept.count++);
  }
  return kept;
}

// A motion on its way to its constraints, each step with the targets that count.
class ConstraintSolver {
 public:
  ConstraintSolver(Clip& clip, const Constraints& given, const uint8_t* anchored, Pool& pool)
      : clip_(clip), frames_(clip.frames), keys_(given.keyframes), targets_(uncovered(given.targets, given.keyframes, pool)), headings_(given.headings),
        stays_(pool.get<uint8_t>(clip.frames)), pool_(pool) {
    for (int64_t frame = 0; frame < frames_; ++frame)
      stays_[frame] = anchored && anchored[frame] && distance_to(keys_.frames, keys_.count, frame) >= kBlend;
  }

  void run() {
    turn_headings();
    turn_to_keyframes();
    move_path();
    reach_targets();
    for (int64_t k = 0; k < keys_.count; ++k) {  // the splines are exact to rounding; this is to the last bit
      std::copy_n(keys_.rotations + k * 9 * kJoints, 9 * kJoints, root_at(clip_, keys_.frames[k]));
      if (keys_.placed(k)) std::copy_n(keys_.roots + 3 * k, 3, clip_.translation + 3 * keys_.frames[k]);
    }
  }

 private:
  // The heading turned by a spline through where it must turn, and the way walked with it.
  void turn_headings() {
    const Pool::Scope scope(pool_);
    auto* turns = pool_.get<double>(frames_);
    for (int64_t frame = 0; frame < frames_; ++frame) turns[frame] = stays_[frame] ? 0 : NAN;
    find_directions(turns);
    for (int64_t i = 0; i < headings_.count; ++i) {
      const double off = headings_.radians[i] - heading(root_at(clip_, headings_.frames[i]));
      turns[headings_.frames[i]] = std::atan2(std::sin(off), std::cos(off));
    }
    for (int64_t k = 0; k < keys_.count; ++k) {
      const Mat3 off = mat_at(keys_.rotations + k * 9 * kJoints) * transposed(mat_at(root_at(clip_, keys_.frames[k])));
      turns[keys_.frames[k]] = std::atan2(off.row[0].z - off.row[2].x, off.row[0].x + off.row[2].z);
    }
    Knots knots(frames_, 1, pool_);
    for (int64_t frame = 0; frame < frames_; ++frame)
      if (!std::isnan(turns[frame])) knots.add(frame, turns + frame);
    if (!knots.count) return;
    unwrap(knots.values, knots.count);
    TensionSpline(knots.frames, knots.values, knots.count, 1, kPathTension, pool_).fill(frames_, turns);
    turn_way(turns);
  }

  void turn_way(const double* turns) {
    Vec3 place = at(clip_.translation);
    for (int64_t frame = 0; frame < frames_; ++frame) {
      double *root = root_at(clip_, frame), *was = clip_.translation + 3 * frame;
      const Mat3 turn = matrix_from_yaw(turns[frame]);
      const Vec3 step = frame + 1 < frames_ ? at(was + 3) - at(was) : Vec3{0, 0, 0};
      put(root, turn * mat_at(root));
      put(was, place);
      place = place + turn * step;
    }
  }

  // In the middle between two targets of the trunk the turn from the motion's direction to theirs.  Who is told where to face may walk
  // another way: near headings it says nothing.
  void find_directions(double* turns) const {
    int64_t last = -1;
    for (int64_t i = 0; i < targets_.count; ++i) {
      const double* place = targets_.places + 3 * i;
      if ((targets_.joints[i] && !is_trunk(targets_.joints[i])) || std::isnan(place[0]) || std::isnan(place[2])) continue;
      if (last >= 0 && targets_.frames[i] - targets_.frames[last] < kStride) continue;
      if (last >= 0) find_direction(last, i, turns);
      last = i;
    }
  }

  void find_direction(int64_t from, int64_t to, double* turns) const {
    const int64_t first = targets_.frames[from], second = targets_.frames[to], middle = (first + second) / 2;
    const double *wanted[2] = {targets_.places + 3 * from, targets_.places + 3 * to}, *walked[2] = {clip_.translation + 3 * first, clip_.translation + 3 * second};
    const double x = wanted[1][0] - wanted[0][0], z = wanted[1][2] - wanted[0][2], own_x = walked[1][0] - walked[0][0], own_z = walked[1][2] - walked[0][2];
    if (!(std::min(std::sqrt(x * x + z * z), std::sqrt(own_x * own_x + own_z * own_z)) > kMinStep) || stays_[middle]) return;
    if (std::min(distance_to(keys_.frames, keys_.count, middle), distance_to(headings_.frames, headings_.count, middle)) < kStride) return;
    const double turn = std::atan2(x, z) - std::atan2(own_x, own_z);
    turns[middle] = std::atan2(std::sin(turn), std::cos(turn));
  }

  void turn_to_keyframes() {
    if (!keys_.count) return;
    const Pool::Scope scope(pool_);
    auto *turns = pool_.get<double>(keys_.count * 3 * kJoints), *spread = pool_.get<double>(frames_ * 3 * kJoints);
    for (int64_t k = 0; k < keys_.count; ++k) find_turns(keys_.rotations + k * 9 * kJoints, root_at(clip_, keys_.frames[k]), turns + k * 3 * kJoints);
    spread_corrections({keys_.frames, turns, keys_.count, 3 * kJoints}, nullptr, 0, frames_, pool_, spread);
    turn_joints(spread);
  }

  // Axis times angle [24, 3] from rotations to others [24, 3, 3].
  static void find_turns(const double* to, const double* from, double* turns) {
    for (int joint = 0; joint < kJoints; ++joint) put(turns + 3 * joint, axis_angle(mat_at(to + 9 * joint) * transposed(mat_at(from + 9 * joint))));
  }

  // Turns [frames, 24, 3] of the joints.
  void turn_joints(const double* turns) {
    for (int64_t i = 0; i < frames_ * kJoints; ++i, turns += 3) {
      double* local = clip_.rotations + 9 * i;
      if (turns[0] != 0 || turns[1] != 0 || turns[2] != 0) put(local, matrix_from_axis_angle(at(turns)) * mat_at(local));
    }
  }

  // The root's path to keyframes and targets: the later assignment is the stronger one.
  void move_path() {
    const Pool::Scope scope(pool_);
    auto* moves = pool_.get<double>(3 * frames_);
    for (int64_t i = 0; i < 3 * frames_; ++i) moves[i] = stays_[i / 3] ? 0 : NAN;
    const double* joints = joints_of(clip_, pool_);
    for (const Part part : {kLimbs, kTrunk, kRoot}) follow_targets(part, joints, moves);
    for (int64_t k = 0; k < keys_.count; ++k) {
      const int64_t frame = keys_.frames[k];
      if (keys_.placed(k)) put(moves + 3 * frame, at(keys_.roots + 3 * k) - at(clip_.translation + 3 * frame));
    }
    for (int axis = 0; axis < 3; ++axis) spread_moves(moves, axis);
  }

  enum Part { kLimbs, kTrunk, kRoot };

  static Part part_of(int joint) { return joint == kPelvis ? kRoot : is_trunk(joint) ? kTrunk : kLimbs; }

  void follow_targets(Part part, const double* joints, double* moves) const {
    int64_t followed = -1;  // frame of the trunk: a head sways over its pelvis, so the path follows slowly and the pose does the rest
    for (int64_t i = 0; i < targets_.count; ++i) {
      if (part_of(targets_.joints[i]) != part) continue;
      const int64_t frame = targets_.frames[i];
      const Vec3 off = at(targets_.places + 3 * i) - at(joints + (frame * kJoints + targets_.joints[i]) * 3);
      const double error[3] = {off.x, off.y, off.z};
      if (part == kTrunk) {
        if (followed >= 0 && followed != frame && frame - followed < kSway) continue;
        followed = frame;
      }
      // the whole way: were the arm to reach for the last of it, each step of the sampler would stretch it further
      double square = 0;
      for (const double value : error) square += std::isnan(value) ? 0 : value * value;
      if (part == kLimbs && std::sqrt(square) <= kReach) continue;
      for (int axis = 0; axis < 3; ++axis)  // the height of limbs and trunk is left to the pose: knees bend
        if ((part == kRoot || axis != 1) && !std::isnan(error[axis])) moves[3 * frame + axis] = error[axis];
    }
  }

  // Along the ground the last move stays; a height fades within kBlend frames, because the ground bounds it.
  void spread_moves(const double* moves, int axis) {
    const Pool::Scope scope(pool_);
    Knots knots(frames_, 1, pool_);
    for (int64_t frame = 0; frame < frames_; ++frame)
      if (!std::isnan(moves[3 * frame + axis])) knots.add(frame, moves + 3 * frame + axis);
    if (!knots.count) return;
    if (axis == 1) knots = with_ends(knots, pool_);
    auto* moved = pool_.get<double>(frames_);
    TensionSpline(knots.frames, knots.values, knots.count, 1, kPathTension, pool_).fill(frames_, moved);
    for (int64_t frame = 0; frame < frames_; ++frame) clip_.translation[3 * frame + axis] += moved[frame];
  }

  // Joints at their targets; the change of pose fades before and after.
  void reach_targets() {
    const Pool::Scope scope(pool_);
    auto* frames = pool_.get<int64_t>(targets_.count);
    int64_t count = 0;
    for (int64_t i = 0; i < targets_.count; ++i)
      if (targets_.joints[i] && (!count || frames[count - 1] != targets_.frames[i])) frames[count++] = targets_.frames[i];
    if (!count) return;
    auto *rotations = pool_.get<double>(count * 9 * kJoints), *roots = pool_.get<double>(3 * count), *places = pool_.get<double>(count * 3 * kJoints);
    auto* fixed = pool_.get<uint8_t>(3 * count);
    auto* pinned = pool_.get<int64_t>(keys_.count + targets_.count);  // frames whose root stays
    const int64_t pinned_count = find_goals(frames, count, places, fixed, pinned);
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(root_at(clip_, frames[i]), 9 * kJoints, rotations + i * 9 * kJoints);
      std::copy_n(clip_.translation + 3 * frames[i], 3, roots + 3 * i);
    }
    solve_joints({count, frames, places, fixed}, clip_.offsets, pool_, rotations, roots);
    for (int64_t i = 0; i < count; ++i) {
      find_turns(rotations + i * 9 * kJoints, root_at(clip_, frames[i]), places + i * 3 * kJoints);
      put(roots + 3 * i, at(roots + 3 * i) - at(clip_.translation + 3 * frames[i]));
    }
    auto* spread = pool_.get<double>(frames_ * 3 * kJoints);
    spread_corrections({frames, places, count, 3 * kJoints}, keys_.frames, keys_.count, frames_, pool_, spread);
    turn_joints(spread);
    spread_corrections({frames, roots, count, 3}, pinned, pinned_count, frames_, pool_, spread);
    for (int64_t i = 0; i < 3 * frames_; ++i) clip_.translation[i] += spread[i];
  }

  // Goals of the poses at `frames` [count], and the frames, rising, of keyframes and targets of the root; how many.
  int64_t find_goals(const int64_t* frames, int64_t count, double* places, uint8_t* fixed, int64_t* pinned) const {
    std::fill_n(places, count * 3 * kJoints, NAN);
    std::fill_n(fixed, 3 * count, uint8_t{0});
    auto* rooted = pool_.get<int64_t>(targets_.count);
    int64_t pose = 0, found = 0;
    for (int64_t i = 0; i < targets_.count; ++i) {
      const double* place = targets_.places + 3 * i;
      while (pose < count && frames[pose] < targets_.frames[i]) ++pose;
      const bool posed = pose < count && frames[pose] == targets_.frames[i];
      if (targets_.joints[i]) {
        std::copy_n(place, 3, places + (pose * kJoints + targets_.joints[i]) * 3);
        continue;
      }
      rooted[found++] = targets_.frames[i];
      for (int axis = 0; axis < 3 && posed; ++axis) fixed[3 * pose + axis] = !std::isnan(place[axis]);
    }
    std::merge(rooted, rooted + found, keys_.frames, keys_.frames + keys_.count, pinned);
    return found + keys_.count;
  }

  Clip& clip_;
  const int64_t frames_;
  const Keyframes& keys_;
  const JointTargets targets_;
  const Headings& headings_;
  uint8_t* stays_;  // [frames] heading and path
  Pool& pool_;
};

}  // namespace

void solve_constraints(Clip& clip, const Constraints& constraints, const uint8_t* anchored, Pool& pool) {
  if (!constraints.any()) return;
  const Pool::Scope scope(pool);
  ConstraintSolver(clip, constraints, anchored, pool).run();
}

}  // namespace genmo
