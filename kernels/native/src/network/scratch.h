// The memory of conditions and texts, which go through their layers in chunks of rows.
#pragma once

#include "memory.h"

namespace genmo {

struct Network;

inline constexpr int kChunk = 120;  // rows that go through the layers together, or one text where that is longer

// For all threads of one call; each has `rows` rows of every buffer.
struct Scratch {
  Scratch* next = nullptr;  // in the network's list of idle ones
  Arena arena;
  float *input = nullptr, *hidden = nullptr, *output = nullptr, *total = nullptr;
  int16_t* fixed = nullptr;  // a row of anything, in fixed point
  float* unit = nullptr;     // one number
  float* scores = nullptr;   // one row
  int rows = 0, score_stride = 0;
  int input_stride = 0, hidden_stride = 0, output_stride = 0, total_stride = 0, fixed_stride = 0;
};

// An idle one or a new one; nullptr: no memory.
Scratch* take_scratch(Network& network);
void give_scratch(Network& network, Scratch* scratch);

}  // namespace genmo
