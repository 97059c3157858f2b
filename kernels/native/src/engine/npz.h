// Arrays of an .npz that numpy.savez wrote: a ZIP without compression, each member an .npy of C order.
#pragma once

#include "engine/files.h"

namespace genmo {

// The numbers of the array `name` if its dtype is `dtype`, as "<f4" or "|i1", and it has `count` of them; else nullptr.
const char* npz_array(Bytes file, const char* name, const char* dtype, int64_t count);

}  // namespace genmo
