// Structs of the C interface that have grown.
#pragma once

#include <cstddef>
#include <cstring>

namespace genmo {

// A caller's struct of this version, or of the first one, which ended in front of its field at `first`: what follows is 0.  False: of neither.
template <typename T>
bool read_sized(const T* given, size_t first, T& out) {
  out = {};
  const size_t earlier = (first + alignof(T) - 1) / alignof(T) * alignof(T);
  if (!given || (given->size != sizeof(T) && given->size != earlier)) return false;
  std::memcpy(&out, given, given->size == sizeof(T) ? sizeof(T) : first);
  return true;
}

}  // namespace genmo
