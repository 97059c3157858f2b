// Angles in radians.
#pragma once

#include <cmath>
#include <cstdint>

namespace genmo {

inline constexpr double kPi = 3.14159265358979323846;

// The same angle in [-pi, pi).
inline double wrapped(double angle) {
  const double turned = std::fmod(angle + kPi, 2 * kPi);
  return (turned < 0 ? turned + 2 * kPi : turned) - kPi;
}

// Angles [count] that follow each other without jumps: as numpy.unwrap.
inline void unwrap(double* angles, int64_t count) {
  double before = count ? angles[0] : 0, whole = 0;
  for (int64_t i = 1; i < count; ++i) {
    const double step = angles[i] - before;
    double shorter = wrapped(step);
    if (shorter == -kPi && step > 0) shorter = kPi;
    if (std::abs(step) >= kPi) whole += shorter - step;
    before = angles[i];
    angles[i] += whole;
  }
}

// The heading of a rotation [3, 3] about +y from +z.
inline double heading(const double* rotation) { return std::atan2(rotation[2], rotation[8]); }

}  // namespace genmo
