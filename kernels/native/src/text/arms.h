// Prompts of two things at once, as one text of the body and one of the arms.  Twin: runtime/conditions/text_arms.py.
#pragma once

#include "text/codes.h"

namespace genmo {

// Whether a prompt about `subject`, which it begins with, says both at once; then each as a clause of its own.
bool body_and_arms(Codes prompt, Codes subject, Pool& pool, Codes& body, Codes& arms);

}  // namespace genmo
