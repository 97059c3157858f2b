// Memory of one call: taken from the front, given back in turn, kept for the next call.
#pragma once

#include "memory.h"

namespace genmo {

// Blocks in a few chunks. `reserve` asks the system for what a call needs and says whether it is there; a call that needs
// more than was reserved, which none should, gets further chunks.
class Pool {
 public:
  Pool* next = nullptr;  // in a model's list of idle ones

  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (int i = 0; i < chunks_; ++i) free_memory(chunk_[i].data);
  }

  // Room for so many bytes in one chunk; false: no memory.  Nothing may be in use.
  bool reserve(size_t bytes) {
    if (chunks_ == 1 && chunk_[0].size >= bytes) return true;
    while (chunks_ > 0) free_memory(chunk_[--chunks_].data);
    return add(bytes);
  }

  // Not initialised, aligned to 64 bytes.
  template <typename T>
  T* get(int64_t count) {
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    while (at_ < chunks_ && chunk_[at_].size - used_ < bytes) {
      ++at_;
      used_ = 0;
    }
    if (at_ == chunks_ && !add(bytes > kGrowth ? bytes : kGrowth)) __builtin_trap();  // beyond what was reserved
    T* block = reinterpret_cast<T*>(chunk_[at_].data + used_);
    used_ += bytes;
    return block;
  }

  // Gives back, when it ends, what was taken while it lived.
  class Scope {
   public:
    explicit Scope(Pool& pool) : pool_(pool), at_(pool.at_), used_(pool.used_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      pool_.at_ = at_;
      pool_.used_ = used_;
    }

   private:
    Pool& pool_;
    int at_;
    size_t used_;
  };

 private:
  static constexpr int kMostChunks = 64;
  static constexpr size_t kGrowth = size_t{1} << 20;
  struct Chunk {
    char* data;
    size_t size;
  };

  bool add(size_t bytes) {
    if (chunks_ == kMostChunks) return false;
    auto* data = static_cast<char*>(get_memory(bytes));
    if (!data) return false;
    chunk_[chunks_++] = {data, bytes};
    return true;
  }

  Chunk chunk_[kMostChunks];
  int chunks_ = 0, at_ = 0;
  size_t used_ = 0;
};

}  // namespace genmo
