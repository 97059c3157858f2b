// The best of several takes of one motion: the one whose joints do most of what the texts say.  Twin: runtime/refine/takes.py.
#pragma once

#include "sampling/example_takes.h"
#include "sampling/sampler.h"

namespace genmo {

inline constexpr int kUsualTakes = 6, kUsualTakesBetween = 12, kMostTakes = 64;

// The finished motion `best`, a pool's, of `tries` takes, 0: kUsualTakes, or kUsualTakesBetween where frames lie between keyframes; of one
// where the texts say nothing that can be measured and no frame lies between keyframes.
genmo_status best_of_takes(Model& model, const Sampling& sampling, const Made& made, int tries, Pool& pool, Clip& best, genmo_error* error);

// Bytes of a pool that so many takes need beside those of one motion.
size_t takes_bytes(const Model& model, int64_t frames, int tries, int keyframes);

// How much of what is said world joints [frames, 24, 3] do: more for the motion that does more of it.
double agreement(const TraitNames& names, const double* joints, int64_t frames, const Said* said, int count, Pool& pool);

// How world joints [frames, 24, 3] slide and jerk.
double roughness(const double* joints, int64_t frames);

}  // namespace genmo
