// From a network's answer to a finished motion of texts: what runtime/refine/pipeline.py does where there is no camera.
#include <algorithm>
#include <cmath>

#include "motion/clip.h"
#include "motion/feet_rules.h"

namespace genmo {
namespace {

constexpr FeetOptions kGeneratedFeet{0, 60, kEnter, kLeave}, kUnevenFeet{NAN, 45, 0.4, 0.3};

}  // namespace

Clip finish_generated(double* features, int64_t frames, const Span* texts, int count, Borders borders, bool loose_feet, Pool& pool) {
  remove_steps(features, frames, kFeatures, borders);
  smooth_transitions(features, frames, borders, pool);
  steady_rest(features, frames, pool);
  Clip clip = decode(features, frames, pool);
  turn_as_said(clip, texts, count, pool);
  auto* floor = pool.get<double>(frames);
  put_on_floor(clip, pool);
  if (!loose_feet) {
    floor_of(clip, pool, floor);
    const bool uneven = std::any_of(floor, floor + frames, [](double height) { return height != 0; });
    clean_feet(clip, uneven ? kUnevenFeet : kGeneratedFeet, pool);
    if (uneven) put_on_floor(clip, pool);
  }
  floor_of(clip, pool, floor);
  raise_above_floor(clip, floor, pool);
  smooth_motion_transitions(clip, borders, pool);
  limit_limb_speed(clip, pool);
  face_forward(clip);
  return clip;
}

size_t pool_bytes(int64_t frames, int texts) {
  return static_cast<size_t>(frames) * 30000 + static_cast<size_t>(texts) * 200000 + (size_t{1} << 20);
}

}  // namespace genmo
