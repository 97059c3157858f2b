// What the tiled kernels share with their host build: the shape of the tiles, which columns of a tile a row
// attends, the online softmax, rotary pairs.  Arithmetic only, the same on host and device.
#pragma once

#include <cmath>
#include <cstdint>

#include "genmo/window.h"

namespace genmo {

// Columns [begin, end) of a tile; empty when begin >= end.
struct Columns {
  int begin;
  int end;

  GENMO_HOST_DEVICE constexpr bool contains(int column) const { return begin <= column && column < end; }
  GENMO_HOST_DEVICE constexpr bool meets(int first, int past) const { return begin < past && first < end; }
};

GENMO_HOST_DEVICE constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// Tiles of `width` keys that a range needs; the first tile starts at the first key of the range, so there is
// no alignment to lose keys to.
GENMO_HOST_DEVICE constexpr int tiles_of(KeyRange keys, int width) {
  return static_cast<int>(ceil_div(keys.end - keys.begin, width));
}

// The part of `keys` in the tile whose first key is `first_key`.
GENMO_HOST_DEVICE constexpr Columns columns_of(KeyRange keys, std::int64_t first_key, int width) {
  const std::int64_t begin = keys.begin - first_key, end = keys.end - first_key;
  return {static_cast<int>(begin < 0 ? 0 : (begin > width ? width : begin)),
          static_cast<int>(end < 0 ? 0 : (end > width ? width : end))};
}

// Softmax over keys that come in pieces (Milakov and Gimelshein 2018), in powers of two: log2(e) is part of
// the scores.  Before the first attended key `highest` is -infinity and `total` 0.
struct Softmax {
  float highest;
  float total;

  // Takes in the highest score of a piece, one that a row attends; returns what to multiply everything summed
  // so far with: 0 before the first key.
  GENMO_HOST_DEVICE float raise(float score) {
    const float higher = score > highest ? score : highest;
    const float fade = exp2f(highest - higher);
    highest = higher;
    total *= fade;
    return fade;
  }

  // The weight of a score, not yet divided by `total`.
  GENMO_HOST_DEVICE float weight(float score) const { return exp2f(score - highest); }
};

constexpr float kLog2E = 1.4426950408889634f;

struct Pair {
  float first;
  float second;
};

// A rotary pair turned by the angle of its frame (Su et al. 2021).
GENMO_HOST_DEVICE constexpr Pair turn(Pair x, float cos, float sin) {
  return {x.first * cos - x.second * sin, x.first * sin + x.second * cos};
}

}  // namespace genmo
