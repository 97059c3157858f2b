#include "motion/spline.h"

#include <algorithm>
#include <cmath>

namespace genmo {
namespace {

// sinh(sigma x) / sinh(sigma whole) for 0 <= x <= whole, without overflow.
double sinh_ratio(double x, double whole, double sigma) {
  return std::exp(-sigma * (whole - x)) * std::expm1(-2 * sigma * x) / std::expm1(-2 * sigma * std::max(whole, 1e-9));
}

}  // namespace

// Slopes agree where pieces meet, and with the decay outside: a tridiagonal system, solved by elimination (Thomas).
TensionSpline::TensionSpline(const int64_t* knots, const double* values, int64_t count, int width, double tension, Pool& pool)
    : knots_(knots), values_(values), bend_(pool.get<double>(width * count)), count_(count), width_(width), sigma_(1 / tension) {
  auto *diagonal = pool.get<double>(count), *side = pool.get<double>(count);
  std::fill(diagonal, diagonal + count, 0.0);
  std::fill(bend_, bend_ + width * count, 0.0);
  for (int64_t k = 0; k + 1 < count; ++k) {
    const auto length = static_cast<double>(knots[k + 1] - knots[k]);
    const double decay = std::exp(-sigma_ * length), rest = 1 - decay * decay;
    const double middle = sigma_ * (1 + decay * decay) / rest - 1 / length;
    side[k] = 1 / length - 2 * sigma_ * decay / rest;
    diagonal[k] += middle;
    diagonal[k + 1] += middle;
    for (int64_t i = width * k; i < width * (k + 1); ++i) {
      const double rise = sigma_ * sigma_ * (values[i + width] - values[i]) / length;
      bend_[i] += rise;
      bend_[i + width] -= rise;
    }
  }
  const double outside = count > 1 ? sigma_ : 1;
  diagonal[0] += outside;
  if (count > 1) diagonal[count - 1] += outside;
  for (int64_t k = 1; k < count; ++k) {
    const double share = side[k - 1] / diagonal[k - 1];
    diagonal[k] -= share * side[k - 1];
    for (int64_t i = width * k; i < width * (k + 1); ++i) bend_[i] -= share * bend_[i - width];
  }
  for (int64_t k = count - 1; k >= 0; --k)
    for (int64_t i = width * k; i < width * (k + 1); ++i) {
      const double after = k + 1 < count ? side[k] * bend_[i + width] : 0;
      bend_[i] = (bend_[i] - after) / diagonal[k];
    }
  for (int64_t i = 0; i < width * count; ++i) bend_[i] /= sigma_ * sigma_;
}

void TensionSpline::at(double time, double* out) const {
  int64_t k = 0;
  at(time, k, out);
}

void TensionSpline::fill(int64_t frames, double* out) const {
  int64_t k = 0;
  for (int64_t frame = 0; frame < frames; ++frame) at(static_cast<double>(frame), k, out + frame * width_);
}

void TensionSpline::at(double time, int64_t& k, double* out) const {
  const auto start = static_cast<double>(knots_[0]), end = static_cast<double>(knots_[count_ - 1]);
  const double left = std::expm1(sigma_ * std::min(time - start, 0.0)), right = std::expm1(sigma_ * std::min(end - time, 0.0));
  const double* last = bend_ + width_ * (count_ - 1);
  for (int i = 0; i < width_; ++i) out[i] = bend_[i] * left + last[i] * right;
  if (count_ == 1) {
    for (int i = 0; i < width_; ++i) out[i] += values_[i];
    return;
  }
  const double inner = std::clamp(time, start, end);
  while (k + 2 < count_ && static_cast<double>(knots_[k + 1]) <= inner) ++k;
  const auto whole = static_cast<double>(knots_[k + 1] - knots_[k]);
  const double after = inner - static_cast<double>(knots_[k]), before = whole - after;
  const double from = sinh_ratio(before, whole, sigma_), to = sinh_ratio(after, whole, sigma_);
  const double *bend = bend_ + width_ * k, *value = values_ + width_ * k;
  for (int i = 0; i < width_; ++i)
    out[i] += bend[i] * from + bend[width_ + i] * to + ((value[i] - bend[i]) * before + (value[width_ + i] - bend[width_ + i]) * after) / whole;
}

}  // namespace genmo
