#include "endless/spline.h"

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
TensionSpline::TensionSpline(const int64_t* knots, const double* values, int64_t count, double tension, Pool& pool)
    : knots_(knots), values_(values), bend_(pool.get<double>(2 * count)), count_(count), sigma_(1 / tension) {
  auto *diagonal = pool.get<double>(count), *side = pool.get<double>(count);
  std::fill(diagonal, diagonal + count, 0.0);
  std::fill(bend_, bend_ + 2 * count, 0.0);
  for (int64_t k = 0; k + 1 < count; ++k) {
    const auto length = static_cast<double>(knots[k + 1] - knots[k]);
    const double decay = std::exp(-sigma_ * length), rest = 1 - decay * decay;
    const double middle = sigma_ * (1 + decay * decay) / rest - 1 / length;
    side[k] = 1 / length - 2 * sigma_ * decay / rest;
    diagonal[k] += middle;
    diagonal[k + 1] += middle;
    for (int i = 0; i < 2; ++i) {
      const double rise = sigma_ * sigma_ * (values[2 * k + 2 + i] - values[2 * k + i]) / length;
      bend_[2 * k + i] += rise;
      bend_[2 * k + 2 + i] -= rise;
    }
  }
  const double outside = count > 1 ? sigma_ : 1;
  diagonal[0] += outside;
  if (count > 1) diagonal[count - 1] += outside;
  for (int64_t k = 1; k < count; ++k) {
    const double share = side[k - 1] / diagonal[k - 1];
    diagonal[k] -= share * side[k - 1];
    for (int i = 0; i < 2; ++i) bend_[2 * k + i] -= share * bend_[2 * k - 2 + i];
  }
  for (int64_t k = count - 1; k >= 0; --k)
    for (int i = 0; i < 2; ++i) {
      const double after = k + 1 < count ? side[k] * bend_[2 * k + 2 + i] : 0;
      bend_[2 * k + i] = (bend_[2 * k + i] - after) / diagonal[k];
    }
  for (int64_t k = 0; k < 2 * count; ++k) bend_[k] /= sigma_ * sigma_;
}

void TensionSpline::at(double time, double out[2]) const {
  const auto start = static_cast<double>(knots_[0]), end = static_cast<double>(knots_[count_ - 1]);
  const double left = std::expm1(sigma_ * std::min(time - start, 0.0)), right = std::expm1(sigma_ * std::min(end - time, 0.0));
  const double* last = bend_ + 2 * (count_ - 1);
  for (int i = 0; i < 2; ++i) out[i] = bend_[i] * left + last[i] * right;
  if (count_ == 1) {
    for (int i = 0; i < 2; ++i) out[i] += values_[i];
    return;
  }
  const double inner = std::clamp(time, start, end);
  int64_t k = 0;
  while (k + 2 < count_ && static_cast<double>(knots_[k + 1]) <= inner) ++k;
  const auto whole = static_cast<double>(knots_[k + 1] - knots_[k]);
  const double after = inner - static_cast<double>(knots_[k]), before = whole - after;
  const double from = sinh_ratio(before, whole, sigma_), to = sinh_ratio(after, whole, sigma_);
  const double *bend = bend_ + 2 * k, *value = values_ + 2 * k;
  for (int i = 0; i < 2; ++i)
    out[i] += bend[i] * from + bend[2 + i] * to + ((value[i] - bend[i]) * before + (value[2 + i] - bend[2 + i]) * after) / whole;
}

}  // namespace genmo
