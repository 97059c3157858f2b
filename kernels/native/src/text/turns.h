// How far a text says that somebody turns.  Twin: runtime/conditions/text_turns.py.
#pragma once

#include "pool.h"

namespace genmo {

struct SaidTurn {
  double angle = 0;  // radians about +y; 0: the text says none, or several
  int side = 0;      // 1 to the left, -1 to the right, 0 where the text does not say
  double most = 0;   // where the text says no angle: how far a turn goes as it is, and beyond which it becomes `angle`
};

// The turn of which a prompt says the angle, or, where it says a side alone, as far as people usually turn then.
SaidTurn turn_of(const char* prompt, Pool& pool);

}  // namespace genmo
