// The CUDA kernel against the CPU reference, for every dtype, on the sequence lengths where windows go wrong.
// Exits 77 (skipped) where there is no GPU.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <random>
#include <vector>

#include "genmo/window_attention.h"

static void must(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "CUDA: %s\n", cudaGetErrorString(error));
  std::exit(EXIT_FAILURE);
}

template <typename T>
struct DeviceArray {
  T* data = nullptr;
  explicit DeviceArray(const std::vector<T>& host) {
    must(cudaMalloc(&data, host.size() * sizeof(T)));
    must(cudaMemcpy(data, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { cudaFree(data); }
  DeviceArray(const DeviceArray&) = delete;
};

// Largest difference between kernel and reference; both see the same inputs, rounded to T first.
template <typename T>
static double largest_error(int dtype, GenmoWindowAttention problem) {
  const auto size =
      static_cast<std::size_t>(problem.batch * problem.heads * problem.frames * problem.channels);
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> rounded[3], want(size);
  std::vector<T> inputs[3];
  for (int i = 0; i < 3; ++i) {
    for (std::size_t at = 0; at < size; ++at) {
      const T x = static_cast<T>(normal(random));
      inputs[i].push_back(x);
      rounded[i].push_back(static_cast<float>(x));
    }
  }
  if (genmo_window_attention_cpu(&problem, rounded[0].data(), rounded[1].data(), rounded[2].data(),
                                 want.data())) {
    return INFINITY;
  }
  // The reference read the tables here; the kernel wants them on the device.
  const float none = 0.0f;
  const GenmoRotary host = problem.rotary;
  const std::size_t angles = host.cos ? static_cast<std::size_t>(problem.frames * problem.channels / 2) : 1;
  const float *first_cos = host.cos ? host.cos : &none, *first_sin = host.sin ? host.sin : &none;
  DeviceArray<float> cos(std::vector<float>(first_cos, first_cos + angles));
  DeviceArray<float> sin(std::vector<float>(first_sin, first_sin + angles));
  if (host.cos) problem.rotary.cos = cos.data, problem.rotary.sin = sin.data;
  DeviceArray<T> q(inputs[0]), k(inputs[1]), v(inputs[2]), out(std::vector<T>(size, static_cast<T>(0.0f)));
  if (const int status =
          genmo_window_attention_cuda(&problem, dtype, q.data, k.data, v.data, out.data, nullptr)) {
    std::fprintf(stderr, "status %d: %s\n", status, genmo_status_text(status));
    return INFINITY;
  }
  std::vector<T> got(size);
  must(cudaMemcpy(got.data(), out.data, size * sizeof(T), cudaMemcpyDeviceToHost));
  double worst = 0.0;
  for (std::size_t at = 0; at < size; ++at) {
    const double error = std::fabs(static_cast<double>(static_cast<float>(got[at])) - want[at]);
    if (!(error <= worst)) worst = error;  // keeps a NaN
  }
  return worst;
}

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("skipped: no CUDA device");
    return 77;
  }
  int failures = 0;
  for (const std::int64_t frames : {1, 60, 119, 120, 121, 180, 300, 1800}) {
    for (const std::int64_t channels : {20, 64, 128}) {
      std::vector<float> cos, sin;
      for (std::int64_t at = 0; at < frames * channels / 2; ++at) {
        const double pair = static_cast<double>(at % (channels / 2)) * 2 / static_cast<double>(channels);
        const double angle = static_cast<double>(at / (channels / 2)) * std::pow(10000.0, -pair);
        cos.push_back(static_cast<float>(std::cos(angle)));
        sin.push_back(static_cast<float>(std::sin(angle)));
      }
      for (const int pairing : {-1, static_cast<int>(GENMO_INTERLEAVED), static_cast<int>(GENMO_HALVES)}) {
        GenmoWindowAttention p{};
        p.batch = 2, p.heads = 3, p.frames = frames, p.channels = channels, p.window = 120;
        p.scale = 1.0 / std::sqrt(static_cast<double>(channels));
        // [batch, frames, heads, channels], as a packed projection leaves them
        p.q = p.k = p.v = p.out = {frames * p.heads * channels, channels, p.heads * channels};
        if (pairing >= 0) p.rotary = {cos.data(), sin.data(), channels / 2, pairing, 0, 0};
        // Twice the rounding of an output between 2 and 4; for fp32, of its sums.
        const struct {
          const char* name;
          double error, allowed;
        } runs[] = {{"fp32", largest_error<float>(GENMO_FLOAT32, p), 1e-5},
                    {"fp16", largest_error<__half>(GENMO_FLOAT16, p), 4e-3},
                    {"bf16", largest_error<__nv_bfloat16>(GENMO_BFLOAT16, p), 3.2e-2}};
        for (const auto& run : runs) {
          const bool good = run.error <= run.allowed;
          std::printf("%s frames %lld channels %lld pairing %d: largest error %.2e%s\n", run.name,
                      static_cast<long long>(frames), static_cast<long long>(channels), pairing, run.error,
                      good ? "" : "  FAILED");
          failures += good ? 0 : 1;
        }
      }
    }
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
