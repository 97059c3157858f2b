// Motions that frames are to be like: they start from them instead of from noise.  Twins: `Draft` of runtime/denoiser/sampler.py
// and what runtime/refine/timeline_sampling.py makes of references.
#pragma once

#include "engine/model.h"

namespace genmo {

struct Draft {
  float* values = nullptr;   // [frames, 181] normalised; nullptr: there is none
  int64_t* until = nullptr;  // [frames] timestep down to which x_t is the draft and noise; kSteps: never

  // x_t [frames, 181] with the draft in it, as noisy as at the timestep.
  void draw(const float* noise, int64_t timestep, int64_t frames, float* x_t) const;
};

// A motion that frames are to be like.
struct Like {
  int64_t start;
  Clip clip;
  double strength;   // how closely, 0 to 1
  int64_t fade = 0;  // frames from a border to other frames over which it is followed more and more closely

  int64_t end() const { return start + clip.frames; }
};

// The caller's references as the pool's, or what is wrong with them for a motion of so many frames.
genmo_status read_references(const genmo_reference* given, int32_t count, int64_t frames, Pool& pool, const Like*& references, genmo_error* error);

Draft draft_of(const Model& model, const Like* references, int count, int64_t frames, Pool& pool);

}  // namespace genmo
