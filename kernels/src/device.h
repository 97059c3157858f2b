// What the kernels ask of the machine, on a GPU.  tests/emulator.h has the same names for a CPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "genmo/tile.h"

#define GENMO_DEVICE __device__ __forceinline__

namespace genmo::device {

using Half = __half;
using BFloat16 = __nv_bfloat16;

GENMO_DEVICE float to_float(float x) {
  return x;
}
GENMO_DEVICE float to_float(Half x) {
  return __half2float(x);
}
GENMO_DEVICE float to_float(BFloat16 x) {
  return __bfloat162float(x);
}

template <typename T>
GENMO_DEVICE T from_float(float x) {
  if constexpr (sizeof(T) == 4) {
    return x;
  } else if constexpr (std::is_same_v<T, Half>) {
    return __float2half_rn(x);
  } else {
    return __float2bfloat16_rn(x);
  }
}

// Two numbers of 16 bits, the first in the low half.
template <typename T>
GENMO_DEVICE std::uint32_t pack(float first, float second) {
  if constexpr (std::is_same_v<T, Half>) {
    const __half2 both = __floats2half2_rn(first, second);
    return reinterpret_cast<const std::uint32_t&>(both);
  } else {
    const __nv_bfloat162 both = __floats2bfloat162_rn(first, second);
    return reinterpret_cast<const std::uint32_t&>(both);
  }
}

template <typename T>
GENMO_DEVICE Pair unpack(std::uint32_t both) {
  if constexpr (std::is_same_v<T, Half>) {
    const float2 pair = __half22float2(reinterpret_cast<const __half2&>(both));
    return {pair.x, pair.y};
  } else {
    const float2 pair = __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(both));
    return {pair.x, pair.y};
  }
}

// Waits for all threads of the block.
GENMO_DEVICE void barrier() {
  __syncthreads();
}

GENMO_DEVICE float shuffle_xor(float x, int mask) {
  return __shfl_xor_sync(0xffffffffu, x, mask);
}

GENMO_DEVICE float shuffle(float x, int lane) {
  return __shfl_sync(0xffffffffu, x, lane);
}

// 16 bytes from global to shared memory in the background, or 16 zero bytes; both addresses multiples of 16.
// The thread that asked sees them after `wait_for_copies`, the block after a barrier behind that.
GENMO_DEVICE void copy_16(void* shared, const void* global, bool inside) {
  const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = inside ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
}

GENMO_DEVICE void wait_for_copies() {
  asm volatile("cp.async.wait_all;" ::: "memory");
}

// Four 8x8 matrices of 16-bit numbers: lane l names row l % 8 of matrix l / 8 (16 bytes of shared memory),
// and gets of each matrix the numbers [l / 4][2 (l % 4)] and the next, packed.
GENMO_DEVICE void load_matrices(std::uint32_t (&x)[4], const void* row) {
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(from)
               : "memory");
}

// The same of the transposed matrices: [2 (l % 4)][l / 4] and the one below.
GENMO_DEVICE void load_matrices_transposed(std::uint32_t (&x)[4], const void* row) {
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(from)
               : "memory");
}

// c[16, 8] += a[16, 16] b[16, 8] over the warp, sums in fp32, fragments as mma.m16n8k16 lays them out.
template <typename T>
GENMO_DEVICE void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  if constexpr (std::is_same_v<T, Half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

}  // namespace genmo::device
