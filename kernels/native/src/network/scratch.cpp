#include "network/scratch.h"


#include "network/network.h"

namespace genmo {

namespace {

bool allocate(Scratch& scratch, const Network& net) {
  const genmo_network_options& o = net.options;
  int input = 0, hidden = 0;
  for (int i = 0; i < o.condition_count; ++i) {
    const Layer& first = net.conditions[i].mlp.first;
    input = first.depth > input ? first.depth : input;
    hidden = first.columns > hidden ? first.columns : hidden;
    const Layer& flagged = net.conditions[i].flagged.first;
    input = flagged.depth > input ? flagged.depth : input;
    hidden = flagged.columns > hidden ? flagged.columns : hidden;
  }
  for (int i = 0; i < o.text_depth; ++i) {
    const int words = net.word_blocks[i].mlp.first.columns;
    hidden = words > hidden ? words : hidden;
  }
  if (net.null_first()) input = o.text_width > input ? o.text_width : input;
  if (o.text_depth > 0) {
    input = o.text_width > input ? o.text_width : input;
    hidden = 3 * o.text_width > hidden ? 3 * o.text_width : hidden;
  }
  scratch.input_stride = stride_of(input);
  scratch.hidden_stride = stride_of(hidden);
  scratch.output_stride = stride_of(o.text_width > 2 * o.width ? o.text_width : 2 * o.width);  // keys and values
  scratch.score_stride = stride_of(o.text_tokens);
  scratch.rows = o.text_tokens > kChunk ? o.text_tokens : kChunk;
  scratch.total_stride = stride_of(o.width);
  const int64_t rows = int64_t{scratch.rows} * o.threads;
  scratch.scores = scratch.arena.get<float>(int64_t{scratch.score_stride} * o.threads);
  scratch.input = scratch.arena.get<float>(rows * scratch.input_stride);
  scratch.hidden = scratch.arena.get<float>(rows * scratch.hidden_stride);
  scratch.output = scratch.arena.get<float>(rows * scratch.output_stride);
  scratch.total = scratch.arena.get<float>(rows * scratch.total_stride);
  if (o.fast) {
    const int widest = scratch.hidden_stride > scratch.input_stride ? scratch.hidden_stride : scratch.input_stride;
    scratch.fixed_stride = widest > scratch.total_stride ? widest : scratch.total_stride;
    scratch.fixed = scratch.arena.get<int16_t>(rows * scratch.fixed_stride);
    scratch.unit = scratch.arena.get<float>(rows);
  }
  return !scratch.arena.failed();
}

}  // namespace

Scratch* take_scratch(Network& net) {
  pthread_mutex_lock(&net.lock);
  Scratch* scratch = net.idle_scratch;
  if (scratch) net.idle_scratch = scratch->next;
  pthread_mutex_unlock(&net.lock);
  if (scratch) return scratch;
  scratch = make<Scratch>();
  if (!scratch || allocate(*scratch, net)) return scratch;
  unmake(scratch);
  return nullptr;
}

void give_scratch(Network& net, Scratch* scratch) {
  pthread_mutex_lock(&net.lock);
  scratch->next = net.idle_scratch;
  net.idle_scratch = scratch;
  pthread_mutex_unlock(&net.lock);
}

}  // namespace genmo
