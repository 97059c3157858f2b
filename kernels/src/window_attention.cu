// The kernels' entries and their launcher.  What a block does is in tensor_core.h and plain.h.
// With GENMO_IMAGE only the packed entries, for PTX and cubins.
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "genmo/tile.h"

#include "device.h"

#include "packed.h"
#include "plain.h"
#include "problem.h"
#include "tensor_core.h"

namespace {

using genmo::device::BFloat16;
using genmo::device::Half;

template <typename T, int kChannels>
__device__ __forceinline__ void by_tensor_cores(const GenmoWindowAttention& problem, const T* q, const T* k,
                                                const T* v, T* out) {
  __shared__ alignas(16) T shared[genmo::tensor_core::kShared<kChannels>];
  genmo::tensor_core::Block<T, kChannels>(problem, shared, threadIdx.x, blockIdx.x)
      .attend(q, k, v, out, blockIdx.y, blockIdx.z);
}

template <typename T, int kChannels>
__device__ __forceinline__ void plainly(const GenmoWindowAttention& problem, const T* q, const T* k, const T* v,
                                        T* out) {
  __shared__ float shared[genmo::plain::kShared<kChannels>];
  genmo::plain::Block<T, kChannels>(problem, shared, threadIdx.x, blockIdx.x)
      .attend(q, k, v, out, blockIdx.y, blockIdx.z);
}

#ifndef GENMO_IMAGE

constexpr std::int64_t kMostBlocksAside = 65535;  // grid y and z

template <typename T, int kChannels>
__global__ void __launch_bounds__(genmo::tensor_core::kThreads)
    tensor_core_kernel(const __grid_constant__ GenmoWindowAttention problem, const T* q, const T* k, const T* v,
                       T* out) {
  by_tensor_cores<T, kChannels>(problem, q, k, v, out);
}

template <typename T, int kChannels>
__global__ void __launch_bounds__(genmo::plain::kThreads)
    plain_kernel(const __grid_constant__ GenmoWindowAttention problem, const T* q, const T* k, const T* v,
                 T* out) {
  plainly<T, kChannels>(problem, q, k, v, out);
}

template <typename T>
using Kernel = void (*)(GenmoWindowAttention, const T*, const T*, const T*, T*);

template <typename T>
int launch(Kernel<T> kernel, int rows, int threads, const GenmoWindowAttention& p, const T* q, const T* k,
           const T* v, T* out, cudaStream_t stream) {
  const std::int64_t row_blocks = genmo::ceil_div(p.frames, rows);
  if (row_blocks > INT32_MAX || p.heads > kMostBlocksAside || p.batch > kMostBlocksAside) {
    return GENMO_BAD_SIZE;
  }
  const dim3 grid(static_cast<unsigned>(row_blocks), static_cast<unsigned>(p.heads),
                  static_cast<unsigned>(p.batch));
  kernel<<<grid, static_cast<unsigned>(threads), 0, stream>>>(p, q, k, v, out);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? GENMO_OK : GENMO_CUDA_ERROR + static_cast<int>(error);
}

template <typename T>
int attend(const GenmoWindowAttention& p, const void* q, const void* k, const void* v, void* out,
           cudaStream_t stream) {
  const auto run = [&](Kernel<T> kernel, int rows, int threads) {
    return launch<T>(kernel, rows, threads, p, static_cast<const T*>(q), static_cast<const T*>(k),
                     static_cast<const T*>(v), static_cast<T*>(out), stream);
  };
  if constexpr (sizeof(T) == 2) {
    if (genmo::tensor_core::suits(p, q, k, v, out)) {
      return run(p.channels == 64 ? tensor_core_kernel<T, 64> : tensor_core_kernel<T, 128>,
                 genmo::tensor_core::kRows, genmo::tensor_core::kThreads);
    }
  }
  return run(p.channels <= 64 ? plain_kernel<T, 64> : plain_kernel<T, genmo::plain::kMostChannels>,
             genmo::plain::kRows, genmo::plain::kThreads);
}

#endif  // GENMO_IMAGE

}  // namespace

#ifndef GENMO_IMAGE

extern "C" int genmo_window_attention_cuda(const GenmoWindowAttention* problem, int dtype, const void* q,
                                           const void* k, const void* v, void* out, void* stream) {
  if (const int status = genmo::check(problem, q, k, v, out)) return status;
  if (problem->channels > genmo::plain::kMostChannels) return GENMO_BAD_SIZE;
  const auto queue = static_cast<cudaStream_t>(stream);
  switch (dtype) {
    case GENMO_FLOAT32:
      return attend<float>(*problem, q, k, v, out, queue);
    case GENMO_FLOAT16:
      return attend<Half>(*problem, q, k, v, out, queue);
    case GENMO_BFLOAT16:
      return attend<BFloat16>(*problem, q, k, v, out, queue);
    default:
      return GENMO_BAD_DTYPE;
  }
}

#endif  // GENMO_IMAGE

// Entries for whoever launches PTX or a cubin by name: pointers and 32-bit integers only, in the order that
// TensorRT passes them.  Grid: blocks of rows (64; 16 for fp32), heads, batch.  Block: 128 threads (256 for
// fp32).  `scale_bits` are the bits of the fp32 scale.  Layout: packed.h; every array starts at a multiple of
// 16 bytes.
#define GENMO_PACKED_ENTRY(name, T, channels, attend_packed, threads)                                        \
  extern "C" __global__ void __launch_bounds__(threads)                                                      \
      name(const T* qkv, const float* cos, const float* sin, int frames, int heads, int window,              \
           int scale_bits, T* out) {                                                                         \
    const genmo::Packed packed =                                                                             \
        genmo::packed_problem(frames, heads, channels, window, __int_as_float(scale_bits), cos, sin);        \
    attend_packed<T, channels>(packed.problem, qkv + packed.q, qkv + packed.k, qkv + packed.v, out);         \
  }

GENMO_PACKED_ENTRY(genmo_window_attention_packed_f16_64, Half, 64, by_tensor_cores,
                   genmo::tensor_core::kThreads)
GENMO_PACKED_ENTRY(genmo_window_attention_packed_f16_128, Half, 128, by_tensor_cores,
                   genmo::tensor_core::kThreads)
GENMO_PACKED_ENTRY(genmo_window_attention_packed_bf16_64, BFloat16, 64, by_tensor_cores,
                   genmo::tensor_core::kThreads)
GENMO_PACKED_ENTRY(genmo_window_attention_packed_bf16_128, BFloat16, 128, by_tensor_cores,
                   genmo::tensor_core::kThreads)
GENMO_PACKED_ENTRY(genmo_window_attention_packed_f32_64, float, 64, plainly, genmo::plain::kThreads)
GENMO_PACKED_ENTRY(genmo_window_attention_packed_f32_128, float, 128, plainly, genmo::plain::kThreads)
