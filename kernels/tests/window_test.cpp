// The window arithmetic against its definition in words: of all ranges of min(frames, width) keys inside the
// sequence, the one whose start is nearest to row - width / 2.
#include "genmo/window.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "genmo/window_attention.h"

using genmo::KeyRange;

static_assert(genmo::keys_of_row(0, 6, 4).begin == 0, "usable at compile time");
static_assert(genmo::keys_of_row(5, 6, 4).begin == 2, "clamped at the end");
static_assert(genmo::keys_of_row(3, 4, 4).end == 4, "all keys when they fit");

static int failures = 0;

static void expect(bool holds, const char* what, long long frames, long long width, long long row) {
  if (holds) return;
  std::fprintf(stderr, "%s: frames %lld, width %lld, row %lld\n", what, frames, width, row);
  ++failures;
}

static KeyRange nearest_range(std::int64_t row, std::int64_t frames, std::int64_t width) {
  const std::int64_t length = frames < width ? frames : width;
  std::int64_t best = 0;
  for (std::int64_t start = 0; start + length <= frames; ++start) {
    if (std::llabs(start - (row - width / 2)) < std::llabs(best - (row - width / 2))) best = start;
  }
  return {best, best + length};
}

static void check_sequence(std::int64_t frames, std::int64_t width) {
  for (std::int64_t row = 0; row < frames; ++row) {
    const KeyRange got = genmo::keys_of_row(row, frames, width), want = nearest_range(row, frames, width);
    expect(got.begin == want.begin && got.end == want.end, "keys_of_row", frames, width, row);
    expect(got.contains(row), "a row attends itself", frames, width, row);
    std::int64_t begin = -1, end = -1;
    expect(genmo_window_keys(row, frames, width, &begin, &end) == GENMO_OK && begin == got.begin &&
               end == got.end,
           "genmo_window_keys", frames, width, row);
  }
  for (const std::int64_t rows : {1, 16, 60, 64}) {
    for (std::int64_t first = 0; first < frames; first += rows) {
      KeyRange want = nearest_range(first, frames, width);
      for (std::int64_t row = first; row < first + rows && row < frames; ++row) {
        const KeyRange keys = nearest_range(row, frames, width);
        want = {want.begin < keys.begin ? want.begin : keys.begin, want.end > keys.end ? want.end : keys.end};
      }
      const KeyRange got = genmo::keys_of_rows(first, rows, frames, width);
      expect(got.begin == want.begin && got.end == want.end, "keys_of_rows", frames, width, first);
      expect(got.end - got.begin <= width + rows - 1, "keys_of_rows is short", frames, width, first);
    }
  }
}

static void check_refusals() {
  GenmoWindowAttention problem;
  std::memset(&problem, 0, sizeof problem);
  float x = 0.0f;
  expect(genmo_window_attention_cpu(nullptr, &x, &x, &x, &x) == GENMO_NULL_POINTER, "null problem", 0, 0, 0);
  expect(genmo_window_attention_cpu(&problem, &x, &x, &x, &x) == GENMO_BAD_SIZE, "zero sizes", 0, 0, 0);
}

int main() {
  for (const std::int64_t frames : {1, 60, 119, 120, 121, 180, 300, 1800}) check_sequence(frames, 120);
  for (std::int64_t frames = 1; frames <= 24; ++frames) {
    for (std::int64_t width = 1; width <= 26; ++width) check_sequence(frames, width);
  }
  check_refusals();
  if (failures == 0) std::puts("window arithmetic agrees with brute force");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
