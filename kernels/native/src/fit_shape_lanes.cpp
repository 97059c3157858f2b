// The fit of a shape, with poses that may still move eliminated; compiled once for each instruction set.
#include "fit_lanes.h"
#include "fit_stages.h"

namespace genmo::GENMO_ISA {

void shape_start(const FitPlan&, const genmo_fit_input&, const FitScratch&);
bool shape_equations(const FitPlan&, const double*, int, const double*, bool, const FitScratch&, ShapeSums*);
void shape_move(const FitPlan&, const double*, int, const double*, const FitScratch&);

namespace {

struct ShapeWork {
  Work pose;
  V3* moved;           // [joints, count] d joint / d shape
  V3 *force, *torque;  // [joints, count] sums of weight x (a, b) x the shape's rows
  V3* mixed;           // [free + 1, count] of the normal equations
  Vec* square;         // [count, count]
  Vec* slope;          // [count]
};

ShapeWork work_of(const FitPlan& plan, int count, const FitScratch& scratch) {
  ShapeWork work;
  double* at = scratch.work;
  const auto take = [&at](size_t vectors) {
    double* here = at;
    at += vectors * kLanes;
    return here;
  };
  const size_t joints = static_cast<size_t>(plan.joints), free = static_cast<size_t>(plan.free_joints) + 1;
  const size_t shapes = static_cast<size_t>(count);
  work.pose.globals = reinterpret_cast<M3*>(take(9 * joints));
  work.pose.at = reinterpret_cast<V3*>(take(3 * joints));
  work.pose.inertia = reinterpret_cast<Inertia*>(take(sizeof(Inertia) / sizeof(Vec) * joints));
  work.pose.blocks = reinterpret_cast<M3*>(take(9 * static_cast<size_t>(plan.blocks)));
  work.pose.pivots = reinterpret_cast<Vec*>(take(6 * free));
  work.pose.slope = reinterpret_cast<V3*>(take(3 * free));
  work.moved = reinterpret_cast<V3*>(take(3 * shapes * joints));
  work.force = reinterpret_cast<V3*>(take(3 * shapes * joints));
  work.torque = reinterpret_cast<V3*>(take(3 * shapes * joints));
  work.mixed = reinterpret_cast<V3*>(take(3 * shapes * free));
  work.square = reinterpret_cast<Vec*>(take(shapes * shapes));
  work.slope = reinterpret_cast<Vec*>(take(shapes));
  return work;
}

// d joint / d shape: a joint moves by the bones above it, each turned as its parent is.
void differentiate(const FitPlan& plan, int count, const double* components, const ShapeWork& work) {
  memset(work.moved, 0, sizeof(V3) * static_cast<size_t>(count));
  for (int joint = 1; joint < plan.joints; ++joint) {
    if (!plan.measured[joint]) continue;
    const int parent = plan.parent[joint];
    for (int k = 0; k < count; ++k) {
      const double* bone = components + (k * plan.joints + joint) * 3;
      work.moved[joint * count + k] = work.moved[parent * count + k] + times(work.pose.globals[parent], bone);
    }
  }
}

void add_shape_point(int count, const Projection& p, Vec w, const V3* moved, V3* force, V3* torque,
                     const ShapeWork& work) {
  V3 bx, by;
  moments(p, &bx, &by);
  Vec rx[kMaxShape], ry[kMaxShape];
  for (int k = 0; k < count; ++k) {
    rx[k] = moved[k].v[0] - p.slant[0] * moved[k].v[2];
    ry[k] = moved[k].v[1] - p.slant[1] * moved[k].v[2];
    const Vec wx = w * rx[k], wy = w * ry[k];
    force[k] = force[k] + V3{{wx, wy, -wx * p.slant[0] - wy * p.slant[1]}};
    torque[k] = torque[k] + bx * wx + by * wy;
    work.slope[k] += wx * p.residual[0] + wy * p.residual[1];
    for (int l = 0; l <= k; ++l) work.square[k * count + l] += wx * rx[l] + wy * ry[l];
  }
}

void linearize(const FitPlan& plan, int count, const double* components, const Vec* root, const Vec* rays,
               const Vec* weight, const ShapeWork& work) {
  const size_t shapes = static_cast<size_t>(count), joints = static_cast<size_t>(plan.joints);
  memset(work.pose.inertia, 0, sizeof(Inertia) * joints);
  memset(work.force, 0, sizeof(V3) * shapes * joints);
  memset(work.torque, 0, sizeof(V3) * shapes * joints);
  memset(work.square, 0, sizeof(Vec) * shapes * shapes);
  memset(work.slope, 0, sizeof(Vec) * shapes);
  differentiate(plan, count, components, work);
  for (int point = 0; point < plan.points; ++point) {
    const Projection p = project(plan, point, root, rays, work.pose);
    const Vec w = weight_of(plan, point, p, weight[point]);
    const int joint = plan.fixed_to[point], at = joint * count;
    add_point(work.pose.inertia[joint], p, w);
    add_shape_point(count, p, w, work.moved + at, work.force + at, work.torque + at, work);
  }
  for (int joint = plan.joints - 1; joint > 0; --joint) {
    if (!plan.measured[joint]) continue;
    for (int k = 0; k < count; ++k) {
      V3& force = work.force[plan.parent[joint] * count + k];
      V3& torque = work.torque[plan.parent[joint] * count + k];
      force = force + work.force[joint * count + k];
      torque = torque + work.torque[joint * count + k];
    }
  }
  assemble(plan, work.pose);
}

// Right-hand sides [free + 1, count + 1]: the mixed second derivatives, then the pose's slope.
void right_hand_sides(const FitPlan& plan, int count, bool at_rest, const double* changes, int64_t stride,
                      const ShapeWork& work, V3* sides) {
  for (int i = 0; i <= plan.free_joints; ++i) {
    const int joint = i < plan.free_joints ? plan.joint_of[i] : 0;
    V3* here = sides + i * (count + 1);
    for (int k = 0; k < count; ++k) {
      const V3 force = work.force[joint * count + k];
      here[k] = i == plan.free_joints  ? force
                : plan.measured[joint] ? work.torque[joint * count + k] - cross(work.pose.at[joint], force)
                                       : V3{};
      work.mixed[i * count + k] = here[k];
    }
    here[count] = V3{};
    M3& diagonal = work.pose.blocks[plan.block[i]];
    for (int axis = 0; axis < 3; ++axis) {
      const int parameter = 3 * i + axis;
      diagonal.v[4 * axis] += plan.stiffness[parameter];
      if (at_rest) continue;
      const Vec pull = plan.stiffness[parameter] * load(changes + parameter * stride);
      here[count].v[axis] = work.pose.slope[i].v[axis] + pull;
    }
  }
}

// Adds the block's frames' equations, with the poses eliminated, to the sums.
void eliminate(const FitPlan& plan, int count, int lanes, const ShapeWork& work, const V3* sides, ShapeSums* sums) {
  for (int k = 0; k < count; ++k) {
    for (int l = 0; l <= count; ++l) {  // the last column is the slope
      if (l > k && l < count) continue;
      Vec value = l < count ? work.square[k * count + l] : work.slope[k];
      for (int i = 0; i <= plan.free_joints; ++i) value -= dot(work.mixed[i * count + k], sides[i * (count + 1) + l]);
      double total = 0;
      for (int lane = 0; lane < lanes; ++lane) total += value[lane];
      if (l == count) {
        sums->slope[k] += total;
      } else {
        sums->hessian[k][l] += total;
        if (l < k) sums->hessian[l][k] += total;
      }
    }
  }
}

}  // namespace

void shape_start(const FitPlan& plan, const genmo_fit_input& input, const FitScratch& scratch) {
  for (int64_t frame = 0, block = 0; frame < input.frames; frame += kLanes, ++block) {
    gather(reinterpret_cast<Vec*>(scratch.rotations) + block * 9 * plan.joints, input.rotations, frame, input.frames,
           9 * plan.joints);
    gather(reinterpret_cast<Vec*>(scratch.root) + block * 3, input.root, frame, input.frames, 3);
    gather(reinterpret_cast<Vec*>(scratch.rays) + block * 2 * plan.points, input.rays, frame, input.frames,
           2 * plan.points);
    gather(reinterpret_cast<Vec*>(scratch.weight) + block * plan.points, input.weight, frame, input.frames, plan.points);
  }
  memset(scratch.changes[0], 0, sizeof(double) * static_cast<size_t>(plan.parameters * scratch.stride));
}

bool shape_equations(const FitPlan& plan, const double* offsets, int count, const double* components, bool at_rest,
                     const FitScratch& scratch, ShapeSums* sums) {
  const ShapeWork work = work_of(plan, count, scratch);
  bool sound = true;
  for (int64_t frame = 0, block = 0; frame < scratch.frames; frame += kLanes, ++block) {
    const Vec* root = reinterpret_cast<const Vec*>(scratch.root) + block * 3;
    V3* sides = reinterpret_cast<V3*>(scratch.solved) + block * (plan.free_joints + 1) * (count + 1);
    forward_kinematics(plan, reinterpret_cast<const Vec*>(scratch.rotations) + block * 9 * plan.joints, offsets,
                       work.pose);
    linearize(plan, count, components, root, reinterpret_cast<const Vec*>(scratch.rays) + block * 2 * plan.points,
              reinterpret_cast<const Vec*>(scratch.weight) + block * plan.points, work);
    right_hand_sides(plan, count, at_rest, scratch.changes[0] + frame + 1, scratch.stride, work, sides);
    sound &= factorise(plan, work.pose);
    for (int k = 0; k <= count; ++k) solve(plan, work.pose, sides + k, count + 1);
    const int64_t left = scratch.frames - frame;
    eliminate(plan, count, left < kLanes ? static_cast<int>(left) : kLanes, work, sides, sums);
  }
  return sound;
}

void shape_move(const FitPlan& plan, const double* offsets, int count, const double* change, const FitScratch& scratch) {
  const ShapeWork work = work_of(plan, count, scratch);
  for (int64_t frame = 0, block = 0; frame < scratch.frames; frame += kLanes, ++block) {
    Vec* rotations = reinterpret_cast<Vec*>(scratch.rotations) + block * 9 * plan.joints;
    V3* sides = reinterpret_cast<V3*>(scratch.solved) + block * (plan.free_joints + 1) * (count + 1);
    for (int i = 0; i <= plan.free_joints; ++i) {
      V3 step = sides[i * (count + 1) + count];
      for (int k = 0; k < count; ++k) step = step + sides[i * (count + 1) + k] * all(change[k]);
      for (int axis = 0; axis < 3; ++axis) {
        work.pose.slope[i].v[axis] = -step.v[axis];
        double* at = scratch.changes[0] + (3 * i + axis) * scratch.stride + frame + 1;
        store(at, load(at) - step.v[axis]);
      }
    }
    forward_kinematics(plan, rotations, offsets, work.pose);
    move(plan, rotations, reinterpret_cast<Vec*>(scratch.root) + block * 3, work.pose.slope, 1, work.pose);
  }
}

}  // namespace genmo::GENMO_ISA
