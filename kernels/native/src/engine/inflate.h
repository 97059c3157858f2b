// DEFLATE (RFC 1951), in which ZIP files pack their members.
#pragma once

#include "engine/files.h"

namespace genmo {

// Fills `out` [size]; false for what is damaged, or is of another size when unpacked.
bool inflate(Bytes packed, char* out, size_t size);

}  // namespace genmo
