#include "actions/traits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "actions/measures.h"
#include "angles.h"

namespace genmo {
namespace {

constexpr int kMostSteps = 8, kEdge = 9;

double median(const double* values, int64_t count) {
  double sorted[kEdge];
  std::copy_n(values, count, sorted);
  std::sort(sorted, sorted + count);
  return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double speed_of_third(const Measures& m, bool last) {
  const int64_t third = std::max<int64_t>(m.s.frames / 3, 1);
  return mean_of(m.s.speed + (last ? m.s.frames - third : 0), third);
}

double smooth_speed(const Measures& m, double below) {
  const Pool::Scope scope(m.pool);
  auto* smooth = m.pool.get<double>(m.s.frames);
  box_filtered(m.s.speed, m.s.frames, 1, std::min<int64_t>(15, (m.s.frames - 1) / 2 * 2 + 1), m.pool, smooth);
  return quantile(smooth, m.s.frames, below, m.pool);
}

double median_at(const Measures& m, const double* values, bool last) {
  const int64_t edge = std::min<int64_t>(kEdge, m.s.frames);
  return median(values + (last ? m.s.frames - edge : 0), edge);
}

double travelled(const Measures& m) {
  const double *first = m.s.path, *last = first + 2 * (m.s.frames - 1);
  return std::sqrt((last[0] - first[0]) * (last[0] - first[0]) + (last[1] - first[1]) * (last[1] - first[1]));
}

double heading_range(const Measures& m) {
  const auto range = std::minmax_element(m.s.heading, m.s.heading + m.s.frames);
  return *range.second * (180 / kPi) - *range.first * (180 / kPi);
}

// The extreme of a number of the frames.
template <typename Value>
double most(const Measures& m, Value value) {
  double found = -INFINITY;
  for (int64_t frame = 0; frame < m.s.frames; ++frame) found = std::max(found, value(frame));
  return found;
}

double mirrored_by(int side) { return 1 - 2 * side; }

double claps(const Measures& m) {
  const Pool::Scope scope(m.pool);
  auto* apart = m.pool.get<double>(m.s.frames);
  int dips = 0;
  for (int64_t frame = 0; frame < m.s.frames; ++frame) {
    apart[frame] = m.apart(frame);
    dips += frame && apart[frame - 1] >= 0.2 && apart[frame] < 0.2;
  }
  return swings(apart, m.s.frames, 0.08) >= 2 ? dips : 0;
}

double carries(const Measures& m) {
  return share(m.s.frames, [&](int64_t f) {
    const double apart = m.apart(f), rise = std::max(std::abs(m.over_pelvis(f, 0) - 0.2), std::abs(m.over_pelvis(f, 1) - 0.2));
    return std::min(m.ahead(f, 0), m.ahead(f, 1)) > 0.12 && rise < 0.3 && apart > 0.1 && apart < 0.6;
  });
}

double seated(const Measures& m) {
  return share(m.s.frames, [&](int64_t f) { return std::min(m.thigh(f, 0), m.thigh(f, 1)) > 50 && m.pelvis[f] < 0.85 && m.s.tilt[f] < 45; });
}

double waves(const Measures& m, int side) {
  const Pool::Scope scope(m.pool);
  auto* sway = m.pool.get<double>(m.s.frames);
  int64_t raised = 0;
  for (int64_t f = 0; f < m.s.frames; ++f) {
    const bool up = m.over_shoulder(f, side) > -0.15;
    raised += up;
    sway[f] = up ? m.sway(f, side) : 0;
  }
  return static_cast<double>(raised) / static_cast<double>(m.s.frames) > 0.25 ? swings(sway, m.s.frames, 0.09) : 0;
}

// Of the jumps that are no running steps.
template <typename Value>
double most_of_jumps(const Measures& m, Value value) {
  double found = 0;
  bool any = false;
  for (const Jump* jump = m.jumps; jump != m.jumps + m.jump_count; ++jump) {
    if (!jump->is_big()) continue;
    found = any ? std::max(found, value(*jump)) : value(*jump);
    any = true;
  }
  return found;
}

double count_jumps(const Measures& m) {
  int count = 0;
  for (const Jump* jump = m.jumps; jump != m.jumps + m.jump_count; ++jump) count += jump->is_big();
  return count;
}

double count_hops(const Measures& m, int side) {
  int count = 0;
  for (const Jump* jump = m.jumps; jump != m.jumps + m.jump_count; ++jump) count += jump->one_foot == side;
  return count;
}

// Of a foot while the other one stands and the person is not running.
double foot_speed(const Measures& m, int side) {
  return most(m, [&](int64_t f) {
    const bool stands = m.foot_height(f, 1 - side) < 0.15 && m.s.speed[f] < 2.2 && m.s.tilt[f] < 60;
    return stands ? m.s.foot_speed[2 * f + side] : 0;
  });
}

// The share of the frames with a straight arm level in a direction.
template <typename Way>
double held(const Measures& m, int side, Way way) {
  return share(m.s.frames, [&](int64_t f) { return std::abs(m.over_shoulder(f, side)) < 0.4 * m.s.arm && way(f) > 0.72 * m.s.arm; });
}

bool on_hip(const Measures& m, int64_t f, int side) { return m.to_hip(f, side) < 0.24 && m.s.elbows[2 * f + side] > 50 && m.over_pelvis(f, side) > -0.08; }

bool on_one_leg(const Measures& m, int64_t f, int side) { return m.foot_height(f, 1 - side) > 0.14 && m.foot_height(f, side) < 0.1 && m.s.speed[f] < 0.4; }

struct Measure {
  const char* name;
  bool sided;
  double (*value)(const Measures& m, int side);
  double steps[kMostSteps];  // rising; 0: none
};

constexpr bool kBoth = false, kSided = true;

// measure -> its steps
const Measure kMeasures[] = {
    {"speed", kBoth, [](const Measures& m, int) { return mean_of(m.s.speed, m.s.frames); }, {0.15, 0.4, 0.7, 1.0, 1.4, 1.8, 2.4, 3.2}},
    {"slowest", kBoth, [](const Measures& m, int) { return smooth_speed(m, 0.1); }, {0.1, 0.4, 1.0, 2.0}},
    {"fastest", kBoth, [](const Measures& m, int) { return smooth_speed(m, 0.9); }, {0.3, 0.8, 1.6, 2.2, 3.0, 4.5}},
    {"speed_first", kBoth, [](const Measures& m, int) { return mean_of(m.s.speed, std::min<int64_t>(12, m.s.frames)); }, {0.2, 0.5, 1.5}},
    {"speed_last", kBoth, [](const Measures& m, int) { return mean_of(m.s.speed + m.s.frames - std::min<int64_t>(12, m.s.frames), std::min<int64_t>(12, m.s.frames)); }, {0.2, 0.5, 1.5}},
    {"faster", kBoth, [](const Measures& m, int) { return speed_of_third(m, true) - speed_of_third(m, false); }, {0.3, 1.0}},
    {"slower", kBoth, [](const Measures& m, int) { return speed_of_third(m, false) - speed_of_third(m, true); }, {0.3, 1.0}},
    {"ahead", kBoth, [](const Measures& m, int) { return mean_of(m.s.along, m.s.frames); }, {0.15, 0.4, 1.0}},
    {"back", kBoth, [](const Measures& m, int) { return -mean_of(m.s.along, m.s.frames); }, {0.1, 0.25, 0.5}},
    {"travel", kBoth, [](const Measures& m, int) { return travelled(m); }, {0.3, 0.7, 1.5, 3.0}},
    {"swing", kBoth, [](const Measures& m, int) { return heading_range(m); }, {20, 60, 150}},
    {"low", kBoth, [](const Measures& m, int) { return 1 - quantile(m.pelvis, m.s.frames, 0.05, m.pool); }, {0.05, 0.15, 0.25, 0.4, 0.55, 0.7}},
    {"low_first", kBoth, [](const Measures& m, int) { return 1 - median_at(m, m.pelvis, false); }, {0.1, 0.2, 0.35, 0.5, 0.65}},
    {"low_last", kBoth, [](const Measures& m, int) { return 1 - median_at(m, m.pelvis, true); }, {0.1, 0.2, 0.35, 0.5, 0.65}},
    {"head_low", kBoth, [](const Measures& m, int) { return 1.5 + most(m, [&](int64_t f) { return -m.height(f, kHead); }); }, {0.3, 0.6, 0.9, 1.1}},
    {"tilt", kBoth, [](const Measures& m, int) { return quantile(m.s.tilt, m.s.frames, 0.95, m.pool); }, {25, 40, 55, 75}},
    {"tilt_last", kBoth, [](const Measures& m, int) { return median_at(m, m.s.tilt, true); }, {25, 50}},
    {"knee_down", kBoth, [](const Measures& m, int) { return share(m.s.frames, [&](int64_t f) { return std::min(m.height(f, kKnees[0]), m.height(f, kKnees[1])) < 0.2 && m.s.tilt[f] < 60; }); }, {0.1, 0.4}},
    {"seat", kBoth, [](const Measures& m, int) { return seated(m); }, {0.1, 0.4, 0.8}},
    {"hand_low", kBoth, [](const Measures& m, int) { return 0.8 + most(m, [&](int64_t f) { return -std::min(m.height(f, kWrists[0]), m.height(f, kWrists[1])); }); }, {0.2, 0.4, 0.6}},
    {"both_raised", kBoth, [](const Measures& m, int) { return longest(m.s.frames, [&](int64_t f) { return m.over_head(f, 0) > 0 && m.over_head(f, 1) > 0; }); }, {0.2, 0.5, 1.0, 2.0}},
    {"together", kBoth, [](const Measures& m, int) { return share(m.s.frames, [&](int64_t f) { return m.apart(f) < 0.2; }); }, {0.1, 0.4, 0.8}},
    {"claps", kBoth, [](const Measures& m, int) { return claps(m); }, {1, 2, 4}},
    {"carry", kBoth, [](const Measures& m, int) { return carries(m); }, {0.3, 0.7}},
    {"jumps", kBoth, [](const Measures& m, int) { return count_jumps(m); }, {1, 2, 3, 4, 5}},
    {"rise", kBoth, [](const Measures& m, int) { return most_of_jumps(m, [](const Jump& jump) { return jump.rise; }); }, {0.1, 0.25, 0.4}},
    {"leap", kBoth, [](const Measures& m, int) { return most_of_jumps(m, [](const Jump& jump) { return jump.distance; }); }, {0.3, 0.8}},
    {"bustle", kBoth, [](const Measures& m, int) { return mean_of(m.s.bustle, m.s.frames); }, {0.05, 0.12, 0.3, 0.8}},
    {"ward", kSided, [](const Measures& m, int side) { return mean_of(m.s.across, m.s.frames) * mirrored_by(side); }, {0.1, 0.2, 0.4}},
    {"turn", kSided, [](const Measures& m, int side) { return (m.s.heading[m.s.frames - 1] * (180 / kPi) - m.s.heading[0] * (180 / kPi)) * mirrored_by(side); }, {20, 45, 65, 85, 110, 150, 200, 300}},
    {"path_turn", kSided, [](const Measures& m, int side) { return m.path_turn * mirrored_by(side); }, {20, 60, 120, 250}},
    {"raised", kSided, [](const Measures& m, int side) { return longest(m.s.frames, [&](int64_t f) { return m.over_head(f, side) > 0; }); }, {0.2, 0.5, 1.0, 2.0}},
    {"up", kSided, [](const Measures& m, int side) { return share(m.s.frames, [&](int64_t f) { return m.over_shoulder(f, side) > 0; }); }, {0.1, 0.4, 0.8}},
    {"out", kSided, [](const Measures& m, int side) { return held(m, side, [&](int64_t f) { return m.outward(f, side); }); }, {0.05, 0.2, 0.5}},
    {"front", kSided, [](const Measures& m, int side) { return held(m, side, [&](int64_t f) { return m.ahead(f, side); }); }, {0.05, 0.2, 0.5}},
    {"waves", kSided, waves, {2, 3, 5}},
    {"hip", kSided, [](const Measures& m, int side) { return share(m.s.frames, [&](int64_t f) { return on_hip(m, f, side); }); }, {0.3, 0.7}},
    {"hops", kSided, count_hops, {1, 2}},
    {"foot_speed", kSided, foot_speed, {2.5, 3.5, 4.5, 6.0}},
    {"foot_height", kSided, [](const Measures& m, int side) { return most(m, [&](int64_t f) { return m.foot_height(f, 1 - side) < 0.15 ? m.foot_height(f, side) : 0.0; }); }, {0.2, 0.4, 0.6}},
    {"punches", kSided, [](const Measures& m, int side) { return double{static_cast<double>(m.punches[side])}; }, {1, 2, 4}},
    {"hand_speed", kSided, [](const Measures& m, int side) { return most(m, [&](int64_t f) { return m.s.wrist_speed[2 * f + side]; }); }, {2.0, 3.5, 5.0}},
    {"one_leg", kSided, [](const Measures& m, int side) { return share(m.s.frames, [&](int64_t f) { return on_one_leg(m, f, side); }); }, {0.2, 0.5, 0.8}},
};

constexpr int kMeasureCount = static_cast<int>(std::size(kMeasures));
static_assert(kMeasureCount * 2 * kMostSteps <= kMostTraits, "every trait has a number");

// The number that digits with at most one point say; -1: none.
double step_of(const char* digits, size_t count) {
  double value = 0, unit = 1;
  bool fraction = false;
  for (size_t i = 0; i < count; ++i) {
    if (digits[i] == '.' && !fraction && i) {
      fraction = true;
    } else if (digits[i] >= '0' && digits[i] <= '9' && i < 8) {
      value = value * 10 + (digits[i] - '0');
      unit *= fraction ? 10 : 1;
    } else {
      return -1;
    }
  }
  return count ? value / unit : -1;
}

// Which of left and right a part of a name is; -1: neither.
int side_of(const char* part, size_t letters) { return letters == 4 && !std::memcmp(part, "left", 4) ? 0 : letters == 5 && !std::memcmp(part, "right", 5) ? 1 : -1; }

size_t letters_until(const char* name, size_t letters, char end) {
  const auto* found = static_cast<const char*>(std::memchr(name, end, letters));
  return found ? static_cast<size_t>(found - name) : letters;
}

}  // namespace

int trait_of(const char* name, size_t letters) {
  const size_t measured = letters_until(name, letters, '>');
  if (measured == letters) return -1;
  const double step = step_of(name + measured + 1, letters - measured - 1);
  for (int i = 0; i < kMeasureCount; ++i) {
    const Measure& measure = kMeasures[i];
    const size_t plain = std::strlen(measure.name);
    if (measured < plain || std::memcmp(name, measure.name, plain) != 0) continue;
    const bool named = measured > plain + 1 && name[plain] == '_';
    const int side = measure.sided ? named ? side_of(name + plain + 1, measured - plain - 1) : -1 : measured == plain ? 0 : -1;
    if (side < 0) continue;
    for (int k = 0; k < kMostSteps; ++k)
      if (measure.steps[k] > 0 && measure.steps[k] == step) return (2 * i + side) * kMostSteps + k;
  }
  return -1;
}

bool is_of_arms(int trait) {
  constexpr const char* kOfArms[] = {"both_raised", "together", "claps", "carry", "raised", "up", "out", "front", "waves", "hip", "punches", "hand_speed"};
  if (trait < 0) return false;
  const char* measure = kMeasures[trait / (2 * kMostSteps)].name;
  return std::any_of(std::begin(kOfArms), std::end(kOfArms), [&](const char* name) { return !std::strcmp(name, measure); });
}

void find_traits(const Signals& signals, Pool& pool, uint8_t* over) {
  const Pool::Scope scope(pool);
  const Measures measures(signals, pool);
  std::memset(over, 0, kMostTraits);
  for (int i = 0; i < kMeasureCount; ++i)
    for (int side = 0; side <= kMeasures[i].sided; ++side) {
      const double value = kMeasures[i].value(measures, side);
      for (int k = 0; k < kMostSteps; ++k) over[(2 * i + side) * kMostSteps + k] = kMeasures[i].steps[k] > 0 && value >= kMeasures[i].steps[k];
    }
}

bool are_mirrored(const char* name, size_t letters, const char* other, size_t other_letters) {
  const size_t measured = letters_until(name, letters, '>'), other_measured = letters_until(other, other_letters, '>');
  size_t at = 0, across = 0;
  while (at <= measured && across <= other_measured) {
    const size_t part = letters_until(name + at, measured - at, '_'), its = letters_until(other + across, other_measured - across, '_');
    const int side = side_of(name + at, part);
    if (side < 0 ? part != its || std::memcmp(name + at, other + across, part) != 0 : side_of(other + across, its) != 1 - side) return false;
    at += part + 1;
    across += its + 1;
  }
  const size_t rest = letters - measured;
  return at > measured && across > other_measured && rest == other_letters - other_measured && !std::memcmp(name + measured, other + other_measured, rest);
}

}  // namespace genmo
