// From a network's answer to a finished motion of texts: what runtime/refine/pipeline.py does where there is no camera.
#include <algorithm>
#include <cmath>

#include "motion/constraint_solver.h"
#include "motion/feet_rules.h"

namespace genmo {
namespace {

constexpr FeetOptions kGeneratedFeet{0, 60, kEnter, kLeave}, kUnevenFeet{NAN, 45, 0.4, 0.3};

// Borders, and keyframes behind them.
Borders edges_of(const Made& made, Pool& pool) {
  const Keyframes& keys = made.constraints->keyframes;
  auto* frames = pool.get<int64_t>(made.borders.count + keys.count);
  std::copy_n(made.borders.frames, made.borders.count, frames);
  std::copy_n(keys.frames, keys.count, frames + made.borders.count);
  return {frames, made.borders.count + static_cast<int>(keys.count)};
}

}  // namespace

Clip finish_generated(double* features, int64_t frames, const Made& made, Pool& pool) {
  const Borders edges = edges_of(made, pool);
  const bool constrained = made.constraints->any();
  remove_steps(features, frames, kFeatures, made.borders);
  smooth_transitions(features, frames, edges, pool);
  steady_rest(features, frames, pool);
  Clip clip = decode(features, frames, pool);
  if (!constrained) turn_as_said(clip, made.texts, made.text_count, pool);
  auto* floor = pool.get<double>(frames);
  put_on_floor(clip, pool);
  if (!made.loose_feet) {
    floor_of(clip, pool, floor);
    const bool uneven = std::any_of(floor, floor + frames, [](double height) { return height != 0; });
    clean_feet(clip, uneven ? kUnevenFeet : kGeneratedFeet, pool);
    if (uneven) put_on_floor(clip, pool);
  }
  floor_of(clip, pool, floor);
  raise_above_floor(clip, floor, pool);
  smooth_motion_transitions(clip, edges, pool);
  limit_limb_speed(clip, pool);
  if (!constrained) face_forward(clip);
  solve_constraints(clip, *made.constraints, nullptr, pool);
  return clip;
}

size_t pool_bytes(int64_t frames, int texts) {
  return static_cast<size_t>(frames) * 30000 + static_cast<size_t>(texts) * 200000 + (size_t{1} << 20);
}

}  // namespace genmo
