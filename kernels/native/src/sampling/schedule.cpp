#include "sampling/schedule.h"

#include <algorithm>
#include <cmath>

#include "angles.h"
#include "once.h"

namespace genmo {
namespace {

constexpr double kOffset = 0.008, kMostBeta = 0.999, kSpacing = 2.25, kFarthest = 0.75, kLastAhead = 0.5;
constexpr int kFew = 4;  // up to so many steps end while there is still noise

// Share of the clean signal's variance that is left at each timestep: Nichol and Dhariwal 2021.
struct Levels {
  double left[kSteps];
  Levels() {
    double product = 1;
    for (int t = 0; t < kSteps; ++t) {
      product *= 1 - std::min(1 - level(t + 1) / level(t), kMostBeta);
      left[t] = product;
    }
  }
  static double level(int t) {
    const double root = std::cos((static_cast<double>(t) / kSteps + kOffset) / (1 + kOffset) * kPi / 2);
    return root * root;
  }
};

const Levels& levels_of() { return made_once<Levels>(); }

void place(int steps, int64_t* timesteps) {
  const double first = kSteps - 1, end = steps <= kFew ? kSteps - 50 * steps : 0;
  double below = kSteps + 1;
  for (int i = 0; i < steps; ++i) {
    const double share = steps == 1 ? 0 : std::pow(static_cast<double>(i) / (steps - 1), kSpacing);
    // where steps are many they cannot be denser than one by one: each below the one before, room for those after
    below = std::min(below, std::nearbyint(first - (first - end) * share) + i);
    timesteps[i] = static_cast<int64_t>(std::max(below - i, static_cast<double>(steps - 1 - i)));
  }
  if (steps == 1) timesteps[0] = kSteps - 1;
}

}  // namespace

double alpha_cumprod(int64_t timestep) { return levels_of().left[timestep]; }

Schedule::Schedule(int steps) : count(steps) {
  const Levels& levels = levels_of();
  place(steps, timesteps);
  smoothed = steps > 1 && timesteps[steps - 1] > 0;
  double way_before = 0;
  for (int i = 0; i + 1 < steps; ++i) {
    const double now = levels.left[timesteps[i]], next = levels.left[timesteps[i + 1]];
    const double keep = std::sqrt((1 - next) / (1 - now)), weight = std::sqrt(next) - keep * std::sqrt(now);
    const double way = 0.5 * std::log(next / (1 - next)) - 0.5 * std::log(now / (1 - now));
    const double beyond = i == 0 ? 0 : std::min(way / (2 * way_before), kFarthest);
    way_before = way;
    updates[i] = {static_cast<float>(keep), static_cast<float>(weight * (1 + beyond)), static_cast<float>(-weight * beyond)};
  }
  const double ahead = smoothed ? kLastAhead : 0;
  updates[steps - 1] = {0, static_cast<float>(1 + ahead), static_cast<float>(-ahead)};
}

}  // namespace genmo
