/* Attention in a clamped window (window.h), as a C interface: raw pointers, sizes, strides, a stream.
 *
 *   out[b, h, i, :] = sum over the keys j of row i of softmax_j(scale * q[b, h, i, :] . k[b, h, j, :]) * v[b,
 * h, j, :]
 *
 * where q and k are first turned by rotary positions when `rotary` has tables. The channels of a row lie next
 * to each other; everything else is reached by the strides, so [batch, heads, frames, channels] and [batch,
 * frames, heads, channels] both fit, and so do q, k and v inside one packed projection. `out` must not
 * overlap an input. Nothing is allocated, and nothing is written when the result is not GENMO_OK. */
#ifndef GENMO_WINDOW_ATTENTION_H
#define GENMO_WINDOW_ATTENTION_H

#include <stdint.h>

#if defined(_WIN32) && defined(GENMO_BUILDING)
#define GENMO_API __declspec(dllexport)
#elif defined(_WIN32)
#define GENMO_API __declspec(dllimport)
#else
#define GENMO_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum GenmoStatus {
  GENMO_OK = 0,
  GENMO_NULL_POINTER = 1,
  GENMO_BAD_SIZE = 2,
  GENMO_BAD_WINDOW = 3,
  GENMO_BAD_SCALE = 4,
  GENMO_BAD_STRIDE = 5,
  GENMO_BAD_DTYPE = 6,
  GENMO_BAD_ROTARY = 7,
  GENMO_CUDA_ERROR = 1000 /* plus the cudaError_t */
};

enum GenmoDtype { GENMO_FLOAT32 = 0, GENMO_FLOAT16 = 1, GENMO_BFLOAT16 = 2 };

/* In elements, not bytes. */
typedef struct {
  int64_t batch, head, frame;
} GenmoStrides;

/* Which channels make a rotary pair: c and c + 1 for even c, as the model is trained, or c and c + channels /
 * 2, as the exported step has them. */
enum GenmoPairing { GENMO_INTERLEAVED = 0, GENMO_HALVES = 1 };

/* All zero: no rotary positions. Row i is frame i for queries and keys alike. */
typedef struct {
  const float* cos; /* [frames, channels / 2], where q is: host or device; both tables or neither */
  const float* sin;
  int64_t stride;         /* floats from a frame's row to the next, >= channels / 2 */
  int64_t pairing;        /* a GenmoPairing */
  int64_t q_half, k_half; /* GENMO_HALVES: elements from the first half of a row to its second, 0 for
                             channels / 2; then a row is two stretches of channels / 2 */
} GenmoRotary;

typedef struct {
  int64_t batch, heads, frames, channels; /* each >= 1 */
  int64_t window;                         /* keys a row attends, >= 1 */
  double scale;                           /* usually 1 / sqrt(channels) */
  GenmoStrides q, k, v, out;
  GenmoRotary rotary;
} GenmoWindowAttention;

/* The reference: plain loops, fp32 in and out, sums in double. */
GENMO_API int genmo_window_attention_cpu(const GenmoWindowAttention* problem, const float* q, const float* k,
                                         const float* v, float* out);

/* Device pointers of one dtype, fp32 sums. At most 128 channels, and 65535 heads and batch entries. fp16 and
 * bf16 of 64 or 128 channels, with all rows at multiples of 16 bytes, run on the tensor cores; everything
 * else runs without them. `stream` is a cudaStream_t; the call returns when the kernel is queued. Present
 * when the library was built with CUDA. */
GENMO_API int genmo_window_attention_cuda(const GenmoWindowAttention* problem, int dtype, const void* q,
                                          const void* k, const void* v, void* out, void* stream);

/* First key of a row and one past its last, for languages that cannot include window.h. */
GENMO_API int genmo_window_keys(int64_t row, int64_t frames, int64_t window, int64_t* begin, int64_t* end);

/* One line on what a status means and what to do. */
GENMO_API const char* genmo_status_text(int status);

#ifdef __cplusplus
}
#endif
#endif
