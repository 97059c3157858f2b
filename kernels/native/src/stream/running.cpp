#include "stream/running.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace genmo {
namespace {

// Solves a [10, 10] x = b in place, by elimination with the largest pivot; `a` is changed.
void solve(double* a, double* b) {
  for (int column = 0; column < kBetas; ++column) {
    int pivot = column;
    for (int row = column + 1; row < kBetas; ++row)
      if (std::abs(a[row * kBetas + column]) > std::abs(a[pivot * kBetas + column])) pivot = row;
    std::swap_ranges(a + column * kBetas, a + (column + 1) * kBetas, a + pivot * kBetas);
    std::swap(b[column], b[pivot]);
    for (int row = column + 1; row < kBetas; ++row) {
      const double share = a[row * kBetas + column] / a[column * kBetas + column];
      for (int k = column; k < kBetas; ++k) a[row * kBetas + k] -= share * a[column * kBetas + k];
      b[row] -= share * b[column];
    }
  }
  for (int row = kBetas - 1; row >= 0; --row) {
    for (int k = row + 1; k < kBetas; ++k) b[row] -= a[row * kBetas + k] * b[k];
    b[row] /= a[row * kBetas + row];
  }
}

void product(const double* matrix, const double* vector, double* out) {
  for (int row = 0; row < kBetas; ++row) {
    out[row] = 0;
    for (int k = 0; k < kBetas; ++k) out[row] += matrix[row * kBetas + k] * vector[k];
  }
}

}  // namespace

void RunningShape::push(const double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, const double* betas, Pool& pool) {
  double hessian[kBetas * kBetas], slope[kBetas], target[kBetas];
  const double seen = shape_at_rest(rotations, root, offsets, keypoints, pool, hessian, slope);
  frames_ = std::min(frames_ + 1, kMemory);
  seen_ += (seen - seen_) / frames_;
  product(hessian, betas, target);
  for (int i = 0; i < kBetas * kBetas; ++i) hessian_[i] += (hessian[i] - hessian_[i]) / frames_;
  for (int i = 0; i < kBetas; ++i) target_[i] += (target[i] - slope[i] - target_[i]) / frames_;
}

void RunningShape::move(double* betas) const {
  if (!frames_) return;
  const double weight = std::min<double>(frames_, kShapeWeight * (seen_ * seen_));
  double equations[kBetas * kBetas], step[kBetas];
  product(hessian_, betas, step);
  for (int i = 0; i < kBetas; ++i) step[i] = -weight * (step[i] - target_[i]);
  for (int i = 0; i < kBetas * kBetas; ++i) equations[i] = weight * hessian_[i] + (i % (kBetas + 1) == 0 ? 1 : 0);
  solve(equations, step);
  for (int i = 0; i < kBetas; ++i) betas[i] += step[i];
}

}  // namespace genmo
