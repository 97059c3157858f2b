// Which frames of a stream of keypoints can be the person that was followed so far.  Twin: runtime/streaming/track_gate.py.
#pragma once

#include "conditions/keypoints.h"

namespace genmo {

class TrackGate {
 public:
  int64_t missing = 0;  // frames since the last accepted one

  // Whether the person may be accepted as they are now: `points` [17, 3] in pixels.
  bool push(const double* points);

 private:
  double accepted_[3 * kPoints] = {}, latest_[3 * kPoints] = {};
  int64_t agreeing_ = 0;  // frames on end, with the latest, in which the visible points moved like one person
  bool confirmed_ = false;
};

}  // namespace genmo
