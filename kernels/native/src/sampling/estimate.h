// The most likely motion under keypoints: one step of the network from zeros.  Twin: `estimate` of runtime/denoiser/sampler.py.
#pragma once

#include "conditions/keypoints.h"
#include "engine/model.h"

namespace genmo {

// Writes the features [frames, 181] in metres and 6D rotations.
genmo_status estimate_features(Model& model, const Keypoints& keypoints, Pool& pool, double* features, genmo_error* error);

}  // namespace genmo
