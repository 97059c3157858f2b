#include "network/workspace.h"

#include <cmath>

#include "network/network.h"

namespace genmo {

namespace {

constexpr double kRopeBase = 10000.0;

void allocate_rows(Workspace& w, const Network& net) {
  const genmo_network_options& o = net.options;
  const int64_t rows = int64_t{w.batch} * w.frames, stride = stride_of(o.width);
  const int widest = o.mlp_width > 2 * o.width ? o.mlp_width : 2 * o.width;
  w.wide_stride = stride_of(widest);
  w.fixed_stride = stride_of(widest > o.features ? widest : o.features);
  w.x = w.arena.get<float>(rows * stride);
  w.normed = w.arena.get<float>(rows * stride);
  w.wide = w.arena.get<float>(rows * w.wide_stride);
  w.fixed = o.fast ? w.arena.get<int16_t>(rows * w.fixed_stride) : nullptr;
  w.unit = o.fast ? w.arena.get<float>(rows) : nullptr;
  w.key_stride = stride_of(w.frames) + kMaxPanel;  // a window may begin at any key and is read in whole panels
  for (int turn = 0; turn < 2; ++turn) {
    w.keys[turn] = w.arena.get<float>(int64_t{w.batch} * o.width * w.key_stride);
    w.values[turn] = w.arena.get<float>(rows * stride + kMaxPanel);
  }
  w.answer = w.arena.get<float>(rows * stride_of(o.features));
  w.missed = w.arena.get<float>(rows * stride_of(6 * o.turning_joints));
  w.variance = w.arena.get<float>(rows * stride_of(o.turning_joints));
  if (!net.released) return;
  w.weak = w.arena.get<float>(rows * stride_of(kWeakNumbers));
  w.logits = w.arena.get<float>(rows * stride_of(kLogits));
}

void allocate_threads(Workspace& w, const Network& net) {
  const genmo_network_options& o = net.options;
  const int shown = w.frames < o.window ? w.frames : o.window, words = w.texts * w.padded;
  const int keys = shown + net.kernels->rows;
  const int64_t tiles = int64_t{o.threads} * net.kernels->rows;
  w.score_stride = stride_of(keys > words ? keys : words);
  w.mixed_stride = stride_of(net.head_width());
  w.scores = w.arena.get<float>(tiles * w.score_stride);
  w.mixed = w.arena.get<float>(tiles * w.mixed_stride);
  w.turns = w.arena.get<float>(int64_t{o.threads} * stride_of(6 * o.turning_joints));
}

void allocate_texts(Workspace& w, const Network& net) {
  const genmo_network_options& o = net.options;
  const int64_t words = int64_t{w.prompted} * w.texts * w.padded;
  w.text_keys = w.arena.get<float>(int64_t{o.depth} * words * o.width + kMaxPanel);
  w.text_values = w.arena.get<float>(int64_t{o.depth} * words * o.width + kMaxPanel);
  w.text_bias = w.arena.get<float>(words);
}

void fill_angles(Workspace& w, int half) {
  w.cosine = w.arena.get<float>(int64_t{w.frames} * half);
  w.sine = w.arena.get<float>(int64_t{w.frames} * half);
  if (w.arena.failed()) return;
  for (int frame = 0; frame < w.frames; ++frame)
    for (int i = 0; i < half; ++i) {
      const float frequency = static_cast<float>(std::pow(kRopeBase, -static_cast<double>(i) / half));
      const float angle = static_cast<float>(frame) * frequency;  // rounded as the exported graph rounds it
      w.cosine[int64_t{frame} * half + i] = std::cos(angle);
      w.sine[int64_t{frame} * half + i] = std::sin(angle);
    }
}

bool fits(const Workspace& w, const genmo_step& step) {
  return w.batch == step.batch && w.frames == step.frames && w.prompted >= step.prompted && w.texts >= step.texts;
}

// Resized rather than joined by another: a caller's motions change their length, not their number at a time.
bool resize(Workspace& w, const Network& net, const genmo_step& step) {
  w.arena.clear();
  w.batch = step.batch;
  w.frames = step.frames;
  w.prompted = step.prompted;
  w.texts = step.texts;
  w.padded = round_up(net.options.text_tokens, net.kernels->panel);
  allocate_rows(w, net);
  allocate_threads(w, net);
  allocate_texts(w, net);
  fill_angles(w, net.head_width() / 2);
  return !w.arena.failed();
}

}  // namespace

Workspace* take_workspace(Network& net, const genmo_step& step) {
  pthread_mutex_lock(&net.lock);
  Workspace** at = &net.idle;
  while (*at && !fits(**at, step) && (*at)->next) at = &(*at)->next;
  Workspace* space = *at;
  if (space) *at = space->next;
  pthread_mutex_unlock(&net.lock);
  if (!space) space = make<Workspace>();
  if (!space || fits(*space, step)) return space;
  if (resize(*space, net, step)) return space;
  unmake(space);
  return nullptr;
}

void give_workspace(Network& net, Workspace* space) {
  pthread_mutex_lock(&net.lock);
  space->next = net.idle;
  net.idle = space;
  pthread_mutex_unlock(&net.lock);
}

}  // namespace genmo
