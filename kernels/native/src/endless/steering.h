// The root of generated features led along a plan, prediction by prediction.  Twin: runtime/streaming/root_steering.py.
#pragma once

#include "motion/clip.h"

namespace genmo {

// The plan in a window whose first frames are known, or its last ones where time runs back.
struct Reference {
  int64_t known = 0;
  bool back = false;
  double root[3] = {};                // the pelvis in the known frame next to the others, or where the motion starts without one
  const double* positions = nullptr;  // [window, 2] x and z that are wanted; of the known frames where they were
  const double* headings = nullptr;   // [window] radians, likewise
};

// Changes features [frames, 181], not normalised, of a window that the camera sees.
void steer_root(double* features, int64_t frames, const Still& camera, const Reference& reference, Pool& pool);

}  // namespace genmo
