// The kernel for every dtype and up to 128 channels, without tensor cores: what one block of threads does,
// written against device.h on a GPU and tests/emulator.h on a CPU; include one of them first.
//
// A block owns 16 neighbouring rows of one head and walks once over the keys that any of them attends, 32 at a
// time.  A warp owns two rows and uses its lanes twice: one key per lane for the scores, one channel (of each
// 32) per lane for the weighted sum.  Everything in shared memory is fp32, so all dtypes share one inner loop;
// turned queries and keys are not rounded again.
#pragma once

#include "genmo/tile.h"
#include "genmo/window_attention.h"
#include "problem.h"

namespace genmo::plain {

constexpr int kLanes = 32;
constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kLanes;
constexpr int kRowsPerWarp = 2;
constexpr int kRows = kWarps * kRowsPerWarp;
constexpr int kKeys = kLanes;  // of a tile: one per lane
constexpr int kMostChannels = 128;

// Rows of keys are one number longer, so the 32 keys of a tile lie in 32 different banks.
template <int kChannels>
constexpr int kPitch = kChannels + 1;

// Shared memory of a block, in floats: queries, keys, values.
template <int kChannels>
constexpr int kShared = kRows * kChannels + kKeys * kPitch<kChannels> + kKeys * kChannels;

template <typename T>
struct Source {
  const T* data;  // of this head
  std::int64_t frame;
  std::int64_t half;
  bool turned;
};

template <typename T, int kChannels>  // kChannels: the real number, rounded up to whole warps
class Block {
 public:
  GENMO_DEVICE Block(const GenmoWindowAttention& problem, float* shared, int thread, std::int64_t row_block)
      : p(problem),
        queries_(shared),
        keys_(queries_ + kRows * kChannels),
        values_(keys_ + kKeys * kPitch<kChannels>),
        thread_(thread),
        lane_(thread % kLanes),
        warp_(thread / kLanes),
        first_row_(row_block * kRows) {}

  GENMO_DEVICE void attend(const T* q, const T* k, const T* v, T* out, std::int64_t head, std::int64_t entry) {
    const bool turned = p.rotary.cos != nullptr;
    const Source<T> queries{q + entry * p.q.batch + head * p.q.head, p.q.frame, half(p.rotary.q_half), turned};
    const Source<T> keys{k + entry * p.k.batch + head * p.k.head, p.k.frame, half(p.rotary.k_half), turned};
    const Source<T> values{v + entry * p.v.batch + head * p.v.head, p.v.frame, 0, false};
    load<kRows>(queries_, kChannels, queries, first_row_, p.frames);
    prepare_rows();
    const KeyRange range = keys_of_rows(first_row_, kRows, p.frames, p.window);
    const int tiles = tiles_of(range, kKeys);
    for (int tile = 0; tile < tiles; ++tile) {
      const std::int64_t first_key = range.begin + static_cast<std::int64_t>(tile) * kKeys;
      device::barrier();  // nobody reads the tile before any more
      load<kKeys>(keys_, kPitch<kChannels>, keys, first_key, range.end);
      load<kKeys>(values_, kChannels, values, first_key, range.end);
      device::barrier();
#pragma unroll
      for (int r = 0; r < kRowsPerWarp; ++r) add_tile(r, first_key);
    }
    store(out + entry * p.out.batch + head * p.out.head);
  }

 private:
  static constexpr int kChannelsPerLane = kChannels / kLanes;

  const GenmoWindowAttention& p;
  float* queries_;
  float* keys_;
  float* values_;
  int thread_, lane_, warp_;
  std::int64_t first_row_;
  KeyRange reach_[kRowsPerWarp];
  Softmax softmax_[kRowsPerWarp];
  float mixed_[kRowsPerWarp][kChannelsPerLane];

  GENMO_DEVICE std::int64_t half(std::int64_t stated) const { return stated ? stated : p.channels / 2; }

  // Rows [first, first + kCount) of a matrix, zeros from `past` on and beyond the last channel, so that neither
  // ragged channels nor the end of the sequence need a branch later.
  template <int kCount>
  GENMO_DEVICE void load(float* to, int pitch, const Source<T>& from, std::int64_t first, std::int64_t past) const {
    for (int at = thread_; at < kCount * kChannels; at += kThreads) {
      const int row = at / kChannels, channel = at % kChannels;
      const bool inside = first + row < past && channel < p.channels;
      to[row * pitch + channel] = inside ? read(from, first + row, channel) : 0.0f;
    }
  }

  GENMO_DEVICE float read(const Source<T>& from, std::int64_t frame, int channel) const {
    const T* row = from.data + frame * from.frame;
    if (!from.turned) return device::to_float(row[channel]);
    const bool halves = p.rotary.pairing == GENMO_HALVES;
    const int middle = static_cast<int>(p.channels / 2);
    const int pair = halves ? channel % middle : channel / 2;
    const bool second = halves ? channel >= middle : channel % 2 == 1;
    const Pair x{device::to_float(row[halves ? pair : 2 * pair]),
                 device::to_float(row[halves ? pair + from.half : 2 * pair + 1])};
    const std::int64_t angle = frame * p.rotary.stride + pair;
    const Pair turned = turn(x, p.rotary.cos[angle], p.rotary.sin[angle]);
    return second ? turned.second : turned.first;
  }

  GENMO_DEVICE void prepare_rows() {
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const std::int64_t row = first_row_ + warp_ * kRowsPerWarp + r;
      reach_[r] = row < p.frames ? keys_of_row(row, p.frames, p.window) : KeyRange{0, 0};
      softmax_[r] = {-INFINITY, 0.0f};
#pragma unroll
      for (int c = 0; c < kChannelsPerLane; ++c) mixed_[r][c] = 0.0f;
    }
  }

  GENMO_DEVICE void add_tile(int r, std::int64_t first_key) {
    const Columns attended = columns_of(reach_[r], first_key, kKeys);
    if (!attended.meets(0, kKeys)) return;  // the same for the whole warp
    const float* query = queries_ + (warp_ * kRowsPerWarp + r) * kChannels;
    float score = 0.0f;
#pragma unroll
    for (int c = 0; c < kChannels; ++c) score = fmaf(query[c], keys_[lane_ * kPitch<kChannels> + c], score);
    score = attended.contains(lane_) ? static_cast<float>(p.scale) * kLog2E * score : -INFINITY;
    const float fade = softmax_[r].raise(warp_max(score));
    const float weight = softmax_[r].weight(score);
    softmax_[r].total += weight;  // of this lane's keys
#pragma unroll
    for (int c = 0; c < kChannelsPerLane; ++c) mixed_[r][c] *= fade;
#pragma unroll 8
    for (int key = 0; key < kKeys; ++key) {
      const float share = device::shuffle(weight, key);
#pragma unroll
      for (int c = 0; c < kChannelsPerLane; ++c) {
        mixed_[r][c] = fmaf(share, values_[key * kChannels + c * kLanes + lane_], mixed_[r][c]);
      }
    }
  }

  GENMO_DEVICE void store(T* out) {
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const std::int64_t row = first_row_ + warp_ * kRowsPerWarp + r;
      const float total = warp_sum(softmax_[r].total);
      if (row >= p.frames) continue;
#pragma unroll
      for (int c = 0; c < kChannelsPerLane; ++c) {
        const int channel = c * kLanes + lane_;
        if (channel < p.channels) {
          out[row * p.out.frame + channel] = device::from_float<T>(mixed_[r][c] / total);
        }
      }
    }
  }

  GENMO_DEVICE static float warp_max(float x) {
    for (int mask = kLanes / 2; mask > 0; mask /= 2) x = fmaxf(x, device::shuffle_xor(x, mask));
    return x;
  }

  GENMO_DEVICE static float warp_sum(float x) {
    for (int mask = kLanes / 2; mask > 0; mask /= 2) x += device::shuffle_xor(x, mask);
    return x;
  }
};

}  // namespace genmo::plain
