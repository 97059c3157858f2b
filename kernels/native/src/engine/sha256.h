// SHA-256 (FIPS 180-4).
#pragma once

#include <cstddef>

namespace genmo {

// The digest in 64 lower-case hexadecimal digits and a 0.
void sha256(const void* data, size_t bytes, char hex[65]);

// How many pieces of so many bytes there are; the last may be shorter.
size_t piece_count(size_t bytes, size_t piece);

// The digest of the digests of all pieces, which lie one behind the other in `digests` [pieces, 32] then: SHA-256 of one row of bytes waits
// for itself, of several it does not.  `piece` is a multiple of 64.
void sha256_of_pieces(const void* data, size_t bytes, size_t piece, unsigned char* digests, char hex[65]);

}  // namespace genmo
