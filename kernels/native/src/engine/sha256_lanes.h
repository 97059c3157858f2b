// Digests of a file's pieces, several at once: a part of an IsaTable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace genmo {

struct PieceDigests {
  int lanes;  // 0: there is no such function
  // SHA-256s [lanes, 32] of pieces that lie one behind the other, each of `piece` bytes, a multiple of 64.  `start` [8] and `round` [64] are
  // the constants of SHA-256.
  void (*digest)(const unsigned char* data, size_t piece, const uint32_t* start, const uint32_t* round, unsigned char* digests);
};

}  // namespace genmo
