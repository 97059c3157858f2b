#include "network/attention.h"

#include <cstring>

namespace genmo {

namespace {

// Rows of one motion that are computed together.
struct Tile {
  int row, rows;
  int motion, frame;  // of the first row
};

template <typename Visit>
void for_tiles(const StepRows& s, Visit visit) {
  const int frames = s.step.frames, height = s.network.kernels->rows;
  for (int row = s.begin; row < s.end;) {
    const int motion = row / frames, frame = row % frames;
    const int left = frames - frame < s.end - row ? frames - frame : s.end - row, rows = left < height ? left : height;
    visit(Tile{row, rows, motion, frame});
    row += rows;
  }
}

// c [tile, head width] = weights [tile, depth] b, b [depth, head width] with rows `b_stride` apart.
void mix(const StepRows& s, const Tile& tile, int head, int depth, const float* b, int b_stride) {
  const int width = s.network.head_width(), panel = s.network.kernels->panel;
  const bool whole = width % panel == 0;
  float* out = s.space.normed + int64_t{tile.row} * s.stride + head * width;
  Product product = {};
  product.a = s.scores;
  product.a_stride = s.space.score_stride;
  product.b = b;
  product.b_stride = b_stride;
  product.panel_stride = panel;
  product.c = whole ? out : s.mixed;
  product.c_stride = whole ? s.stride : s.space.mixed_stride;
  product.rows = tile.rows;
  product.depth = depth;
  product.panels = round_up(width, panel) / panel;
  product.store = Store::kSet;
  s.network.kernels->product(product);
  for (int m = 0; !whole && m < tile.rows; ++m)
    std::memcpy(out + int64_t{m} * s.stride, s.mixed + int64_t{m} * s.space.mixed_stride,
                static_cast<size_t>(width) * sizeof(float));
}

// scores [tile, keys] = queries of a head (at the start of `wide`) x keys [head width, keys] with rows `stride` apart, plus bias
void score(const StepRows& s, const Tile& tile, int head, const float* keys, int stride, int count, const float* bias) {
  const int width = s.network.head_width(), panel = s.network.kernels->panel;
  Product product = {};
  product.a = s.space.wide + int64_t{tile.row} * s.space.wide_stride + head * width;
  product.a_stride = s.space.wide_stride;
  product.b = keys;
  product.b_stride = stride;
  product.panel_stride = panel;
  product.bias = bias;
  product.c = s.scores;
  product.c_stride = s.space.score_stride;
  product.rows = tile.rows;
  product.depth = width;
  product.panels = count / panel;
  product.store = Store::kSet;
  s.network.kernels->product(product);
}

int clamped(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

// First key of a frame's window.
int window_start(const StepRows& s, int frame) {
  const int window = s.network.options.window, most = s.step.frames - window;
  return clamped(frame - window / 2, 0, most > 0 ? most : 0);
}

// Queries or keys of the rows at the start of `wide`, turned by their frame's angle.
void turned(const StepRows& s, const Layer& layer, const float* from) {
  const Workspace& w = s.space;
  const Network& net = s.network;
  const int half = net.head_width() / 2;
  s.multiply(layer, from, s.stride, w.wide, w.wide_stride, Store::kSet);
  for (int row = s.begin; row < s.end; ++row) {
    const int64_t angles = int64_t{row % s.step.frames} * half;
    net.kernels->rotate(w.wide + int64_t{row} * w.wide_stride, w.cosine + angles, w.sine + angles, half, net.options.heads);
  }
}

}  // namespace

void keys_values(const StepRows& s, const SelfAttention& attention, int turn) {
  Workspace& w = s.space;
  const int width = s.network.options.width;
  const float* normed = s.row(w.normed, s.stride);
  s.normalise();
  turned(s, attention.key, normed);
  s.multiply(attention.value, attention.value.fixed ? nullptr : normed, s.stride, w.values[turn], s.stride, Store::kSet);
  for (int row = s.begin; row < s.end; ++row) {
    const int motion = row / s.step.frames, frame = row % s.step.frames;
    const float* key = w.wide + int64_t{row} * w.wide_stride;
    float* keys = w.keys[turn] + int64_t{motion} * width * w.key_stride + frame;
    for (int i = 0; i < width; ++i) keys[int64_t{i} * w.key_stride] = key[i];
  }
}

void self_attention(const StepRows& s, const SelfAttention& attention, int turn) {
  const Workspace& w = s.space;
  turned(s, attention.query, attention.query.fixed ? nullptr : s.row(w.normed, s.stride));
  const Network& net = s.network;
  const int width = net.options.width, head_width = net.head_width(), panel = net.kernels->panel;
  const int shown = s.step.frames < net.options.window ? s.step.frames : net.options.window;
  for (int head = 0; head < net.options.heads; ++head)
    for_tiles(s, [&](const Tile& tile) {
      const int low = window_start(s, tile.frame), high = window_start(s, tile.frame + tile.rows - 1) + shown;
      const int padded = round_up(high - low, panel);
      const float* keys = w.keys[turn] + (int64_t{tile.motion} * width + head * head_width) * w.key_stride + low;
      score(s, tile, head, keys, w.key_stride, padded, nullptr);
      for (int m = 0; m < tile.rows; ++m) {
        const int start = window_start(s, tile.frame + m) - low;
        net.kernels->softmax(s.scores + int64_t{m} * w.score_stride, start, start + shown, padded, 1.0f);
      }
      const float* values = w.values[turn] + (int64_t{tile.motion} * s.step.frames + low) * s.stride;
      mix(s, tile, head, high - low, values + head * head_width, s.stride);
    });
  s.multiply(attention.out, s.row(w.normed, s.stride), s.stride, w.x, s.stride, Store::kAdd);
}

namespace {

// Weights of a tile's frames on the words of every text.
void weigh_texts(const StepRows& s, const Tile& tile) {
  const int texts = s.step.texts, padded = s.space.padded;
  for (int m = 0; m < tile.rows; ++m)
    for (int text = 0; text < texts; ++text) {
      const int64_t* span = s.step.text_reach + (int64_t{tile.motion} * texts + text) * 2;
      const int64_t frame = tile.frame + m;
      float* scores = s.scores + int64_t{m} * s.space.score_stride + int64_t{text} * padded;
      if (frame >= span[0] && frame < span[1])
        s.network.kernels->softmax(scores, 0, s.network.options.text_tokens, padded, 1.0f);
      else
        std::memset(scores, 0, static_cast<size_t>(padded) * sizeof(float));
    }
}

// Frames under no text get the null text's value.
void add_null(const StepRows& s, const float* null) {
  for (int row = s.begin; row < s.end; ++row) {
    const int motion = row / s.step.frames, frame = row % s.step.frames;
    const int64_t* spans = s.step.text_reach + int64_t{motion} * s.step.texts * 2;
    bool reached = false;
    for (int text = 0; text < s.step.texts; ++text)
      reached = reached || (frame >= spans[2 * text] && frame < spans[2 * text + 1]);
    if (!reached)
      s.network.kernels->accumulate(s.space.normed + int64_t{row} * s.stride, null, 1.0f, s.network.options.width);
  }
}

// Every text of released weights has an answer of its own, bias and all; one bias is there already.
void add_biases(const StepRows& s, const float* bias) {
  for (int row = s.begin; row < s.end; ++row) {
    const int motion = row / s.step.frames, frame = row % s.step.frames;
    const int64_t* spans = s.step.text_reach + int64_t{motion} * s.step.texts * 2;
    float more = -1;
    for (int text = 0; text < s.step.texts; ++text)
      if (frame >= spans[2 * text] && frame < spans[2 * text + 1]) ++more;
    if (more != 0) s.network.kernels->accumulate(s.space.x + int64_t{row} * s.stride, bias, more, s.network.options.width);
  }
}

}  // namespace

void text_attention(const StepRows& all, const TextAttention& attention, int index) {
  const Workspace& w = all.space;
  const Network& net = all.network;
  const int spoken = all.step.texts > 0 ? all.step.prompted * all.step.frames : 0;
  for (int row = all.begin > spoken ? all.begin : spoken; row < all.end; ++row)
    net.kernels->accumulate(w.x + int64_t{row} * all.stride, attention.silent, 1.0f, net.options.width);
  if (all.begin >= spoken) return;
  const StepRows s(all, all.begin, all.end < spoken ? all.end : spoken);
  const int head_width = net.head_width(), words = s.step.texts * w.padded;
  s.normalise();
  s.multiply(attention.query, s.row(w.normed, s.stride), s.stride, w.wide, w.wide_stride, Store::kSet);
  const int64_t per_head = int64_t{words} * head_width;
  for (int head = 0; head < net.options.heads; ++head)
    for_tiles(s, [&](const Tile& tile) {
      const int64_t at = ((int64_t{index} * s.step.prompted + tile.motion) * net.options.heads + head) * per_head;
      score(s, tile, head, w.text_keys + at, words, words, w.text_bias + int64_t{tile.motion} * words);
      weigh_texts(s, tile);
      mix(s, tile, head, words, w.text_values + at, head_width);
    });
  if (attention.null) add_null(s, attention.null);
  s.multiply(attention.out, s.row(w.normed, s.stride), s.stride, w.x, s.stride, Store::kAdd);
  if (!attention.null) add_biases(s, attention.out.bias);
}

void pack_texts(const Network& network, Workspace& space, const genmo_step& step) {
  const int tokens = network.options.text_tokens, width = network.head_width(), padded = space.padded;
  const int64_t heads = int64_t{step.prompted} * network.options.heads;
  if (step.texts == 0) return;
  for (int64_t i = 0; i < int64_t{step.prompted} * step.texts; ++i)
    std::memcpy(space.text_bias + i * padded, step.text_bias + i * tokens, static_cast<size_t>(tokens) * sizeof(float));
  for (int64_t module = 0; module < network.options.depth; ++module) {
    const float *keys = step.text_keys[module], *values = step.text_values[module];
    float* packed_keys = space.text_keys + module * heads * width * step.texts * padded;
    float* packed_values = space.text_values + module * heads * width * step.texts * padded;
    for (int64_t i = 0; i < heads * width * step.texts; ++i)  // heads, channels, texts
      std::memcpy(packed_keys + i * padded, keys + i * tokens, static_cast<size_t>(tokens) * sizeof(float));
    for (int64_t i = 0; i < heads * step.texts; ++i)
      std::memcpy(packed_values + i * padded * width, values + i * tokens * width,
                  static_cast<size_t>(tokens * width) * sizeof(float));
  }
}

}  // namespace genmo
