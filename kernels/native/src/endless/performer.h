// One person of endless motion: what was answered, the block that comes, and what it is told to do.  Twin:
// runtime/streaming/performer.py.
#pragma once

#include "endless/block_constraints.h"
#include "endless/directions.h"
#include "endless/known_past.h"
#include "endless/steering.h"
#include "motion/feet_stream.h"
#include "motion/root_tracker.h"
#include "sampling/noise.h"
#include "sampling/sampler.h"

namespace genmo {

struct PerformerOptions {
  int64_t overlap, block;     // known and new frames of a window
  int64_t first_block = 0;    // how many frames of the first block are used; 0: all
  int texts = 0;              // that it is told at most
  int steps = 0;
  double guidance = 0;
  uint64_t seed = 0;
  bool clean_feet = true;
  const double* betas = nullptr;  // [10] read when it is opened; nullptr: as the network makes them
  genmo_progress progress = nullptr;
  void* user = nullptr;

  int64_t window() const { return overlap + block; }
};

class Performer {
 public:
  Performer(const Performer&) = delete;
  Performer& operator=(const Performer&) = delete;

  Directions directions;  // call `settle` before they change

  // Memory is taken from `memory` here and from `scratch` in every call.
  Performer(Model& model, const PerformerOptions& options, Pool& memory, Pool& scratch);
  static size_t memory_bytes(const PerformerOptions& options);
  static size_t scratch_bytes(const Model& model, const PerformerOptions& options);

  // Goes on from the end of a motion that stands on y = 0.
  void start_from(const Clip& motion);

  int64_t frame() const { return frame_; }  // number of the next frame
  int64_t left() const { return made_ ? raw_.frames - used_ : 0; }

  // Forgets what of the block was not answered.
  void settle();

  // The next block, when none is left; where it fails everything is as before.  In block.cpp.
  genmo_status make_block(const Spaces& own, genmo_error* error);

  // A view of the next frames, `left` at most.
  Clip take(int64_t frames);

 private:
  // How the block that is being sampled begins.
  struct Opening {
    int64_t known = 0;
    Still camera{};
    bool planned = false;  // in plan_
    bool back = false;     // time runs back in the window: the past is its last frames
    Reference reference;
    Constraints constraints;  // of the window
    float* values = nullptr;  // [window, 181]
    uint8_t* mask = nullptr;  // [window, 181]
  };
  struct Projection {
    Performer* performer;
    const Opening* opening;
  };

  static void project(void* context, float* x_0, Pool& pool);
  void plan(Opening& opening);
  Still camera_of(const Opening& opening) const;
  void know(Opening& opening, Inpainting& inpainting);
  void refer(Opening& opening);
  genmo_status sample(const Opening& opening, const Inpainting& inpainting, const Spaces& own, double* features, genmo_error* error);
  void receive(const Opening& opening, const double* features);
  Clip decode_window(const Opening& opening, const double* features);
  void track(RootTracker& tracker, int64_t frames, double* path);
  void clean(FeetStream& feet, const Clip& motion, int64_t frames, bool led, Clip* out);
  void finish_block(bool led);
  void note_answered(const Clip& clean, int64_t past);
  void keep_past(const Clip& used, int64_t frames);

  Model& model_;
  PerformerOptions options_;
  Pool& scratch_;
  Noise noise_;
  int64_t frame_ = 0;
  RootTracker tracker_{false, false, false};
  FeetStream feet_, trial_;
  bool bodied_ = false;
  double betas_[kBetas] = {}, offsets_[3 * kJoints] = {};
  Clip answered_;         // the last frames of the last block as they were answered, kPinned at most
  double balls_[6] = {};  // of the feet [2, 3] in the last of them
  Clip past_;             // the last frames as generated, `overlap` at most
  double* past_plan_;     // [overlap, 3] x, z and heading of the plan in them; NaN where there was none
  bool led_ = false;      // state_ holds
  RootState state_, posture_;  // posture_: of the last frame answered: how far its body is turned over its legs
  int gait_ = -1;
  double origin_[3] = {};

  // The block: new frames, of which the first `used_` were answered.
  bool made_ = false, planned_ = false;
  int64_t used_ = 0;
  Clip raw_, clean_;  // as the next block continues them, and as they are answered
  double *steps_, *carrying_;  // [window, 3] metres from the frame before; [window] height of what carries over the root
  RootState* plan_;            // [window]
  int* gaits_;                 // [window]
  double* asides_;             // [window] radians by which the body is turned over the legs in clean_
};

}  // namespace genmo
