// The most likely motion under keypoints: one step of the network from zeros.  Twin: `estimate` of runtime/denoiser/sampler.py.
#pragma once

#include "conditions/keypoints.h"
#include "engine/model.h"
#include "network/spaces.h"

namespace genmo {

// What the network answers, normalised, of a frame: x_0 [features], and of released weights their weak-perspective camera [3] and
// logits of contacts [6].
struct Answer {
  float *x_0, *weak = nullptr, *logits = nullptr;
};

// Writes the answer, of arrays [frames, ...], of the frames from `first` on (0 of released weights).  `camera` [frames, 12]: its condition in the place of the keypoints' own; nullptr: that.
// `own`: the network's memory; nullptr: any.
genmo_status estimate_normalised(Model& model, const Keypoints& keypoints, const float* camera, int64_t first, const Spaces* own, Pool& pool, const Answer& answer,
                                 genmo_error* error);

// Writes the features [frames, 181] of layout "genmo" in metres and 6D rotations.
genmo_status estimate_features(Model& model, const Keypoints& keypoints, Pool& pool, double* features, genmo_error* error);

}  // namespace genmo
