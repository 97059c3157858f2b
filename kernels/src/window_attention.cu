// Attention in a clamped window: one block takes 16 neighbouring rows of one head and walks once over the
// keys that any of them attends, 32 at a time, with an online softmax. Work and memory are O(frames *
// window).
//
// A warp owns two rows and uses its lanes twice: one key per lane for the scores, one channel (of each 32)
// per lane for the weighted sum. Keys and values sit in shared memory as fp32, so all dtypes share one inner
// loop.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "genmo/window.h"
#include "problem.h"

namespace {

constexpr int kLanes = 32;
constexpr int kWarps = 8;
constexpr int kRowsPerWarp = 2;
constexpr int kRows = kWarps * kRowsPerWarp;
constexpr int kTile = kLanes;  // keys in shared memory at a time: one per lane
constexpr int kMostChannels = 128;
constexpr std::int64_t kMostBlocksAside = 65535;  // grid y and z
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ float to_float(float x) {
  return x;
}
__device__ float to_float(__half x) {
  return __half2float(x);
}
__device__ float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

template <typename T>
__device__ T from_float(float x);
template <>
__device__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

__device__ float warp_max(float x) {
  for (int step = kLanes / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, step));
  return x;
}

__device__ float warp_sum(float x) {
  for (int step = kLanes / 2; step > 0; step /= 2) x += __shfl_xor_sync(kAllLanes, x, step);
  return x;
}

// Copies `count` rows from `first` on into `tile`, whose rows are `pitch` long; fills the rest of it with
// zeros, so that neither ragged channels nor the end of the sequence need a branch later.
template <int kChannels, int kTileRows, typename T>
__device__ void load_rows(float* tile, int pitch, const T* source, std::int64_t stride, std::int64_t first,
                          std::int64_t count, int channels) {
  for (int at = threadIdx.x; at < kTileRows * kChannels; at += kWarps * kLanes) {
    const int row = at / kChannels, channel = at % kChannels;
    const bool inside = row < count && channel < channels;
    tile[row * pitch + channel] = inside ? to_float(source[(first + row) * stride + channel]) : 0.0f;
  }
}

template <int kChannels, typename T>  // kChannels: the real number, rounded up to whole warps
__global__ void __launch_bounds__(kWarps* kLanes)
    window_attention(GenmoWindowAttention problem, const T* q, const T* k, const T* v, T* out) {
  constexpr int kPitch = kChannels + 1;  // odd, so the 32 keys of a tile lie in 32 different banks
  constexpr int kChannelsPerLane = kChannels / kLanes;
  __shared__ float queries[kRows * kChannels];
  __shared__ float keys[kTile * kPitch];
  __shared__ float values[kTile * kChannels];

  const int lane = threadIdx.x % kLanes, warp = threadIdx.x / kLanes;
  const int channels = static_cast<int>(problem.channels);
  const float scale = static_cast<float>(problem.scale);
  const std::int64_t head = blockIdx.y, entry = blockIdx.z;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * kRows;
  q += entry * problem.q.batch + head * problem.q.head;
  k += entry * problem.k.batch + head * problem.k.head;
  v += entry * problem.v.batch + head * problem.v.head;
  out += entry * problem.out.batch + head * problem.out.head;

  load_rows<kChannels, kRows>(queries, kChannels, q, problem.q.frame, first_row, problem.frames - first_row,
                              channels);

  genmo::KeyRange reach[kRowsPerWarp];
  float highest[kRowsPerWarp], total[kRowsPerWarp], mixed[kRowsPerWarp][kChannelsPerLane];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const std::int64_t row = first_row + warp * kRowsPerWarp + r;
    reach[r] = row < problem.frames ? genmo::keys_of_row(row, problem.frames, problem.window)
                                    : genmo::KeyRange{0, 0};
    highest[r] = -INFINITY;
    total[r] = 0.0f;
#pragma unroll
    for (int c = 0; c < kChannelsPerLane; ++c) mixed[r][c] = 0.0f;
  }

  const genmo::KeyRange all = genmo::keys_of_rows(first_row, kRows, problem.frames, problem.window);
  for (std::int64_t first_key = all.begin; first_key < all.end; first_key += kTile) {
    __syncthreads();  // the previous tile has been read by every warp
    load_rows<kChannels, kTile>(keys, kPitch, k, problem.k.frame, first_key, all.end - first_key, channels);
    load_rows<kChannels, kTile>(values, kChannels, v, problem.v.frame, first_key, all.end - first_key,
                                channels);
    __syncthreads();

#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const float* query = queries + (warp * kRowsPerWarp + r) * kChannels;
      float score = 0.0f;
#pragma unroll
      for (int c = 0; c < kChannels; ++c) score = fmaf(query[c], keys[lane * kPitch + c], score);
      const bool attended = reach[r].contains(first_key + lane);
      if (!__any_sync(kAllLanes, attended)) continue;  // the same for the whole warp

      score = attended ? scale * score : -INFINITY;
      const float higher = fmaxf(highest[r], warp_max(score));
      const float weight = attended ? expf(score - higher) : 0.0f;
      const float fade = expf(highest[r] - higher);  // 0 at the first tile: highest is -inf
      highest[r] = higher;
      total[r] = fade * total[r] + warp_sum(weight);
#pragma unroll
      for (int c = 0; c < kChannelsPerLane; ++c) mixed[r][c] *= fade;
#pragma unroll 8
      for (int key = 0; key < kTile; ++key) {
        const float share = __shfl_sync(kAllLanes, weight, key);
#pragma unroll
        for (int c = 0; c < kChannelsPerLane; ++c) {
          mixed[r][c] = fmaf(share, values[key * kChannels + c * kLanes + lane], mixed[r][c]);
        }
      }
    }
  }

#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const std::int64_t row = first_row + warp * kRowsPerWarp + r;
    if (row >= problem.frames) continue;
#pragma unroll
    for (int c = 0; c < kChannelsPerLane; ++c) {
      const int channel = c * kLanes + lane;
      if (channel < channels) out[row * problem.out.frame + channel] = from_float<T>(mixed[r][c] / total[r]);
    }
  }
}

template <typename T>
int launch(const GenmoWindowAttention& p, const void* q, const void* k, const void* v, void* out,
           void* stream) {
  const std::int64_t row_blocks = (p.frames + kRows - 1) / kRows;
  if (row_blocks > INT32_MAX || p.heads > kMostBlocksAside || p.batch > kMostBlocksAside)
    return GENMO_BAD_SIZE;
  const auto kernel = p.channels <= 32   ? window_attention<32, T>
                      : p.channels <= 64 ? window_attention<64, T>
                                         : window_attention<kMostChannels, T>;
  const dim3 grid(static_cast<unsigned>(row_blocks), static_cast<unsigned>(p.heads),
                  static_cast<unsigned>(p.batch));
  kernel<<<grid, kWarps * kLanes, 0, static_cast<cudaStream_t>(stream)>>>(
      p, static_cast<const T*>(q), static_cast<const T*>(k), static_cast<const T*>(v), static_cast<T*>(out));
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? GENMO_OK : GENMO_CUDA_ERROR + static_cast<int>(error);
}

}  // namespace

extern "C" int genmo_window_attention_cuda(const GenmoWindowAttention* problem, int dtype, const void* q,
                                           const void* k, const void* v, void* out, void* stream) {
  if (const int status = genmo::check(problem, q, k, v, out)) return status;
  if (problem->channels > kMostChannels) return GENMO_BAD_SIZE;
  switch (dtype) {
    case GENMO_FLOAT32:
      return launch<float>(*problem, q, k, v, out, stream);
    case GENMO_FLOAT16:
      return launch<__half>(*problem, q, k, v, out, stream);
    case GENMO_BFLOAT16:
      return launch<__nv_bfloat16>(*problem, q, k, v, out, stream);
    default:
      return GENMO_BAD_DTYPE;
  }
}
