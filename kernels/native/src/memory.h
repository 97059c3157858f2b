// Memory that is asked for once and freed as a whole; no exceptions: a failed request is remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace genmo {

inline constexpr size_t kAlignment = 64;

inline void* get_memory(size_t bytes) {
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (rounded < bytes) return nullptr;
#if defined(_WIN32)
  void* memory = _aligned_malloc(rounded ? rounded : kAlignment, kAlignment);
#else
  void* memory = std::aligned_alloc(kAlignment, rounded ? rounded : kAlignment);
#endif
  if (memory) std::memset(memory, 0, rounded);
  return memory;
}

inline void free_memory(void* memory) {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

// Blocks that live as long as the arena, zero at first.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { clear(); }

  void clear() {
    while (last_) {
      Block* before = last_->before;
      free_memory(last_);
      last_ = before;
    }
    failed_ = false;
  }

  // nullptr, from now on `failed()`, when there is no memory or the size overflows.
  template <typename T>
  T* get(int64_t count) {
    if (count < 0 || static_cast<uint64_t>(count) > (SIZE_MAX / 4) / sizeof(T)) failed_ = true;
    if (failed_) return nullptr;
    auto* block = static_cast<Block*>(get_memory(kAlignment + static_cast<size_t>(count) * sizeof(T)));
    if (!block) {
      failed_ = true;
      return nullptr;
    }
    block->before = last_;
    last_ = block;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(block) + kAlignment);
  }

  bool failed() const { return failed_; }

 private:
  struct Block {
    Block* before;
  };
  Block* last_ = nullptr;
  bool failed_ = false;
};

}  // namespace genmo
