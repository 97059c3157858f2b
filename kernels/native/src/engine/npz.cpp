#include "engine/npz.h"

#include <cstdio>
#include <cstring>

#include "engine/inflate.h"

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

// A member as it lies in the file.
struct Member {
  Bytes bytes;
  size_t size = 0;  // when it is unpacked
  bool packed = false;
};

// The data of an entry of the directory; empty where they are not in the file or packed in another way.
Member member_of(Bytes file, const char* entry) {
  const uint64_t method = number(entry + 10, 2);
  const size_t packed = number(entry + 20, 4), size = number(entry + 24, 4), local = number(entry + 42, 4);
  if ((method != 8 && (method != 0 || packed != size)) || local > file.size || file.size - local < 30) return {};
  const size_t start = local + 30 + number(file.data + local + 26, 2) + number(file.data + local + 28, 2);
  if (start > file.size || file.size - start < packed) return {};
  return {{file.data + start, packed}, size, method == 8};
}

// Empty where there is none of this name.
Member member(Bytes file, const char* name) {
  const char* end = directory_end(file);
  if (!end) return {};
  const size_t length = std::strlen(name);
  size_t at = number(end + 16, 4);
  for (uint64_t left = number(end + 10, 2); left > 0; --left) {
    if (at > file.size || file.size - at < 46 || number(file.data + at, 4) != 0x02014b50) return {};
    const char* entry = file.data + at;
    const size_t name_bytes = number(entry + 28, 2), whole = 46 + name_bytes + number(entry + 30, 2) + number(entry + 32, 2);
    if (file.size - at < whole) return {};
    if (name_bytes == length && std::memcmp(entry + 46, name, length) == 0) return member_of(file, entry);
    at += whole;
  }
  return {};
}

// Whether a dictionary of an .npy, such as {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, has this dtype; its shape.
bool describes(const char* header, const char* end, const char* dtype, Npy& array) {
  const auto find = [&](const char* wanted) -> const char* {
    const size_t bytes = std::strlen(wanted);
    for (const char* at = header; at + bytes <= end; ++at)
      if (std::memcmp(at, wanted, bytes) == 0) return at + bytes;
    return nullptr;
  };
  char descr[32];
  std::snprintf(descr, sizeof descr, "'descr': '%s'", dtype);
  const char* shape = find("'shape': (");
  array.columns_first = find("'fortran_order': True") != nullptr;
  if (!find(descr) || !(array.columns_first || find("'fortran_order': False")) || !shape) return false;
  int64_t size = -1, product = 1;
  for (; shape < end; ++shape) {
    if (*shape >= '0' && *shape <= '9') {
      size = (size < 0 ? 0 : size) * 10 + (*shape - '0');
      if (size > INT32_MAX) return false;
    } else if (size >= 0) {
      if (array.dimensions == 3 || (product *= size) > INT32_MAX) return false;
      array.shape[array.dimensions++] = size;
      size = -1;
    }
    if (*shape == ')') return true;
  }
  return false;
}

// The array of an .npy of this dtype; none where it is damaged or another.
Npy read_npy(Bytes array, const char* dtype) {
  Npy read;
  if (array.size < 10 || std::memcmp(array.data, "\x93NUMPY\x01", 7) != 0) return {};
  const size_t header = 10 + number(array.data + 8, 2), item = static_cast<size_t>(dtype[2] - '0');
  if (header > array.size || !describes(array.data + 10, array.data + header, dtype, read)) return {};
  if (array.size - header != static_cast<size_t>(read.count()) * item) return {};
  read.data = array.data + header;
  return read;
}

// The same numbers of `item` bytes in C order.
Npy rows_first(const Npy& array, size_t item, Arena& arena) {
  auto* to = arena.get<char>(array.count() * static_cast<int64_t>(item));
  if (!to) return {};
  Npy same = array;
  same.data = to;
  same.columns_first = false;
  const int64_t *shape = array.shape, count = array.count();
  for (int64_t i = 0; i < count; ++i, to += item) {
    const int64_t last = i % shape[2], middle = i / shape[2] % shape[1], first = i / shape[2] / shape[1];
    std::memcpy(to, array.data + static_cast<size_t>(first + shape[0] * (middle + shape[1] * last)) * item, item);
  }
  return same;
}

}  // namespace

const char* npz_array(Bytes file, const char* name, const char* dtype, int64_t count) {
  char path[64];
  std::snprintf(path, sizeof path, "%s.npy", name);
  const Member found = member(file, path);
  const Npy array = found.packed ? Npy{} : read_npy(found.bytes, dtype);
  return array.count() == count && !array.columns_first ? array.data : nullptr;
}

Npy npz_copy(Bytes file, const char* name, const char* dtype, size_t most, Arena& arena) {
  char path[64];
  std::snprintf(path, sizeof path, "%s.npy", name);
  const Member found = member(file, path);
  if (!found.bytes.data || found.size > most) return {};
  auto* copy = arena.get<char>(static_cast<int64_t>(found.size));
  if (!copy) return {};
  if (!found.packed) {
    std::memcpy(copy, found.bytes.data, found.size);
  } else if (!inflate(found.bytes, copy, found.size)) {
    return {};
  }
  Npy array = read_npy({copy, found.size}, dtype);
  const auto item = static_cast<size_t>(dtype[2] - '0');
  if (array.columns_first) return rows_first(array, item, arena);
  if (array.data && static_cast<size_t>(array.data - copy) % item) {  // numpy pads its headers, others need not
    std::memmove(copy, array.data, static_cast<size_t>(array.count()) * item);
    array.data = copy;
  }
  return array;
}

}  // namespace genmo
