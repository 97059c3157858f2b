#include "motion/pose_solver.h"

#include <algorithm>
#include <cmath>

#include "small.h"

namespace genmo {
namespace {

constexpr int kIterations = 15;
constexpr double kTargetSpread = 0.005;  // metres; a target, one standard deviation
constexpr double kFootSpread = 0.03;     // metres that a foot may move while other joints go to their targets
constexpr double kChange = 0.1;          // share of what a parameter may change that it may differ from the neighbours' mean
constexpr double kLargestTurn = 0.3;     // radians a joint and iteration
constexpr double kFixed = 1e12;          // 1 / metres^2, of a coordinate of the root that has a target of its own
constexpr double kMove[3] = {0.03, 0.25, 0.03};  // metres that the root may move: it may crouch

// Joints that turn for a target, and how far in radians (one standard deviation), about any of their own axes; leaves first, so that
// elimination makes no entries between branches.
constexpr struct {
  int joint;
  double spread;
} kFree[] = {{kRightElbow, 0.55}, {kLeftElbow, 0.55}, {kRightShoulder, 0.55}, {kLeftShoulder, 0.55}, {kHead, 0.2},
             {kRightCollar, 0.1}, {kLeftCollar, 0.1}, {kNeck, 0.15},          {kSpine3, 0.15},       {kRightKnee, 0.55},
             {kLeftKnee, 0.55},   {kSpine1, 0.15},    {kRightHip, 0.55},      {kLeftHip, 0.55},      {kPelvis, 0.2}};
constexpr int kFreeCount = sizeof kFree / sizeof *kFree, kMoveAt = 3 * kFreeCount, kParameters = kMoveAt + 3;

bool is_above(int joint, int descendant) {
  for (descendant = kParents[descendant]; descendant >= 0; descendant = kParents[descendant])
    if (descendant == joint) return true;
  return false;
}

bool is_foot(int joint) { return joint == kLeftAnkle || joint == kRightAnkle || joint == kLeftFoot || joint == kRightFoot; }

// The normal equations of one pose; of the matrix the lower triangle.
struct Equations {
  double matrix[kParameters][kParameters] = {};
  double slope[kParameters] = {};

  // A residual with its weight and its derivatives by the parameters `columns` [count], which rise.
  void add(double residual, double weight, const double* row, const int* columns, int count) {
    for (int i = 0; i < count; ++i) {
      const double weighted = weight * row[i];
      slope[columns[i]] += weighted * residual;
      for (int k = 0; k <= i; ++k) matrix[columns[i]][columns[k]] += weighted * row[k];
    }
  }

  // `step` [kParameters]: -matrix^-1 slope, by Cholesky, which leaves out what is zero.
  void solve(double* step) {
    for (int k = 0; k < kParameters; ++k) {
      int below[kParameters], count = 0;
      const double root = matrix[k][k] = std::sqrt(matrix[k][k]);
      for (int i = k + 1; i < kParameters; ++i) {
        if (matrix[i][k] == 0) continue;
        const double entry = matrix[i][k] /= root;
        for (int j = 0; j < count; ++j) matrix[i][below[j]] -= entry * matrix[below[j]][k];
        matrix[i][i] -= entry * entry;
        below[count++] = i;
      }
    }
    for (int k = 0; k < kParameters; ++k) {
      for (int j = 0; j < k; ++j) slope[k] -= matrix[k][j] * slope[j];
      slope[k] /= matrix[k][k];
    }
    for (int k = kParameters - 1; k >= 0; --k) {
      for (int i = k + 1; i < kParameters; ++i) slope[k] += matrix[i][k] * step[i];
      step[k] = -(slope[k] /= matrix[k][k]);
    }
  }
};

class Solver {
 public:
  Solver(const JointGoals& goals, const double* offsets, Pool& pool, double* rotations, double* roots)
      : goals_(goals), offsets_(offsets), rotations_(rotations), roots_(roots), feet_(pool.get<double>(goals.count * 3 * kJoints)),
        changes_(pool.get<double>(goals.count * kParameters)), steps_(pool.get<double>(goals.count * kParameters)) {
    for (int joint = 0; joint < kJoints; ++joint)
      for (int free = 0; free < kFreeCount; ++free) above_[joint][free] = is_above(kFree[free].joint, joint);
    for (int i = 0; i < kParameters; ++i) {
      const double spread = i < kMoveAt ? kFree[i / 3].spread : kMove[i - kMoveAt];
      stiffness_[i] = 1 / (spread * spread);
    }
    std::fill_n(changes_, goals.count * kParameters, 0.0);
    kinematics(goals.count, rotations, roots, offsets, nullptr, feet_);
  }

  void run() {
    for (int iteration = 0; iteration < kIterations; ++iteration) {
      for (int64_t pose = 0; pose < goals_.count; ++pose) find_step(pose);
      for (int64_t pose = 0; pose < goals_.count; ++pose) take_step(pose);
    }
  }

 private:
  bool follows(int64_t pose) const { return pose > 0 && pose < goals_.count && goals_.frames[pose] - goals_.frames[pose - 1] == 1; }

  void find_step(int64_t pose) {
    Equations equations;
    double globals[9 * kJoints], joints[3 * kJoints];
    kinematics(1, rotations_ + pose * 9 * kJoints, roots_ + 3 * pose, offsets_, globals, joints);
    for (int joint = 0; joint < kJoints; ++joint) measure(pose, joint, globals, joints, equations);
    damp(pose, equations);
    equations.solve(steps_ + pose * kParameters);
  }

  // A joint against its goal, or a foot against where it was.
  void measure(int64_t pose, int joint, const double* globals, const double* joints, Equations& equations) const {
    const double *goal = goals_.places + (pose * kJoints + joint) * 3, *was = feet_ + (pose * kJoints + joint) * 3, *place = joints + 3 * joint;
    if (std::isnan(goal[0]) && std::isnan(goal[1]) && std::isnan(goal[2]) && !is_foot(joint)) return;
    double rows[3][kParameters];
    int columns[kParameters], count = 0;
    for (int free = 0; free < kFreeCount; ++free) {
      if (!above_[joint][free]) continue;
      const Mat3 axes = transposed(mat_at(globals + 9 * kFree[free].joint));
      const Vec3 arm = at(place) - at(joints + 3 * kFree[free].joint);
      for (int axis = 0; axis < 3; ++axis, ++count) {
        const Vec3 moves = cross(axes.row[axis], arm);
        rows[0][count] = moves.x;
        rows[1][count] = moves.y;
        rows[2][count] = moves.z;
        columns[count] = 3 * free + axis;
      }
    }
    for (int axis = 0; axis < 3; ++axis, ++count) {
      for (int i = 0; i < 3; ++i) rows[i][count] = i == axis;
      columns[count] = kMoveAt + axis;
    }
    for (int i = 0; i < 3; ++i) {
      const bool free = std::isnan(goal[i]);
      const double spread = free ? kFootSpread : kTargetSpread;
      if (!free || is_foot(joint)) equations.add(place[i] - (free ? was[i] : goal[i]), 1 / (spread * spread), rows[i], columns, count);
    }
  }

  // What holds the changes back: their own size, and their difference from those of the frames before and after.
  void damp(int64_t pose, Equations& equations) const {
    const double* now = changes_ + pose * kParameters;
    const bool has_previous = follows(pose), has_next = follows(pose + 1);
    const double *previous = has_previous ? now - kParameters : now, *next = has_next ? now + kParameters : now;
    for (int i = 0; i < kParameters; ++i) {
      const double stiffness = i >= kMoveAt && goals_.fixed[3 * pose + i - kMoveAt] ? kFixed : stiffness_[i], tie = stiffness / (kChange * kChange);
      equations.matrix[i][i] += stiffness + tie * (has_previous + has_next) / 2;
      equations.slope[i] += stiffness * now[i] + tie * (now[i] - 0.5 * (previous[i] + next[i]));
    }
  }

  void take_step(int64_t pose) {
    const double* step = steps_ + pose * kParameters;
    double* change = changes_ + pose * kParameters;
    for (int free = 0; free < kFreeCount; ++free) {
      double* local = rotations_ + (pose * kJoints + kFree[free].joint) * 9;
      const Vec3 wanted = at(step + 3 * free), turn = std::min(1.0, kLargestTurn / std::max(length(wanted), 1e-9)) * wanted;
      put(local, mat_at(local) * matrix_from_axis_angle(turn));
      put(change + 3 * free, at(change + 3 * free) + turn);
    }
    put(roots_ + 3 * pose, at(roots_ + 3 * pose) + at(step + kMoveAt));
    put(change + kMoveAt, at(change + kMoveAt) + at(step + kMoveAt));
  }

  const JointGoals& goals_;
  const double* offsets_;
  double *rotations_, *roots_;
  double* feet_;                // [count, 24, 3] where joints were at first
  double *changes_, *steps_;    // [count, kParameters] since then, and the next
  bool above_[kJoints][kFreeCount];
  double stiffness_[kParameters];
};

}  // namespace

void solve_joints(const JointGoals& goals, const double* offsets, Pool& pool, double* rotations, double* roots) {
  const Pool::Scope scope(pool);
  Solver(goals, offsets, pool, rotations, roots).run();
}

}  // namespace genmo
