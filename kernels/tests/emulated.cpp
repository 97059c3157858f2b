// The kernels of window_attention.cu on a CPU, by emulator.h, behind a C interface for the tests.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "emulator.h"

#include "packed.h"
#include "plain.h"
#include "problem.h"
#include "tensor_core.h"

namespace {

using genmo::device::BFloat16;
using genmo::device::BlockOfThreads;
using genmo::device::Half;

constexpr int kEmulatorFailed = -1;

// A block of threads with its shared memory, all NaN at first, for every block of the grid.
template <template <typename, int> class Block, typename Shared, typename T, int kChannels>
int run(const GenmoWindowAttention& p, const T* q, const T* k, const T* v, T* out, int rows, int threads,
        std::size_t shared_count, bool reversed) {
  BlockOfThreads block;
  std::vector<Shared> space(shared_count + 16 / sizeof(Shared));
  for (std::int64_t entry = 0; entry < p.batch; ++entry) {
    for (std::int64_t head = 0; head < p.heads; ++head) {
      for (std::int64_t rows_at = 0; rows_at < genmo::ceil_div(p.frames, rows); ++rows_at) {
        std::memset(space.data(), 0xff, space.size() * sizeof(Shared));
        const auto past = reinterpret_cast<std::uintptr_t>(space.data()) % 16;
        Shared* shared = space.data() + (past ? (16 - past) / sizeof(Shared) : 0);
        block.run(threads, reversed, [&](int thread) {
          Block<T, kChannels>(p, shared, thread, rows_at).attend(q, k, v, out, head, entry);
        });
      }
    }
  }
  return GENMO_OK;
}

template <typename T, int kChannels>
int plainly(const GenmoWindowAttention& p, const T* q, const T* k, const T* v, T* out, bool reversed) {
  return run<genmo::plain::Block, float, T, kChannels>(p, q, k, v, out, genmo::plain::kRows,
                                                       genmo::plain::kThreads,
                                                       genmo::plain::kShared<kChannels>, reversed);
}

template <typename T, int kChannels>
int by_tensor_cores(const GenmoWindowAttention& p, const T* q, const T* k, const T* v, T* out, bool reversed) {
  return run<genmo::tensor_core::Block, T, T, kChannels>(p, q, k, v, out, genmo::tensor_core::kRows,
                                                         genmo::tensor_core::kThreads,
                                                         genmo::tensor_core::kShared<kChannels>, reversed);
}

// The launcher's choice of kernel (window_attention.cu), or `plain` for the one without tensor cores.
template <typename T>
int attend(const GenmoWindowAttention& p, const T* q, const T* k, const T* v, T* out, bool plain, bool reversed) {
  if constexpr (sizeof(T) == 2) {
    if (!plain) {
      if (!genmo::tensor_core::suits(p, q, k, v, out)) return GENMO_BAD_STRIDE;
      return p.channels == 64 ? by_tensor_cores<T, 64>(p, q, k, v, out, reversed)
                              : by_tensor_cores<T, 128>(p, q, k, v, out, reversed);
    }
  }
  return p.channels <= 64 ? plainly<T, 64>(p, q, k, v, out, reversed)
                          : plainly<T, 128>(p, q, k, v, out, reversed);
}

template <typename T>
int checked(const GenmoWindowAttention& p, const void* q, const void* k, const void* v, void* out, bool plain,
            bool reversed) {
  try {
    return attend<T>(p, static_cast<const T*>(q), static_cast<const T*>(k), static_cast<const T*>(v),
                     static_cast<T*>(out), plain, reversed);
  } catch (const std::exception&) {
    return kEmulatorFailed;
  }
}

int by_dtype(const GenmoWindowAttention& p, int dtype, const void* q, const void* k, const void* v, void* out,
             bool plain, bool reversed) {
  switch (dtype) {
    case GENMO_FLOAT32:
      return checked<float>(p, q, k, v, out, plain, reversed);
    case GENMO_FLOAT16:
      return checked<Half>(p, q, k, v, out, plain, reversed);
    case GENMO_BFLOAT16:
      return checked<BFloat16>(p, q, k, v, out, plain, reversed);
    default:
      return GENMO_BAD_DTYPE;
  }
}

}  // namespace

extern "C" GENMO_API int genmo_window_attention_emulated(const GenmoWindowAttention* problem, int dtype,
                                                         const void* q, const void* k, const void* v, void* out,
                                                         int plain, int reversed) {
  if (const int status = genmo::check(problem, q, k, v, out)) return status;
  return by_dtype(*problem, dtype, q, k, v, out, plain != 0, reversed != 0);
}

// The packed entries, as a grid of `batch` launches them.
extern "C" GENMO_API int genmo_window_attention_packed_emulated(int dtype, std::int64_t batch,
                                                                std::int64_t frames, std::int64_t heads,
                                                                std::int64_t channels, std::int64_t window,
                                                                double scale, const float* cos,
                                                                const float* sin, const void* qkv, void* out) {
  genmo::Packed packed = genmo::packed_problem(frames, heads, channels, window, scale, cos, sin);
  packed.problem.batch = batch;
  const std::int64_t size = dtype == GENMO_FLOAT32 ? 4 : 2;
  const auto* base = static_cast<const char*>(qkv);
  if (const int status = genmo::check(&packed.problem, qkv, qkv, qkv, out)) return status;
  return by_dtype(packed.problem, dtype, base + packed.q * size, base + packed.k * size,
                  base + packed.v * size, out, dtype == GENMO_FLOAT32, false);
}

// `count` numbers rounded to 16 bits, so that a test can compare the emulator's rounding with another's.
extern "C" GENMO_API void genmo_round_emulated(int dtype, std::int64_t count, const float* x,
                                               std::uint16_t* bits) {
  for (std::int64_t i = 0; i < count; ++i) {
    bits[i] = dtype == GENMO_FLOAT16 ? genmo::device::half_bits(x[i]) : genmo::device::bfloat16_bits(x[i]);
  }
}
