// Motions from noise under texts, in the network's normalised features.  Twin: `generate` of runtime/denoiser/sampler.py.
#pragma once

#include "sampling/conditioned.h"
#include "sampling/draft.h"

namespace genmo {

// Features that are fixed before sampling, normalised (diffusion inpainting).
struct Inpainting {
  const float* values = nullptr;   // [frames, 181]
  const uint8_t* mask = nullptr;   // [frames, 181] which of them are fixed
  KnownFrames known;               // the same as a condition
  void (*project)(void* context, float* x_0, Pool& pool) = nullptr;  // corrects a prediction [frames, 181]; nullptr: as it is
  void* context = nullptr;
};

struct Sampling {
  int64_t frames = 0;
  const Span *texts = nullptr, *arms = nullptr;  // what they say of the arms alone
  int text_count = 0, arm_count = 0, steps = 0;
  double guidance = 0;
  uint64_t seed = 0;
  const genmo_seed* seeds = nullptr;  // of frames with one of their own
  int seed_count = 0;
  const Like* references = nullptr;
  int reference_count = 0;
  uint32_t sample = 0;
  const float* noise = nullptr;  // [frames, 181] in the place of that of a seed
  const Inpainting* inpainting = nullptr;
  const Spaces* own = nullptr;  // the network's memory; nullptr: any
  genmo_progress progress = nullptr;
  void* user = nullptr;
  float done = 0, part = 1;  // of the work that is told, before this motion and its own
};

// Writes the features [frames, 181] in metres and 6D rotations.
genmo_status sample_motion(Model& model, const Sampling& sampling, Pool& pool, double* features, genmo_error* error);

}  // namespace genmo
