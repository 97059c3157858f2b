#include "engine/npz.h"

#include <cstdio>
#include <cstring>

namespace genmo {
namespace {

uint64_t number(const char* at, int bytes) {
  uint64_t value = 0;
  for (int k = bytes - 1; k >= 0; --k) value = value << 8 | static_cast<unsigned char>(at[k]);
  return value;
}

// The end of central directory, which is at the end of a file without a comment; nullptr where there is none.
const char* directory_end(Bytes file) {
  if (file.size < 22) return nullptr;
  const char* end = file.data + file.size - 22;
  return number(end, 4) == 0x06054b50 ? end : nullptr;
}

// The bytes of a stored member; empty where it is not there or compressed.
Bytes member(Bytes file, const char* name) {
  const char* end = directory_end(file);
  if (!end) return {};
  const size_t length = std::strlen(name);
  size_t at = number(end + 16, 4);
  for (uint64_t left = number(end + 10, 2); left > 0; --left) {
    if (at > file.size || file.size - at < 46 || number(file.data + at, 4) != 0x02014b50) return {};
    const char* entry = file.data + at;
    const size_t name_bytes = number(entry + 28, 2), size = number(entry + 24, 4), local = number(entry + 42, 4);
    const size_t whole = 46 + name_bytes + number(entry + 30, 2) + number(entry + 32, 2);
    if (file.size - at < whole) return {};
    if (name_bytes == length && std::memcmp(entry + 46, name, length) == 0) {
      const bool stored = number(entry + 10, 2) == 0 && number(entry + 20, 4) == size;
      if (!stored || local > file.size || file.size - local < 30) return {};
      const size_t start = local + 30 + number(file.data + local + 26, 2) + number(file.data + local + 28, 2);
      if (start > file.size || file.size - start < size) return {};
      return {file.data + start, size};
    }
    at += whole;
  }
  return {};
}

// Whether a dictionary of an .npy, such as {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, has these.
bool describes(const char* header, const char* end, const char* dtype, int64_t count) {
  const auto find = [&](const char* wanted) -> const char* {
    const size_t bytes = std::strlen(wanted);
    for (const char* at = header; at + bytes <= end; ++at)
      if (std::memcmp(at, wanted, bytes) == 0) return at + bytes;
    return nullptr;
  };
  char descr[32];
  std::snprintf(descr, sizeof descr, "'descr': '%s'", dtype);
  const char* shape = find("'shape': (");
  if (!find(descr) || !find("'fortran_order': False") || !shape) return false;
  int64_t product = 1, size = -1;
  for (; shape < end && *shape != ')'; ++shape) {
    if (*shape >= '0' && *shape <= '9') {
      size = (size < 0 ? 0 : size) * 10 + (*shape - '0');
      if (size > INT32_MAX) return false;
    } else if (size >= 0) {
      product *= size;
      size = -1;
      if (product > INT32_MAX) return false;
    }
  }
  return (size < 0 ? product : product * size) == count;
}

}  // namespace

const char* npz_array(Bytes file, const char* name, const char* dtype, int64_t count) {
  char path[64];
  std::snprintf(path, sizeof path, "%s.npy", name);
  const Bytes array = member(file, path);
  if (array.size < 10 || std::memcmp(array.data, "\x93NUMPY\x01", 7) != 0) return nullptr;
  const size_t header = 10 + number(array.data + 8, 2);
  const size_t item = static_cast<size_t>(dtype[2] - '0');
  if (header > array.size || array.size - header != static_cast<size_t>(count) * item) return nullptr;
  return describes(array.data + 10, array.data + header, dtype, count) ? array.data + header : nullptr;
}

}  // namespace genmo
