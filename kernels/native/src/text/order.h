// Texts that name actions in order, as one text for each.  Twin: runtime/conditions/text_sequence.py.
#pragma once

#include "genmo/genmo.h"
#include "pool.h"

namespace genmo {

// A text that reaches frames [start, end).
struct Span {
  const char* prompt;
  int64_t start, end;
};

inline constexpr int kMostParts = 64;      // of a text; more are not divided
inline constexpr int kLongestText = 4096;  // bytes

// Writes the parts of a text and answers how many there are, 1 where it says no order.  `frames`: of the motion.
int texts_in_order(const Span& text, int64_t frames, Pool& pool, Span* parts);

// Leaves in `text` what it says of the body where it says something else of the arms at the same time, which goes to `arms`;
// false where it does not.  Twin: runtime/conditions/text_arms.py.
bool arms_apart(Span& text, Pool& pool, Span& arms);

}  // namespace genmo
