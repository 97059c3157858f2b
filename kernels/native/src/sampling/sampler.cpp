#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "motion/filters.h"
#include "sampling/conditioned.h"
#include "sampling/draft.h"
#include "sampling/noise.h"
#include "sampling/schedule.h"

namespace genmo {
namespace {

constexpr double kSmoothing = 1;  // frames, of the Gaussian over a sample in which noise was left

bool all_finite(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i])) return false;
  return true;
}

// `share` [frames]: how much of the arms' joints follows texts of their own, eased within the ends of their spans.
void arm_share(const Span* arms, int count, int64_t frames, float* share) {
  constexpr int kEase = 8;
  for (int64_t frame = 0; frame < frames; ++frame) {
    double most = 0;
    for (int i = 0; i < count; ++i) {
      const double after = arms[i].start <= 0 ? INFINITY : static_cast<double>(frame - arms[i].start + 1);
      const double before = arms[i].end >= frames ? INFINITY : static_cast<double>(arms[i].end - frame);
      most = std::max(most, std::clamp(std::min(after, before) / (kEase + 1), 0.0, 1.0));
    }
    share[frame] = static_cast<float>(most);
  }
}

// Moves the arms' joints of `x_0` [frames, features] by their share to those of `arms`.
void compose(float* x_0, const float* arms, const float* share, int64_t frames) {
  constexpr int kArms[] = {kLeftCollar, kRightCollar, kLeftShoulder, kRightShoulder, kLeftElbow,
                           kRightElbow, kLeftWrist,   kRightWrist,   kLeftHand,      kRightHand};
  for (int64_t frame = 0; frame < frames; ++frame)
    for (const int joint : kArms)
      for (int64_t i = frame * kFeatures + kTurns + 6 * joint, end = i + 6; i < end; ++i) x_0[i] += share[frame] * (arms[i] - x_0[i]);
}

void draw_noise(const Sampling& s, int64_t count, float* x_t) {
  if (s.noise) {
    std::copy_n(s.noise, count, x_t);
    return;
  }
  Noise(s.seed, s.sample).fill(x_t, count);
  for (const genmo_seed* own = s.seeds; own != s.seeds + s.seed_count; ++own)
    Noise(own->seed, s.sample).fill(x_t + int64_t{own->start} * kFeatures, int64_t{own->end - own->start} * kFeatures);
}

// x_t with its fixed features, as noisy as at the timestep.
void inpaint(const Inpainting& inpainting, const float* noise, int64_t timestep, int64_t count, float* x_t) {
  const double level = alpha_cumprod(timestep);
  const auto kept = static_cast<float>(std::sqrt(level)), noisy = static_cast<float>(std::sqrt(1 - level));
  for (int64_t i = 0; i < count; ++i)
    if (inpainting.mask[i]) x_t[i] = kept * inpainting.values[i] + noisy * noise[i];
}

// The predictions of body and arms, guided and joined.
class Predictor {
 public:
  Predictor(Model& model, const Sampling& s, Pool& pool)
      : s_(s), count_(s.frames * kFeatures), guided_(s.guidance != 1), guidance_(static_cast<float>(s.guidance)),
        body_(model, s.frames, s.texts, s.text_count, guided_ ? 2 : 1, pool, s.own), arms_(model, s.frames, s.arms, s.arm_count, 1, pool, s.own),
        of_arms_(pool.get<float>(s.arm_count ? count_ : 1)), share_(pool.get<float>(s.frames)) {
    arm_share(s.arms, s.arm_count, s.frames, share_);
  }

  genmo_status prepare(genmo_error* error) {
    const KnownFrames known = s_.inpainting ? s_.inpainting->known : KnownFrames{};
    const genmo_status status = body_.prepare(known, error);
    return status == GENMO_OK && s_.arm_count ? arms_.prepare(known, error) : status;
  }

  // x_0 of x_t; both have room for two motions.
  genmo_status operator()(float* x_t, int64_t timestep, float* x_0, genmo_error* error) {
    if (guided_) std::copy_n(x_t, count_, x_t + count_);
    genmo_status status = body_.step(x_t, timestep, x_0, error);
    if (status == GENMO_OK && s_.arm_count) status = arms_.step(x_t, timestep, of_arms_, error);
    if (status != GENMO_OK) return status;
    if (s_.arm_count) compose(x_0, of_arms_, share_, s_.frames);
    const float* without = x_0 + count_;
    if (guided_)
      for (int64_t i = 0; i < count_; ++i) x_0[i] = without[i] + guidance_ * (x_0[i] - without[i]);
    if (!all_finite(x_0, count_)) return fail(error, GENMO_BAD_ENGINE, "the network answered numbers that are not finite");
    return GENMO_OK;
  }

 private:
  const Sampling& s_;
  const int64_t count_;
  const bool guided_;
  const float guidance_;
  Conditioned body_, arms_;
  float *of_arms_, *share_;
};

}  // namespace

genmo_status sample_motion(Model& model, const Sampling& s, Pool& pool, double* features, genmo_error* error) {
  const Pool::Scope scope(pool);
  auto* schedule = new (pool.get<Schedule>(1)) Schedule(s.steps);
  const int64_t count = s.frames * kFeatures;
  Predictor predict(model, s, pool);
  genmo_status status = predict.prepare(error);
  if (status != GENMO_OK) return status;
  auto *x_t = pool.get<float>(2 * count), *x_0 = pool.get<float>(2 * count), *before = pool.get<float>(count), *noise = pool.get<float>(count);
  draw_noise(s, count, noise);
  std::copy_n(noise, count, x_t);
  std::fill(before, before + count, 0.0f);
  const Draft draft = draft_of(model, s.references, s.reference_count, s.frames, pool);
  const auto correct = [&](float* prediction) {
    if (s.inpainting && s.inpainting->project) s.inpainting->project(s.inpainting->context, prediction, pool);
  };
  for (int step = 0; step < s.steps; ++step) {
    const int64_t timestep = schedule->timesteps[step];
    if (draft.values) draft.draw(noise, timestep, s.frames, x_t);
    if (s.inpainting) inpaint(*s.inpainting, noise, timestep, count, x_t);
    status = predict(x_t, timestep, x_0, error);
    if (status != GENMO_OK) return status;
    correct(x_0);
    const Update& u = schedule->updates[step];
    for (int64_t i = 0; i < count; ++i) x_t[i] = u.keep * x_t[i] + u.now * x_0[i] + u.before * before[i];
    std::copy(x_0, x_0 + count, before);
    if (s.progress && s.progress(s.user, s.done + s.part * static_cast<float>(step + 1) / static_cast<float>(s.steps + 1)))
      return fail(error, GENMO_CANCELLED, "cancelled after %d of %d steps", step + 1, s.steps);
  }
  float* answer = x_t;
  if (schedule->smoothed) {
    smooth(x_t, s.frames, kFeatures, kSmoothing, x_0);
    correct(x_0);
    answer = x_0;
  }
  for (int64_t i = 0; i < count; ++i) features[i] = restored(model, i, answer[i]);
  return GENMO_OK;
}

}  // namespace genmo
