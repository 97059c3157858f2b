// How far a text says that somebody turns.  Twin: runtime/conditions/text_turns.py.
#pragma once

#include "pool.h"

namespace genmo {

struct SaidTurn {
  double angle = 0;  // radians about +y; 0: the text says none, or several
  int side = 0;      // 1 to the left, -1 to the right, 0 where the text does not say
};

SaidTurn said_turn(const char* prompt, Pool& pool);

}  // namespace genmo
