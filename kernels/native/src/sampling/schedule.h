// The noise schedule, the timesteps of few steps, and what is done after each.  Twins: runtime/denoiser/schedule.py, sampler.py.
#pragma once

#include <cstdint>

namespace genmo {

inline constexpr int kSteps = 1000;

// x at the next timestep, or the sample, is keep * x_t + now * x_0 + before * (x_0 of the timestep before).
struct Update {
  float keep, now, before;
};

// The share of the clean signal's variance that is left at a timestep.
double alpha_cumprod(int64_t timestep);

struct Schedule {
  int count = 0;
  int64_t timesteps[kSteps];
  Update updates[kSteps];
  bool smoothed = false;  // the last timestep leaves noise

  explicit Schedule(int steps);
};

}  // namespace genmo
