#include "stream/track_gate.h"

#include <algorithm>
#include <cmath>

namespace genmo {
namespace {

constexpr int kFewest = 4, kAgree = 3, kLost = 90;
constexpr double kStep = 0.25, kWalk = 0.05, kGrowth = 0.25, kGrowthRate = 0.01;

int visible_of(const double* points) {
  int count = 0;
  for (int i = 0; i < kPoints; ++i) count += points[3 * i + 2] > kVisible;
  return count;
}

// Standard deviation of the chosen points of [17, 3], both axes together.
double spread(const double* points, const int* chosen, int count) {
  double square = 0;
  for (int axis = 0; axis < 2; ++axis) {
    double mean = 0;
    for (int i = 0; i < count; ++i) mean += points[3 * chosen[i] + axis];
    mean /= count;
    for (int i = 0; i < count; ++i) {
      const double away = points[3 * chosen[i] + axis] - mean;
      square += away * away / count;
    }
  }
  return std::sqrt(square);
}

// Whether points [17, 3] can be those of `before` one frame on: no further than `step` heights in the median and not scaled by more than
// exp(`growth`); too few in common are alike.
bool alike(const double* before, const double* now, double step, double growth) {
  int both[kPoints], count = 0;
  double moved[kPoints], height = 1e-9;
  for (int i = 0; i < kPoints; ++i)
    if (before[3 * i + 2] > kVisible && now[3 * i + 2] > kVisible) both[count++] = i;
  if (count < kFewest) return true;
  for (int axis = 0; axis < 2; ++axis) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; ++i) {
      low = std::min(low, before[3 * both[i] + axis]);
      high = std::max(high, before[3 * both[i] + axis]);
    }
    height = std::max(height, high - low);
  }
  for (int i = 0; i < count; ++i) {
    const double *a = before + 3 * both[i], *b = now + 3 * both[i], x = b[0] - a[0], y = b[1] - a[1];
    moved[i] = std::sqrt(x * x + y * y);
  }
  std::sort(moved, moved + count);
  const double median = (moved[(count - 1) / 2] + moved[count / 2]) / 2;
  const double scaled = std::abs(std::log(std::max(spread(now, both, count), 1e-9) / std::max(spread(before, both, count), 1e-9)));
  return median <= step * height && scaled <= growth;
}

}  // namespace

bool TrackGate::push(const double* points) {
  const int seen = visible_of(points);
  const bool visible = seen > 0, steady = alike(latest_, points, kStep, kGrowth);
  agreeing_ = steady && visible ? agreeing_ + 1 : visible;
  const auto since = static_cast<double>(missing);
  const bool plausible = alike(accepted_, points, kStep + kWalk * since, kGrowth + kGrowthRate * since);
  const bool has_track = visible_of(accepted_) > 0, agrees = agreeing_ >= kAgree;
  const bool returned = missing < kAgree || agrees, other = agrees && (missing >= kLost || !confirmed_);
  const bool accepted = visible && (!has_track || (plausible && returned) || other || (!confirmed_ && !plausible));
  confirmed_ = (confirmed_ && !(other && !plausible)) || (accepted && agrees);
  if (accepted && seen >= kFewest) std::copy_n(points, 3 * kPoints, accepted_);
  if (visible) std::copy_n(points, 3 * kPoints, latest_);
  missing = accepted ? 0 : missing + 1;
  return accepted;
}

}  // namespace genmo
