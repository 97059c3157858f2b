#include "motion/quaternions.h"

#include <cmath>

namespace genmo {
namespace {

// From the largest of the four squared components (Shepperd 1978), w >= 0.
void quaternion_of(const double* m, double* q) {
  const double xx = m[0], yy = m[4], zz = m[8], yz = m[7] - m[5], zx = m[2] - m[6], xy = m[3] - m[1];
  const double sxy = m[1] + m[3], szx = m[2] + m[6], syz = m[5] + m[7];
  const double rows[4][4] = {{1 + xx + yy + zz, yz, zx, xy},
                             {yz, 1 + xx - yy - zz, sxy, szx},
                             {zx, sxy, 1 - xx + yy - zz, syz},
                             {xy, szx, syz, 1 - xx - yy + zz}};
  int best = 0;
  for (int k = 1; k < 4; ++k)
    if (rows[k][k] > rows[best][best]) best = k;
  const double* r = rows[best];
  const double size = std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3]);
  const double scale = (r[0] < 0 ? -1 : 1) / (size > 1e-8 ? size : 1e-8);
  for (int k = 0; k < 4; ++k) q[k] = r[k] * scale;
}

}  // namespace

Vec3 axis_angle(const Mat3& rotation) {
  double matrix[9], q[4];
  put(matrix, rotation);
  quaternion_of(matrix, q);
  const double sine = length(at(q + 1));
  return (sine > 1e-8 ? 2 * std::atan2(sine, q[0]) / sine : 2.0) * at(q + 1);
}

void continuous_quaternions(const double* rotations, int64_t frames, int joints, double* quaternions, const double* first) {
  for (int64_t i = 0; i < frames * joints; ++i) {
    double* q = quaternions + 4 * i;
    quaternion_of(rotations + 9 * i, q);
    if (i < joints && !first) continue;
    const double* before = i < joints ? first + 4 * i : q - 4 * joints;
    if (q[0] * before[0] + q[1] * before[1] + q[2] * before[2] + q[3] * before[3] < 0)
      for (int k = 0; k < 4; ++k) q[k] = -q[k];
  }
}

}  // namespace genmo
