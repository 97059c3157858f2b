// Keypoints as detectors make them, cleaned before anything else sees them.  Twin: runtime/conditions/keypoint_cleaning.py.
#include <algorithm>
#include <cmath>

#include "conditions/keypoints.h"

namespace genmo {
namespace {

constexpr double kNoiseForOneFrame = 0.0016, kWidest = 5, kCut = 3, kSteady = 2;
constexpr int kFewest = 48, kPairs = 8;
constexpr double kOutlier = 0.3, kJump = 0.15, kExchange = 0.05, kMinority = 0.002;
constexpr int kSides[kPairs][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}, {13, 14}, {15, 16}};
// What detectors exchange: from which pair on, which are eye, ear, shoulder, elbow, wrist, hip, knee, ankle.
constexpr int kExchanged[] = {0, 5, 6};

bool visible(const double* point) { return point[2] > kVisible; }

// The median of values, which it reorders: the mean of the middle two of an even number.
double median(double* values, int64_t count) {
  double* upper = values + count / 2;
  std::nth_element(values, upper, values + count);
  return ((count % 2 ? *upper : *std::max_element(values, upper)) + *upper) / 2;
}

// Pixels: the larger side of the box around the visible points, its median over the frames with at least two; 0 without any.
double person_height(const double* points, int64_t frames, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* heights = pool.get<double>(frames);
  int64_t count = 0;
  for (int64_t frame = 0; frame < frames; ++frame) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    int seen = 0;
    for (int i = 0; i < kPoints; ++i) {
      const double* point = points + (frame * kPoints + i) * 3;
      if (!visible(point)) continue;
      ++seen;
      for (int axis = 0; axis < 2; ++axis) {
        low[axis] = std::min(low[axis], point[axis]);
        high[axis] = std::max(high[axis], point[axis]);
      }
    }
    if (seen >= 2) heights[count++] = std::max(high[0] - low[0], high[1] - low[1]);
  }
  return count ? median(heights, count) : 0;
}

double distance(const double* a, const double* b) {
  const double x = a[0] - b[0], y = a[1] - b[1];
  return std::sqrt(x * x + y * y);
}

// How far the pairs jump from when both sides were last seen, [frames, 8] each: if the sides stay, if they change, and 1 where
// there is something to compare.
struct Jumps {
  double *same, *crossed, *compared;
};

void jumps_of(const double* points, int64_t frames, const Jumps& jumps) {
  for (int pair = 0; pair < kPairs; ++pair) {
    int64_t before = -1;
    for (int64_t frame = 0; frame < frames; ++frame) {
      const double* row = points + frame * kPoints * 3;
      const double *left = row + 3 * kSides[pair][0], *right = row + 3 * kSides[pair][1];
      const bool both = visible(left) && visible(right);
      const int64_t at = frame * kPairs + pair;
      jumps.same[at] = jumps.crossed[at] = jumps.compared[at] = 0;
      if (both && before >= 0 && frame - before <= kLongestGap) {
        const double* then = points + before * kPoints * 3;
        const double *was_left = then + 3 * kSides[pair][0], *was_right = then + 3 * kSides[pair][1];
        jumps.same[at] = distance(left, was_left) + distance(right, was_right);
        jumps.crossed[at] = distance(left, was_right) + distance(right, was_left);
        jumps.compared[at] = 1;
      }
      if (both) before = frame;
    }
  }
}

// Into `exchanged` [frames] where the sides are exchanged, by a dynamic programme over two states a frame; whether any is.
// `stay`, `turn` and `cost` [frames]: of the sides as they are, of a change of the state, of exchanged ones.
bool exchanged_frames(const double* stay, const double* turn, const double* cost, int64_t frames, Pool& pool, uint8_t* exchanged) {
  const Pool::Scope scope(pool);
  auto* source = pool.get<uint8_t[2]>(frames);
  double best[2] = {0, cost[0]};
  for (int64_t frame = 1; frame < frames; ++frame) {
    const double kept[2] = {best[0] + stay[frame], best[1] + stay[frame]};
    const double changed[2] = {best[0] + turn[frame], best[1] + turn[frame]};
    source[frame][0] = changed[1] < kept[0];
    source[frame][1] = changed[0] < kept[1];
    best[0] = std::min(kept[0], changed[1]);
    best[1] = std::min(kept[1], changed[0]) + cost[frame];
  }
  int state = best[1] < best[0];
  bool any = false;
  for (int64_t frame = frames - 1; frame >= 0; --frame) {
    exchanged[frame] = static_cast<uint8_t>(state);
    any = any || state;
    if (frame) state ^= source[frame][state];
  }
  return any;
}

// Left and right exchanged back where the detector took one for the other, of the whole body, of the legs, of the lower legs.
void exchange_sides(double* points, int64_t frames, double height, Pool& pool) {
  const Pool::Scope scope(pool);
  const Jumps jumps{pool.get<double>(frames * kPairs), pool.get<double>(frames * kPairs), pool.get<double>(frames * kPairs)};
  auto *stay = pool.get<double>(frames), *turn = pool.get<double>(frames), *cost = pool.get<double>(frames);
  auto* exchanged = pool.get<uint8_t>(frames);
  jumps_of(points, frames, jumps);
  for (const int first : kExchanged) {
    bool shorter = false;
    for (int64_t frame = 0; frame < frames; ++frame) {
      double same = 0, crossed = 0, pairs = 0;
      for (int64_t at = frame * kPairs + first; at < (frame + 1) * kPairs; ++at) {
        same += jumps.same[at];
        crossed += jumps.crossed[at];
        pairs += jumps.compared[at];
      }
      stay[frame] = same;
      turn[frame] = crossed + kExchange * height * std::max(pairs, 1.0);
      cost[frame] = kMinority * height * pairs;
      shorter = shorter || !(same <= turn[frame]);
    }
    if (!shorter || !exchanged_frames(stay, turn, cost, frames, pool, exchanged)) continue;
    for (int64_t frame = 0; frame < frames; ++frame)
      for (int pair = first; exchanged[frame] && pair < kPairs; ++pair) {
        double* left = points + (frame * kPoints + kSides[pair][0]) * 3;
        std::swap_ranges(left, left + 3, points + (frame * kPoints + kSides[pair][1]) * 3);
      }
    jumps_of(points, frames, jumps);
  }
}

// The lower of the middle two of `count` values, which it reorders; NaN without any.
double lower_median(double* values, int count) {
  for (int i = 1; i < count; ++i)
    for (int k = i; k > 0 && values[k - 1] > values[k]; --k) std::swap(values[k - 1], values[k]);
  return count ? values[(count - 1) / 2] : NAN;
}

// `local` [frames, 17, 2]: visible points in relation to the middle of their body, else NaN; whether one jumps far.
bool points_in_body(const double* points, int64_t frames, double height, double* local) {
  bool jumps = false;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int axis = 0; axis < 2; ++axis) {
      double seen[kPoints];
      int count = 0;
      for (int i = 0; i < kPoints; ++i) {
        const double* point = points + (frame * kPoints + i) * 3;
        if (visible(point)) seen[count++] = point[axis];
      }
      const double middle = lower_median(seen, count);
      for (int i = 0; i < kPoints; ++i) {
        const int64_t at = (frame * kPoints + i) * 2 + axis;
        const double* point = points + (frame * kPoints + i) * 3;
        local[at] = visible(point) ? point[axis] - middle : NAN;
        jumps = jumps || (frame && std::abs(local[at] - local[at - 2 * kPoints]) > kJump * height);
      }
    }
  return jumps;
}

// Confidence 0 where a point is far from the median of the five frames around it, in relation to the middle of its body.
void hide_outliers(double* points, int64_t frames, double height, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* local = pool.get<double>(frames * kPoints * 2);
  if (frames < 3 || !points_in_body(points, frames, height, local)) return;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int i = 0; i < kPoints; ++i) {
      double middle[2];
      for (int axis = 0; axis < 2; ++axis) {
        double around[5];
        int count = 0;
        for (int64_t near = std::max<int64_t>(frame - 2, 0); near <= std::min(frame + 2, frames - 1); ++near) {
          const double value = local[(near * kPoints + i) * 2 + axis];
          if (!std::isnan(value)) around[count++] = value;
        }
        middle[axis] = lower_median(around, count);
      }
      if (distance(local + (frame * kPoints + i) * 2, middle) > kOutlier * height) points[(frame * kPoints + i) * 3 + 2] = 0;
    }
}

// Standard deviation of the white part of the noise, as a share of the height, from third differences.
double noise_level(const double* points, int64_t frames, double height, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* third = pool.get<double>(2 * frames * kPoints);
  int64_t count = 0;
  for (int64_t frame = 0; frame + 3 < frames; ++frame)
    for (int i = 0; i < kPoints; ++i) {
      const double* p = points + (frame * kPoints + i) * 3;
      constexpr int next = 3 * kPoints;
      if (!visible(p) || !visible(p + next) || !visible(p + 2 * next) || !visible(p + 3 * next)) continue;
      for (int axis = 0; axis < 2; ++axis, ++p) {
        const double first = p[next] - p[0], second = p[2 * next] - p[next], last = p[3 * next] - p[2 * next];
        third[count++] = std::abs((last - second) - (second - first));
      }
    }
  const double white = 0.6745 * std::sqrt(20.0);  // the median absolute third difference of white noise
  return count < 2 * kFewest ? 0 : median(third, count) / (white * height);
}

// Slope in pixels a frame at the k-th of `seen` frames [count], of one axis of `points`; a long gap beside it says nothing.
double slope_at(const double* points, int width, const int64_t* seen, int64_t count, int64_t k) {
  double slope = 0, total = 0;
  for (const int64_t from : {k, k - 1}) {
    if (from < 0 || from + 1 >= count) continue;
    const auto step = static_cast<double>(seen[from + 1] - seen[from]);
    const double weight = step <= kLongestGap + 1 ? 1 / step : 1e-9;
    slope += weight * ((points[seen[from + 1] * width] - points[seen[from] * width]) / step);
    total += weight;
  }
  return slope / total;
}

// Short gaps of point i of [frames, count, 3] bridged by a cubic Hermite; `seen` [frames] is scratch.
void bridge_gaps(double* points, int64_t frames, int count, int i, int64_t* seen) {
  const int width = 3 * count;
  double* point = points + 3 * i;
  int64_t found = 0;
  for (int64_t frame = 0; frame < frames; ++frame)
    if (visible(point + frame * width)) seen[found++] = frame;
  for (int64_t k = 0; k + 1 < found; ++k) {
    const int64_t first = seen[k], last = seen[k + 1];
    if (last - first < 2 || last - first > kLongestGap + 1) continue;
    const auto gap = static_cast<double>(last - first);
    const double lower = std::min(point[first * width + 2], point[last * width + 2]);
    for (int axis = 0; axis < 2; ++axis) {
      const double leave = slope_at(point + axis, width, seen, found, k), arrive = slope_at(point + axis, width, seen, found, k + 1);
      const double start = point[first * width + axis], end = point[last * width + axis];
      for (int64_t frame = first + 1; frame < last; ++frame) {
        const double x = static_cast<double>(frame - first) / gap, rest = 1 - x;
        point[frame * width + axis] = start * (1 + 2 * x) * (rest * rest) + leave * gap * x * (rest * rest) +
                                      end * (x * x) * (3 - 2 * x) - arrive * gap * (x * x) * rest;
      }
    }
    for (int64_t frame = first + 1; frame < last; ++frame) {
      const auto away = static_cast<double>(std::min(frame - first, last - frame));
      point[frame * width + 2] = std::max(lower * (1 - 0.3 * away / kLongestGap), std::nextafter(kVisible, 1.0));
    }
  }
}

// Point i of [frames, count, 3] under a Gaussian of `width` frames, each neighbour weighted by its confidence and the kernel
// free of bias where it is seen unevenly; `rows` [frames, 3] is scratch.
void smooth(double* points, int64_t frames, int count, int i, double width, double* rows) {
  const auto radius = static_cast<int64_t>(std::ceil(kCut * width));
  if (width < 0.05 || frames < 3) return;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* point = points + (frame * count + i) * 3;
    const double weight = visible(point) ? point[2] : 0;
    for (int axis = 0; axis < 2; ++axis) rows[3 * frame + axis] = point[axis] * weight;
    rows[3 * frame + 2] = weight;
  }
  double shares[16 + 1];
  for (int64_t k = 0; k <= radius; ++k) shares[k] = std::exp(-0.5 * (static_cast<double>(k) / width) * (static_cast<double>(k) / width));
  for (int64_t frame = 0; frame < frames; ++frame) {
    if (!(rows[3 * frame + 2] > 0)) continue;
    double moments[3] = {}, sums[2][2] = {};
    for (int64_t near = std::max<int64_t>(frame - radius, 0); near <= std::min(frame + radius, frames - 1); ++near) {
      const auto offset = static_cast<double>(near - frame);
      const double share = shares[std::abs(near - frame)], first = share * offset;
      const double* row = rows + 3 * near;
      moments[0] += share * row[2];
      moments[1] += first * row[2];
      moments[2] += share * (offset * offset) * row[2];
      for (int axis = 0; axis < 2; ++axis) {
        sums[0][axis] += share * row[axis];
        sums[1][axis] += first * row[axis];
      }
    }
    const double spread = moments[0] * moments[2] - moments[1] * moments[1], least = std::max(moments[0], 1e-12);
    if (!(spread > 1e-9 * (least * least) && moments[0] > 0)) continue;  // the neighbours span no line
    for (int axis = 0; axis < 2; ++axis)
      points[(frame * count + i) * 3 + axis] = (moments[2] * sums[0][axis] - moments[1] * sums[1][axis]) / spread;
  }
}

// Confidences of point i averaged over a few frames, of what has a place only; `was` [frames] is scratch.
void steady_confidence(double* points, int64_t frames, int count, int i, double* was) {
  if (frames < 3) return;
  constexpr int kRadius = 6;
  static_assert(kRadius == kCut * kSteady, "where the Gaussian ends");
  double taps[2 * kRadius + 1];
  for (int k = -kRadius; k <= kRadius; ++k) taps[kRadius + k] = std::exp(-0.5 * (k / kSteady) * (k / kSteady));
  for (int64_t frame = 0; frame < frames; ++frame) was[frame] = points[(frame * count + i) * 3 + 2];
  for (int64_t frame = 0; frame < frames; ++frame) {
    if (!(was[frame] > 0)) continue;
    double mass = 0, total = 0;
    for (int64_t near = std::max<int64_t>(frame - kRadius, 0); near <= std::min(frame + kRadius, frames - 1); ++near) {
      const double tap = taps[kRadius + near - frame];
      mass += tap * was[near];
      total += was[near] > 0 ? tap : 0;
    }
    points[(frame * count + i) * 3 + 2] = mass / std::max(total, 1e-12);
  }
}

// Points [frames, count, 3] bridged and smoothed.
void smooth_all(double* points, int64_t frames, int count, double width, Pool& pool) {
  const Pool::Scope scope(pool);
  auto* seen = pool.get<int64_t>(frames);
  auto* rows = pool.get<double>(3 * frames);
  for (int i = 0; i < count; ++i) {
    bridge_gaps(points, frames, count, i, seen);
    smooth(points, frames, count, i, width, rows);
    steady_confidence(points, frames, count, i, rows);
  }
}

// Heels and toes of frames whose legs were exchanged.
void exchange_feet(const double* before, const double* points, double* feet, int64_t frames) {
  for (int64_t frame = 0; frame < frames; ++frame) {
    const int64_t ankles = (frame * kPoints + kLeftAnklePoint) * 3;
    if (std::equal(points + ankles, points + ankles + 6, before + ankles)) continue;
    double* left = feet + frame * kFootPoints * 3;
    std::swap_ranges(left, left + 6, left + 6);
  }
}

}  // namespace

void clean_keypoints(Keypoints& keypoints, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = keypoints.frames, numbers = frames * kPoints * 3;
  double* points = keypoints.points;
  const double height = person_height(points, frames, pool);
  if (height == 0) return;
  auto* before = pool.get<double>(numbers);
  std::copy(points, points + numbers, before);
  exchange_sides(points, frames, height, pool);
  if (keypoints.feet) exchange_feet(before, points, keypoints.feet, frames);
  hide_outliers(points, frames, height, pool);
  const double noise = std::isnan(keypoints.noise) ? noise_level(points, frames, height, pool) : keypoints.noise;
  const double width = std::min(std::sqrt(noise / kNoiseForOneFrame), kWidest);
  smooth_all(points, frames, kPoints, width, pool);
  if (keypoints.feet) smooth_all(keypoints.feet, frames, kFootPoints, width, pool);
}

}  // namespace genmo
