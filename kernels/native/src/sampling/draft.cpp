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

// A reference of the mean body.
Clip clip_of(const genmo_reference& reference, Pool& pool) { return read_clip(reference.frames, reference.rotations, reference.translation, reference.contacts, nullptr, pool); }

bool finite(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
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

genmo_status check_references(const genmo_reference* references, int32_t count, int64_t frames, Pool& pool, genmo_error* error) {
  const Pool::Scope scope(pool);
  auto* taken = pool.get<uint8_t>(frames);
  std::fill(taken, taken + frames, uint8_t{0});
  for (int32_t i = 0; i < count; ++i) {
    const genmo_reference& r = references[i];
    if (r.frames < 1 || r.start < 0 || r.start > frames - r.frames || !r.rotations || !r.translation)
      return fail(error, GENMO_BAD_ARGUMENT, "a reference of %d frames from frame %d; wanted it within 0 to %lld, with rotations and translation", r.frames, r.start, static_cast<long long>(frames));
    if (!(r.strength >= 0 && r.strength <= 1)) return fail(error, GENMO_BAD_ARGUMENT, "a reference's strength is %g; wanted 0 to 1", static_cast<double>(r.strength));
    if (!finite(r.rotations, r.frames * int64_t{4 * kJoints}) || !finite(r.translation, r.frames * int64_t{3}) || (r.contacts && !finite(r.contacts, r.frames * int64_t{kContacts})))
      return fail(error, GENMO_BAD_ARGUMENT, "a reference holds numbers that are not finite");
    if (std::any_of(taken + r.start, taken + r.start + r.frames, [](uint8_t used) { return used != 0; }))
      return fail(error, GENMO_BAD_ARGUMENT, "references overlap from frame %d on; wanted them one after another", r.start);
    std::fill_n(taken + r.start, r.frames, uint8_t{1});
  }
  return GENMO_OK;
}

Draft draft_of(const Model& model, const genmo_reference* references, int32_t count, int64_t frames, Pool& pool) {
  if (!count) return {};
  const Draft draft{pool.get<float>(frames * kFeatures), pool.get<int64_t>(frames)};
  std::fill_n(draft.values, frames * kFeatures, 0.0f);
  std::fill_n(draft.until, frames, int64_t{kSteps});
  for (const genmo_reference* r = references; r != references + count; ++r) {
    const Pool::Scope scope(pool);
    const int64_t start = r->start, end = start + r->frames;
    auto* features = pool.get<double>(r->frames * int64_t{kFeatures});
    encode(clip_of(*r, pool), kLevel, features);
    const double strength = r->strength > 0 ? static_cast<double>(r->strength) : kUsualStrength;
    for (int64_t frame = start; frame < end; ++frame) {
      // at borders to other frames the motion follows from both sides
      const bool near = (start > 0 && frame - start < kSeam) || (end < frames && end - frame < kSeam);
      if (!near) draft.until[frame] = static_cast<int64_t>(std::nearbyint(kSteps * (1 - strength)));
      for (int i = 0; i < kFeatures; ++i)
        if (is_referred(i))
          draft.values[frame * kFeatures + i] = normalised(model, i, features[(frame - start) * kFeatures + i]);
    }
  }
  return draft;
}

}  // namespace genmo
