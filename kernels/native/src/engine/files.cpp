#include "engine/files.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace genmo {
namespace {

constexpr size_t kLongestName = 255;
#if !defined(__wasm__)
constexpr size_t kLongestPath = 4096, kLargest = size_t{1} << 30;
#endif

}  // namespace

bool is_plain_name(const char* name) {
  const size_t bytes = std::strlen(name);
  return bytes > 0 && bytes <= kLongestName && name[0] != '.' && !std::strpbrk(name, "/\\:");
}

Files::~Files() {
  for (int i = 0; i < known_; ++i) std::free(read_[i].name);
}

genmo_status Files::get(const char* name, Bytes& content, genmo_error* error) {
  for (int i = 0; i < known_; ++i) {
    if (std::strcmp(read_[i].name, name) != 0) continue;
    content = read_[i].content;
    return GENMO_OK;
  }
  if (folder_) return read(name, content, error);
  for (int32_t i = 0; i < count_; ++i) {
    if (!files_[i].name || std::strcmp(files_[i].name, name) != 0) continue;
    if (!files_[i].data && files_[i].bytes) break;
    content = {static_cast<const char*>(files_[i].data), files_[i].bytes};
    return GENMO_OK;
  }
  return fail(error, GENMO_BAD_ENGINE, "%s is not among the files; give every file of the engine's folder", name);
}

#if defined(__wasm__)
genmo_status Files::read(const char*, Bytes&, genmo_error* error) {
  return fail(error, GENMO_UNSUPPORTED, "a page has no folders; genmo_open_memory takes the files");
}
#else
genmo_status Files::read(const char* name, Bytes& content, genmo_error* error) {
  char path[kLongestPath];
  const int length = std::snprintf(path, sizeof path, "%s/%s", folder_, name);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path || known_ == kMost)
    return fail(error, GENMO_BAD_ENGINE, "the path of %s is too long, or an engine has more files than it may", name);
  std::FILE* file = std::fopen(path, "rb");
  long size = -1;
  if (file && std::fseek(file, 0, SEEK_END) == 0) size = std::ftell(file);
  const size_t name_bytes = std::strlen(name) + 1;
  char* block = nullptr;
  bool good = size >= 0 && static_cast<size_t>(size) <= kLargest && std::fseek(file, 0, SEEK_SET) == 0;
  if (good) {
    block = static_cast<char*>(std::malloc(name_bytes + static_cast<size_t>(size)));
    good = block && std::fread(block + name_bytes, 1, static_cast<size_t>(size), file) == static_cast<size_t>(size);
  }
  if (file) std::fclose(file);
  if (!good) {
    std::free(block);
    return fail(error, GENMO_BAD_ENGINE, "%.150s cannot be read; wanted a file of an engine's folder", path);
  }
  std::memcpy(block, name, name_bytes);
  content = {block + name_bytes, static_cast<size_t>(size)};
  read_[known_++] = {block, content};
  return GENMO_OK;
}
#endif

}  // namespace genmo
