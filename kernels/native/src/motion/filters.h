// Filters over time.  Twin: runtime/motion/filters.py.
#pragma once

#include <algorithm>
#include <cmath>

#include "pool.h"

namespace genmo {

// 0 below 0, 1 above 1, between them the cubic Hermite ease that is level at both ends.
inline double smoothstep(double x) {
  x = std::clamp(x, 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

inline int64_t clamped(int64_t frame, int64_t frames) { return std::clamp<int64_t>(frame, 0, frames - 1); }

// `out` [frames, width]: `values` through a Gaussian of `spread` frames, the ends repeated; its weights are float32.
template <typename T>
void smooth(const T* values, int64_t frames, int64_t width, double spread, T* out) {
  constexpr int kMostRadius = 64;
  const int radius = static_cast<int>(std::ceil(4 * spread));
  double weights[2 * kMostRadius + 1], sum = 0;
  for (int k = -radius; k <= radius; ++k) sum += weights[radius + k] = std::exp(-0.5 * (k / spread) * (k / spread));
  for (int64_t frame = 0; frame < frames; ++frame) {
    T* row = out + frame * width;
    std::fill(row, row + width, T{0});
    for (int k = -radius; k <= radius; ++k) {
      const T weight = static_cast<float>(weights[radius + k] / sum);
      const T* from = values + clamped(frame + k, frames) * width;
      for (int64_t i = 0; i < width; ++i) row[i] += weight * from[i];
    }
  }
}

// `trend` [frames]: the line fitted to `values` of `window` (odd) frames around each, fewer at the ends.  Twin:
// runtime/refine/root_path.py.
inline void local_trend(const double* values, int64_t frames, int64_t window, Pool& pool, double* trend) {
  const Pool::Scope scope(pool);
  auto *sums = pool.get<double>(frames + 1), *moments = pool.get<double>(frames + 1);
  sums[0] = moments[0] = 0;
  for (int64_t i = 0; i < frames; ++i) {
    sums[i + 1] = sums[i] + values[i];
    moments[i + 1] = moments[i] + values[i] * static_cast<double>(i);
  }
  const int64_t side = window / 2;
  for (int64_t i = 0; i < frames; ++i) {
    const int64_t low = std::max<int64_t>(i - side, 0), high = std::min<int64_t>(i + side + 1, frames);
    const auto count = static_cast<double>(high - low);
    const double centre = static_cast<double>(i) - static_cast<double>(low + high - 1) / 2;
    const double middle = (sums[high] - sums[low]) / count;
    const double slope = (moments[high] - moments[low]) / count - middle * (static_cast<double>(i) - centre);
    trend[i] = middle + slope * (centre / std::max((count * count - 1) / 12, 1e-9));
  }
}

// `out` [count - window + 1]: the least (or largest) of `window` values, wherever so many follow each other.
template <typename Better>
void best_of_window(const double* values, int64_t count, int64_t window, Pool& pool, double* out, Better better) {
  const Pool::Scope scope(pool);
  auto* queue = pool.get<int64_t>(count);  // frames whose value no later one of the window beats
  int64_t first = 0, past = 0;
  for (int64_t i = 0; i < count; ++i) {
    while (past > first && !better(values[queue[past - 1]], values[i])) --past;
    queue[past++] = i;
    if (queue[first] + window <= i) ++first;
    if (i + 1 >= window) out[i + 1 - window] = values[queue[first]];
  }
}

// The q-th share, 0 to 1, of values, linear between two; sorts them.
inline double quantile(double* values, int64_t count, double share) {
  const double place = share * static_cast<double>(count - 1);
  const auto low = static_cast<int64_t>(place), high = std::min(low + 1, count - 1);
  std::sort(values, values + count);
  return values[low] + (values[high] - values[low]) * (place - static_cast<double>(low));
}

}  // namespace genmo
