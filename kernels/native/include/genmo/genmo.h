/* libgenmo: motions of people from texts and from keypoints as a C interface (C99; no header but stdint and stddef).
 *
 * No exceptions, no output, no locale, no threads but those that an engine is opened with; a caller's memory in and out. Arrays are
 * dense and row-major; shapes are in brackets. Set `size` of every struct to its sizeof and the rest of it to 0 before you fill it: 0 is
 * always the usual choice. The single stages are in stages.h. */
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

/* Of both headers; rises with every change that a caller compiled against an older one could not bear. */
#define GENMO_ABI 5

typedef enum genmo_status {
  GENMO_OK = 0,
  GENMO_BAD_ARGUMENT = 1,
  GENMO_NO_MEMORY = 2,
  GENMO_UNSUPPORTED = 3, /* by this processor or this build */
  GENMO_SINGULAR = 4,    /* equations without a solution, such as a parameter that nothing measures or holds */
  GENMO_BAD_ENGINE = 5,  /* files that are missing, altered, or of another version */
  GENMO_CANCELLED = 6    /* by the caller's progress function */
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

/* --- the body --------------------------------------------------------------------------------------------------------
 *
 * 24 joints in the order of SMPL; the root is joint 0. Worlds are right-handed with y up; lengths are metres, motions
 * have 30 frames a second. */

#define GENMO_JOINTS 24
#define GENMO_BETAS 10
#define GENMO_CONTACTS 6
#define GENMO_FPS 30

GENMO_API const char* genmo_joint_name(int32_t joint); /* "pelvis", "left_hip", ...; NULL for no joint */
GENMO_API int32_t genmo_joint_parent(int32_t joint);   /* a lower joint; -1 for the root and for no joint */

/* Where the result goes: arrays of the caller's, float32, each with room for `capacity` frames; NULL where something is not
 * wanted. The rest pose is a T-pose that faces +z, every joint's axes the world's. */
typedef struct genmo_motion {
  uint32_t size;       /* sizeof(genmo_motion) */
  int32_t capacity;    /* frames that the arrays hold */
  int32_t frames;      /* out: of the motion */
  float* rotations;    /* [frames, 24, 4] quaternions x, y, z, w from the parent's frame, the root's from the world; neighbours in
                          time on one side, so that what lies between two may be interpolated */
  float* translation;  /* [frames, 3] the root in the world */
  float* joints;       /* [frames, 24, 3] positions in the world */
  float* contacts;     /* [frames, 6] 0 to 1: left ankle, left ball, right ankle, right ball, left wrist, right wrist stand still */
  float* offsets;      /* [24, 3] each joint in the rest pose, from its parent */
  float* betas;        /* [10] the body's shape, in standard deviations of the actors that it was learnt from */
  float* root_in_camera; /* [frames, 7] of a motion from keypoints, where the camera sees the root: quaternion x, y, z, w and metres,
                          OpenCV axes; a motion from texts leaves it as it is. With released weights, where no frame has two visible
                          points, metres are NaN */
  float camera_rise;   /* out: metres by which the floor of a motion from keypoints, and its camera with it, was brought to y = 0 */
} genmo_motion;

/* --- engines ---------------------------------------------------------------------------------------------------------
 *
 * An engine is what genmo-export writes: a folder with engine.json. Opened, it does not change; several threads may make
 * motions with it at once. It keeps the memory of a call for the next call of the same length, which then allocates nothing. What takes
 * are chosen by is unpacked by the first call that makes several, or where memory is reserved, by opening; a file of it that is none is
 * refused there, with GENMO_BAD_ENGINE. */

typedef struct genmo_model genmo_model;

typedef struct genmo_file {
  const char* name; /* inside the engine's folder: "engine.json", "step.onnx", ... */
  const void* data;
  size_t bytes;
} genmo_file;

typedef struct genmo_options {
  uint32_t size;    /* sizeof(genmo_options) */
  int32_t fast;     /* 1: the network's layers in fixed point, twice as fast where a processor has AVX-512 VNNI */
  int32_t threads;  /* the caller's among them, 1 to 64; 0: one */
  int32_t trusted;  /* 1: do not compare files with the hashes in engine.json */
  int32_t reserve;  /* frames of a motion of one action whose memory is asked for now, and what takes are chosen by unpacked; 0: at the first call */
} genmo_options;

/* `options` NULL: fp32, one thread, hashes compared. Only engines in fp32 with a table "native" can be opened: those of layout "genmo" with
 * a text encoder "wordpiece-1", as is the one that ships with genmo, and those of layout "gem" (released weights of GEM-SMPL and GVHMR),
 * with which genmo_estimate alone works. Their body is the mean one, fitted to the keypoints. */
GENMO_API genmo_status genmo_open(const char* utf8_folder, const genmo_options* options, genmo_model** model,
                                  genmo_error* error);
/* From memory, which may be freed afterwards: the files of the folder, whichever order. text_reader.npz and examples.npz may be left out:
 * then one take is made of a motion, or none from an example. */
GENMO_API genmo_status genmo_open_memory(const genmo_file* files, int32_t count, const genmo_options* options,
                                         genmo_model** model, genmo_error* error);
GENMO_API void genmo_close(genmo_model* model); /* not while a call of it runs; NULL is no error */

/* --- motions from texts ---------------------------------------------------------------------------------------------- */

typedef struct genmo_text {
  const char* prompt; /* UTF-8, English */
  int32_t start, end; /* frames [start, end) that it may reach; end 0: to the end of the motion */
} genmo_text;

/* The share of the work that is done, 0 to 1, on the thread that called; any other answer than 0 cancels. */
typedef int32_t (*genmo_progress)(void* user, float share);

/* A seed of its own for the noise of the frames [start, end): what is made there changes, and how it goes on beside it. */
typedef struct genmo_seed {
  int32_t start, end; /* within the motion */
  uint64_t seed;
} genmo_seed;

/* A motion that frames are to be like: another performance of it, with its body's turns, speed and contacts. */
typedef struct genmo_reference {
  int32_t start, frames;    /* within the motion; references follow each other */
  const float* rotations;   /* [frames, 24, 4] and */
  const float* translation; /* [frames, 3] as those of a genmo_motion */
  const float* contacts;    /* [frames, 6]; NULL: of joints that stand still */
  float strength;           /* how closely, 0 to 1; 0: 0.5 */
} genmo_reference;

/* A pose that a frame has exactly. */
typedef struct genmo_keyframe {
  int32_t frame;
  const float* rotations; /* [24, 4] and */
  const float* root;      /* [3] as a frame of a genmo_motion has them; NULL: the pose may be anywhere */
} genmo_keyframe;

/* Where a joint should be in a frame; in the frame of a keyframe it counts nothing. */
typedef struct genmo_joint_target {
  int32_t frame;
  int32_t joint;      /* 0 to 23; 0 is the root: a path is targets of it */
  double position[3]; /* in the world; a coordinate that is NaN is free */
} genmo_joint_target;

/* Which way the body faces in a frame. */
typedef struct genmo_heading {
  int32_t frame;
  double radians; /* about +y from +z, so that +x is a quarter turn */
} genmo_heading;

typedef struct genmo_generation {
  uint32_t size;  /* sizeof(genmo_generation) */
  int32_t frames; /* 1 to 65536; 0: 120 */
  const genmo_text* texts;
  int32_t text_count; /* 1 to 1024; 0: only beside keyframes, targets or headings */
  int32_t steps;      /* of the denoiser, 1 to 1000; 0: the engine's usual number */
  double guidance;    /* weight of the texts, -10 to 10; 0: the engine's usual one; 1: none */
  uint64_t seed;      /* the same seed and sample, the same motion */
  uint32_t sample;    /* number of the sample of this seed */
  int32_t whole_texts; /* 1: a text that names actions in order ("walks, then sits") is not divided into one for each */
  int32_t loose_feet;  /* 1: planted feet are not made to stand still */
  int32_t seed_count;  /* 0 to 65536 */
  const genmo_seed* seeds; /* later ones before earlier; NULL: `seed` alone */
  int32_t reference_count; /* 0 to 1024 */
  const genmo_reference* references; /* NULL: none */
  genmo_progress progress; /* may be NULL */
  void* user;
  int32_t keyframe_count; /* 0 to the number of frames, each once; whichever order, as are targets and headings */
  const genmo_keyframe* keyframes; /* NULL: none */
  int32_t target_count;
  const genmo_joint_target* targets; /* NULL: none; a joint once a frame */
  int32_t heading_count;
  const genmo_heading* headings; /* NULL: none */
  int32_t tries; /* takes, of which the one is kept that does most of what the texts say, 1 to 64; 0: as many as in Python: 6, or
                    12 where frames lie between keyframes, in which the one is kept that is like the others as well; 1: the first alone */
} genmo_generation; /* may end in front of tries, or of keyframe_count, as it did at first: one take is made */

/* The motion that genmo.runtime's MotionModel.follow makes of the same texts, keyframes, targets, headings, seeds and options. Half of the
 * takes start from examples of the engine where texts alone are asked for. One take is made where no text says anything that can be measured
 * and no frame lies between keyframes, and of an engine without a reader of texts.
 * It starts over the origin and faces +z; with keyframes, targets or headings it stands in their world, whose ground is y = 0. */
GENMO_API genmo_status genmo_generate(genmo_model* model, const genmo_generation* generation, genmo_motion* motion,
                                      genmo_error* error);

/* --- motions from keypoints ------------------------------------------------------------------------------------------- */

/* Keypoints of one person in a video of 30 frames a second. The camera is OpenCV's: x right, y down, z forward. */
typedef struct genmo_keypoints {
  uint32_t size;  /* sizeof(genmo_keypoints) */
  int32_t frames; /* 1 to 65536 */
  const float* points; /* [frames, 17, 3] x, y in pixels and confidence 0 to 1, COCO-17; 0 or NaN where unseen */
  const float* feet;   /* [frames, 4, 3] left heel, left toes, right heel, right toes; NULL: the detector gives none */
  const double* intrinsics; /* [3, 3] in pixels; NULL: a focal length as long as the image's diagonal is taken */
  double image_width, image_height; /* pixels; read without intrinsics */
  const double* camera_to_world; /* [frames, 4, 4] rigid, in a world with y up, metres; NULL: not known, the motion stands on y = 0 */
  int32_t ground_unknown; /* 1: y = 0 of that world need not be the ground */
  double noise; /* of points brought to 30 frames a second, which hides it: standard deviation over the person's height; 0: measured */
} genmo_keypoints;

typedef struct genmo_estimation {
  uint32_t size;         /* sizeof(genmo_estimation) */
  int32_t raw_keypoints; /* 1: exchanged sides, outliers, gaps and noise stay in the keypoints */
  int32_t unfitted;      /* 1: joints are as the network answers, not turned until they project onto the keypoints */
  int32_t loose_feet;    /* 1: planted feet are not made to stand still */
  genmo_progress progress; /* may be NULL */
  void* user;
} genmo_estimation;

/* The motion that genmo.runtime's MotionModel.estimate makes of the same keypoints: one step of the network, fitted to them, in
 * the camera's world where that is known. `estimation` NULL: all of it. Bounding boxes are taken from the keypoints. */
GENMO_API genmo_status genmo_estimate(genmo_model* model, const genmo_keypoints* keypoints, const genmo_estimation* estimation,
                                      genmo_motion* motion, genmo_error* error);

/* --- streams of keypoints -----------------------------------------------------------------------------------------------
 *
 * A camera and the people in front of it, a frame at a time: the answer is the pose a few frames back, of which the future is known by
 * then. For one thread at a time; several streams of a model may run at once. Memory is taken when it is opened, and none afterwards. */

typedef struct genmo_stream genmo_stream;

typedef struct genmo_stream_options {
  uint32_t size;         /* sizeof(genmo_stream_options) */
  int32_t look_ahead;    /* frames of future that a pose is answered late for, at most half the engine's window; 0: 15; -1: none */
  int32_t people;        /* slots, 1 to 1024, each a person of their own, who starts at the first frame in which they are visible; 0: one */
  int32_t stride;        /* estimate every so many frames only, the people in turn; at most look_ahead + 1; 0: every one */
  int32_t fit_reach;     /* frames on each side that are fitted with the answered one, at most 9; 0: 3; -1: none */
  int32_t unfitted;      /* 1: joints are as the network answers */
  int32_t loose_feet;    /* 1: planted feet are not made to stand still */
  int32_t raw_keypoints; /* 1: keypoints are taken as they are, and whoever is in a slot for the same person */
  const double* intrinsics; /* [3, 3] in pixels; NULL: a focal length as long as the image's diagonal is taken */
  double image_width, image_height; /* pixels; read without intrinsics */
  const double* camera_to_world; /* [4, 4] of a camera that stands still, OpenCV axes, in a world with y up; NULL: not known */
} genmo_stream_options;

/* Where the poses of all people go: arrays of the caller's, NULL where something is not wanted. */
typedef struct genmo_stream_pose {
  uint32_t size;         /* sizeof(genmo_stream_pose) */
  int64_t* frame;        /* [people] which frame of the person this is, from 0 on; -1: nobody yet */
  int32_t* settled;      /* [people] 0 while the look-ahead fills: the first frame is answered again and again, better each time */
  float* rotations;      /* [people, 24, 4] as of a genmo_motion */
  float* translation;    /* [people, 3] */
  float* joints;         /* [people, 24, 3] */
  float* contacts;       /* [people, 6] */
  float* betas;          /* [people, 10] */
  float* root_in_camera; /* [people, 7] */
} genmo_stream_pose;

/* The options say the lens, by intrinsics or by the image's size. The model must stay open for as long. */
GENMO_API genmo_status genmo_stream_open(genmo_model* model, const genmo_stream_options* options, genmo_stream** stream,
                                         genmo_error* error);
GENMO_API void genmo_stream_close(genmo_stream* stream); /* NULL is no error */

/* Forgets one person, whose slot waits for the next one; -1: everybody, and the camera. */
GENMO_API genmo_status genmo_stream_reset(genmo_stream* stream, int32_t person, genmo_error* error);

/* A frame of `points` [people, 17, 3] and `feet` [people, 4, 3], NULL: none, as of genmo_keypoints; the poses look_ahead frames earlier,
 * as genmo.runtime's MotionStream answers them. `camera_to_world` [4, 4]: where a moving camera is now, from the first frame on; NULL:
 * where it was. A refused frame changes nothing. */
GENMO_API genmo_status genmo_stream_step(genmo_stream* stream, const float* points, const float* feet, const double* camera_to_world,
                                         const genmo_stream_pose* pose, genmo_error* error);

/* The next of the frames that wait for their look-ahead, people without one as nobody; `left`: how many calls more there are. After the
 * last the stream is as when it was opened. */
GENMO_API genmo_status genmo_stream_finish(genmo_stream* stream, const genmo_stream_pose* pose, int32_t* left, genmo_error* error);

/* --- motion without end ------------------------------------------------------------------------------------------------
 *
 * One person who goes on for ever, and does what is said last: prompts, a stick, a path change at any time, and the next frame that is
 * asked for begins the change. It is made in blocks, some frames ahead; a block takes a fifth of a second of a processor, so a game asks
 * for frames on a thread of its own, a few before they are shown. For one thread at a time; several generators of a model may run at
 * once. Memory is taken when it is opened, and none afterwards. */

typedef struct genmo_generator genmo_generator;

typedef struct genmo_generator_options {
  uint32_t size;        /* sizeof(genmo_generator_options) */
  int32_t overlap;      /* frames of the past with which a block begins; 0: 30 */
  int32_t block;        /* new frames of a block; 0: 60. Together at most the engine's window, which is 120 */
  int32_t first_block;  /* frames after which the first block ends, so that those of many people come one after the other; 0: all */
  int32_t steps;        /* of the denoiser, 1 to 1000; 0: 5 */
  int32_t loose_feet;   /* 1: planted feet are not made to stand still */
  int32_t texts;        /* that genmo_generator_texts takes at most, 1 to 64; 0: 4 */
  int32_t points;       /* that genmo_generator_path takes at most, 1 to 65536; 0: 256 */
  double guidance;      /* weight of the texts, -10 to 10; 0: 1.5; 1: none */
  uint64_t seed;        /* the same calls, the same motion */
  const float* betas;   /* [10] the body's shape; NULL: as the network makes it */
  const genmo_motion* start; /* a motion on y = 0 that the first frame continues: rotations and translation of its `frames`, contacts,
                                betas and offsets where they are not NULL; it goes on with the body of the betas. NULL: none */
  genmo_progress progress; /* of every block; may be NULL. Where it cancels, the next call begins the same block again */
  void* user;
  int32_t keyframes;    /* that genmo_generator_constrain takes at most, 1 to 65536; 0: 64 */
  int32_t targets;      /* the same; 0: 1024 */
} genmo_generator_options; /* may end in front of keyframes, as it did at first */

/* `options` NULL: all as usual. The model must stay open for as long. */
GENMO_API genmo_status genmo_generator_open(genmo_model* model, const genmo_generator_options* options,
                                            genmo_generator** generator, genmo_error* error);
GENMO_API void genmo_generator_close(genmo_generator* generator); /* NULL is no error */

/* What the person does where texts say nothing. NULL, and at first: what people do who move as fast as stick or path say; without
 * these they stand. The prompt is copied. */
GENMO_API genmo_status genmo_generator_prompt(genmo_generator* generator, const char* prompt, genmo_error* error);

/* Prompts with spans in frames of the generator, in the place of those that were told before; `end` 0: for ever. They are copied. */
GENMO_API genmo_status genmo_generator_texts(genmo_generator* generator, const genmo_text* texts, int32_t count,
                                             genmo_error* error);

/* A velocity over the ground, metres a second in the world, at most 8 together. */
typedef struct genmo_stick {
  double x, z;
  double facing; /* the heading to face, radians about +y from +z; read where */
  int32_t faces; /* this is 1; 0: where it goes */
} genmo_stick;

/* The root is led by a stick from now on; NULL: by the prompt alone. */
GENMO_API genmo_status genmo_generator_stick(genmo_generator* generator, const genmo_stick* stick, genmo_error* error);

/* Where the root must be, and when; the person stands where it ends. */
typedef struct genmo_path {
  uint32_t size;           /* sizeof(genmo_path) */
  int32_t count;           /* points, 1 or more */
  const int64_t* frames;   /* [count] of the generator, rising */
  const double* positions; /* [count, 2] x and z, metres */
  const double* facing;    /* [count] headings, radians; NULL: the way that it goes */
} genmo_path;

/* The root is led along a path, which is copied; NULL: by the prompt alone. */
GENMO_API genmo_status genmo_generator_path(genmo_generator* generator, const genmo_path* path, genmo_error* error);

/* Poses and places of joints at frames of the generator that are still to come, in the place of those that were told before. They are
 * copied. */
GENMO_API genmo_status genmo_generator_constrain(genmo_generator* generator, const genmo_keyframe* keyframes, int32_t keyframe_count,
                                                 const genmo_joint_target* targets, int32_t target_count, genmo_error* error);

GENMO_API int64_t genmo_generator_frame(const genmo_generator* generator); /* how many frames were answered */
GENMO_API int32_t genmo_generator_ready(const genmo_generator* generator); /* how many more are made already */

/* The next frames, 1 to 65536: those that genmo.runtime's MotionGenerator answers to the same calls. At once or one by one they are the
 * same. Where it fails motion.frames is how many there are all the same, and the next call goes on behind them. */
GENMO_API genmo_status genmo_generator_next(genmo_generator* generator, int32_t frames, genmo_motion* motion,
                                            genmo_error* error);

#ifdef __cplusplus
}
#endif

#endif
