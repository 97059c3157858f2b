// Takes that are another performance of an example.  Twin: runtime/refine/example_takes.py.
#pragma once

#include "actions/examples.h"
#include "sampling/draft.h"

namespace genmo {

// What a text says of frames [start, end).
struct Said {
  int64_t start, end;
  const float* weights;  // of the reader's traits
};

// What each of several takes of a motion is to be like: nothing for the first half, then examples that do what is said.
class ExampleTakes {
 public:
  // Without examples there are none.  Memory is the pool's.
  ExampleTakes(const Examples& examples, const Said* said, int count, uint64_t seed, uint32_t sample, int takes, Pool& pool);

  // Of take number `take`, which follow each other in time, the pool's; how many there are.
  int references(int take, Pool& pool, const Like*& references) const;

 private:
  static constexpr int kChoice = 4;  // examples among which a take's is drawn
  struct Choice {
    int64_t start, end;
    Stretch stretches[kChoice];  // in the order in which takes have them
    int count;
  };

  void choose(const Said* const* together, int texts, int64_t end, uint64_t seed, uint32_t sample, Pool& pool);

  const Examples& examples_;
  const int takes_;
  Choice* choices_ = nullptr;
  int count_ = 0;
};

// Whether world joints [frames, 24, 3] jerk nowhere more where references begin or end than elsewhere.
bool joins_well(const double* joints, int64_t frames, const Like* references, int count);

}  // namespace genmo
