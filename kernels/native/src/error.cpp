#include "error.h"

#include <cstdarg>
#include <cstdio>

namespace genmo {

genmo_status fail(genmo_error* error, genmo_status status, const char* format, ...) {
  if (error != nullptr && error->size >= sizeof(genmo_error)) {
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return status;
}

}  // namespace genmo
