// The memory of one call of a network.
#pragma once

#include "genmo/stages.h"
#include "memory.h"

namespace genmo {

struct Network;

// What the rows of a call need; kept for the next call of the network that is not larger.
struct Workspace {
  Workspace* next = nullptr;  // in the network's list of idle ones

  // sizes that the memory is for
  int batch = 0, frames = 0, prompted = 0, texts = 0;

  Arena arena;
  float* x = nullptr;        // [rows, width] the residual stream
  float* normed = nullptr;   // [rows, width] what a layer reads, or what attention found
  float* wide = nullptr;     // [rows, the widest hidden layer]
  int16_t* fixed = nullptr;  // [rows, the deepest layer] in fixed point
  float* unit = nullptr;     // [rows] of `fixed`
  // [2] of one module and the next, so that one barrier a module is enough
  float* keys[2] = {};    // [batch, heads, head width, key stride]: transposed
  float* values[2] = {};  // [rows, width]
  float *cosine = nullptr, *sine = nullptr;  // [frames, head width / 2]
  float* scores = nullptr;                   // [threads, tile, score stride]
  float* mixed = nullptr;                    // [threads, tile, mixed stride] where heads are not whole panels
  float* turns = nullptr;                    // [threads, turning features]
  // every module's texts, words padded to whole panels
  float* text_keys = nullptr;    // [depth, prompted, heads, head width, texts x padded]
  float* text_values = nullptr;  // [depth, prompted, heads, texts x padded, head width]
  float* text_bias = nullptr;    // [prompted, texts x padded]
  float* answer = nullptr;       // [rows, features]
  float* missed = nullptr;       // [rows, turning features]
  float* variance = nullptr;     // [rows, turning joints]
  float *weak = nullptr, *logits = nullptr;  // [rows, 3], [rows, 6] of released weights
  int key_stride = 0, score_stride = 0, mixed_stride = 0, wide_stride = 0, fixed_stride = 0;
  int padded = 0;  // words of a text, in whole panels
};

// An idle workspace that is large enough, or a new one; nullptr: no memory.
Workspace* take_workspace(Network& network, const genmo_step& step);
void give_workspace(Network& network, Workspace* space);

}  // namespace genmo
