// What a person of endless motion is told to do, and in which words.  Twins: runtime/streaming/directions.py, gaits.py.
#pragma once

#include "conditions/constraints.h"
#include "endless/root_plan.h"
#include "text/order.h"

namespace genmo {

inline constexpr int64_t kNoEnd = -1;

// Prompts are the generator's; spans in its frames, `end` kNoEnd: none.
struct Directions {
  const char* prompt = nullptr;  // what is done where `texts` say nothing; nullptr: what people do who move so fast
  Span* texts = nullptr;
  int count = 0;
  Command command;
  Constraints constraints;  // keyframes and targets, in its frames

  // Forgets what ended before a frame.
  void drop_past(int64_t frame);
};

// Frames [start, end) of a gait, in which a person goes so fast.
struct GaitRun {
  int gait;
  int64_t start, end;
};

// Gaits [frames] of planned `speeds` [frames] in m/s after the gait `before` (-1: none), and their runs, of which there are at most
// most_runs(frames); how many.
int gaits_of(const double* speeds, int64_t frames, int before, GaitRun* runs, int* gaits);
int most_runs(int64_t frames);

// The texts of a window that begins at frame `first` with `known` frames, in its own, which `runs` of gaits fill where nothing is told;
// at most most_texts(directions' texts, frames) of them.  How many.
int texts_in(const Directions& directions, int64_t first, int64_t known, int64_t frames, const GaitRun* runs, int run_count, Pool& pool, Span* texts);
int most_texts(int told, int64_t frames);

}  // namespace genmo
