// When feet are planted: what several stages ask.  Twin: runtime/refine/foot_contacts.py.
#pragma once

#include "motion/body.h"

namespace genmo {

inline constexpr double kEnter = 0.5, kLeave = 0.4;  // probabilities above which a foot is planted, below which it is free again

extern const double kClearance[kJoints];  // metres from each joint down to the skin where the body lies on it

// Balls [frames, 2, 3] of joints [frames, 24, 3].
void balls_of(const double* joints, int64_t frames, double* balls);

// Probabilities `scores` [frames, 2] that the feet are planted, and decisions `planted` [frames, 2].
void planted_feet(const double* balls, const double* contacts, int64_t frames, double enter, double leave, double* scores,
                  uint8_t* planted);

}  // namespace genmo
