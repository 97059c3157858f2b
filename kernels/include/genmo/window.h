// The clamped window: which keys a row attends. Index arithmetic only, the same on host and device.
//
// Row i of a sequence of `frames` attends the keys [s, s + width) with s = clamp(i - width / 2, 0, frames -
// width), and all of them when frames <= width. The window slides, it never shrinks: every row has
// min(frames, width) keys.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define GENMO_HOST_DEVICE __host__ __device__
#else
#define GENMO_HOST_DEVICE
#endif

namespace genmo {

struct KeyRange {
  std::int64_t begin;
  std::int64_t end;  // one past the last key

  GENMO_HOST_DEVICE constexpr bool contains(std::int64_t key) const { return begin <= key && key < end; }
};

// Keys of one row; 0 <= row < frames, width >= 1.
GENMO_HOST_DEVICE constexpr KeyRange keys_of_row(std::int64_t row, std::int64_t frames, std::int64_t width) {
  if (frames <= width) return {0, frames};
  const std::int64_t wanted = row - width / 2;
  const std::int64_t last = frames - width;
  const std::int64_t begin = wanted < 0 ? 0 : (wanted > last ? last : wanted);
  return {begin, begin + width};
}

// Keys that any of the rows [first_row, first_row + rows) attends. The window never moves back and moves by
// at most one key a row, so the union has no holes and is at most width + rows - 1 long.
GENMO_HOST_DEVICE constexpr KeyRange keys_of_rows(std::int64_t first_row, std::int64_t rows,
                                                  std::int64_t frames, std::int64_t width) {
  const std::int64_t past = first_row + rows < frames ? first_row + rows : frames;
  return {keys_of_row(first_row, frames, width).begin, keys_of_row(past - 1, frames, width).end};
}

}  // namespace genmo
