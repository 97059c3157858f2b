// What the image says of feet that stand, a frame at a time.  Twin: runtime/refine/image_contacts.py.
#pragma once

#include "motion/estimated.h"

namespace genmo {

// A point of each foot in the image, and the depth of the ankles, [frames, 2, ...].
struct FootView {
  const Keypoints* keypoints;
  double *rays, *weight;  // [frames, 2, 2], [frames, 2]
  const double* depth;    // [frames, 2] metres
};

struct FootViews {
  FootView ankles, toes;  // toes: of keypoints with feet
};

// Its arrays are the pool's.
FootViews views_of(const Keypoints& keypoints, const double* depth, Pool& pool);

// Whether a foot stands by contacts [6] of a frame.
bool stands(const double* contacts);

// How far the image decides, 0 to 1, beside the network, by which a foot stands in so many of the frames.
double network_doubt(int64_t standing, int64_t frames);

// Changes contacts [6] of a frame, whose ankles are `height` [2] in the world.
void add_evidence(const FootViews& views, int64_t frame, const double* height, double doubt, double* contacts);

}  // namespace genmo
