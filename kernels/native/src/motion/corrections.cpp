#include "motion/corrections.h"

#include <algorithm>

namespace genmo {
namespace {

constexpr double kPoseTension = 8;  // frames
constexpr int64_t kNever = int64_t{1} << 40, kEnds = 3;

// Zeros behind a knot and in front of the next one, where these are far enough apart; nullptr: there is none.
void add_zeros(Knots& knots, const int64_t* last, const int64_t* next) {
  const int64_t from = last ? *last + kBlend : *next - kBlend - kEnds + 1, to = next ? *next - kBlend : *last + kBlend + kEnds - 1;
  for (int64_t frame = from; frame <= to; ++frame) {
    if (last && next && frame == from + kEnds) frame = std::max(frame, to - kEnds + 1);
    knots.add(frame, nullptr);
  }
}

}  // namespace

int64_t distance_to(const int64_t* frames, int64_t count, int64_t frame) {
  const int64_t *past = frames + count, *after = std::lower_bound(frames, past, frame);
  const int64_t ahead = after != past ? *after - frame : kNever;
  return after != frames ? std::min(ahead, frame - after[-1]) : ahead;
}

bool is_among(const int64_t* frames, int64_t count, int64_t frame) { return std::binary_search(frames, frames + count, frame); }

void Knots::add(int64_t frame, const double* value) {
  if (value) {
    std::copy_n(value, width, values + count * width);
  } else {
    std::fill_n(values + count * width, width, 0.0);
  }
  frames[count++] = frame;
}

Knots with_ends(const Knots& knots, Pool& pool) {
  const int64_t span = knots.frames[knots.count - 1] - knots.frames[0] + 1;
  Knots all(std::min(knots.count * (2 * kEnds + 1), span + 2 * (kBlend + kEnds)), knots.width, pool);
  for (int64_t k = 0; k <= knots.count; ++k) {
    const int64_t *next = k < knots.count ? knots.frames + k : nullptr, *last = k ? knots.frames + k - 1 : nullptr;
    add_zeros(all, last, next);
    if (next) all.add(*next, knots.values + k * knots.width);
  }
  return all;
}

void spread_corrections(const Knots& corrections, const int64_t* unchanged, int64_t count, int64_t total, Pool& pool, double* out) {
  const Pool::Scope scope(pool);
  Knots knots(corrections.count + count, corrections.width, pool);
  int64_t i = 0;
  for (int64_t k = 0; k <= corrections.count; ++k) {
    const int64_t next = k < corrections.count ? corrections.frames[k] : kNever;
    for (; i < count && unchanged[i] <= next; ++i)
      if (unchanged[i] < next) knots.add(unchanged[i], nullptr);
    if (k < corrections.count) knots.add(next, corrections.values + k * corrections.width);
  }
  const Knots all = with_ends(knots, pool);
  TensionSpline(all.frames, all.values, all.count, all.width, kPoseTension, pool).fill(total, out);
  for (int64_t frame = 0; frame < total; ++frame)  // what rings behind the last zero
    if (distance_to(corrections.frames, corrections.count, frame) >= kBlend) std::fill_n(out + frame * all.width, all.width, 0.0);
}

}  // namespace genmo
