// What a stretch of motion does in yes and no: whether each of many measures is over each of its steps.  Twin: runtime/actions/traits.py.
#pragma once

#include "actions/signals.h"

namespace genmo {

inline constexpr int kMostTraits = 704, kShortestStretch = 14;  // frames, below which a stretch is too short to be named

// The trait of a name such as `speed>0.4` or `turn_left>85`, `letters` of it: below kMostTraits; -1: there is none.
int trait_of(const char* name, size_t letters);

// Whether a trait is of the arms alone, whatever the rest of the body does.
bool is_of_arms(int trait);

// `over` [kMostTraits]: 1 for the traits that a stretch of at least kShortestStretch frames has.
void find_traits(const Signals& signals, Pool& pool, uint8_t* over);

// Whether a name is that of the other trait for a motion seen in a mirror: left and right exchanged.
bool are_mirrored(const char* name, size_t letters, const char* other, size_t other_letters);

}  // namespace genmo
