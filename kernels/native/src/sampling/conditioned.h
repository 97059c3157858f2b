// What the steps of a motion share: its texts, and what is known of its frames.
#pragma once

#include "engine/model.h"
#include "network/spaces.h"
#include "text/order.h"

namespace genmo {

// Frames that are given, as the network's condition "keyframes".
struct KnownFrames {
  const float* values = nullptr;  // [frames, width of the condition]; nullptr: none are
  const float* mask = nullptr;    // [frames]
};

// `batch` motions that differ in texts alone, which the first has.  Memory is the pool's; the network's is `own`, or any.
class Conditioned {
 public:
  Conditioned(Model& model, int64_t frames, const Span* texts, int count, int batch, Pool& pool, const Spaces* own = nullptr)
      : model_(model), pool_(pool), own_(own), frames_(frames), texts_(texts), count_(count), batch_(batch) {}

  genmo_status prepare(const KnownFrames& known, genmo_error* error);

  // x_0 [batch, frames, features] of x_t of the same shape.
  genmo_status step(const float* x_t, int64_t timestep, float* x_0, genmo_error* error);

  // Numbers alone, for memory that such a step needs.
  static genmo_step sizes(int64_t frames, int texts, int batch);

 private:
  Network& network() { return *reinterpret_cast<Network*>(model_.network); }
  genmo_status fuse(const KnownFrames& known, genmo_error* error);
  genmo_status read_texts(genmo_error* error);

  Model& model_;
  Pool& pool_;
  const Spaces* own_;
  int64_t frames_;
  const Span* texts_;
  int count_, batch_;
  float *fused_ = nullptr, *bias_ = nullptr, **keys_ = nullptr, **values_ = nullptr;
  int64_t* reach_ = nullptr;
};

// Bytes of a pool that a motion of so many frames needs with so many texts.
size_t conditioned_bytes(const Model& model, int64_t frames, int texts, int batch);

}  // namespace genmo
