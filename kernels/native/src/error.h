// How a function of the C interface says what is wrong.
#pragma once

#include "genmo/stages.h"

// Of functions that take a format: %lld and %zu are read as C99 has them, on Windows too.
#if defined(__MINGW32__) && !defined(__clang__)
#define GENMO_PRINTF(format_at, first) __attribute__((format(gnu_printf, format_at, first)))
#else
#define GENMO_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
#endif

namespace genmo {

// Fills `error` unless it is NULL or older than its fields; returns `status`.
GENMO_PRINTF(3, 4)
genmo_status fail(genmo_error* error, genmo_status status, const char* format, ...);

}  // namespace genmo
