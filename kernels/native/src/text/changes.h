// Clauses that say a change, as what comes before it and what comes after it.  Twin: runtime/conditions/text_changes.py.
#pragma once

#include "text/codes.h"

namespace genmo {

// What a person does for some time.
struct Doing {
  Codes prompt;
  double seconds = 0;  // of one that is only implied; 0: as long as such actions take
};

// Writes the actions of a clause about a subject and answers how many there are, 0 for a clause that says no change and
// for one with more than `most`.  `first`: nothing was said of the time before it, so what the change implies of it is made too.
int changes_of(Codes subject, Codes clause, bool first, Pool& pool, Doing* actions, int most);

}  // namespace genmo
