// device.h for a CPU: runs the very code of the kernels, thread by thread, without a GPU.
//
// Every thread of a block is a fiber.  A fiber runs until it has to wait for others: at a barrier for the
// block, at a shuffle, a matrix load or a matrix product for its warp.  Background copies are carried out as
// late as they may be, when their thread waits for them.  Shared memory starts as NaN, and the order of
// threads can be reversed, so that a missing barrier shows.  Matrix fragments follow the PTX ISA (sections on
// ldmatrix and mma.m16n8k16).
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "genmo/tile.h"

#define GENMO_DEVICE inline

namespace genmo::device {

struct Half {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

inline float half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024.0f + fraction, exponent - 25) : std::ldexp(1.0f * fraction, -24));
}

// Nearest, ties to even.
inline std::uint16_t half_bits(float x) {
  const unsigned sign = std::signbit(x) ? 0x8000u : 0u;
  if (std::isnan(x)) return static_cast<std::uint16_t>(sign | 0x7e00);
  const float size = std::fabs(x);
  if (size >= 65520.0f) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (size < std::ldexp(1.0f, -14)) {
    return static_cast<std::uint16_t>(sign | static_cast<unsigned>(std::nearbyint(std::ldexp(size, 24))));
  }
  const int exponent = std::ilogb(size);
  const auto steps = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 10 - exponent)));  // 1024 .. 2048
  return static_cast<std::uint16_t>(sign | ((static_cast<unsigned>(exponent + 15) << 10) + (steps - 1024)));
}

inline float bfloat16_value(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float x;
  std::memcpy(&x, &wide, sizeof x);
  return x;
}

inline std::uint16_t bfloat16_bits(float x) {
  std::uint32_t wide;
  std::memcpy(&wide, &x, sizeof wide);
  if (std::isnan(x)) return static_cast<std::uint16_t>(wide >> 16 | 0x40);
  return static_cast<std::uint16_t>((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

template <typename T>
const std::vector<float>& values() {
  static const std::vector<float> table = [] {
    std::vector<float> all(65536);
    for (unsigned bits = 0; bits < all.size(); ++bits) {
      const auto short_bits = static_cast<std::uint16_t>(bits);
      all[bits] = std::is_same_v<T, Half> ? half_value(short_bits) : bfloat16_value(short_bits);
    }
    return all;
  }();
  return table;
}

inline float to_float(float x) {
  return x;
}
inline float to_float(Half x) {
  return values<Half>()[x.bits];
}
inline float to_float(BFloat16 x) {
  return values<BFloat16>()[x.bits];
}

template <typename T>
T from_float(float x) {
  if constexpr (sizeof(T) == 4) {
    return x;
  } else if constexpr (std::is_same_v<T, Half>) {
    return Half{half_bits(x)};
  } else {
    return BFloat16{bfloat16_bits(x)};
  }
}

template <typename T>
std::uint32_t pack(float first, float second) {
  return from_float<T>(first).bits | static_cast<std::uint32_t>(from_float<T>(second).bits) << 16;
}

template <typename T>
Pair unpack(std::uint32_t both) {
  return {values<T>()[both & 0xffff], values<T>()[both >> 16]};
}

constexpr int kWarpLanes = 32;

// What a lane hands over at a point where its warp meets, and what it gets back.
struct Exchange {
  const void* address;
  std::array<std::uint32_t, 10> words;
  std::array<std::uint32_t, 4> result;
};

struct Copy {
  void* to;
  const void* from;
  bool inside;
};

// The threads of one block.
class BlockOfThreads {
 public:
  using Meeting = void (*)(std::array<Exchange, kWarpLanes>&);

  static BlockOfThreads& now() { return *running_; }

  // Runs `body(thread)` for all threads.  Throws std::logic_error when they wait for each other for ever, or
  // meet at different points.
  void run(int threads, bool reversed, const std::function<void(int)>& body) {
    running_ = this;
    body_ = &body;
    fibers_ = std::vector<Fiber>(static_cast<std::size_t>(threads));
    warps_ = std::vector<Warp>(static_cast<std::size_t>(threads / kWarpLanes));
    at_barrier_ = 0;
    failure_ = nullptr;
    for (int thread = 0; thread < threads; ++thread) start(thread);
    for (int left = threads; left > 0;) {
      const long before = progress_;
      for (int at = 0; at < threads; ++at) {
        const int thread = reversed ? threads - 1 - at : at;
        Fiber& fiber = fibers_[static_cast<std::size_t>(thread)];
        if (fiber.done || (fiber.waits && !fiber.waits())) continue;
        fiber.waits = nullptr;
        ++progress_;
        thread_ = thread;
        swapcontext(&scheduler_, &fiber.context);
        if (failure_) std::rethrow_exception(failure_);
        if (fiber.done) --left;
      }
      if (progress_ == before) throw std::logic_error("threads wait for each other for ever");
    }
  }

  void barrier() {
    const long round = barriers_;
    if (++at_barrier_ == static_cast<int>(fibers_.size())) {
      at_barrier_ = 0;
      ++barriers_;
    }
    wait([this, round] { return barriers_ != round; });
  }

  // The last lane of a warp to arrive computes for all.
  std::array<std::uint32_t, 4> meet(Meeting meeting, const Exchange& mine) {
    Warp& warp = warps_[static_cast<std::size_t>(thread_ / kWarpLanes)];
    const auto lane = static_cast<std::size_t>(thread_ % kWarpLanes);
    if (warp.arrived && warp.meeting != meeting) throw std::logic_error("lanes meet at different points");
    warp.meeting = meeting;
    warp.lanes[lane] = mine;
    const long round = warp.rounds;
    if (++warp.arrived == kWarpLanes) {
      meeting(warp.lanes);
      warp.arrived = 0;
      ++warp.rounds;
    }
    wait([&warp, round] { return warp.rounds != round; });
    return warp.lanes[lane].result;
  }

  void later(const Copy& copy) { fibers_[static_cast<std::size_t>(thread_)].copies.push_back(copy); }

  void copy_now() {
    for (const Copy& copy : fibers_[static_cast<std::size_t>(thread_)].copies) {
      if (copy.inside) std::memcpy(copy.to, copy.from, 16);
      else std::memset(copy.to, 0, 16);
    }
    fibers_[static_cast<std::size_t>(thread_)].copies.clear();
  }

 private:
  static constexpr std::size_t kStack = 64 * 1024;

  struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    std::vector<Copy> copies;
    std::function<bool()> waits;  // whether the wait is over
    bool done = false;
  };
  struct Warp {
    std::array<Exchange, kWarpLanes> lanes;
    Meeting meeting = nullptr;
    int arrived = 0;
    long rounds = 0;
  };

  void start(int thread) {
    Fiber& fiber = fibers_[static_cast<std::size_t>(thread)];
    fiber.stack.resize(kStack);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = &scheduler_;
    makecontext(&fiber.context, [] { now().live(); }, 0);
  }

  void live() {
    Fiber& fiber = fibers_[static_cast<std::size_t>(thread_)];
    try {
      (*body_)(thread_);
    } catch (...) {  // it must not leave the fiber's stack
      failure_ = std::current_exception();
    }
    fiber.done = true;
  }

  template <typename Over>
  void wait(Over over) {
    if (over()) return;
    Fiber& fiber = fibers_[static_cast<std::size_t>(thread_)];
    fiber.waits = over;
    swapcontext(&fiber.context, &scheduler_);
  }

  inline static BlockOfThreads* running_ = nullptr;
  const std::function<void(int)>* body_ = nullptr;
  std::exception_ptr failure_;
  ucontext_t scheduler_;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  int thread_ = 0, at_barrier_ = 0;
  long barriers_ = 0, progress_ = 0;
};

inline void barrier() {
  BlockOfThreads::now().barrier();
}

inline std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline float shuffle(float x, int lane) {
  const auto meeting = [](std::array<Exchange, kWarpLanes>& lanes) {
    for (Exchange& mine : lanes) mine.result[0] = lanes[mine.words[1]].words[0];
  };
  return float_of(
      BlockOfThreads::now().meet(meeting, {nullptr, {bits_of(x), static_cast<std::uint32_t>(lane)}, {}})[0]);
}

inline float shuffle_xor(float x, int mask) {
  const auto meeting = [](std::array<Exchange, kWarpLanes>& lanes) {
    for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i].result[0] = lanes[i ^ lanes[i].words[1]].words[0];
  };
  return float_of(
      BlockOfThreads::now().meet(meeting, {nullptr, {bits_of(x), static_cast<std::uint32_t>(mask)}, {}})[0]);
}

inline void copy_16(void* shared, const void* global, bool inside) {
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 || reinterpret_cast<std::uintptr_t>(global) % 16) {
    throw std::logic_error("a copy of 16 bytes is not aligned");
  }
  BlockOfThreads::now().later({shared, global, inside});
}

inline void wait_for_copies() {
  BlockOfThreads::now().copy_now();
}

template <bool transposed>
std::array<std::uint32_t, 4> loaded_matrices(const void* row) {
  const auto meeting = [](std::array<Exchange, kWarpLanes>& lanes) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      for (std::size_t matrix = 0; matrix < 4; ++matrix) {
        std::uint32_t both = 0;
        for (std::size_t i = 0; i < 2; ++i) {
          const std::size_t far = lane / 4, near = lane % 4 * 2 + i;
          const std::size_t r = transposed ? near : far, c = transposed ? far : near;
          const auto* numbers = static_cast<const std::uint16_t*>(lanes[matrix * 8 + r].address);
          both |= static_cast<std::uint32_t>(numbers[c]) << (16 * i);
        }
        lanes[lane].result[matrix] = both;
      }
    }
  };
  return BlockOfThreads::now().meet(meeting, {row, {}, {}});
}

inline void load_matrices(std::uint32_t (&x)[4], const void* row) {
  const auto loaded = loaded_matrices<false>(row);
  std::copy(loaded.begin(), loaded.end(), x);
}

inline void load_matrices_transposed(std::uint32_t (&x)[4], const void* row) {
  const auto loaded = loaded_matrices<true>(row);
  std::copy(loaded.begin(), loaded.end(), x);
}

// Fragments: of a, lane l has rows l / 4 (words 0, 2) and l / 4 + 8 (words 1, 3), columns 2 (l % 4) and the
// next (words 0, 1), and 8 more (words 2, 3); of b, column l / 4 and the same as rows; of c, rows l / 4 and
// l / 4 + 8, columns 2 (l % 4) and the next.
template <typename T>
void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  const auto meeting = [](std::array<Exchange, kWarpLanes>& lanes) {
    float left[16][16], right[16][8];
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const std::size_t far = lane / 4, near = lane % 4 * 2;
      const auto& words = lanes[lane].words;
      for (std::size_t word = 0; word < 4; ++word) {
        const Pair pair = unpack<T>(words[4 + word]);
        left[far + word % 2 * 8][near + word / 2 * 8] = pair.first;
        left[far + word % 2 * 8][near + word / 2 * 8 + 1] = pair.second;
      }
      for (std::size_t word = 0; word < 2; ++word) {
        const Pair pair = unpack<T>(words[8 + word]);
        right[near + word * 8][far] = pair.first;
        right[near + word * 8 + 1][far] = pair.second;
      }
    }
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        float sum = float_of(lanes[lane].words[i]);
        for (std::size_t k = 0; k < 16; ++k) sum += left[row][k] * right[k][column];
        lanes[lane].result[i] = bits_of(sum);
      }
    }
  };
  const auto sums = BlockOfThreads::now().meet(
      meeting,
      {nullptr,
       {bits_of(c[0]), bits_of(c[1]), bits_of(c[2]), bits_of(c[3]), a[0], a[1], a[2], a[3], b0, b1},
       {}});
  for (std::size_t i = 0; i < 4; ++i) c[i] = float_of(sums[i]);
}

}  // namespace genmo::device
