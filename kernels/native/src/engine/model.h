// An opened engine: what several threads share.
#pragma once

#include <pthread.h>

#include "actions/packed_actions.h"
#include "engine/files.h"
#include "engine/json.h"
#include "genmo/stages.h"
#include "motion/clip.h"
#include "pool.h"

namespace genmo {

struct Model {
  genmo_network* network = nullptr;
  int width = 0, depth = 0, heads = 0, window = 0, text_tokens = 0, condition_count = 0;
  genmo_condition_kind conditions[16];
  // Of layout "gem" (weights of GEM-SMPL and GVHMR), which estimates alone and reads no texts here; else "genmo".
  bool released = false;
  int features = kFeatures;  // a frame, as the network has them
  float mean[kFeatures], spread[kFeatures];
  WordPieces words;
  PackedActions actions;

  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  // of the pools that are idle
  Pool* idle = nullptr;

  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model();

  // A pool with room for so many bytes; nullptr: no memory.
  Pool* take_pool(size_t bytes);
  void give_pool(Pool* pool);
};

// Number `index` of features [frames, 181] as the network has them, and in metres and 6D rotations.
inline double restored(const Model& model, int64_t index, float normalised) {
  return static_cast<double>(normalised) * static_cast<double>(model.spread[index % kFeatures]) + static_cast<double>(model.mean[index % kFeatures]);
}
inline float normalised(const Model& model, int64_t index, double feature) {
  return static_cast<float>((feature - static_cast<double>(model.mean[index % kFeatures])) / static_cast<double>(model.spread[index % kFeatures]));
}

// GENMO_UNSUPPORTED, with what to do, for released weights, of which `what` is not here.
genmo_status refuse_released(const Model& model, const char* what, genmo_error* error);

genmo_status open_model(Model& model, Files& files, const genmo_options& options, genmo_error* error);

// Usual numbers of layout "genmo": runtime/denoiser/conventions.py.
inline constexpr int kUsualSteps = 10;
inline constexpr double kUsualGuidance = 3, kMostGuidance = 10;

}  // namespace genmo
