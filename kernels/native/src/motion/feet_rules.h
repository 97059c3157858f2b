// When feet are planted and how they are locked: what several stages ask.  Twins: runtime/refine/foot_contacts.py, foot_locking.py.
#pragma once

#include "motion/clip.h"

namespace genmo {

inline constexpr double kEnter = 0.5, kLeave = 0.4;  // probabilities above which a foot is planted, below which it is free again

extern const double kClearance[kJoints];  // metres from each joint down to the skin where the body lies on it

// Balls [frames, 2, 3] of joints [frames, 24, 3].
void balls_of(const double* joints, int64_t frames, double* balls);

// Frames that a decision looks ahead, frames over which an offset fades before a pin and after it, and for which a foot may seem to have
// left the ground.
inline constexpr int kDetect = 5, kLand = 8, kLift = 8, kSlip = 3;

genmo_contact_rule contact_rule(double enter, double leave);
genmo_feet feet_of(const FeetOptions& options);
genmo_anchor_rule anchors_of(const FeetOptions& options);

// Numbers that genmo_root_shift needs for so many frames.
inline int64_t shift_scratch(const genmo_feet& feet, int64_t frames) { return 5 * frames + 2 * int64_t{feet.horizon} + 2 * int64_t{feet.level} + 2; }

// Points [2, 4, 3] and rotations [2, 4, 3, 3] of the legs of a frame's joints [24, 3] and globals [24, 3, 3].
void legs_of(const double* joints, const double* globals, double* points, double* turns);

// Puts local rotations [2, 4, 3, 3] of the legs into those of a frame [24, 3, 3].
void put_legs(const double* legs, double* rotations);

// Probabilities `scores` [frames, 2] that the feet are planted, and decisions `planted` [frames, 2].
void planted_feet(const double* balls, const double* contacts, int64_t frames, double enter, double leave, double* scores,
                  uint8_t* planted);

}  // namespace genmo
