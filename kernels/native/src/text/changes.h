// Clauses that say a change, as what comes before it and what comes after it.  Twin: runtime/conditions/text_changes.py.
#pragma once

#include "text/codes.h"

namespace genmo {

// What a person does for some time.
struct Doing {
  Codes prompt;
  double seconds = 0;  // that it takes; 0: as long as such actions take
  enum Implied { kNot, kBefore, kAfter } implied = kNot;  // not said, but has to be so before what is said, or after it
};

// Writes the actions of a clause about a subject and answers how many there are, 0 for a clause that says no change and
// for one with more than `most`.  `first` and `last`: nothing is said of the time before it and after it, so what the change
// implies of that time is made too.
int changes_of(Codes subject, Codes clause, bool first, bool last, Pool& pool, Doing* actions, int most);

}  // namespace genmo
