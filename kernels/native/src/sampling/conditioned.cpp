#include "sampling/conditioned.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace genmo {
namespace {

int64_t widest_condition(const Model& model) {
  int64_t width = 0;
  for (int i = 0; i < model.condition_count; ++i) width = std::max<int64_t>(width, model.conditions[i].width);
  return width;
}

}  // namespace

genmo_step Conditioned::sizes(int64_t frames, int texts, int batch) {
  genmo_step step{};
  step.size = sizeof step;
  step.batch = batch;
  step.frames = static_cast<int32_t>(frames);
  step.prompted = 1;
  step.texts = texts;
  return step;
}

genmo_status Conditioned::prepare(const KnownFrames& known, genmo_error* error) {
  const genmo_status status = fuse(known, error);
  return status == GENMO_OK && count_ ? read_texts(error) : status;
}

genmo_status Conditioned::step(const float* x_t, int64_t timestep, float* x_0, genmo_error* error) {
  const int64_t timesteps[2] = {timestep, timestep};
  genmo_step step = sizes(frames_, count_, batch_);
  step.x_t = x_t;
  step.timestep = timesteps;
  step.fused = fused_;
  step.text_bias = bias_;
  step.text_reach = reach_;
  step.text_keys = keys_;
  step.text_values = values_;
  step.x_0 = x_0;
  return run_step(network(), step, error, own_ ? own_->step : nullptr);
}

// Of frames without any condition all are alike.
genmo_status Conditioned::fuse(const KnownFrames& known, genmo_error* error) {
  const int64_t rows = known.values ? frames_ : 1, numbers = rows * widest_condition(model_);
  fused_ = pool_.get<float>(batch_ * frames_ * model_.width);
  {
    const Pool::Scope scope(pool_);
    auto *nothing = pool_.get<float>(numbers), *hidden = pool_.get<float>(rows);
    std::fill(nothing, nothing + numbers, 0.0f);
    std::fill(hidden, hidden + rows, 0.0f);
    const float *values[kMostConditions], *masks[kMostConditions];
    for (int i = 0; i < model_.condition_count; ++i) {
      const bool given = known.values && !std::strcmp(model_.conditions[i].name, "keyframes");
      values[i] = given ? known.values : nothing;
      masks[i] = given ? known.mask : hidden;
    }
    const genmo_conditions conditions{sizeof conditions, 1, static_cast<int32_t>(rows), values, masks, fused_};
    const genmo_status status = run_conditions(network(), conditions, error, own_ ? own_->rows : nullptr);
    if (status != GENMO_OK) return status;
  }
  for (int64_t row = rows; row < batch_ * frames_; ++row) std::copy_n(fused_ + row % rows * model_.width, model_.width, fused_ + row * model_.width);
  return GENMO_OK;
}

genmo_status Conditioned::read_texts(genmo_error* error) {
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
  const genmo_texts texts{sizeof texts, 1, count_, tokens, mask, spans, bias_, reach_, keys_, values_};
  return run_texts(network(), texts, error, own_ ? own_->rows : nullptr);
}

size_t conditioned_bytes(const Model& model, int64_t frames, int texts, int batch) {
  const int64_t words = int64_t{texts} * model.text_tokens;
  const int64_t floats = batch * frames * model.width + frames * (widest_condition(model) + 1) + words * (kTextWidth + 2) + 8 * int64_t{texts} + 2 * model.depth * words * model.width;
  return static_cast<size_t>(floats) * sizeof(float) + static_cast<size_t>(2 * model.depth + 16) * 2 * kAlignment;
}

}  // namespace genmo
