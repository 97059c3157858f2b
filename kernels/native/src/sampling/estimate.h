// The most likely motion under keypoints: one step of the network from zeros.  Twin: `estimate` of runtime/denoiser/sampler.py.
#pragma once

#include "conditions/keypoints.h"
#include "engine/model.h"
#include "network/spaces.h"

namespace genmo {

// Writes x_0 [frames, 181] as the network has it, of the frames from `first` on.  `camera` [frames, 12]: its condition in the place of the keypoints' own; nullptr: that.
// `own`: the network's memory; nullptr: any.
genmo_status estimate_normalised(Model& model, const Keypoints& keypoints, const float* camera, int64_t first, const Spaces* own, Pool& pool, float* x_0,
                                 genmo_error* error);

// Writes the features [frames, 181] in metres and 6D rotations.
genmo_status estimate_features(Model& model, const Keypoints& keypoints, Pool& pool, double* features, genmo_error* error);

}  // namespace genmo
