// What texts are for the steps: every module's keys and values of their tokens.
#include <cmath>
#include <cstring>

#include "error.h"
#include "network/network.h"
#include "network/scratch.h"

namespace genmo {

namespace {

constexpr float kMasked = -1e9f;  // added to the score of a token that is not there (train/network/denoiser.py)

struct Call {
  const Network& network;
  const Scratch& scratch;
  const genmo_texts& texts;
};

// Texts of a motion that are answered.
int answered(const Call& call) { return call.texts.texts + call.network.null_first(); }

// Keys [heads, head width, words] and values [heads, words, head width] of a motion's word.
void scatter(const Network& net, const float* both, int64_t motion, int64_t word, int64_t words, float* keys,
             float* values) {
  const int width = net.options.width, head_width = net.head_width();
  keys += motion * width * words + word;
  values += motion * width * words + word * head_width;
  for (int i = 0; i < width; ++i) {
    keys[i * words] = both[i];
    values[i / head_width * words * head_width + i % head_width] = both[width + i];
  }
}

// The rows of one thread: whole texts, one after the other.
struct Rows {
  const Call& call;
  int first, count;     // tokens
  float *words, *both, *hidden, *memory, *scores;
};

// What a token finds in its text.  q, k, v [tokens, 3 x width] with rows `stride` apart, found [width].
void attend_words(const Network& net, const float* qkv, int stride, int token, const float* mask, float* scores,
                  float* found) {
  const int tokens = net.options.text_tokens, width = net.options.text_width, head_width = width / kWordHeads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_width));
  const int padded = round_up(tokens, net.kernels->panel);
  std::memset(found, 0, static_cast<size_t>(width) * sizeof(float));
  for (int head = 0; head < kWordHeads; ++head) {
    const float* query = qkv + int64_t{token} * stride + head * head_width;
    for (int other = 0; other < tokens; ++other) {
      const float* key = qkv + int64_t{other} * stride + width + head * head_width;
      float sum = 0;
      for (int i = 0; i < head_width; ++i) sum += query[i] * scale * key[i];
      scores[other] = sum + (1 - mask[other]) * kMasked;
    }
    net.kernels->softmax(scores, 0, tokens, padded, 1.0f);
    for (int other = 0; other < tokens; ++other)
      net.kernels->accumulate(found + head * head_width, qkv + int64_t{other} * stride + 2 * width + head * head_width,
                              scores[other], head_width);
  }
}

// Words learn of the others of their text.
void run_word_block(const Rows& rows, const WordBlock& block) {
  const Network& net = rows.call.network;
  const Scratch& s = rows.call.scratch;
  const int tokens = net.options.text_tokens, width = net.options.text_width;
  const auto normalise = [&] {
    net.kernels->normalise(rows.words, s.input_stride, rows.both, s.output_stride, rows.count, width,
                           net.options.norm_epsilon);
  };
  normalise();
  multiply(*net.kernels, block.query_key_value, rows.both, s.output_stride, rows.hidden, s.hidden_stride, rows.count,
           Store::kSet);
  for (int m = 0; m < rows.count; ++m) {
    const int start = m / tokens * tokens;
    attend_words(net, rows.hidden + int64_t{start} * s.hidden_stride, s.hidden_stride, m - start,
                 rows.call.texts.mask + rows.first + start, rows.scores, rows.both + int64_t{m} * s.output_stride);
  }
  multiply(*net.kernels, block.out, rows.both, s.output_stride, rows.words, s.input_stride, rows.count, Store::kAdd);
  normalise();
  multiply(*net.kernels, block.mlp.first, rows.both, s.output_stride, rows.hidden, s.hidden_stride, rows.count,
           Store::kGelu);
  multiply(*net.kernels, block.mlp.second, rows.hidden, s.hidden_stride, rows.words, s.input_stride, rows.count,
           Store::kAdd);
}

// Tokens of released weights: those that are not there are zero, as are all of the null text, which comes first.
void read_released(const Rows& rows) {
  const Scratch& s = rows.call.scratch;
  const genmo_texts& texts = rows.call.texts;
  const int tokens = rows.call.network.options.text_tokens, width = rows.call.network.options.text_width;
  for (int m = 0; m < rows.count; ++m) {
    const int64_t text = (rows.first + m) / tokens, motion = text / (texts.texts + 1), number = text % (texts.texts + 1);
    const int64_t token = (motion * texts.texts + number - 1) * tokens + (rows.first + m) % tokens;
    float* words = rows.words + int64_t{m} * s.input_stride;
    std::memset(words, 0, static_cast<size_t>(width) * sizeof(float));
    if (number > 0) rows.call.network.kernels->accumulate(words, texts.tokens + token * width, texts.mask[token], width);
  }
}

void project(const Rows& rows) {
  const Call& call = rows.call;
  const Network& net = call.network;
  const Scratch& s = call.scratch;
  const int64_t words = int64_t{answered(call)} * net.options.text_tokens;
  const int text_width = net.options.text_width;
  const float* tokens = net.null_first() ? nullptr : call.texts.tokens + int64_t{rows.first} * text_width;
  ptrdiff_t stride = text_width;
  if (net.null_first()) {
    read_released(rows);
    tokens = rows.words;
    stride = s.input_stride;
  }
  if (net.options.text_depth > 0) {
    for (int m = 0; m < rows.count; ++m)
      std::memcpy(rows.words + int64_t{m} * s.input_stride, tokens + int64_t{m} * text_width,
                  static_cast<size_t>(text_width) * sizeof(float));
    for (int i = 0; i < net.options.text_depth; ++i) run_word_block(rows, net.word_blocks[i]);
    tokens = rows.words;
    stride = s.input_stride;
  }
  multiply(*net.kernels, net.text_in, tokens, stride, rows.memory, s.total_stride, rows.count, Store::kSet);
  for (int m = 0; m < rows.count && net.null_first(); ++m)
    net.kernels->accumulate(rows.memory + int64_t{m} * s.total_stride, net.text_places + m % net.options.text_tokens * net.options.width, 1.0f, net.options.width);
  for (int module = 0; module < net.options.depth; ++module) {
    multiply(*net.kernels, net.text_keys_values[module], rows.memory, s.total_stride, rows.both, s.output_stride,
             rows.count, Store::kSet);
    for (int m = 0; m < rows.count; ++m)
      scatter(net, rows.both + int64_t{m} * s.output_stride, (rows.first + m) / words, (rows.first + m) % words, words,
              call.texts.keys[module], call.texts.values[module]);
  }
}

void work(void* context, int index, int count, Barrier&) {
  const Call& call = *static_cast<Call*>(context);
  const Scratch& s = call.scratch;
  const int tokens = call.network.options.text_tokens, together = s.rows / tokens;
  const int64_t texts = int64_t{call.texts.batch} * answered(call), at = int64_t{index} * s.rows;
  const int past = static_cast<int>(texts * (index + 1) / count);
  for (int text = static_cast<int>(texts * index / count); text < past; text += together)
    project({call, text * tokens, (past - text < together ? past - text : together) * tokens,
             s.input + at * s.input_stride, s.output + at * s.output_stride, s.hidden + at * s.hidden_stride,
             s.total + at * s.total_stride, s.scores + int64_t{index} * s.score_stride});
}

// Added to the score of every token, and what a text without tokens reaches: nothing.
void fill_reach(const genmo_texts& texts, int tokens) {
  for (int64_t text = 0; text < int64_t{texts.batch} * texts.texts; ++text) {
    bool spoken = false;
    for (int64_t i = text * tokens; i < (text + 1) * tokens; ++i) {
      texts.bias[i] = (1 - texts.mask[i]) * kMasked;
      spoken = spoken || texts.mask[i] > 0;
    }
    for (int64_t end = 2 * text; end < 2 * text + 2; ++end) texts.reach[end] = spoken ? texts.spans[end] : 0;
  }
}

// Of released weights: every token counts, and the null text reaches the frames of motions that no text does.
void fill_released_reach(const genmo_texts& texts, int tokens) {
  constexpr int64_t kAllFrames = 1 << 24;
  for (int64_t motion = 0; motion < texts.batch; ++motion) {
    int64_t* reach = texts.reach + 2 * motion * (texts.texts + 1);
    bool spoken = false;
    for (int64_t number = 0; number < texts.texts; ++number) {
      const int64_t text = motion * texts.texts + number;
      bool there = false;
      for (int64_t i = text * tokens; i < (text + 1) * tokens; ++i) there = there || texts.mask[i] > 0;
      for (int end = 0; end < 2; ++end) reach[2 * (number + 1) + end] = there ? texts.spans[2 * text + end] : 0;
      spoken = spoken || reach[2 * (number + 1) + 1] > reach[2 * (number + 1)];
    }
    reach[0] = 0;
    reach[1] = spoken ? 0 : kAllFrames;
  }
  std::memset(texts.bias, 0, static_cast<size_t>(texts.batch) * static_cast<size_t>((texts.texts + 1) * tokens) * sizeof(float));
}

}  // namespace

genmo_status run_texts(Network& network, const genmo_texts& texts, genmo_error* error, Scratch* own) {
  const int tokens = network.options.text_tokens;
  if (!network.reads_texts) return fail(error, GENMO_BAD_ARGUMENT, "this network reads no texts");
  const bool silent = network.null_first() && texts.texts == 0;
  const bool sizes = texts.batch > 0 && (texts.texts > 0 || silent) && texts.texts <= (1 << 16) && texts.batch <= (1 << 20) &&
                     int64_t{texts.texts} * tokens <= (1 << 20) &&
                     int64_t{texts.batch} * texts.texts * tokens <= (1 << 24);
  if (!sizes)
    return fail(error, GENMO_BAD_ARGUMENT, "%d motions x %d texts are out of bounds", texts.batch, texts.texts);
  bool arrays = (silent || (texts.tokens && texts.mask && texts.spans)) && texts.bias && texts.reach && texts.keys && texts.values;
  for (int i = 0; arrays && i < network.options.depth; ++i) arrays = texts.keys[i] && texts.values[i];
  if (!arrays) return fail(error, GENMO_BAD_ARGUMENT, "an array of the texts is NULL");
  Scratch* scratch = own ? own : take_scratch(network);
  if (!scratch) return fail(error, GENMO_NO_MEMORY, "no memory for texts");
  network.null_first() ? fill_released_reach(texts, tokens) : fill_reach(texts, tokens);
  Call call{network, *scratch, texts};
  network.team.run(work, &call, network.options.threads);
  if (!own) give_scratch(network, scratch);
  return GENMO_OK;
}

}  // namespace genmo
