// One denoising step.  Every thread has rows of its own; attention alone reads others', which are complete behind a
// barrier a module.  Of frames whose answer is not asked for the last module has keys and values alone.
#include <cmath>
#include <cstring>

#include "error.h"
#include "network/attention.h"
#include "network/network.h"
#include "network/step_rows.h"
#include "network/workspace.h"

namespace genmo {

namespace {

constexpr int kSixd = 6;  // numbers of a joint's turn

// [reach + 1 + reach] frames' shares of what was missed, weighed and added to the turns of a row.
void add_innovation(const StepRows& s, int row) {
  const Network& net = s.network;
  const Workspace& w = s.space;
  const int joints = net.options.turning_joints, turning = kSixd * joints;
  const int motion = row / s.step.frames, first = motion * s.step.frames, last = first + s.step.frames - 1;
  const int timestep = static_cast<int>(s.step.timestep[motion]);
  float* smooth = s.scratch;
  std::memset(smooth, 0, static_cast<size_t>(turning) * sizeof(float));
  for (int k = -net.reach; k <= net.reach; ++k) {
    const int from = row + k < first ? first : row + k > last ? last : row + k;
    net.kernels->accumulate(smooth, w.missed + int64_t{from} * stride_of(turning), net.smoothing[k + net.reach],
                            turning);
  }
  const float* variance = w.variance + int64_t{row} * stride_of(joints);
  float* turns = w.answer + int64_t{row} * stride_of(net.options.features) + net.options.first_turn;
  for (int joint = 0; joint < joints; ++joint) {
    const float ratio = std::exp(variance[joint]) * net.trusts[timestep];
    const float gain = ratio / (1.0f + ratio * net.roots[timestep]);
    for (int i = 0; i < kSixd; ++i) turns[kSixd * joint + i] += gain * smooth[kSixd * joint + i];
  }
}

// x_t less what of it x_0 explains.
void note_missed(const StepRows& s, int row) {
  const Network& net = s.network;
  const Workspace& w = s.space;
  const int turning = kSixd * net.options.turning_joints, features = net.options.features;
  const float root = net.roots[s.step.timestep[row / s.step.frames]];
  const float* x_t = s.step.x_t + int64_t{row} * features + net.options.first_turn;
  const float* x_0 = w.answer + int64_t{row} * stride_of(features) + net.options.first_turn;
  float* missed = w.missed + int64_t{row} * stride_of(turning);
  for (int i = 0; i < turning; ++i) missed[i] = x_t[i] - root * x_0[i];
}

// The rows of `from`, `stride` apart, for the caller, from row `first` on.
void copy_out(const StepRows& s, int first, const float* from, int stride, int columns, float* to) {
  for (int row = s.begin > first ? s.begin : first; row < s.end && to; ++row)
    std::memcpy(to + int64_t{row} * columns, from + int64_t{row} * stride, static_cast<size_t>(columns) * sizeof(float));
}

// One shape a motion: the mean over all of its frames.
void average_betas(const StepRows& s) {
  const int stride = stride_of(kReleasedFeatures), frames = s.step.frames;
  double mean[kBetaCount] = {};
  for (int row = s.begin; row < s.end; ++row) {
    if (row == s.begin || row % frames == 0)
      for (int k = 0; k < kBetaCount; ++k) {
        mean[k] = 0;
        for (int64_t other = row / frames * frames, past = other + frames; other < past; ++other)
          mean[k] += static_cast<double>(s.space.answer[other * stride + kReleasedBetas + k]) / frames;
      }
    for (int k = 0; k < kBetaCount; ++k)
      s.step.x_0[int64_t{row} * kReleasedFeatures + kReleasedBetas + k] = static_cast<float>(mean[k]);
  }
}

// The three heads of released weights.
void answer_released(const StepRows& s, Barrier& barrier) {
  constexpr float kSmallestScale = 0.25f;
  const Network& net = s.network;
  const Workspace& w = s.space;
  for (int row = s.begin; row < s.end; ++row)
    std::memcpy(w.normed + int64_t{row} * s.stride, w.x + int64_t{row} * s.stride, static_cast<size_t>(net.options.width) * sizeof(float));
  s.head(net.x_0, w.answer, stride_of(kReleasedFeatures));
  s.head(net.weak_perspective, w.weak, stride_of(kWeakNumbers));
  s.head(net.contact_logits, w.logits, stride_of(kLogits));
  for (int row = s.begin; row < s.end; ++row) {
    float& scale = w.weak[int64_t{row} * stride_of(kWeakNumbers)];
    if (scale < kSmallestScale) scale = kSmallestScale;
  }
  copy_out(s, 0, w.answer, stride_of(kReleasedFeatures), kReleasedFeatures, s.step.x_0);
  copy_out(s, 0, w.weak, stride_of(kWeakNumbers), kWeakNumbers, s.step.weak_perspective);
  copy_out(s, 0, w.logits, stride_of(kLogits), kLogits, s.step.contact_logits);
  barrier.wait();
  average_betas(s);
}

// Of rows whose answer is asked for from `first` on.
void answer(const StepRows& s, int first, Barrier& barrier) {
  const Network& net = s.network;
  const Workspace& w = s.space;
  const int features = net.options.features, joints = net.options.turning_joints;
  s.normalise();
  s.head(net.x_0, w.answer, stride_of(features));
  if (joints > 0) {
    s.head(net.innovation, w.variance, stride_of(joints));
    for (int row = s.begin; row < s.end; ++row) note_missed(s, row);
    barrier.wait();
    for (int row = s.begin > first ? s.begin : first; row < s.end; ++row) add_innovation(s, row);
  }
  copy_out(s, first, w.answer, stride_of(features), features, s.step.x_0);
}

// fused + time + x_t through its layer
void tokens(const StepRows& s) {
  const Network& net = s.network;
  const int width = net.options.width, stride = stride_of(width), features = net.options.features;
  for (int row = s.begin; row < s.end; ++row) {
    const float* fused = s.step.fused + int64_t{row} * width;
    const float* time = net.time + s.step.timestep[row / s.step.frames] * width;
    float* x = s.space.x + int64_t{row} * stride;
    for (int i = 0; i < width; ++i) x[i] = fused[i] + time[i];
  }
  const float* x_t = s.step.x_t + int64_t{s.begin} * features;
  bool zero = true;  // as estimation starts
  for (int64_t i = 0; i < int64_t{s.end - s.begin} * features && zero; ++i) zero = x_t[i] == 0.0f;
  if (!zero) s.multiply(net.motion_in, x_t, features, s.space.x, stride, Store::kAdd);
}

// `asked`: the rows that are needed behind it, which may have been another thread's.
void rope_block(const StepRows& s, const StepRows& asked, const Module& module, int index, Barrier& barrier) {
  keys_values(s, module.attention, index % 2);
  barrier.wait();
  self_attention(asked, module.attention, index % 2);
  asked.mlp(module.attention_mlp);
}

void text_block(const StepRows& s, const Module& module, int index) {
  if (!s.network.reads_texts) return;
  text_attention(s, module.text, index);
  s.mlp(module.text_mlp);
}

struct Call {
  Network& network;
  Workspace& space;
  const genmo_step& step;
  const int first;  // row whose answer is asked for
  const int from;   // row that it, or one behind it, needs of the last module
};

// The rows of thread `index` of `count`: whole tiles of motions.
int first_row(const genmo_step& step, int tile, int index, int count) {
  const int64_t tiles = (step.frames + tile - 1) / tile, mine = step.batch * tiles * index / count;
  return static_cast<int>(mine / tiles * step.frames + mine % tiles * tile);
}

// The row from which thread `index` of `count` has those behind the last module.
int asked_row(const Call& call, int index, int count) {
  if (call.from == 0) return first_row(call.step, call.network.kernels->rows, index, count);
  return call.from + (call.step.frames - call.from) * index / count;
}

void work(void* context, int index, int count, Barrier& barrier) {
  const Call& call = *static_cast<Call*>(context);
  const int tile = call.network.kernels->rows, depth = call.network.options.depth;
  const StepRows s(call.network, call.space, call.step, first_row(call.step, tile, index, count),
                   first_row(call.step, tile, index + 1, count), index);
  const StepRows last(s, asked_row(call, index, count), asked_row(call, index + 1, count));
  tokens(s);
  for (int i = 0; i < depth; ++i) {
    const Module& module = call.network.modules[i];
    const StepRows& asked = i + 1 < depth ? s : last;
    if (call.network.options.text_first) text_block(s, module, i);
    rope_block(s, asked, module, i, barrier);
    if (!call.network.options.text_first) text_block(asked, module, i);
  }
  call.network.released ? answer_released(s, barrier) : answer(last, call.first, barrier);
}

genmo_status check(const Network& network, const genmo_step& step, genmo_error* error) {
  const bool sizes = step.batch > 0 && step.frames > 0 && step.frames <= (1 << 20) && step.batch <= (1 << 20) &&
                     int64_t{step.batch} * step.frames <= (1 << 24) && step.prompted >= 0 &&
                     step.prompted <= step.batch && step.texts >= 0 && step.texts <= (1 << 16) &&
                     int64_t{step.texts} * network.options.text_tokens <= (1 << 20);
  if (!sizes)
    return fail(error, GENMO_BAD_ARGUMENT, "step of %d motions x %d frames, %d with %d texts, is out of bounds",
                step.batch, step.frames, step.prompted, step.texts);
  if (network.null_first() && (step.prompted != step.batch || step.texts < 1))
    return fail(error, GENMO_BAD_ARGUMENT, "%d of %d motions have %d texts; released weights want them all to have one, the null text at least", step.prompted,
                step.batch, step.texts);
  const bool arrays = step.x_t && step.timestep && step.fused && step.x_0;
  const bool spoken = step.prompted == 0 || step.texts == 0 ||
                      (step.text_bias && step.text_reach && step.text_keys && step.text_values);
  if (!arrays || !spoken) return fail(error, GENMO_BAD_ARGUMENT, "an array of the step is NULL");
  for (int i = 0; spoken && step.prompted && step.texts && i < network.options.depth; ++i)
    if (!step.text_keys[i] || !step.text_values[i])
      return fail(error, GENMO_BAD_ARGUMENT, "keys or values of module %d are NULL", i);
  for (int i = 0; i < step.batch; ++i)
    if (step.timestep[i] < 0 || step.timestep[i] >= kTimesteps)
      return fail(error, GENMO_BAD_ARGUMENT, "timestep of motion %d is %lld; wanted 0 to %d", i,
                  static_cast<long long>(step.timestep[i]), kTimesteps - 1);
  return GENMO_OK;
}

}  // namespace

genmo_status run_step(Network& network, const genmo_step& step, genmo_error* error, Workspace* own, int first) {
  const genmo_status status = check(network, step, error);
  if (status != GENMO_OK) return status;
  Workspace* space = own ? own : take_workspace(network, step);
  if (!space) return fail(error, GENMO_NO_MEMORY, "no memory for %d motions of %d frames", step.batch, step.frames);
  if (network.reads_texts) pack_texts(network, *space, step);
  const bool few = step.batch == 1 && step.frames <= network.options.window;  // rows of a tile then have the same keys
  const int reach = network.options.turning_joints > 0 ? network.reach : 0;
  Call call{network, *space, step, few ? first : 0, few && first > reach ? first - reach : 0};
  network.team.run(work, &call, network.options.threads);
  if (!own) give_workspace(network, space);
  return GENMO_OK;
}

}  // namespace genmo
