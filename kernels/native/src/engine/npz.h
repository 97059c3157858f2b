// Arrays of an .npz that numpy.savez or numpy.savez_compressed wrote: a ZIP, each member an .npy.
#pragma once

#include "engine/files.h"
#include "memory.h"

namespace genmo {

// The numbers of the array `name` if its dtype is `dtype`, as "<f4" or "|i1", and it has `count` of them; else nullptr.  They lie
// in the file, which must not have packed them, in C order.
const char* npz_array(Bytes file, const char* name, const char* dtype, int64_t count);

// An array of up to three dimensions.
struct Npy {
  const char* data = nullptr;  // nullptr: there is none
  int dimensions = 0;
  int64_t shape[3] = {1, 1, 1};
  bool columns_first = false;  // Fortran's order

  int64_t count() const { return shape[0] * shape[1] * shape[2]; }
};

// The array `name`, packed or not, of this dtype and at most so many bytes, as a copy in the arena, in C order.
Npy npz_copy(Bytes file, const char* name, const char* dtype, size_t most, Arena& arena);

}  // namespace genmo
