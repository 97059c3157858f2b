#include "sampling/draft.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "motion/answer.h"
#include "sampling/schedule.h"

namespace genmo {
namespace {

constexpr int kSeam = 4, kPosed = kTurns + 6 * kJoints;
constexpr double kUsualStrength = 0.5;
constexpr Still kLevel{{-1, 0, 0, 0, -1, 0, 0, 0, 1}, {0, 0, 0}};

// Which features a reference gives.
bool is_referred(int feature) { return feature < kPosed || feature >= kContactsAt; }

bool finite(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

// The timestep down to which a frame of a motion is the reference and noise.  At borders to other frames the motion follows from both
// sides.
int64_t until(const Like& r, int64_t frame, int64_t frames) {
  const int64_t after = r.start > 0 ? frame - r.start : frames, before = r.end() < frames ? r.end() - frame : frames;
  if (std::min(after, before) < kSeam) return kSteps;
  const double share = r.fade && (r.start > 0 || r.end() < frames) ? std::min(static_cast<double>(std::min(after, before)) / static_cast<double>(r.fade), 1.0) : 1;
  return static_cast<int64_t>(std::nearbyint(kSteps * (1 - r.strength * share))) - 1;
}

}  // namespace

void Draft::draw(const float* noise, int64_t timestep, int64_t frames, float* x_t) const {
  const double level = alpha_cumprod(timestep);
  const auto kept = static_cast<float>(std::sqrt(level)), noisy = static_cast<float>(std::sqrt(1 - level));
  for (int64_t frame = 0; frame < frames; ++frame) {
    if (timestep <= until[frame]) continue;
    for (int i = 0; i < kFeatures; ++i) {
      const int64_t k = frame * kFeatures + i;
      if (is_referred(i)) x_t[k] = kept * values[k] + noisy * noise[k];
    }
  }
}

genmo_status read_references(const genmo_reference* given, int32_t count, int64_t frames, Pool& pool, const Like*& references, genmo_error* error) {
  auto* read = pool.get<Like>(count);
  references = read;
  auto* taken = pool.get<uint8_t>(frames);
  std::fill(taken, taken + frames, uint8_t{0});
  for (int32_t i = 0; i < count; ++i) {
    const genmo_reference& r = given[i];
    if (r.frames < 1 || r.start < 0 || r.start > frames - r.frames || !r.rotations || !r.translation)
      return fail(error, GENMO_BAD_ARGUMENT, "a reference of %d frames from frame %d; wanted it within 0 to %lld, with rotations and translation", r.frames, r.start, static_cast<long long>(frames));
    if (!(r.strength >= 0 && r.strength <= 1)) return fail(error, GENMO_BAD_ARGUMENT, "a reference's strength is %g; wanted 0 to 1", static_cast<double>(r.strength));
    if (!finite(r.rotations, r.frames * int64_t{4 * kJoints}) || !finite(r.translation, r.frames * int64_t{3}) || (r.contacts && !finite(r.contacts, r.frames * int64_t{kContacts})))
      return fail(error, GENMO_BAD_ARGUMENT, "a reference holds numbers that are not finite");
    if (std::any_of(taken + r.start, taken + r.start + r.frames, [](uint8_t used) { return used != 0; }))
      return fail(error, GENMO_BAD_ARGUMENT, "references overlap from frame %d on; wanted them one after another", r.start);
    std::fill_n(taken + r.start, r.frames, uint8_t{1});
    // of the mean body
    read[i] = {r.start, read_clip(r.frames, r.rotations, r.translation, r.contacts, nullptr, nullptr, pool), r.strength > 0 ? static_cast<double>(r.strength) : kUsualStrength};
  }
  return GENMO_OK;
}

Draft draft_of(const Model& model, const Like* references, int count, int64_t frames, Pool& pool) {
  if (!count) return {};
  const Draft draft{pool.get<float>(frames * kFeatures), pool.get<int64_t>(frames)};
  std::fill_n(draft.values, frames * kFeatures, 0.0f);
  std::fill_n(draft.until, frames, int64_t{kSteps});
  for (const Like* r = references; r != references + count; ++r) {
    const Pool::Scope scope(pool);
    auto* features = pool.get<double>(r->clip.frames * kFeatures);
    encode(r->clip, kLevel, features);
    for (int64_t frame = r->start; frame < r->end(); ++frame) {
      draft.until[frame] = until(*r, frame, frames);
      for (int i = 0; i < kFeatures; ++i)
        if (is_referred(i)) draft.values[frame * kFeatures + i] = normalised(model, i, features[(frame - r->start) * kFeatures + i]);
    }
  }
  return draft;
}

}  // namespace genmo
