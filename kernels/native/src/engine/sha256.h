// SHA-256 (FIPS 180-4).
#pragma once

#include <cstddef>

namespace genmo {

// The digest in 64 lower-case hexadecimal digits and a 0.
void sha256(const void* data, size_t bytes, char digest[65]);

}  // namespace genmo
