// Memory that is asked for once and freed as a whole; no exceptions: a failed request is remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace genmo {

inline constexpr size_t kAlignment = 64;

// Zeros, aligned to kAlignment; nullptr: no memory.
void* get_memory(size_t bytes);
void free_memory(void* memory);

// An object in such memory, nullptr: no memory; and its end, also of nullptr.
template <typename T, typename... Arguments>
T* make(Arguments&&... arguments) {
  void* memory = get_memory(sizeof(T));
  return memory ? new (memory) T(std::forward<Arguments>(arguments)...) : nullptr;
}
template <typename T>
void unmake(T* object) {
  if (!object) return;
  object->~T();
  free_memory(object);
}

// Blocks that live as long as the arena, zero at first: many of them in a slab, each slab twice as large as the one before.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { clear(); }

  void clear();

  // The next slab has room for so many bytes, and large pages if the system has them.
  void reserve(size_t bytes) { next_ = bytes > next_ ? bytes : next_; }

  // nullptr, from now on `failed()`, when there is no memory or the size overflows.
  template <typename T>
  T* get(int64_t count) {
    return static_cast<T*>(take(count, sizeof(T)));
  }

  bool failed() const { return failed_; }

 private:
  static constexpr size_t kSmallest = size_t{1} << 12, kLargest = size_t{1} << 23;
  struct Slab {
    Slab* before;
  };

  void* take(int64_t count, size_t size);
  bool add(size_t bytes);

  Slab* last_ = nullptr;
  char *at_ = nullptr, *end_ = nullptr;
  size_t next_ = kSmallest;
  bool failed_ = false;
};

}  // namespace genmo
