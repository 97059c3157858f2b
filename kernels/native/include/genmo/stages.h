/* libgenmo's numerical stages one by one, as genmo's Python runtime calls them: forward kinematics, pictures, feet,
 * the fit to keypoints, the network. genmo.h has motions from texts. C99.
 *
 * Arrays are dense, row-major, little-endian float64 unless a comment says otherwise; shapes are in brackets; rotations are
 * 3 x 3 matrices that act on column vectors. Nothing is written when the result is not GENMO_OK. */
#ifndef GENMO_STAGES_H
#define GENMO_STAGES_H

#include "genmo/genmo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- skeleton ------------------------------------------------------------------------------------------------------- */

/* Global rotations [frames, joints, 3, 3] and positions [frames, joints, 3] from local rotations [frames, joints, 3, 3],
 * the root [frames, 3] and rest offsets [joints, 3], or [frames, joints, 3] when `own_offsets` is not 0. `parents`
 * [joints]: each lower than the joint itself; -1 for joint 0. At most 64 joints. */
GENMO_API genmo_status genmo_forward_kinematics(int64_t frames, int32_t joints, const int32_t* parents,
                                                const double* rotations, const double* root, const double* offsets,
                                                int32_t own_offsets, double* globals, double* positions,
                                                genmo_error* error);

/* --- pictures ------------------------------------------------------------------------------------------------------- */

/* The nearest of triangles, a picture `smooth` times as fine averaged: `image` [height, width, 4], colour times coverage
 * and coverage. `corners` [faces, 3, 2] pixels of the fine picture (x right, y down), `depth` [faces, 3] over 0 and
 * `colors` [faces, 3, 3] at the corners, which vary linearly in 1 / depth. `smooth` is 1 to 8. */
GENMO_API genmo_status genmo_draw_triangles(int32_t width, int32_t height, int32_t smooth, int64_t faces,
                                            const double* corners, const double* depth, const double* colors,
                                            float* image, genmo_error* error);

/* `mask` [height, width]: 1 where a triangle of `corners` [faces, 3, 2] covers the pixel's centre, else 0. */
GENMO_API genmo_status genmo_draw_coverage(int32_t width, int32_t height, int64_t faces, const double* corners,
                                           uint8_t* mask, genmo_error* error);

/* --- feet -----------------------------------------------------------------------------------------------------------
 *
 * Planted feet stand still on the ground: probabilities, decisions, the root's correction, anchors, offsets that fade
 * beside them, and legs that follow. Worlds have y up, lengths are metres; "foot" counts left, right; `balls` [frames, 2,
 * 3] are the balls of the feet. */

typedef struct genmo_feet {
  uint32_t size;    /* sizeof(genmo_feet) */
  int32_t horizon;  /* frames on each side over which the slide is averaged; at most 2^20 */
  int32_t smooth;   /* frames on each side over which the root's correction is smoothed; at most horizon */
  int32_t level;    /* frames on each side over which the height is brought to the ground; at most 2^20 */
  int32_t lift;     /* frames over which an offset fades after a pin */
  int32_t slip;     /* frames for which a foot that is dragged from pin to pin may seem to have left the ground */
  double strength;  /* 0 to 1 */
  double ground;    /* height of the flat ground; NaN: not known */
  double quiet;     /* metres a frame below which the root leaves the slide to the pins */
  double step;      /* metres; a foot that is higher stands on something */
  double ball_height; /* of the ball of a foot that stands */
  double stands;    /* metres over that at which a ball no longer stands */
  double most_bent; /* radians by which heels and toes turn up */
  double extended;  /* share of a leg's length beyond which its reach is softened */
} genmo_feet;

/* When a foot is planted. */
typedef struct genmo_contact_rule {
  uint32_t size;     /* sizeof(genmo_contact_rule) */
  double enter;      /* probability above which a foot is planted */
  double leave;      /* probability below which it is free again */
  double slow;       /* m/s at which a contact of 0.5 is as likely as not */
  double slow_alone; /* the same without contacts */
  double steep;      /* power of the speed */
  double still;      /* m/s of a foot at rest */
  double lifted;     /* metres over the other foot */
} genmo_contact_rule;

/* `scores` [frames, 2]: probability that a foot is planted; `contacts` [frames, 6] as of a motion, or NULL. */
GENMO_API genmo_status genmo_contact_scores(const genmo_contact_rule* rule, int64_t frames, const double* balls,
                                            const double* contacts, double fps, double* scores, genmo_error* error);

/* `in_contact` [frames, 2], 0 or 1: by hysteresis, at least 3 frames each; `before` [2] is the decision in front. */
GENMO_API genmo_status genmo_frames_in_contact(const genmo_contact_rule* rule, int64_t frames, const double* scores,
                                               const uint8_t* before, uint8_t* in_contact, genmo_error* error);

/* `shift` [frames, 3] of the root, which sees `ahead` frames of the future. `scratch`: 5 frames + 2 horizon + 2 level + 2
 * numbers. */
GENMO_API genmo_status genmo_root_shift(const genmo_feet* feet, int64_t frames, const double* balls,
                                        const double* scores, int64_t ahead, double* shift, double* scratch,
                                        genmo_error* error);

/* Where planted feet are pinned, and when they are let go. */
typedef struct genmo_anchor_rule {
  uint32_t size;      /* sizeof(genmo_anchor_rule) */
  int32_t lift;       /* frames for which a foot stays free after a pin */
  int32_t span;       /* frames from which an anchor is taken, 1 to 256 */
  int32_t brief;      /* frames in which a foot that is dragged further than `reach`, but comes back, stays pinned */
  double reach;       /* metres to an anchor at which a foot is let go */
  double step;        /* metres; a foot that is higher stands on something */
  double ball_height; /* of the ball of a foot that stands */
  double ground;      /* height of the flat ground; NaN: not known */
} genmo_anchor_rule;

/* The lock of a foot, carried from call to call; all 0 at first. */
typedef struct genmo_lock {
  int32_t pinned;   /* whether `anchor` holds */
  int32_t rest;     /* frames for which the foot must still stay free */
  double anchor[3];
} genmo_lock;

/* `anchors` [upto, 2, 3], NaN where a foot is free, of the first `upto` of `frames`; changes `locks` [2]. */
GENMO_API genmo_status genmo_lock_anchors(const genmo_anchor_rule* rule, int64_t frames, int64_t upto, const double* balls,
                                          const uint8_t* in_contact, genmo_lock* locks, double* anchors,
                                          genmo_error* error);

/* `offsets` [frames, 2, 3] that bring balls to the anchors [anchored, 2, 3] of the first frames, faded beside the pins:
 * over `lift` frames after and `fade` before one. A foot that is in contact, `in_contact` [anchored, 2], from one pin to the
 * next, but for `slip` frames, is as high between them as they are. */
GENMO_API genmo_status genmo_pin_offsets(const genmo_feet* feet, int64_t frames, int64_t anchored, const double* balls,
                                         const double* anchors, const uint8_t* in_contact, int64_t fade, double* offsets,
                                         genmo_error* error);

/* Where the soles end, left and right: centres and radii of spheres. */
typedef struct genmo_soles {
  uint32_t size;        /* sizeof(genmo_soles) */
  double heels[2][3];   /* from the ball, in the ankle's rest frame */
  double toes[2][3];    /* from the ball, in its rest frame */
  double balls[2][3];   /* from the ankle, in its rest frame */
  double heel_radius, toe_radius;
} genmo_soles;

/* `rotations` [frames, 2, 4, 3, 3], local, of hip, knee, ankle and ball, for a root moved by shift [frames, 3] and feet moved
 * by offsets [frames, 2, 3] on top; `points` [frames, 2, 4, 3] and `globals` [frames, 2, 4, 3, 3] of these joints in the
 * world, `roots` [frames, 3, 3] the pelvis's rotations. */
GENMO_API genmo_status genmo_move_feet(const genmo_feet* feet, const genmo_soles* soles, int64_t frames,
                                       const double* points, const double* globals, const double* roots,
                                       const double* shift, const double* offsets, double* rotations,
                                       genmo_error* error);

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

/* --- the network ---------------------------------------------------------------------------------------------------
 *
 * The denoiser of an engine; float32 throughout, timesteps and spans int64. A network may be used by several threads at
 * once. Its answers have the same bits for every number of threads. */
typedef struct genmo_network genmo_network;

/* A weight of an engine, by its role in the table "native" of engine.json: dense float32, at any address; a vector has one row.
 * It is read while the network is opened and not kept. */
typedef struct genmo_tensor {
  const char* role;
  const void* data;
  int64_t rows, columns;
} genmo_tensor;

/* A condition of every frame: "keypoints" (17 x 3), "bounding_box" (3), "camera" (12), or features under any other
 * name. */
typedef struct genmo_condition_kind {
  const char* name;
  int32_t width;
} genmo_condition_kind;

typedef struct genmo_network_options {
  uint32_t size; /* sizeof(genmo_network_options) */
  int32_t width, depth, heads, mlp_width, window, text_width, text_tokens, text_depth; /* of the engine's "model" */
  int32_t features;   /* of a frame of motion */
  int32_t text_first; /* 1: block_order "public" */
  int32_t first_turn, turning_joints; /* the joints' turns among the features, for "innovation"; 0 joints: without */
  float norm_epsilon;
  int32_t fast;    /* 1: layers in fixed point, 14-bit activations x weights of about 13 bits */
  int32_t threads; /* the caller's among them; 1 to 64 */
  int32_t condition_count; /* 1 to 16 */
  const genmo_condition_kind* conditions; /* in the order of the signature */
} genmo_network_options;

/* The network keeps what it needs of the tensors, for the instruction set that is in use. */
GENMO_API genmo_status genmo_network_open(const genmo_network_options* options, const genmo_tensor* tensors,
                                          int32_t count, genmo_network** network, genmo_error* error);
GENMO_API void genmo_network_close(genmo_network* network); /* not while a call of it runs; NULL is no error */

/* Inputs and output of conditions.onnx. */
typedef struct genmo_conditions {
  uint32_t size; /* sizeof(genmo_conditions) */
  int32_t batch, frames;
  const float* const* values; /* [condition_count] of [batch, frames, width of the condition] */
  const float* const* masks;  /* [condition_count] of [batch, frames], 0 or 1 */
  float* fused;               /* [batch, frames, width] */
} genmo_conditions;

GENMO_API genmo_status genmo_network_conditions(genmo_network* network, const genmo_conditions* conditions,
                                                genmo_error* error);

/* Inputs and outputs of texts.onnx, in the shapes that a step takes with `prompted` = `batch`. Released weights that read texts answer
 * texts + 1: the null text comes first. */
typedef struct genmo_texts {
  uint32_t size; /* sizeof(genmo_texts) */
  int32_t batch, texts;
  const float* tokens;   /* [batch, texts, text_tokens, text_width]; of released weights there may be no texts */
  const float* mask;     /* [batch, texts, text_tokens], 0 or 1 */
  const int64_t* spans;  /* [batch, texts, 2] */
  float* bias;           /* [batch, texts, text_tokens] */
  int64_t* reach;        /* [batch, texts, 2] */
  float* const* keys;    /* [depth] of [batch, heads, width / heads, texts * text_tokens] */
  float* const* values;  /* [depth] of [batch, heads, texts * text_tokens, width / heads] */
} genmo_texts;

GENMO_API genmo_status genmo_network_texts(genmo_network* network, const genmo_texts* texts, genmo_error* error);

/* Inputs and outputs of step.onnx. The first `prompted` motions have `texts` texts: all of them, of released weights that read texts. */
typedef struct genmo_step {
  uint32_t size; /* sizeof(genmo_step) */
  int32_t batch, frames, prompted, texts;
  const float* x_t;        /* [batch, frames, features] */
  const int64_t* timestep; /* [batch] */
  const float* fused;      /* [batch, frames, width] */
  const float* text_bias;  /* [prompted, texts, text_tokens]; with no texts these four may be NULL */
  const int64_t* text_reach;       /* [prompted, texts, 2] */
  const float* const* text_keys;   /* [depth] of [prompted, heads, width / heads, texts * text_tokens] */
  const float* const* text_values; /* [depth] of [prompted, heads, texts * text_tokens, width / heads] */
  float* x_0;                      /* [batch, frames, features] */
  /* of released weights, else NULL; a struct that ends here in front of them is taken as well */
  float* weak_perspective; /* [batch, frames, 3] */
  float* contact_logits;   /* [batch, frames, 6] */
} genmo_step;

GENMO_API genmo_status genmo_network_step(genmo_network* network, const genmo_step* step, genmo_error* error);

/* --- what a motion from texts begins with ---------------------------------------------------------------------------- */

/* float32 `values` [count] as `numpy.random.default_rng((seed, sample)).standard_normal(count, numpy.float32)` draws them. */
GENMO_API void genmo_noise(uint64_t seed, uint32_t sample, int64_t count, float* values);

/* A text as the network reads it: `tokens` [text_tokens, text_width] and `mask` [text_tokens] float32, of the engine's "model".
 * GENMO_BAD_ARGUMENT for a text without a word. */
GENMO_API genmo_status genmo_read_text(const genmo_model* model, const char* prompt, float* tokens, float* mask,
                                       genmo_error* error);

/* How much a text says that a motion has each trait: `weights` [count], in the order of the engine's reader, and by how much motions of
 * such texts agree with it more than any motions do. GENMO_UNSUPPORTED: the engine has no reader. */
GENMO_API genmo_status genmo_said_traits(genmo_model* model, const char* prompt, float* weights, int32_t count, double* amount,
                                         genmo_error* error);

/* Of each name [count], such as "speed>0.4" or "turn_left>85": `over` [count] is 1 where frames [start, end), at least 14, of world joints
 * [frames, 24, 3] have this trait, 0 where they have not, 2 where there is no such trait. */
GENMO_API genmo_status genmo_traits(int64_t frames, const double* joints, int64_t start, int64_t end, int32_t count,
                                    const char* const* names, uint8_t* over, genmo_error* error);

/* An action of a text. */
typedef struct genmo_action {
  int32_t start, end; /* frames */
  char prompt[1024];  /* cut where it is longer */
  char arms[1024];    /* what the arms do meanwhile, where the text says that of them alone; else empty */
  double turn;        /* radians about +y that the body is said to turn; 0: the text says neither an angle nor a side to turn to */
  double most_turn;   /* radians; 0: the text says the angle; else a turn that goes further than this is made `turn` */
  int32_t side;       /* of the turn: 1 to the left, -1 to the right, 0 not said */
} genmo_action;

/* The actions of a text in a motion of so many frames: itself alone where it names none in order. At most `capacity`, and `count`
 * of them. */
GENMO_API genmo_status genmo_actions(const genmo_text* text, int32_t frames, genmo_action* actions, int32_t capacity,
                                     int32_t* count, genmo_error* error);

/* A motion of `wanted.frames` made to meet its keyframes, targets and headings; of `wanted` nothing else is read. Changes local rotations
 * [frames, 24, 3, 3] and the root [frames, 3] of a body of rest offsets [24, 3]. `anchored` [frames] 1: heading and path stay there unless a
 * keyframe is near; NULL: nowhere. */
GENMO_API genmo_status genmo_solve_constraints(const genmo_generation* wanted, const double* offsets, const uint8_t* anchored,
                                               double* rotations, double* translation, genmo_error* error);

/* --- what a motion from keypoints goes through ----------------------------------------------------------------------- */

/* Sides put right, outliers hidden, short gaps bridged, noise smoothed: `points` [frames, 17, 3], and `feet` [frames, 4, 3]
 * where the keypoints have some, else NULL. */
GENMO_API genmo_status genmo_clean_keypoints(const genmo_keypoints* keypoints, double* points, double* feet, genmo_error* error);

/* What the network is told of keypoints, float32: `points` [frames, 17, 3] in their box with visibility, `box` [frames, 3] centre
 * and side over the focal length, `camera` [frames, 12] its move to the next frame, and `masks` [3, frames] of these. */
GENMO_API genmo_status genmo_keypoint_conditions(const genmo_keypoints* keypoints, float* points, float* box, float* camera,
                                                 float* masks, genmo_error* error);

/* The answer of genmo_finish_estimate. */
typedef struct genmo_estimate_arrays {
  uint32_t size;            /* sizeof(genmo_estimate_arrays) */
  double* rotations;        /* [frames, 24, 3, 3] local, the root's in the world */
  double* translation;      /* [frames, 3] */
  double* contacts;         /* [frames, 6] */
  double* betas;            /* [10] */
  double* root_rotation;    /* [frames, 3, 3] root to camera */
  double* root_translation; /* [frames, 3] in the camera */
} genmo_estimate_arrays;

/* From `features` [frames, 181], not normalised, of layout "genmo" and keypoints, which are taken as they are, to a motion: the
 * first `stages` of decoding, fit, contacts from the image, the camera's path, the floor, feet, clearance; 7: all. */
GENMO_API genmo_status genmo_finish_estimate(const genmo_keypoints* keypoints, const genmo_estimation* estimation,
                                             const double* features, int32_t stages, const genmo_estimate_arrays* out,
                                             genmo_error* error);

#ifdef __cplusplus
}
#endif

#endif
