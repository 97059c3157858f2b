// The fit of poses; compiled once for each instruction set.
#include "fit_lanes.h"
#include "fit_stages.h"

namespace genmo::GENMO_ISA {

bool fit_pose(const FitPlan&, const genmo_fit_input&, const double*, int, const FitScratch&, double*, double*);
void fit_residuals(const FitPlan&, const genmo_fit_input&, const double*, const double*, const FitScratch&, double*);

namespace {

Work work_of(const FitPlan& plan, const FitScratch& scratch) {
  Work work;
  double* at = scratch.work;
  const auto take = [&at](size_t vectors) {
    double* here = at;
    at += vectors * kLanes;
    return here;
  };
  const size_t joints = static_cast<size_t>(plan.joints), free = static_cast<size_t>(plan.free_joints) + 1;
  work.globals = reinterpret_cast<M3*>(take(9 * joints));
  work.at = reinterpret_cast<V3*>(take(3 * joints));
  work.inertia = reinterpret_cast<Inertia*>(take(sizeof(Inertia) / sizeof(Vec) * joints));
  work.blocks = reinterpret_cast<M3*>(take(9 * static_cast<size_t>(plan.blocks)));
  work.pivots = reinterpret_cast<Vec*>(take(6 * free));
  work.slope = reinterpret_cast<V3*>(take(3 * free));
  return work;
}

void linearize(const FitPlan& plan, const Vec* root, const Vec* rays, const Vec* weight, const Work& work) {
  for (int joint = 0; joint < plan.joints; ++joint) {
    if (plan.measured[joint]) memset(work.inertia + joint, 0, sizeof(Inertia));
  }
  for (int point = 0; point < plan.points; ++point) {
    const Projection p = project(plan, point, root, rays, work);
    add_point(work.inertia[plan.fixed_to[point]], p, weight_of(plan, point, p, weight[point]));
  }
  assemble(plan, work);
}

// The damping's second derivative and slope of the frames from `frame` on, whose changes so far are `changes`.
void damp(const FitPlan& plan, const double* changes, int64_t stride, Vec inverse_trust, const Work& work) {
  const Vec along = inverse_trust * inverse_trust;
  for (int parameter = 0; parameter < plan.parameters; ++parameter) {
    const double* here = changes + parameter * stride;
    const Vec change = load(here), beside = 0.5 * (load(here - 1) + load(here + 1));
    const Vec tie = plan.along_view[parameter] ? plan.tie[parameter] * along : all(plan.tie[parameter]);
    const int i = parameter / 3, axis = parameter % 3;
    work.blocks[plan.block[i]].v[4 * axis] += plan.stiffness[parameter] + tie;
    work.slope[i].v[axis] += plan.stiffness[parameter] * change + tie * (change - beside);
  }
}

// The frames before the first and after the last are like those: nothing pulls there.
void close_ends(const FitPlan& plan, const FitScratch& scratch, double* changes) {
  for (int parameter = 0; parameter < plan.parameters; ++parameter) {
    double* row = changes + parameter * scratch.stride;
    row[0] = row[1];
    row[scratch.frames + 1] = row[scratch.frames];
  }
}

void start(const FitPlan& plan, const genmo_fit_input& input, const double* trust, const FitScratch& scratch) {
  for (int64_t frame = 0, block = 0; frame < input.frames; frame += kLanes, ++block) {
    Vec* rays = reinterpret_cast<Vec*>(scratch.rays) + block * 2 * plan.points;
    Vec* weight = reinterpret_cast<Vec*>(scratch.weight) + block * plan.points;
    Vec* trusted = reinterpret_cast<Vec*>(scratch.trust) + block;
    gather(reinterpret_cast<Vec*>(scratch.rotations) + block * 9 * plan.joints, input.rotations, frame, input.frames,
           9 * plan.joints);
    gather(reinterpret_cast<Vec*>(scratch.root) + block * 3, input.root, frame, input.frames, 3);
    gather(rays, input.rays, frame, input.frames, 2 * plan.points);
    gather(weight, input.weight, frame, input.frames, plan.points);
    *trusted = all(1);
    if (trust != nullptr) gather(trusted, trust, frame, input.frames, 1);
    for (int point = 0; point < plan.points; ++point) weight[point] *= *trusted * *trusted;
  }
}

}  // namespace

bool fit_pose(const FitPlan& plan, const genmo_fit_input& input, const double* trust, int iterations,
              const FitScratch& scratch, double* rotations, double* root) {
  const Work work = work_of(plan, scratch);
  start(plan, input, trust, scratch);
  memset(scratch.changes[0], 0, sizeof(double) * static_cast<size_t>(plan.parameters * scratch.stride));
  bool sound = true;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    double* before = scratch.changes[iteration & 1];
    double* after = scratch.changes[1 - (iteration & 1)];
    close_ends(plan, scratch, before);
    for (int64_t frame = 0, block = 0; frame < input.frames; frame += kLanes, ++block) {
      Vec* pose = reinterpret_cast<Vec*>(scratch.rotations) + block * 9 * plan.joints;
      Vec* at = reinterpret_cast<Vec*>(scratch.root) + block * 3;
      forward_kinematics(plan, pose, input.offsets, work);
      linearize(plan, at, reinterpret_cast<const Vec*>(scratch.rays) + block * 2 * plan.points,
                reinterpret_cast<const Vec*>(scratch.weight) + block * plan.points, work);
      damp(plan, before + frame + 1, scratch.stride, 1 / reinterpret_cast<const Vec*>(scratch.trust)[block], work);
      sound &= factorise(plan, work);
      solve(plan, work, work.slope, 1);
      for (int i = 0; i <= plan.free_joints; ++i) {
        V3& step = work.slope[i];
        for (int axis = 0; axis < 3; ++axis) {
          const int64_t parameter = (3 * i + axis) * scratch.stride + frame + 1;
          step.v[axis] = -step.v[axis];
          store(after + parameter, load(before + parameter) + step.v[axis]);
        }
      }
      move(plan, pose, at, work.slope, 1, work);
    }
  }
  for (int64_t frame = 0, block = 0; frame < input.frames; frame += kLanes, ++block) {
    scatter(rotations, reinterpret_cast<const Vec*>(scratch.rotations) + block * 9 * plan.joints, frame, input.frames,
            9 * plan.joints);
    scatter(root, reinterpret_cast<const Vec*>(scratch.root) + block * 3, frame, input.frames, 3);
  }
  return sound;
}

void fit_residuals(const FitPlan& plan, const genmo_fit_input& input, const double* rotations, const double* root,
                   const FitScratch& scratch, double* residual) {
  const Work work = work_of(plan, scratch);
  Vec* pose = reinterpret_cast<Vec*>(scratch.rotations);  // of the first block: nothing in it is wanted any more
  for (int64_t frame = 0; frame < input.frames; frame += kLanes) {
    Vec at[3], rays[2 * kMaxPoints], out[2 * kMaxPoints];
    gather(pose, rotations, frame, input.frames, 9 * plan.joints);
    gather(at, root, frame, input.frames, 3);
    gather(rays, input.rays, frame, input.frames, 2 * plan.points);
    forward_kinematics(plan, pose, input.offsets, work);
    for (int point = 0; point < plan.points; ++point) {
      const Projection p = project(plan, point, at, rays, work);
      out[2 * point] = p.residual[0];
      out[2 * point + 1] = p.residual[1];
    }
    scatter(residual, out, frame, input.frames, 2 * plan.points);
  }
}

}  // namespace genmo::GENMO_ISA
