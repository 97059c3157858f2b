// The problem of a packed projection: what an exported step's linear layer writes for one block of attention.
#pragma once

#include "genmo/window_attention.h"
#include "genmo/window.h"

namespace genmo {

// Where q, k and v of a [batch, frames, 3 heads channels] projection start, in elements.  Its columns are the
// first halves of all heads' queries, of all keys, the second halves of both, values; pairs are halves.
struct Packed {
  std::int64_t q, k, v;
  GenmoWindowAttention problem;
};

// `out` is [batch, frames, heads channels]; the tables are [frames, channels / 2] without gaps.
GENMO_HOST_DEVICE inline Packed packed_problem(std::int64_t frames, std::int64_t heads, std::int64_t channels,
                                               std::int64_t window, double scale, const float* cos,
                                               const float* sin) {
  const std::int64_t width = heads * channels, half = channels / 2;
  const GenmoStrides halves{3 * width * frames, half, 3 * width};
  Packed packed{};
  packed.k = width / 2;
  packed.v = 2 * width;
  GenmoWindowAttention& p = packed.problem;
  p.batch = 1;  // a block finds its entry by the stride alone
  p.heads = heads;
  p.frames = frames;
  p.channels = channels;
  p.window = window;
  p.scale = scale;
  p.q = p.k = halves;
  p.v = {3 * width * frames, channels, 3 * width};
  p.out = {width * frames, channels, width};
  p.rotary = {cos, sin, half, GENMO_HALVES, width, width};
  return packed;
}

}  // namespace genmo
