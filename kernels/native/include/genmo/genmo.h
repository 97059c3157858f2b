/* libgenmo: genmo's numerical stages as a C interface (C99; no header but stdint and stddef).
 *
 * No exceptions, no output, no locale, no threads of its own; a caller's memory in and out. Arrays are dense, row-major,
 * little-endian float64 unless a comment says otherwise; shapes are in brackets; rotations are 3 x 3 matrices that act
 * on column vectors. Nothing is written when the result is not GENMO_OK. */
#ifndef GENMO_H
#define GENMO_H

#include <stddef.h>
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

/* Of this header; rises with every change that a caller compiled against an older one could not bear. */
#define GENMO_ABI 1

typedef enum genmo_status {
  GENMO_OK = 0,
  GENMO_BAD_ARGUMENT = 1,
  GENMO_NO_MEMORY = 2,
  GENMO_UNSUPPORTED = 3, /* by this processor or this build */
  GENMO_SINGULAR = 4     /* equations without a solution, such as a parameter that nothing measures or holds */
} genmo_status;

/* Caller's memory; `size` is sizeof(genmo_error). Functions take NULL where no message is wanted. */
typedef struct genmo_error {
  uint32_t size;
  int32_t status; /* a genmo_status */
  char message[240];
} genmo_error;

GENMO_API uint32_t genmo_abi(void);
GENMO_API const char* genmo_version(void);

/* Instruction sets that this build holds and this processor runs, best first: "avx512", "avx2", "portable", ...; NULL
 * beyond the last. The first is in use until genmo_isa_select names another; not while other calls run. */
GENMO_API const char* genmo_isa(int32_t index);
GENMO_API const char* genmo_isa_in_use(void);
GENMO_API genmo_status genmo_isa_select(const char* name, genmo_error* error);

/* --- fit of a body to keypoints -----------------------------------------------------------------------------------
 *
 * A few damped Gauss-Newton steps on turns of the free joints about the camera's axes and on a move of the root, held
 * back by how far each may turn and by the frames beside it. Frames follow each other in time; the camera is OpenCV's (x
 * right, y down, z forward), lengths are metres. */

/* The skeleton and the constants of a fit. */
typedef struct genmo_fit_model {
  uint32_t size;              /* sizeof(genmo_fit_model) */
  int32_t joints;             /* 1 to 64 */
  int32_t free_joints;        /* 1 to 32 */
  int32_t points;             /* 1 to 64 */
  const int32_t* parents;     /* [joints] each lower than the joint itself; -1 for joint 0 */
  const int32_t* free;        /* [free_joints] joints that turn */
  const int32_t* fixed_to;    /* [points] joint of each keypoint */
  const double* places;       /* [points, 3] in that joint's frame */
  const double* point_spread; /* [points] how well a keypoint marks its joint, one standard deviation */
  const double* spread;       /* [3 free_joints + 3] how far a parameter may change, radians and metres */
  const uint8_t* along_view;  /* [3 free_joints + 3] 1 where a parameter moves points along the view */
  double change;              /* share of `spread` that a change may differ by from the mean of the frames beside it */
  double min_depth;           /* points nearer than this do not count */
  double robust_scale;        /* points further off than this lose weight */
  /* Trust in the keypoints of a frame: see genmo_fit_pose. */
  int32_t first_trusted;      /* points from this one on are looked at */
  int32_t lag, averaged;      /* frames */
  double fits, explained, least_trust, full_trust;
} genmo_fit_model;

/* A pose in front of the camera, and where its keypoints are. */
typedef struct genmo_fit_input {
  uint32_t size;           /* sizeof(genmo_fit_input) */
  int64_t frames;          /* 1 to 2^24 */
  const double* rotations; /* [frames, joints, 3, 3] local; joint 0 in the camera */
  const double* root;      /* [frames, 3] */
  const double* offsets;   /* [joints, 3] rest offsets */
  const double* rays;      /* [frames, points, 2] keypoints on the plane at depth 1 */
  const double* weight;    /* [frames, points] 0 to 1 */
} genmo_fit_input;

/* Bytes of scratch memory that the functions below need for so many frames. */
GENMO_API genmo_status genmo_fit_scratch(const genmo_fit_model* model, int64_t frames, size_t* bytes, genmo_error* error);

/* The pose after `iterations` steps: rotations [frames, joints, 3, 3] and root [frames, 3], which may be the input's own.
 * Where residuals still change within `lag` frames after the fit, by more than `fits` point spreads and than `explained`
 * of the change before it, the keypoints are trusted less, between `least_trust` and 1 (from `full_trust` on: 1), and the
 * fit is done again with a slower correction along the view. GENMO_SINGULAR leaves the outputs undefined. */
GENMO_API genmo_status genmo_fit_pose(const genmo_fit_model* model, const genmo_fit_input* input, int32_t iterations,
                                      double* rotations, double* root, void* scratch, size_t scratch_bytes,
                                      genmo_error* error);

/* The linear space of bodies that genmo_fit_shape moves in. */
typedef struct genmo_shape_space {
  uint32_t size;            /* sizeof(genmo_shape_space) */
  int32_t count;            /* 1 to 16 */
  const double* mean;       /* [joints, 3] rest offsets */
  const double* components; /* [count, joints, 3] */
} genmo_shape_space;

/* `fitted` [count]: `betas` [count] moved to where poses and keypoints of all frames fit best, in `iterations` steps that
 * move poses and shape together. The frames count as at most `most_weight` beside the prior, one standard deviation about
 * `betas`; the input's offsets are not read. */
GENMO_API genmo_status genmo_fit_shape(const genmo_fit_model* model, const genmo_fit_input* input,
                                       const genmo_shape_space* space, const double* betas, double most_weight,
                                       int32_t iterations, double* fitted, void* scratch, size_t scratch_bytes,
                                       genmo_error* error);

/* The normal equations of the shape at a pose in front of the camera when each frame may still move its own pose, which is
 * at rest: means over the frames of the second derivative [count, count] and the slope [count]. */
GENMO_API genmo_status genmo_shape_equations(const genmo_fit_model* model, const genmo_fit_input* input,
                                             const genmo_shape_space* space, double* hessian, double* slope,
                                             void* scratch, size_t scratch_bytes, genmo_error* error);

#ifdef __cplusplus
}
#endif

#endif
