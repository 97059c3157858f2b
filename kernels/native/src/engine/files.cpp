#include "engine/files.h"

#include <cstdio>
#include <cstring>

#include "error.h"
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#elif !defined(__wasm__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace genmo {
namespace {

#if !defined(__wasm__)
constexpr size_t kLongestPath = 4096, kLargest = size_t{1} << 30;
#endif

#if defined(_WIN32)
HANDLE open_file(const char* utf8_path) {
  wchar_t path[kLongestPath];
  const int letters = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8_path, -1, path, static_cast<int>(kLongestPath));
  if (letters == 0) return INVALID_HANDLE_VALUE;
  return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
}

// The bytes of a file, read by the system where they are looked at; false where it has none or cannot be read.
bool map(const char* path, Bytes& content) {
  const HANDLE file = open_file(path);
  if (file == INVALID_HANDLE_VALUE) return false;
  LARGE_INTEGER size;
  const bool right = GetFileSizeEx(file, &size) && size.QuadPart > 0 && static_cast<uint64_t>(size.QuadPart) <= kLargest;
  const HANDLE mapping = right ? CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr) : nullptr;
  CloseHandle(file);
  if (!mapping) return false;
  const void* data = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  CloseHandle(mapping);
  if (!data) return false;
  content = {static_cast<const char*>(data), static_cast<size_t>(size.QuadPart)};
  return true;
}

void unmap(Bytes content) { UnmapViewOfFile(content.data); }
#elif !defined(__wasm__)
#if defined(MAP_POPULATE)
constexpr int kPrivate = MAP_PRIVATE | MAP_POPULATE;  // all of it is read: one request in place of one for every few pages
#else
constexpr int kPrivate = MAP_PRIVATE;
#endif

bool map(const char* path, Bytes& content) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct stat about;
  const bool right = fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 && static_cast<uint64_t>(about.st_size) <= kLargest;
  void* data = right ? mmap(nullptr, static_cast<size_t>(about.st_size), PROT_READ, kPrivate, file, 0) : MAP_FAILED;
  close(file);
  if (data == MAP_FAILED) return false;
  content = {static_cast<const char*>(data), static_cast<size_t>(about.st_size)};
  return true;
}

void unmap(Bytes content) { munmap(const_cast<char*>(content.data), content.size); }
#endif

}  // namespace

bool is_plain_name(const char* name) {
  const size_t bytes = std::strlen(name);
  return bytes > 0 && bytes <= Files::kLongestName && name[0] != '.' && !std::strpbrk(name, "/\\:");
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

bool Files::may_have(const char* name) const {
  bool given = folder_ != nullptr;
  for (int32_t i = 0; i < count_ && !given; ++i) given = files_[i].name && !std::strcmp(files_[i].name, name);
  return given;
}

#if defined(__wasm__)
Files::~Files() = default;

genmo_status Files::read(const char*, Bytes&, genmo_error* error) {
  return fail(error, GENMO_UNSUPPORTED, "a page has no folders; genmo_open_memory takes the files");
}
#else
Files::~Files() {
  for (int i = 0; i < known_; ++i) unmap(read_[i].content);
}

genmo_status Files::read(const char* name, Bytes& content, genmo_error* error) {
  char path[kLongestPath];
  const int length = std::snprintf(path, sizeof path, "%s/%s", folder_, name);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path || known_ == kMost)
    return fail(error, GENMO_BAD_ENGINE, "the path of %s is too long, or an engine has more files than it may", name);
  Read& next = read_[known_];
  if (!map(path, next.content)) return fail(error, GENMO_BAD_ENGINE, "%.150s cannot be read; wanted a file of an engine's folder", path);
  std::memcpy(next.name, name, std::strlen(name) + 1);  // a plain name, which has room
  content = next.content;
  ++known_;
  return GENMO_OK;
}
#endif

}  // namespace genmo
