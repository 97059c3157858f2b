#include "memory.h"

#include <cstdlib>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace genmo {
namespace {

#if defined(MADV_HUGEPAGE)
constexpr size_t kHuge = size_t{1} << 21;  // where larger blocks begin, and bounds of the pages that hold most of them
#else
constexpr size_t kHuge = SIZE_MAX;
#endif

}  // namespace

// From calloc: what the system has cleared itself is not written again.  Where the block begins is kept in front of it.
void* get_memory(size_t bytes) {
  const size_t alignment = bytes >= kHuge ? kHuge : kAlignment, tail = bytes >= kHuge ? kHuge / 2 : 0;
  const size_t whole = bytes + alignment + tail + sizeof(void*);
  void* block = whole < bytes ? nullptr : std::calloc(whole, 1);
  if (!block) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(block) + sizeof(void*);
  void* memory = reinterpret_cast<void*>((start + alignment - 1) / alignment * alignment);
#if defined(MADV_HUGEPAGE)
  // Fewer faults while weights are packed, and fewer misses of their addresses while they are read.
  if (tail) madvise(memory, (bytes + tail) / kHuge * kHuge, MADV_HUGEPAGE);
#endif
  static_cast<void**>(memory)[-1] = block;
  return memory;
}

void free_memory(void* memory) {
  if (memory) std::free(static_cast<void**>(memory)[-1]);
}

void Arena::clear() {
  while (last_) {
    Slab* before = last_->before;
    free_memory(last_);
    last_ = before;
  }
  at_ = end_ = nullptr;
  failed_ = false;
}

void* Arena::take(int64_t count, size_t size) {
  if (count < 0 || static_cast<uint64_t>(count) > (SIZE_MAX / 4) / size) failed_ = true;
  if (failed_) return nullptr;
  const size_t bytes = (static_cast<size_t>(count) * size / kAlignment + 1) * kAlignment;  // never none
  if (static_cast<size_t>(end_ - at_) < bytes && !add(bytes)) {
    failed_ = true;
    return nullptr;
  }
  void* block = at_;
  at_ += bytes;
  return block;
}

// A slab with room for so many bytes.
bool Arena::add(size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  const size_t size = bytes;  // one for each block, so that what is beyond it is seen
#else
  const size_t size = bytes > next_ ? bytes : next_;
#endif
  auto* slab = static_cast<Slab*>(get_memory(kAlignment + size));
  if (!slab) return false;
  next_ = next_ < kLargest ? 2 * next_ : kLargest;
  slab->before = last_;
  last_ = slab;
  at_ = reinterpret_cast<char*>(slab) + kAlignment;
  end_ = at_ + size;
  return true;
}

}  // namespace genmo
