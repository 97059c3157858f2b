// Structs of the C interface that have grown.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace genmo {

// A caller's struct of this version, or of an earlier one, which ended in front of its field at `first` or `second`: what follows is 0.
// False: of none of them.
template <typename T>
bool read_sized(const T* given, size_t first, T& out, size_t second = 0) {
  out = {};
  for (const size_t end : {sizeof(T), first, second}) {
    if (!given || !end || given->size != (end + alignof(T) - 1) / alignof(T) * alignof(T)) continue;
    std::memcpy(&out, given, end);
    return true;
  }
  return false;
}

}  // namespace genmo
