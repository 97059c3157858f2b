#include "fit_plan.h"

#include <cmath>
#include <cstring>

#include "error.h"

namespace genmo {
namespace {

genmo_status check(const genmo_fit_model* m, genmo_error* error) {
  if (m == nullptr) return fail(error, GENMO_BAD_ARGUMENT, "model is NULL");
  if (m->size != sizeof *m) {
    return fail(error, GENMO_BAD_ARGUMENT, "model->size is %u; wanted %u, of this header", m->size,
                static_cast<unsigned>(sizeof *m));
  }
  if (m->joints < 1 || m->joints > kMaxJoints || m->free_joints < 1 || m->free_joints > kMaxFree || m->points < 1 ||
      m->points > kMaxPoints) {
    return fail(error, GENMO_BAD_ARGUMENT, "%d joints, %d free, %d points; wanted 1 to %d, %d and %d", m->joints,
                m->free_joints, m->points, kMaxJoints, kMaxFree, kMaxPoints);
  }
  if (m->parents == nullptr || m->free == nullptr || m->fixed_to == nullptr || m->places == nullptr ||
      m->point_spread == nullptr || m->spread == nullptr || m->along_view == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array of the model is NULL");
  }
  for (int joint = 0; joint < m->joints; ++joint) {
    if (m->parents[joint] >= joint || m->parents[joint] < (joint == 0 ? -1 : 0)) {
      return fail(error, GENMO_BAD_ARGUMENT, "parents[%d] is %d; wanted a lower joint", joint, m->parents[joint]);
    }
  }
  bool taken[kMaxJoints] = {};
  for (int i = 0; i < m->free_joints; ++i) {
    if (m->free[i] < 0 || m->free[i] >= m->joints || taken[m->free[i]]) {
      return fail(error, GENMO_BAD_ARGUMENT, "free[%d] is %d; wanted different joints below %d", i, m->free[i], m->joints);
    }
    taken[m->free[i]] = true;
  }
  for (int i = 0; i < m->points; ++i) {
    if (m->fixed_to[i] < 0 || m->fixed_to[i] >= m->joints) {
      return fail(error, GENMO_BAD_ARGUMENT, "fixed_to[%d] is %d; wanted a joint below %d", i, m->fixed_to[i], m->joints);
    }
    if (!(m->point_spread[i] > 0)) return fail(error, GENMO_BAD_ARGUMENT, "point_spread[%d] is not positive", i);
  }
  for (int i = 0; i < 3 * m->free_joints + 3; ++i) {
    if (!(m->spread[i] > 0)) return fail(error, GENMO_BAD_ARGUMENT, "spread[%d] is not positive", i);
  }
  if (!(m->change > 0) || !(m->min_depth > 0) || !(m->robust_scale > 0) || !(m->fits > 0) || !(m->explained > 0) ||
      !(m->least_trust > 0) || !(m->least_trust <= 1) || !(m->full_trust > 0)) {
    return fail(error, GENMO_BAD_ARGUMENT, "a constant of the model is not positive, or least_trust is over 1");
  }
  if (m->first_trusted < 0 || m->first_trusted > m->points || m->lag < 1 || m->lag > 1 << 20 || m->averaged < 0 ||
      m->averaged > 1 << 20) {
    return fail(error, GENMO_BAD_ARGUMENT, "first_trusted %d, lag %d or averaged %d is out of range", m->first_trusted,
                m->lag, m->averaged);
  }
  return GENMO_OK;
}

int depth(const FitPlan& plan, int joint) {
  int count = 0;
  for (; joint >= 0; joint = plan.parent[joint]) ++count;
  return count;
}

// order, chain and block, from parent, joint_of and free_of.
genmo_status eliminate(FitPlan* plan, genmo_error* error) {
  const int root = plan->free_joints;
  for (int i = 0; i < root; ++i) {  // insertion sort, the deepest first
    int at = i;
    for (; at > 0 && depth(*plan, plan->joint_of[plan->order[at - 1]]) < depth(*plan, plan->joint_of[i]); --at) {
      plan->order[at] = plan->order[at - 1];
    }
    plan->order[at] = i;
  }
  plan->blocks = 0;
  for (int i = 0; i <= root; ++i) {
    int length = 0;
    if (i < root) {
      for (int joint = plan->parent[plan->joint_of[i]]; joint >= 0; joint = plan->parent[joint]) {
        if (plan->free_of[joint] >= 0) plan->chain[i][length++] = plan->free_of[joint];
      }
      plan->chain[i][length++] = root;
    }
    plan->chain_length[i] = length;
    plan->block[i] = plan->blocks;
    plan->blocks += 1 + length;
  }
  if (plan->blocks > kMaxBlocks) {
    return fail(error, GENMO_BAD_ARGUMENT, "free joints follow each other too far: %d blocks, at most %d", plan->blocks,
                kMaxBlocks);
  }
  return GENMO_OK;
}

}  // namespace

genmo_status make_plan(FitPlan* plan, const genmo_fit_model* model, genmo_error* error) {
  const genmo_status status = check(model, error);
  if (status != GENMO_OK) return status;
  *plan = FitPlan{};
  plan->joints = model->joints;
  plan->free_joints = model->free_joints;
  plan->points = model->points;
  plan->parameters = 3 * model->free_joints + 3;
  for (int joint = 0; joint < plan->joints; ++joint) {
    plan->parent[joint] = model->parents[joint];
    plan->free_of[joint] = -1;
  }
  for (int i = 0; i < plan->free_joints; ++i) {
    plan->joint_of[i] = model->free[i];
    plan->free_of[model->free[i]] = i;
  }
  for (int i = 0; i < plan->points; ++i) {
    plan->fixed_to[i] = model->fixed_to[i];
    std::memcpy(plan->place[i], model->places + 3 * i, sizeof plan->place[i]);
    plan->inverse_variance[i] = 1 / (model->point_spread[i] * model->point_spread[i]);
    for (int joint = model->fixed_to[i]; joint >= 0; joint = plan->parent[joint]) plan->measured[joint] = true;
  }
  for (int i = 0; i < plan->parameters; ++i) {
    plan->stiffness[i] = 1 / (model->spread[i] * model->spread[i]);
    plan->tie[i] = plan->stiffness[i] / (model->change * model->change);
    plan->along_view[i] = model->along_view[i] != 0;
  }
  plan->min_depth = model->min_depth;
  plan->inverse_robust_square = 1 / (model->robust_scale * model->robust_scale);
  return eliminate(plan, error);
}

}  // namespace genmo
