// The root's path in the world: quick changes from the velocity, slow ones from where a camera sees the person.  Twins:
// runtime/refine/root_path.py and `follow_cameras` of multi_shot.py.
#include <algorithm>
#include <cmath>

#include "motion/estimated.h"
#include "motion/filters.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kGroundPlaneWindow = 45, kGuessedDepthWindow = 301, kHeightWindow = 31;
constexpr double kStaticDrift = 0.35, kStaticDriftAcross = 0.15;

// The eigenvector of the largest eigenvalue of a symmetric 4 x 4 matrix, by Jacobi's rotations; `a` is changed.
void largest_eigenvector(double a[4][4], double* vector) {
  double v[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
  for (int sweep = 0; sweep < 30; ++sweep)
    for (int p = 0; p < 3; ++p)
      for (int q = p + 1; q < 4; ++q) {
        if (std::abs(a[p][q]) < 1e-300) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::hypot(theta, 1.0));
        const double c = 1 / std::hypot(t, 1.0), s = t * c;
        for (int k = 0; k < 4; ++k) {
          const double kp = a[k][p], kq = a[k][q];
          a[k][p] = c * kp - s * kq;
          a[k][q] = s * kp + c * kq;
        }
        for (int k = 0; k < 4; ++k) {
          const double pk = a[p][k], qk = a[q][k], vp = v[k][p], vq = v[k][q];
          a[p][k] = c * pk - s * qk;
          a[q][k] = s * pk + c * qk;
          v[k][p] = c * vp - s * vq;
          v[k][q] = s * vp + c * vq;
        }
      }
  int best = 0;
  for (int k = 1; k < 4; ++k)
    if (a[k][k] > a[best][best]) best = k;
  for (int k = 0; k < 4; ++k) vector[k] = v[k][best];
}

// The rotation nearest to a matrix: its quaternion w, x, y, z is an eigenvector (Horn 1987).
Mat3 orthogonal(const double* m) {
  const double yz = m[7] - m[5], zx = m[2] - m[6], xy = m[3] - m[1], sxy = m[1] + m[3], szx = m[2] + m[6], syz = m[5] + m[7];
  double equations[4][4] = {{m[0] + m[4] + m[8], yz, zx, xy},
                            {yz, m[0] - m[4] - m[8], sxy, szx},
                            {zx, sxy, m[4] - m[0] - m[8], syz},
                            {xy, szx, syz, m[8] - m[0] - m[4]}};
  double q[4];
  largest_eigenvector(equations, q);
  return matrix_from_quaternion(q[0], {q[1], q[2], q[3]});
}

// Where a camera of known poses sees the root, or one that is taken for static, in the axes of the world.  `axis` [x, z]:
// the horizontal unit vector along which the latter looks.
void observe(const Estimated& motion, const Keypoints& keypoints, double* positions, double* axis) {
  const int64_t frames = motion.clip.frames;
  if (keypoints.rotation) {
    for (int64_t frame = 0; frame < frames; ++frame)
      put(positions + 3 * frame, at(keypoints.position + 3 * frame) + mat_at(keypoints.rotation + 9 * frame) * at(motion.root_translation + 3 * frame));
    return;
  }
  double mean[9] = {};
  for (int64_t frame = 0; frame < frames; ++frame) {
    double turn[9];
    put(turn, mat_at(motion.clip.rotations + frame * 9 * kJoints) * transposed(mat_at(motion.root_rotation + 9 * frame)));
    for (int i = 0; i < 9; ++i) mean[i] += turn[i];
  }
  for (double& entry : mean) entry /= static_cast<double>(frames);
  const Mat3 to_world = orthogonal(mean);
  put(mean, to_world);
  const double scale = 1 / std::max(std::hypot(mean[2], mean[8]), 1e-8);
  axis[0] = mean[2] * scale;
  axis[1] = mean[8] * scale;
  for (int64_t frame = 0; frame < frames; ++frame) put(positions + 3 * frame, to_world * at(motion.root_translation + 3 * frame));
}

// `slow` [frames]: an axis of the slow part of how far the path is from where the root was observed.
void slow_difference(const Clip& clip, const double* positions, int axis, int64_t window, Pool& pool, double* slow) {
  const Pool::Scope scope(pool);
  auto* difference = pool.get<double>(clip.frames);
  for (int64_t frame = 0; frame < clip.frames; ++frame) difference[frame] = clip.translation[3 * frame + axis] - positions[3 * frame + axis];
  local_trend(difference, clip.frames, window, pool, slow);
}

// Root mean square of how fast two slow differences over the ground change, m/s.
double drift_speed(const double* slow_x, const double* slow_z, int64_t frames) {
  if (frames < 2) return 0;
  double squares = 0;
  for (int64_t frame = 0; frame + 1 < frames; ++frame) {
    const double x = (slow_x[frame + 1] - slow_x[frame]) * GENMO_FPS, z = (slow_z[frame + 1] - slow_z[frame]) * GENMO_FPS;
    squares += x * x + z * z;
  }
  return std::sqrt(squares / static_cast<double>(frames - 1));
}

// The trends over the ground, slow[0] and slow[2], where the lens is guessed: slower along the `axis` than across it, and
// not at all where the motion is short or drifts in depth, since the guess may be that wrong.  False when path and view
// drift apart across the view, as under a camera that moves.
bool trend_of_guessed(const Clip& clip, const double* positions, const double* axis, Pool& pool, double* const slow[3]) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  const bool deep = drift_speed(slow[0], slow[2], frames) < kStaticDrift && frames >= kGuessedDepthWindow;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double depth = slow[0][frame] * axis[0] + slow[2][frame] * axis[1];
    for (int k = 0; k < 2; ++k) slow[2 * k][frame] -= depth * axis[k];
  }
  if (!(drift_speed(slow[0], slow[2], frames) < kStaticDriftAcross)) return false;
  if (!deep) return true;
  auto *depth = pool.get<double>(frames), *trend = pool.get<double>(frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double *here = positions + 3 * frame, *moved = clip.translation + 3 * frame;
    depth[frame] = (moved[0] - here[0]) * axis[0] + (moved[2] - here[2]) * axis[1];
  }
  local_trend(depth, frames, kGuessedDepthWindow, pool, trend);
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int k = 0; k < 2; ++k) slow[2 * k][frame] += trend[frame] * axis[k];
  return true;
}

}  // namespace

void follow_camera(Estimated& motion, const Keypoints& keypoints, Pool& pool) {
  const Pool::Scope scope(pool);
  Clip& clip = motion.clip;
  const int64_t frames = clip.frames;
  auto* positions = pool.get<double>(3 * frames);
  double axis[2] = {};
  observe(motion, keypoints, positions, axis);
  double* slow[3];
  for (int axis = 0; axis < 3; ++axis) {
    slow[axis] = pool.get<double>(frames);
    slow_difference(clip, positions, axis, axis == 1 ? kHeightWindow : kGroundPlaneWindow, pool, slow[axis]);
  }
  if (!keypoints.rotation && keypoints.guessed) {
    if (!trend_of_guessed(clip, positions, axis, pool, slow)) return;
  } else if (!keypoints.rotation && !(drift_speed(slow[0], slow[2], frames) < kStaticDrift)) {
    return;
  }
  for (int axis = 0; axis < 3; ++axis) {
    const double start = keypoints.rotation ? 0 : slow[axis][0];  // of a camera without a place in the world changes alone count
    for (int64_t frame = 0; frame < frames; ++frame) clip.translation[3 * frame + axis] -= slow[axis][frame] - start;
  }
}

}  // namespace genmo
