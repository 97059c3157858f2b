// Pose and normal equations of several frames in the lanes of a vector: what fit_pose.cpp and fit_shape.cpp share.
// Included by sources that are compiled once for each instruction set.
//
// A point at p, fixed to a joint or one below it, moves by w x (p - q) when the joint at q turns by w, and by v with the
// root. Its residuals are rows a . motion, with a = (1, 0, -x/z) and (0, 1, -y/z), so every row's derivative is (b - q x
// a) for a joint and a for the root, with b = p x a. The sums over a joint's points of weight x (b, a) (b, a)^T, 6 x 6,
// therefore hold all that the joint's block rows need, as the inertia of a composite body does in rigid-body dynamics.
// The equations of a tree have no entries between branches and get none by elimination from the leaves on.
#pragma once

#include "fit_plan.h"
#include "lanes.h"

namespace genmo::GENMO_ISA {

struct Inertia {
  Vec bb[6];  // symmetric: xx xy xz yy yz zz
  M3 ba;
  Vec aa[6];
  V3 slope_b, slope_a;
};

struct Projection {
  V3 point;         // from the root
  Vec slant[2];     // x/z, y/z
  Vec residual[2];  // metres at the point's depth
  Vec depth;        // z, at least min_depth
  Vec z;
};

// Work space of a block of frames, in the caller's scratch.
struct Work {
  M3* globals;       // [joints]
  V3* at;            // [joints] from the root
  Inertia* inertia;  // [joints]
  M3* blocks;        // [blocks] of the normal equations; after `factorise`, the eliminated rows
  Vec* pivots;       // [free + 1, 6] L D L^T of the diagonal blocks: 1/d0 l10 l20 1/d1 l21 1/d2
  V3* slope;         // [free + 1]
};

GENMO_INLINE void forward_kinematics(const FitPlan& plan, const Vec* rotations, const double* offsets, const Work& work) {
  const M3* local = reinterpret_cast<const M3*>(rotations);
  work.globals[0] = local[0];
  work.at[0] = V3{};
  for (int joint = 1; joint < plan.joints; ++joint) {
    if (!plan.measured[joint]) continue;
    const int parent = plan.parent[joint];
    work.at[joint] = work.at[parent] + times(work.globals[parent], offsets + 3 * joint);
    work.globals[joint] = times(work.globals[parent], local[joint]);
  }
}

GENMO_INLINE Projection project(const FitPlan& plan, int point, const Vec* root, const Vec* rays, const Work& work) {
  Projection out;
  const int joint = plan.fixed_to[point];
  const double* place = plan.place[point];
  out.point = work.at[joint];
  if (place[0] != 0 || place[1] != 0 || place[2] != 0) out.point = out.point + times(work.globals[joint], place);
  out.z = root[2] + out.point.v[2];
  out.depth = larger(out.z, all(plan.min_depth));
  for (int axis = 0; axis < 2; ++axis) {
    out.slant[axis] = (root[axis] + out.point.v[axis]) / out.depth;
    out.residual[axis] = (out.slant[axis] - rays[2 * point + axis]) * out.depth;
  }
  return out;
}

// Weight x 1 / variance of a projected point, 0 behind min_depth, less the further it is off.
GENMO_INLINE Vec weight_of(const FitPlan& plan, int point, const Projection& p, Vec weight) {
  const Vec square = p.residual[0] * p.residual[0] + p.residual[1] * p.residual[1];
  const Vec robust = 1 + square * plan.inverse_robust_square;
  const Vec value = weight * plan.inverse_variance[point] / (robust * robust);
  return p.z > plan.min_depth ? value : Vec{};
}

// b of the rows along x and y.
GENMO_INLINE void moments(const Projection& p, V3* bx, V3* by) {
  const Vec x = p.point.v[0], y = p.point.v[1], z = p.point.v[2];
  *bx = {{-y * p.slant[0], z + x * p.slant[0], -y}};
  *by = {{-z - y * p.slant[1], x * p.slant[1], x}};
}

GENMO_INLINE void add_point(Inertia& sum, const Projection& p, Vec w) {
  V3 bx, by;
  moments(p, &bx, &by);
  const V3 wx = bx * w, wy = by * w;
  int at = 0;
  for (int r = 0; r < 3; ++r) {
    for (int c = r; c < 3; ++c) sum.bb[at++] += wx.v[r] * bx.v[c] + wy.v[r] * by.v[c];
    sum.ba.v[3 * r] += wx.v[r];
    sum.ba.v[3 * r + 1] += wy.v[r];
    sum.ba.v[3 * r + 2] -= wx.v[r] * p.slant[0] + wy.v[r] * p.slant[1];
    sum.slope_b.v[r] += wx.v[r] * p.residual[0] + wy.v[r] * p.residual[1];
  }
  const Vec sx = w * p.slant[0], sy = w * p.slant[1];
  sum.aa[0] += w;
  sum.aa[2] -= sx;
  sum.aa[3] += w;
  sum.aa[4] -= sy;
  sum.aa[5] += sx * p.slant[0] + sy * p.slant[1];
  sum.slope_a.v[0] += w * p.residual[0];
  sum.slope_a.v[1] += w * p.residual[1];
  sum.slope_a.v[2] -= sx * p.residual[0] + sy * p.residual[1];
}

GENMO_INLINE void add(Inertia& sum, const Inertia& other) {
  Vec* to = reinterpret_cast<Vec*>(&sum);
  const Vec* from = reinterpret_cast<const Vec*>(&other);
  for (unsigned i = 0; i < sizeof(Inertia) / sizeof(Vec); ++i) to[i] += from[i];
}

GENMO_INLINE M3 symmetric(const Vec* s) { return {{s[0], s[1], s[2], s[1], s[3], s[4], s[2], s[4], s[5]}}; }

// m - [q]x n, column by column: q x the columns of n.
GENMO_INLINE M3 minus_cross(const M3& m, const V3& q, const M3& n) {
  M3 out = m;
  for (int c = 0; c < 3; ++c) {
    const V3 turned = cross(q, V3{{n.v[c], n.v[3 + c], n.v[6 + c]}});
    for (int r = 0; r < 3; ++r) out.v[3 * r + c] -= turned.v[r];
  }
  return out;
}

GENMO_INLINE M3 transposed(const M3& m) {
  return {{m.v[0], m.v[3], m.v[6], m.v[1], m.v[4], m.v[7], m.v[2], m.v[5], m.v[8]}};
}

// n_b - q x the rows of n_a: the block of a joint's rows with the joint at q.
GENMO_INLINE M3 block_with(const M3& n_b, const M3& n_a, const V3& q) {
  M3 out;
  for (int r = 0; r < 3; ++r) set_row(out, r, row(n_b, r) - cross(q, row(n_a, r)));
  return out;
}

// Blocks and slope of the points alone, from the joints' inertias, which become those of all that is below each joint.
GENMO_INLINE void assemble(const FitPlan& plan, const Work& work) {
  for (int joint = plan.joints - 1; joint > 0; --joint) {
    if (plan.measured[joint]) add(work.inertia[plan.parent[joint]], work.inertia[joint]);
  }
  for (int i = 0; i < plan.free_joints; ++i) {
    const int joint = plan.joint_of[i], length = plan.chain_length[i];
    M3* blocks = work.blocks + plan.block[i];
    if (!plan.measured[joint]) {
      memset(blocks, 0, (1 + static_cast<size_t>(length)) * sizeof(M3));
      work.slope[i] = V3{};
      continue;
    }
    const Inertia& sum = work.inertia[joint];
    const V3 q = work.at[joint];
    const M3 n_b = minus_cross(symmetric(sum.bb), q, transposed(sum.ba));
    const M3 n_a = minus_cross(sum.ba, q, symmetric(sum.aa));
    blocks[0] = block_with(n_b, n_a, q);
    for (int a = 0; a < length - 1; ++a) {
      blocks[1 + a] = block_with(n_b, n_a, work.at[plan.joint_of[plan.chain[i][a]]]);
    }
    blocks[length] = n_a;
    work.slope[i] = sum.slope_b - cross(q, sum.slope_a);
  }
  work.blocks[plan.block[plan.free_joints]] = symmetric(work.inertia[0].aa);
  work.slope[plan.free_joints] = work.inertia[0].slope_a;
}

// L D L^T of a symmetric 3 x 3 matrix; false lanes of `sound` where it is not positive definite.
GENMO_INLINE void decompose(const M3& h, Vec* out, Vec* smallest) {
  const Vec d0 = h.v[0], i0 = 1 / d0;
  const Vec l10 = h.v[3] * i0, l20 = h.v[6] * i0;
  const Vec d1 = h.v[4] - l10 * h.v[3], i1 = 1 / d1;
  const Vec l21 = (h.v[7] - l20 * h.v[3]) * i1;
  const Vec d2 = h.v[8] - l20 * h.v[6] - l21 * l21 * d1;
  out[0] = i0;
  out[1] = l10;
  out[2] = l20;
  out[3] = i1;
  out[4] = l21;
  out[5] = 1 / d2;
  const Vec least = d0 < d1 ? d0 : d1;
  const Vec lower = least < d2 ? least : d2;
  *smallest = lower < *smallest ? lower : *smallest;
}

GENMO_INLINE V3 solve3(const Vec* p, const V3& b) {
  const Vec y1 = b.v[1] - p[1] * b.v[0];
  const Vec y2 = b.v[2] - p[2] * b.v[0] - p[4] * y1;
  const Vec x2 = y2 * p[5];
  const Vec x1 = y1 * p[3] - p[4] * x2;
  return {{b.v[0] * p[0] - p[1] * x1 - p[2] * x2, x1, x2}};
}

// Eliminates the joints from the leaves on. Returns false where the equations have no one solution in some lane.
GENMO_INLINE bool factorise(const FitPlan& plan, const Work& work) {
  Vec smallest = all(1);
  for (int n = 0; n <= plan.free_joints; ++n) {
    const int k = n < plan.free_joints ? plan.order[n] : plan.free_joints;
    M3* rows = work.blocks + plan.block[k];
    Vec* pivots = work.pivots + 6 * k;
    decompose(rows[0], pivots, &smallest);
    for (int b = plan.chain_length[k] - 1; b >= 0; --b) {  // the farthest first: nearer rows are still as they were
      M3 solved;
      for (int c = 0; c < 3; ++c) {
        const V3 x = solve3(pivots, V3{{rows[1 + b].v[c], rows[1 + b].v[3 + c], rows[1 + b].v[6 + c]}});
        for (int r = 0; r < 3; ++r) solved.v[3 * r + c] = x.v[r];
      }
      for (int a = 0; a <= b; ++a) {
        subtract_product(work.blocks[plan.block[plan.chain[k][a]] + b - a], rows[1 + a], solved);
      }
      rows[1 + b] = solved;
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (smallest[lane] <= 0) return false;
  }
  return true;
}

// The solution for right-hand sides [free + 1] that lie `stride` apart, in their place.
GENMO_INLINE void solve(const FitPlan& plan, const Work& work, V3* x, int stride) {
  for (int n = 0; n < plan.free_joints; ++n) {
    const int k = plan.order[n];
    const M3* rows = work.blocks + plan.block[k];
    for (int a = 0; a < plan.chain_length[k]; ++a) {
      V3& above = x[plan.chain[k][a] * stride];
      above = above - transposed_times(rows[1 + a], x[k * stride]);
    }
  }
  for (int n = plan.free_joints; n >= 0; --n) {
    const int k = n < plan.free_joints ? plan.order[n] : plan.free_joints;
    const M3* rows = work.blocks + plan.block[k];
    V3 solved = solve3(work.pivots + 6 * k, x[k * stride]);
    for (int a = 0; a < plan.chain_length[k]; ++a) solved = solved - times(rows[1 + a], x[plan.chain[k][a] * stride]);
    x[k * stride] = solved;
  }
}

// Turns the free joints about the camera's axes and moves the root.
GENMO_INLINE void move(const FitPlan& plan, Vec* rotations, Vec* root, const V3* step, int stride, const Work& work) {
  M3* local = reinterpret_cast<M3*>(rotations);
  for (int i = 0; i < plan.free_joints; ++i) {
    const int joint = plan.joint_of[i];
    if (!plan.measured[joint]) continue;  // nothing turns it
    const V3 own = transposed_times(work.globals[joint], step[i * stride]);
    local[joint] = times(local[joint], matrix_from_axis_angle(own));
  }
  for (int axis = 0; axis < 3; ++axis) root[axis] += step[plan.free_joints * stride].v[axis];
}

}  // namespace genmo::GENMO_ISA
