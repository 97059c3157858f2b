#include "sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "motion/filters.h"
#include "sampling/draft.h"
#include "sampling/noise.h"
#include "sampling/schedule.h"

namespace genmo {
namespace {

constexpr double kSmoothing = 1;  // frames, of the Gaussian over a sample in which noise was left

// What the steps of a motion share: `batch` of it, the first with texts.
class Conditioned {
 public:
  Conditioned(Model& model, int64_t frames, const Span* texts, int count, int batch, Pool& pool)
      : model_(model), pool_(pool), frames_(frames), texts_(texts), count_(count), batch_(batch) {}

  genmo_status prepare(genmo_error* error) {
    const genmo_status status = fuse(error);
    return status == GENMO_OK ? read_texts(error) : status;
  }

  // x_0 [batch, frames, features] of x_t, which every motion of the batch has.
  genmo_status step(const float* x_t, int64_t timestep, float* x_0, genmo_error* error) {
    const int64_t timesteps[2] = {timestep, timestep};
    genmo_step step{};
    step.size = sizeof step;
    step.batch = batch_;
    step.frames = static_cast<int32_t>(frames_);
    step.prompted = 1;
    step.texts = count_;
    step.x_t = x_t;
    step.timestep = timesteps;
    step.fused = fused_;
    step.text_bias = bias_;
    step.text_reach = reach_;
    step.text_keys = keys_;
    step.text_values = values_;
    step.x_0 = x_0;
    return genmo_network_step(model_.network, &step, error);
  }

 private:
  // Of frames without any condition, which all are alike.
  genmo_status fuse(genmo_error* error) {
    const float zero = 0;
    auto* nothing = pool_.get<float>(1 << 16);
    std::fill(nothing, nothing + (1 << 16), zero);
    const float *values[16], *masks[16];
    for (int i = 0; i < model_.condition_count; ++i) {
      values[i] = nothing;
      masks[i] = &zero;
    }
    auto* row = pool_.get<float>(model_.width);
    genmo_conditions conditions{sizeof conditions, 1, 1, values, masks, row};
    const genmo_status status = genmo_network_conditions(model_.network, &conditions, error);
    fused_ = pool_.get<float>(batch_ * frames_ * model_.width);
    for (int64_t i = 0; i < batch_ * frames_; ++i) std::copy(row, row + model_.width, fused_ + i * model_.width);
    return status;
  }

  genmo_status read_texts(genmo_error* error) {
    const int64_t words = int64_t{count_} * model_.text_tokens;
    auto *tokens = pool_.get<float>(words * kTextWidth), *mask = pool_.get<float>(words);
    auto* spans = pool_.get<int64_t>(2 * int64_t{count_});
    for (int i = 0; i < count_; ++i) {
      const int64_t first = int64_t{i} * model_.text_tokens;
      if (!model_.words.encode(texts_[i].prompt, model_.text_tokens, tokens + first * kTextWidth, mask + first))
        return fail(error, GENMO_BAD_ARGUMENT, "text is \"%.150s\"; wanted at least one word in Latin letters", texts_[i].prompt);
      spans[2 * i] = texts_[i].start;
      spans[2 * i + 1] = texts_[i].end;
    }
    bias_ = pool_.get<float>(words);
    reach_ = pool_.get<int64_t>(2 * int64_t{count_});
    keys_ = pool_.get<float*>(model_.depth);
    values_ = pool_.get<float*>(model_.depth);
    for (int i = 0; i < model_.depth; ++i) {
      keys_[i] = pool_.get<float>(words * model_.width);
      values_[i] = pool_.get<float>(words * model_.width);
    }
    genmo_texts texts{sizeof texts, 1, count_, tokens, mask, spans, bias_, reach_, keys_, values_};
    return genmo_network_texts(model_.network, &texts, error);
  }

  Model& model_;
  Pool& pool_;
  int64_t frames_;
  const Span* texts_;
  int count_, batch_;
  float *fused_ = nullptr, *bias_ = nullptr, **keys_ = nullptr, **values_ = nullptr;
  int64_t* reach_ = nullptr;
};

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

}  // namespace

genmo_status sample_motion(Model& model, const Sampling& s, Pool& pool, double* features, genmo_error* error) {
  const Pool::Scope scope(pool);
  auto* schedule = new (pool.get<Schedule>(1)) Schedule(s.steps);
  const bool guided = s.guidance != 1;
  const int64_t count = s.frames * kFeatures;
  Conditioned body(model, s.frames, s.texts, s.text_count, guided ? 2 : 1, pool), arms(model, s.frames, s.arms, s.arm_count, 1, pool);
  genmo_status status = body.prepare(error);
  if (status == GENMO_OK && s.arm_count) status = arms.prepare(error);
  if (status != GENMO_OK) return status;
  auto *of_arms = pool.get<float>(s.arm_count ? count : 1), *share = pool.get<float>(s.frames);
  arm_share(s.arms, s.arm_count, s.frames, share);
  auto *x_t = pool.get<float>(2 * count), *x_0 = pool.get<float>(2 * count), *before = pool.get<float>(count);
  Noise(s.seed, s.sample).fill(x_t, count);
  for (const genmo_seed* own = s.seeds; own != s.seeds + s.seed_count; ++own)
    Noise(own->seed, s.sample).fill(x_t + int64_t{own->start} * kFeatures, int64_t{own->end - own->start} * kFeatures);
  std::fill(before, before + count, 0.0f);
  const Draft draft = draft_of(model, s.references, s.reference_count, s.frames, pool);
  auto* noise = pool.get<float>(draft.values ? count : 1);
  if (draft.values) std::copy(x_t, x_t + count, noise);
  const auto guidance = static_cast<float>(s.guidance);
  for (int step = 0; step < s.steps; ++step) {
    if (draft.values) draft.draw(noise, schedule->timesteps[step], s.frames, x_t);
    if (guided) std::copy(x_t, x_t + count, x_t + count);
    status = body.step(x_t, schedule->timesteps[step], x_0, error);
    if (status == GENMO_OK && s.arm_count) status = arms.step(x_t, schedule->timesteps[step], of_arms, error);
    if (status != GENMO_OK) return status;
    if (s.arm_count) compose(x_0, of_arms, share, s.frames);
    const float* without = x_0 + count;
    if (guided)
      for (int64_t i = 0; i < count; ++i) x_0[i] = without[i] + guidance * (x_0[i] - without[i]);
    if (!all_finite(x_0, count)) return fail(error, GENMO_BAD_ENGINE, "the network answered numbers that are not finite");
    const Update& u = schedule->updates[step];
    for (int64_t i = 0; i < count; ++i) x_t[i] = u.keep * x_t[i] + u.now * x_0[i] + u.before * before[i];
    std::copy(x_0, x_0 + count, before);
    if (s.progress && s.progress(s.user, static_cast<float>(step + 1) / static_cast<float>(s.steps + 1)))
      return fail(error, GENMO_CANCELLED, "cancelled after %d of %d steps", step + 1, s.steps);
  }
  const float* answer = x_t;
  if (schedule->smoothed) {
    smooth(x_t, s.frames, kFeatures, kSmoothing, x_0);
    answer = x_0;
  }
  for (int64_t i = 0; i < count; ++i)
    features[i] = static_cast<double>(answer[i]) * static_cast<double>(model.spread[i % kFeatures]) + static_cast<double>(model.mean[i % kFeatures]);
  return GENMO_OK;
}

}  // namespace genmo
