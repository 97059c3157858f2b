// How a function of the C interface says what is wrong.
#pragma once

#include "genmo/stages.h"

namespace genmo {

// Fills `error` unless it is NULL or older than its fields; returns `status`.
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
genmo_status fail(genmo_error* error, genmo_status status, const char* format, ...);

}  // namespace genmo
