// Who rests is steady.  Twin: runtime/refine/steadying.py.
#include <algorithm>
#include <cmath>

#include "motion/clip.h"
#include "motion/filters.h"

namespace genmo {
namespace {

constexpr double kSpread = 2.5, kFps = 30, kRests = 0.4, kMoves = 1.2;
constexpr int64_t kAround = 8;

// One column of features through the Gaussian.
void smooth_column(const double* features, int64_t frames, int column, double* copy, double* out) {
  for (int64_t frame = 0; frame < frames; ++frame) copy[frame] = features[frame * kFeatures + column];
  smooth(copy, frames, 1, kSpread, out);
}

// Fastest change [frames - 1] of a joint's smooth rotation between a frame and the next, a second.
void fastest_turns(const double* features, int64_t frames, Pool& pool, double* fastest) {
  const Pool::Scope scope(pool);
  auto *copy = pool.get<double>(frames), *column = pool.get<double>(frames), *squares = pool.get<double>(frames);
  std::fill(fastest, fastest + frames - 1, 0.0);
  for (int joint = 0; joint < kJoints; ++joint) {
    std::fill(squares, squares + frames, 0.0);
    for (int i = 0; i < 6; ++i) {
      smooth_column(features, frames, kTurns + 6 * joint + i, copy, column);
      for (int64_t frame = 0; frame + 1 < frames; ++frame) squares[frame] += (column[frame + 1] - column[frame]) * (column[frame + 1] - column[frame]);
    }
    for (int64_t frame = 0; frame + 1 < frames; ++frame) fastest[frame] = std::max(fastest[frame], kFps * std::sqrt(squares[frame]));
  }
}

}  // namespace

void steady_rest(double* features, int64_t frames, Pool& pool) {
  if (frames < 2) return;
  const Pool::Scope scope(pool);
  auto *fastest = pool.get<double>(frames), *rests = pool.get<double>(frames), *share = pool.get<double>(frames);
  auto *copy = pool.get<double>(frames), *column = pool.get<double>(frames);
  fastest_turns(features, frames, pool, fastest);
  for (int64_t frame = 0; frame < frames; ++frame) {
    double around = 0;
    for (int64_t k = std::max<int64_t>(frame - kAround, 0); k < std::min(frame + kAround, frames - 1); ++k) around = std::max(around, fastest[k]);
    rests[frame] = 1 - smoothstep((around - kRests) / (kMoves - kRests));
  }
  smooth(rests, frames, 1, kSpread, share);
  if (std::all_of(share, share + frames, [](double part) { return part == 0; })) return;
  for (int i = 0; i < kFeatures; ++i) {
    smooth_column(features, frames, i, copy, column);
    for (int64_t frame = 0; frame < frames; ++frame) features[frame * kFeatures + i] += share[frame] * (column[frame] - copy[frame]);
  }
}

}  // namespace genmo
