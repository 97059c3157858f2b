// The kernel for fp16 and bf16 with 64 or 128 channels: what one block of threads does, written against
// device.h on a GPU and tests/emulator.h on a CPU; include one of them first.
//
// A block owns 64 neighbouring rows of one head and walks once over the keys that any of them attends, 32 at a
// time.  While it computes on one tile, the copy engine fetches the next.  Each of its four warps owns 16 rows:
// queries, scores and sums stay in registers in the layout of mma.m16n8k16, where lane l holds of a 16 x 8
// result the rows l / 4 and l / 4 + 8 and the columns 2 (l % 4) and the next.  Keys are turned in shared
// memory, by the thread that copied them, before anyone reads them.
#pragma once

#include "genmo/tile.h"
#include "genmo/window_attention.h"
#include "problem.h"

namespace genmo::tensor_core {

constexpr int kLanes = 32;
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kLanes;
constexpr int kRowsPerWarp = 16;
constexpr int kRows = kWarps * kRowsPerWarp;
constexpr int kKeys = 32;  // of a tile
constexpr int kChunk = 8;  // numbers in 16 bytes

// Shared memory of a block, in numbers: two tiles of keys, then two of values.  The queries pass through
// the first two on their way to registers.
template <int kChannels>
constexpr int kShared = 4 * kKeys * kChannels;

inline bool multiple_of_chunk(const GenmoStrides& s) {
  return s.batch % kChunk == 0 && s.head % kChunk == 0 && s.frame % kChunk == 0;
}

inline bool at_16_bytes(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

// Whether every row, half and table row of a checked problem in 16-bit numbers starts at a multiple of 16
// bytes, and its channels have a kernel.
inline bool suits(const GenmoWindowAttention& p, const void* q, const void* k, const void* v, const void* out) {
  if (p.channels != 64 && p.channels != 128) return false;
  if (!at_16_bytes(q) || !at_16_bytes(k) || !at_16_bytes(v) || !at_16_bytes(out)) return false;
  for (const GenmoStrides* strides : {&p.q, &p.k, &p.v, &p.out}) {
    if (!multiple_of_chunk(*strides)) return false;
  }
  const GenmoRotary& r = p.rotary;
  if (!r.cos) return true;
  return at_16_bytes(r.cos) && at_16_bytes(r.sin) && r.stride % 4 == 0 && r.q_half % kChunk == 0 &&
         r.k_half % kChunk == 0;
}

// Where channel `chunk * 8` of a row lies.  Rows that follow each other have the same chunk in different
// banks, so eight rows are read at once without conflict.
template <int kChannels>
GENMO_DEVICE int place(int row, int chunk) {
  return row * kChannels + (chunk ^ (row % kChunk)) * kChunk;
}

// One of the matrices q and k as the kernel reads it.
template <typename T>
struct Source {
  const T* data;  // of this head
  std::int64_t frame;
  std::int64_t half;
};

template <typename T, int kChannels>
class Block {
 public:
  GENMO_DEVICE Block(const GenmoWindowAttention& problem, T* shared, int thread, std::int64_t row_block)
      : p(problem),
        keys_(shared),
        values_(shared + 2 * kKeys * kChannels),
        thread_(thread),
        lane_(thread % kLanes),
        warp_(thread / kLanes),
        first_row_(row_block * kRows) {}

  GENMO_DEVICE void attend(const T* q, const T* k, const T* v, T* out, std::int64_t head, std::int64_t entry) {
    const Source<T> queries{q + entry * p.q.batch + head * p.q.head, p.q.frame, half(p.rotary.q_half)};
    const Source<T> keys{k + entry * p.k.batch + head * p.k.head, p.k.frame, half(p.rotary.k_half)};
    const Source<T> values{v + entry * p.v.batch + head * p.v.head, p.v.frame, kChannels / 2};
    load_queries(queries);
    const KeyRange range = keys_of_rows(first_row_, kRows, p.frames, p.window);
    const int tiles = tiles_of(range, kKeys);
    prepare_rows();
    fetch(keys, values, range, 0);
    for (int tile = 0; tile < tiles; ++tile) {
      const std::int64_t first_key = range.begin + static_cast<std::int64_t>(tile) * kKeys;
      device::wait_for_copies();
      turn_rows<kKeys>(tile_of(keys_, tile), first_key);
      device::barrier();  // the tile is whole, and nobody reads the one before any more
      if (tile + 1 < tiles) fetch(keys, values, range, tile + 1);
      add_tile(tile, first_key);
    }
    store(out + entry * p.out.batch + head * p.out.head);
  }

 private:
  static constexpr int kChunks = kChannels / kChunk;  // of a row
  static constexpr int kSteps = kChannels / 16;       // of a product over the channels
  static constexpr int kScoreTiles = kKeys / 8;
  static constexpr int kValueTiles = kChannels / 8;

  const GenmoWindowAttention& p;
  T* keys_;
  T* values_;
  int thread_, lane_, warp_;
  std::int64_t first_row_;
  std::uint32_t queries_[kSteps][4];
  float mixed_[kValueTiles][4];
  KeyRange reach_[2], warp_reach_;
  Softmax softmax_[2];

  GENMO_DEVICE std::int64_t half(std::int64_t stated) const {
    return p.rotary.cos && stated ? stated : kChannels / 2;
  }

  GENMO_DEVICE static T* tile_of(T* tiles, int tile) { return tiles + (tile % 2) * kKeys * kChannels; }

  // Starts copying rows [first, first + kCount) of a matrix, zeros from `past` on.  A thread takes a chunk and
  // the one half a row further: the two that hold whole pairs, whichever way channels are paired.
  template <int kCount>
  GENMO_DEVICE void copy_rows(T* to, const Source<T>& from, std::int64_t first, std::int64_t past) const {
#pragma unroll
    for (int at = thread_; at < kCount * kChunks / 2; at += kThreads) {
      const int row = at / (kChunks / 2), chunk = at % (kChunks / 2);
      const bool inside = first + row < past;
      const T* source = from.data + (inside ? first + row : first) * from.frame + chunk * kChunk;
      device::copy_16(to + place<kChannels>(row, chunk), source, inside);
      device::copy_16(to + place<kChannels>(row, chunk + kChunks / 2), source + from.half, inside);
    }
  }

  // Turns the rows that `copy_rows` brought, each thread its own.  Rounds to T, as an exported step does.
  template <int kCount>
  GENMO_DEVICE void turn_rows(T* rows, std::int64_t first) const {
    if (!p.rotary.cos) return;
#pragma unroll
    for (int at = thread_; at < kCount * kChunks / 2; at += kThreads) {
      const int row = at / (kChunks / 2), chunk = at % (kChunks / 2);
      if (first + row >= p.frames) continue;
      T* low = rows + place<kChannels>(row, chunk);
      T* high = rows + place<kChannels>(row, chunk + kChunks / 2);
      const float* cos = p.rotary.cos + (first + row) * p.rotary.stride;
      const float* sin = p.rotary.sin + (first + row) * p.rotary.stride;
      if (p.rotary.pairing == GENMO_HALVES) {
        turn_across(low, high, cos + chunk * kChunk, sin + chunk * kChunk);
      } else {
        turn_within(low, cos + chunk * kChunk / 2, sin + chunk * kChunk / 2);
        turn_within(high, cos + (chunk * kChunk + kChannels / 2) / 2, sin + (chunk * kChunk + kChannels / 2) / 2);
      }
    }
  }

  struct alignas(16) Angles {  // cosines or sines of neighbouring pairs
    float of[kChunk / 2];
  };

  // Pairs (low[i], high[i]) of two chunks.
  GENMO_DEVICE static void turn_across(T* low, T* high, const float* cos, const float* sin) {
    auto* a = reinterpret_cast<std::uint32_t*>(low);
    auto* b = reinterpret_cast<std::uint32_t*>(high);
#pragma unroll
    for (int i = 0; i < kChunk / 2; ++i) {
      const Angles c = reinterpret_cast<const Angles*>(cos)[i / 2];
      const Angles s = reinterpret_cast<const Angles*>(sin)[i / 2];
      const int at = i % 2 * 2;
      const Pair x = device::unpack<T>(a[i]), y = device::unpack<T>(b[i]);
      const Pair first = turn({x.first, y.first}, c.of[at], s.of[at]);
      const Pair second = turn({x.second, y.second}, c.of[at + 1], s.of[at + 1]);
      a[i] = device::pack<T>(first.first, second.first);
      b[i] = device::pack<T>(first.second, second.second);
    }
  }

  // Pairs (x[2 i], x[2 i + 1]) of one chunk.
  GENMO_DEVICE static void turn_within(T* x, const float* cos, const float* sin) {
    auto* pairs = reinterpret_cast<std::uint32_t*>(x);
    const Angles c = *reinterpret_cast<const Angles*>(cos), s = *reinterpret_cast<const Angles*>(sin);
#pragma unroll
    for (int i = 0; i < kChunk / 2; ++i) {
      const Pair turned = turn(device::unpack<T>(pairs[i]), c.of[i], s.of[i]);
      pairs[i] = device::pack<T>(turned.first, turned.second);
    }
  }

  // Lane l reads row l % 16 of its warp, channels 0-7 of a step in the lower lanes and 8-15 in the upper: the
  // order of the four quarters of a 16 x 16 matrix on the left of a product.
  GENMO_DEVICE void load_queries(const Source<T>& from) {
    copy_rows<kRows>(keys_, from, first_row_, p.frames);
    device::wait_for_copies();
    turn_rows<kRows>(keys_, first_row_);
    device::barrier();
    const int row = warp_ * kRowsPerWarp + lane_ % 16;
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      device::load_matrices(queries_[step], keys_ + place<kChannels>(row, 2 * step + lane_ / 16));
    }
    device::barrier();  // the space is free for keys
  }

  // Rows past the end attend nothing.
  GENMO_DEVICE void prepare_rows() {
    const std::int64_t first = first_row_ + warp_ * kRowsPerWarp;
    warp_reach_ = first < p.frames ? keys_of_rows(first, kRowsPerWarp, p.frames, p.window) : KeyRange{0, 0};
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const std::int64_t row = first + lane_ / 4 + 8 * r;
      reach_[r] = row < p.frames ? keys_of_row(row, p.frames, p.window) : KeyRange{0, 0};
      softmax_[r] = {-INFINITY, 0.0f};
    }
#pragma unroll
    for (int n = 0; n < kValueTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) mixed_[n][i] = 0.0f;
    }
  }

  GENMO_DEVICE void fetch(const Source<T>& keys, const Source<T>& values, KeyRange range, int tile) {
    const std::int64_t first = range.begin + static_cast<std::int64_t>(tile) * kKeys;
    copy_rows<kKeys>(tile_of(keys_, tile), keys, first, range.end);
    copy_rows<kKeys>(tile_of(values_, tile), values, first, range.end);
  }

  GENMO_DEVICE void add_tile(int tile, std::int64_t first_key) {
    if (!columns_of(warp_reach_, first_key, kKeys).meets(0, kKeys)) return;  // the same for the whole warp
    float scores[kScoreTiles][4];
    score(scores, tile_of(keys_, tile));
    weigh(scores, first_key);
    mix(scores, tile_of(values_, tile));
  }

  // scores = queries keys^T.  Two tiles of 8 keys at a time: lanes 0-7 and 8-15 read the first, channels 0-7
  // and 8-15; the others the second.
  GENMO_DEVICE void score(float (&scores)[kScoreTiles][4], const T* keys) const {
#pragma unroll
    for (int n = 0; n < kScoreTiles; n += 2) {
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[n][i] = scores[n + 1][i] = 0.0f;
      const int row = n * 8 + lane_ % 8 + lane_ / 16 * 8;
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        std::uint32_t k[4];
        device::load_matrices(k, keys + place<kChannels>(row, 2 * step + lane_ / 8 % 2));
        device::multiply_add<T>(scores[n], queries_[step], k[0], k[1]);
        device::multiply_add<T>(scores[n + 1], queries_[step], k[2], k[3]);
      }
    }
  }

  // Scores become weights, and what was mixed so far fades.  A row's scores lie in four neighbouring lanes.
  GENMO_DEVICE void weigh(float (&scores)[kScoreTiles][4], std::int64_t first_key) {
    const float scale = static_cast<float>(p.scale) * kLog2E;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const Columns attended = columns_of(reach_[r], first_key, kKeys);
      float highest = -INFINITY;
#pragma unroll
      for (int n = 0; n < kScoreTiles; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float& x = scores[n][2 * r + i];
          x = attended.contains(n * 8 + lane_ % 4 * 2 + i) ? scale * x : -INFINITY;
          highest = fmaxf(highest, x);
        }
      }
      highest = fmaxf(highest, device::shuffle_xor(highest, 1));
      highest = fmaxf(highest, device::shuffle_xor(highest, 2));
      const bool some = attended.begin < attended.end;  // else -inf minus -inf below
      const float fade = some ? softmax_[r].raise(highest) : 1.0f;
#pragma unroll
      for (int n = 0; n < kScoreTiles; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float& x = scores[n][2 * r + i];
          x = some ? softmax_[r].weight(x) : 0.0f;
          softmax_[r].total += x;  // of this lane's columns
        }
      }
#pragma unroll
      for (int n = 0; n < kValueTiles; ++n) {
        mixed_[n][2 * r] *= fade;
        mixed_[n][2 * r + 1] *= fade;
      }
    }
  }

  // mixed += weights values.  Two results of 16 x 8 scores are, packed, the 16 x 16 left side of a product.
  GENMO_DEVICE void mix(const float (&weights)[kScoreTiles][4], const T* values) {
#pragma unroll
    for (int n = 0; n < kScoreTiles; n += 2) {
      const std::uint32_t left[4] = {device::pack<T>(weights[n][0], weights[n][1]),
                                     device::pack<T>(weights[n][2], weights[n][3]),
                                     device::pack<T>(weights[n + 1][0], weights[n + 1][1]),
                                     device::pack<T>(weights[n + 1][2], weights[n + 1][3])};
      const int row = n * 8 + lane_ % 16;
#pragma unroll
      for (int c = 0; c < kValueTiles; c += 2) {
        std::uint32_t v[4];
        device::load_matrices_transposed(v, values + place<kChannels>(row, c + lane_ / 16));
        device::multiply_add<T>(mixed_[c], left, v[0], v[1]);
        device::multiply_add<T>(mixed_[c + 1], left, v[2], v[3]);
      }
    }
  }

  GENMO_DEVICE void store(T* out) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float total = softmax_[r].total;
      total += device::shuffle_xor(total, 1);
      total += device::shuffle_xor(total, 2);
      const std::int64_t row = first_row_ + warp_ * kRowsPerWarp + lane_ / 4 + 8 * r;
      if (row >= p.frames) continue;
      const float share = 1.0f / total;
      T* to = out + row * p.out.frame + lane_ % 4 * 2;
#pragma unroll
      for (int n = 0; n < kValueTiles; ++n) {
        *reinterpret_cast<std::uint32_t*>(to + n * 8) =
            device::pack<T>(share * mixed_[n][2 * r], share * mixed_[n][2 * r + 1]);
      }
    }
  }
};

}  // namespace genmo::tensor_core
