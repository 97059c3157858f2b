// The reference that every faster version is compared to: two passes over the keys of a row, nothing clever.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <numeric>
#include <vector>

#include "genmo/window.h"
#include "problem.h"

namespace {

// A row's channels as the scores need them: gathered from its halves, turned by its frame's angle.
void read_row(const GenmoWindowAttention& p, const float* row, std::int64_t half, std::int64_t frame,
              double* channels) {
  const GenmoRotary& rotary = p.rotary;
  if (!rotary.cos) {
    std::copy_n(row, p.channels, channels);
    return;
  }
  const bool halves = rotary.pairing == GENMO_HALVES;
  for (std::int64_t pair = 0; pair < p.channels / 2; ++pair) {
    const double cos = rotary.cos[frame * rotary.stride + pair];
    const double sin = rotary.sin[frame * rotary.stride + pair];
    const double a = row[halves ? pair : 2 * pair], b = row[halves ? pair + half : 2 * pair + 1];
    channels[halves ? pair : 2 * pair] = a * cos - b * sin;
    channels[halves ? pair + p.channels / 2 : 2 * pair + 1] = a * sin + b * cos;
  }
}

// `keys` holds the turned keys of all frames; `weights` and `mixed` are scratch: one number a key, one a
// channel.
void attend_row(const GenmoWindowAttention& p, genmo::KeyRange range, const double* query,
                const double* keys, const float* v, float* out, std::vector<double>& weights,
                std::vector<double>& mixed) {
  double highest = -std::numeric_limits<double>::infinity();
  for (std::int64_t key = range.begin; key < range.end; ++key) {
    const double* turned = keys + key * p.channels;
    const double score = p.scale * std::inner_product(query, query + p.channels, turned, 0.0);
    weights[static_cast<std::size_t>(key - range.begin)] = score;
    highest = std::max(highest, score);
  }
  std::fill(mixed.begin(), mixed.end(), 0.0);
  double total = 0.0;
  for (std::int64_t key = range.begin; key < range.end; ++key) {
    const double weight = std::exp(weights[static_cast<std::size_t>(key - range.begin)] - highest);
    const float* value = v + key * p.v.frame;
    for (std::size_t c = 0; c < mixed.size(); ++c) mixed[c] += weight * value[c];
    total += weight;
  }
  for (std::size_t c = 0; c < mixed.size(); ++c) out[c] = static_cast<float>(mixed[c] / total);
}

std::int64_t start(const GenmoStrides& strides, std::int64_t entry, std::int64_t head) {
  return entry * strides.batch + head * strides.head;
}

}  // namespace

extern "C" int genmo_window_attention_cpu(const GenmoWindowAttention* problem, const float* q, const float* k,
                                          const float* v, float* out) {
  if (const int status = genmo::check(problem, q, k, v, out)) return status;
  const GenmoWindowAttention& p = *problem;
  std::vector<double> turned, query, weights, mixed;
  try {
    turned.resize(static_cast<std::size_t>(p.frames) * static_cast<std::size_t>(p.channels));
    query.resize(static_cast<std::size_t>(p.channels));
    weights.resize(static_cast<std::size_t>(std::min(p.frames, p.window)));
    mixed.resize(static_cast<std::size_t>(p.channels));
  } catch (const std::exception&) {
    return GENMO_BAD_SIZE;
  }
  for (std::int64_t entry = 0; entry < p.batch; ++entry) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      const float* queries = q + start(p.q, entry, head);
      const float* keys = k + start(p.k, entry, head);
      const float* values = v + start(p.v, entry, head);
      float* outs = out + start(p.out, entry, head);
      for (std::int64_t key = 0; key < p.frames; ++key) {
        read_row(p, keys + key * p.k.frame, genmo::half_of(p.rotary.k_half, p), key,
                 turned.data() + key * p.channels);
      }
      for (std::int64_t row = 0; row < p.frames; ++row) {
        read_row(p, queries + row * p.q.frame, genmo::half_of(p.rotary.q_half, p), row, query.data());
        attend_row(p, genmo::keys_of_row(row, p.frames, p.window), query.data(), turned.data(), values,
                   outs + row * p.out.frame, weights, mixed);
      }
    }
  }
  return GENMO_OK;
}

extern "C" int genmo_window_keys(int64_t row, int64_t frames, int64_t window, int64_t* begin, int64_t* end) {
  if (!begin || !end) return GENMO_NULL_POINTER;
  if (frames < 1 || row < 0 || row >= frames) return GENMO_BAD_SIZE;
  if (window < 1) return GENMO_BAD_WINDOW;
  const genmo::KeyRange keys = genmo::keys_of_row(row, frames, window);
  *begin = keys.begin;
  *end = keys.end;
  return GENMO_OK;
}

extern "C" const char* genmo_status_text(int status) {
  switch (status) {
    case GENMO_OK:
      return "done";
    case GENMO_NULL_POINTER:
      return "a pointer is null; pass the problem and all of its arrays";
    case GENMO_BAD_SIZE:
      return "a size or index is out of range; sizes start at 1 (CUDA: channels <= 128, heads and batch <= "
             "65535)";
    case GENMO_BAD_WINDOW:
      return "the window is below 1; a row attends at least one key";
    case GENMO_BAD_SCALE:
      return "the scale is not finite; it is usually 1 / sqrt(channels)";
    case GENMO_BAD_STRIDE:
      return "rows overlap; a frame stride is at least `channels` elements, and so are the head and batch "
             "strides of out";
    case GENMO_BAD_DTYPE:
      return "unknown dtype; it is GENMO_FLOAT32, GENMO_FLOAT16 or GENMO_BFLOAT16";
    case GENMO_BAD_ROTARY:
      return "rotary positions need both tables, an even number of channels, a stride and halves of at least "
             "half of them, and a known pairing; halves are for GENMO_HALVES only";
    default:
      return status >= GENMO_CUDA_ERROR ? "the CUDA runtime refused; subtract 1000 for its cudaError_t"
                                        : "unknown status";
  }
}
