// The files of an engine: of a folder, or the caller's in memory.
#pragma once

#include "genmo/genmo.h"

namespace genmo {

struct Bytes {
  const char* data = nullptr;
  size_t size = 0;
};

class Files {
 public:
  // Where to look; both outlive this object.
  explicit Files(const char* folder) : folder_(folder) {}
  Files(const genmo_file* files, int32_t count) : files_(files), count_(count) {}
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files();

  // The content of a file, until this object ends; `error` is filled when it cannot be read.  A folder's is mapped, not copied: whoever
  // cuts it meanwhile ends the program, as with any mapped file.
  genmo_status get(const char* name, Bytes& content, genmo_error* error);

  // False for what is not among the caller's files in memory; a folder has every file that is asked for, or cannot be read.
  bool may_have(const char* name) const;

  static constexpr size_t kLongestName = 255;

 private:
  genmo_status read(const char* name, Bytes& content, genmo_error* error);

  static constexpr int kMost = 16;
  struct Read {
    char name[kLongestName + 1];
    Bytes content;
  };
  const char* folder_ = nullptr;
  const genmo_file* files_ = nullptr;
  int32_t count_ = 0;
  Read read_[kMost];
  int known_ = 0;
};

// Whether a name is a file's alone: no path, no hidden file, not longer than file systems take.
bool is_plain_name(const char* name);

}  // namespace genmo
