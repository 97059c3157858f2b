// Motions from noise under texts, in the network's normalised features.  Twin: `generate` of runtime/denoiser/sampler.py.
#pragma once

#include "engine/model.h"
#include "text/order.h"

namespace genmo {

struct Sampling {
  int64_t frames = 0;
  const Span *texts = nullptr, *arms = nullptr;  // what they say of the arms alone
  int text_count = 0, arm_count = 0, steps = 0;
  double guidance = 0;
  uint64_t seed = 0;
  const genmo_seed* seeds = nullptr;  // of frames with one of their own
  int seed_count = 0;
  const genmo_reference* references = nullptr;
  int reference_count = 0;
  uint32_t sample = 0;
  genmo_progress progress = nullptr;
  void* user = nullptr;
};

// Writes the features [frames, 181] in metres and 6D rotations.
genmo_status sample_motion(Model& model, const Sampling& sampling, Pool& pool, double* features, genmo_error* error);

}  // namespace genmo
