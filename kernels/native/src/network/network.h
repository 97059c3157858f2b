// The denoiser's weights as the step reads them.
#pragma once

#include <pthread.h>

#include "genmo/stages.h"
#include "memory.h"
#include "network/kernels.h"
#include "network/layer.h"
#include "team.h"

namespace genmo {

// x + second(gelu(first(norm(x)))); the norm's weights are in `first`.
struct Mlp {
  Layer first, second;
};

// Windowed self-attention.  Columns of `query` and `key` are the heads', each head's rotary halves side by side.
struct SelfAttention {
  Layer query, key, value, out;
};

// Attention to texts; `null` [width] is the value that frames under no text get, `silent` what motions without texts do.  Released
// weights have neither: their null text is one of the texts.
struct TextAttention {
  Layer query, out;
  const float *null = nullptr, *silent = nullptr;
};

struct Module {
  SelfAttention attention;
  Mlp attention_mlp;
  TextAttention text;
  Mlp text_mlp;
};

// second(gelu(first(norm(x)))), the second in float32.
typedef Mlp Head;

enum class ConditionKind { kKeypoints, kBox, kCamera, kFeatures };
enum class Activation { kExactGelu, kSilu, kNone };  // of released weights' layers

// x [rows, columns] of released weights through it, in place.
void activate(Activation how, float* x, ptrdiff_t stride, int rows, int columns);

// One condition: second(gelu(first(what it is made into))), or `absent` [width] where it is not there.
struct Condition {
  ConditionKind kind = ConditionKind::kFeatures;
  int width = 0;  // numbers a frame
  Mlp mlp;
  const float* absent = nullptr;
  // of keypoints: an embedding [4, point width], its bias [point width], what stands for a place and for an unseen keypoint
  // [17, point width]
  const float *point = nullptr, *point_bias = nullptr, *place = nullptr, *unseen = nullptr;
  int point_width = 0;
  // of released weights: what is between the layers (kNone: the second is not there, and a norm stands before the first), and
  // second(silu(first([embedded, 1 or 0]))) of what is there or not (depth 0: none)
  Activation activation = Activation::kSilu;
  Mlp flagged;
};

// Self-attention among the words of a text, and an MLP; norms are in the layers behind them.
struct WordBlock {
  Layer query_key_value, out;
  Mlp mlp;
};

inline constexpr int kMostConditions = 16;
inline constexpr int kWordHeads = 4;  // as the network was trained (train/network/denoiser.py)

struct Workspace;
struct Scratch;

struct Network {
  genmo_network_options options;
  const NetworkKernels* kernels = nullptr;
  Arena arena;
  Team team;

  Layer motion_in;
  const float* time = nullptr;  // [1000, width]
  Module* modules = nullptr;
  Head x_0, innovation;
  const float *smoothing = nullptr, *roots = nullptr, *trusts = nullptr;  // of the innovation
  int reach = 0;                                                         // frames that its smoothing looks at on either side

  Condition conditions[kMostConditions];
  Layer condition_in;
  const float* motion_bias = nullptr;
  WordBlock* word_blocks = nullptr;  // [text_depth]
  Layer text_in;
  Layer* text_keys_values = nullptr;  // [depth]

  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  // of what is idle
  Workspace* idle = nullptr;
  Scratch* idle_scratch = nullptr;

  // GEM-SMPL's or GVHMR's (train/network/gem.py): no norm before the heads, which are three with an exact GELU; conditions of their own;
  // the null text is a text.
  bool released = false, reads_texts = true;
  Head weak_perspective, contact_logits;
  const float* text_places = nullptr;  // [1000, width] added to the tokens of every text
  genmo_step silence{};                // the texts of a motion without one

  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network();

  int head_width() const { return options.width / options.heads; }
  bool null_first() const { return released && reads_texts; }  // of the texts
};

inline constexpr int kTimesteps = 1000, kKeypoints = 17, kCameraNumbers = 12;
inline constexpr int kBoxNumbers = 9;  // that a bounding box becomes
// Of released weights: a frame's features and the betas among them, which are the motion's; the heads beside them; what they know of the
// camera.
inline constexpr int kReleasedFeatures = 151, kReleasedBetas = 126, kBetaCount = 10, kWeakNumbers = 3, kLogits = 6, kTurnNumbers = 6;

genmo_status open_network(Network& network, const genmo_tensor* tensors, int32_t count, genmo_error* error);
// `own`: memory of the caller's (network/spaces.h); nullptr: any that is idle.
genmo_status run_conditions(Network& network, const genmo_conditions& conditions, genmo_error* error, Scratch* own = nullptr);
genmo_status run_texts(Network& network, const genmo_texts& texts, genmo_error* error, Scratch* own = nullptr);
// `first`: only x_0 of the frames from it on is asked for and written, in bits as if all were (network/step.cpp).
genmo_status run_step(Network& network, const genmo_step& step, genmo_error* error, Workspace* own = nullptr, int first = 0);

}  // namespace genmo
