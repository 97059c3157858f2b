// A motion between the network and the caller, and the stages that it goes through.
#pragma once

#include "conditions/constraints.h"
#include "pool.h"
#include "text/order.h"

namespace genmo {

// World: y up, metres, 30 frames a second.  Arrays are a pool's.
struct Clip {
  int64_t frames = 0;
  double* rotations = nullptr;    // [frames, 24, 3, 3] local; the root's in the world
  double* translation = nullptr;  // [frames, 3]
  double* contacts = nullptr;     // [frames, 6] 0 to 1
  double offsets[3 * kJoints], betas[kBetas];
};

// Of layout "genmo", runtime/motion/layout.py: how many, and where in a frame its blocks begin.
inline constexpr int kFeatures = 181, kGravityView = 0, kVelocity = 6, kTurns = 9, kShape = kTurns + 6 * kJoints,
                     kRootInCamera = kShape + kBetas, kCameraTurn = kRootInCamera + 3, kContactsAt = kFeatures - kContacts;

// How feet are cleaned: runtime/refine/pipeline.py.
struct FeetOptions {
  double ground;
  int32_t horizon;
  double enter, leave;
};

// Frames around which nothing may jerk.
struct Borders {
  const int64_t* frames;
  int count;
};

// Positions [frames, 24, 3] in the world, the pool's.
double* joints_of(const Clip& clip, Pool& pool);

// Arrays of the pool's for so many frames, not initialised.
Clip new_clip(int64_t frames, Pool& pool);

// Frames [first, first + count) of a clip into another, from its frame `at` on; the body stays.
void copy_frames(const Clip& from, int64_t first, int64_t count, Clip& to, int64_t at);

// 6D rotations (the first two rows) and matrices.
void matrix_from_6d(const double* sixd, double* matrix);

// The heading in radians of a camera [3, 3], camera to world.
double gravity_view_yaw(const double* rotation);

// The motion of features [frames, 181], not normalised; its arrays are the pool's.  `camera` [frames, 3, 3], camera to world:
// whose headings lead; nullptr: a level static one's.
Clip decode(const double* features, int64_t frames, Pool& pool, const double* camera = nullptr);

// A camera that stands still.
struct Still {
  double rotation[9];  // camera to world
  double position[3];
};

// Features [frames, 181], not normalised, of a motion as it sees it.
void encode(const Clip& clip, const Still& camera, double* features);

// Contacts [frames, 6], 0 or 1: of joints that stand still.
void label_contacts(const Clip& clip, Pool& pool, double* contacts);

// Change features [frames, 181]: no step at a border, and no joint accelerated more than elsewhere.
void remove_steps(double* features, int64_t frames, int64_t width, Borders borders);
void smooth_transitions(double* features, int64_t frames, Borders borders, Pool& pool);

// Smooth features [frames, 181] where the person rests.
void steady_rest(double* features, int64_t frames, Pool& pool);

// Turns of which a text says the angle are made that far; the texts are those of the body.
void turn_as_said(Clip& clip, const Span* texts, int count, Pool& pool);

// Stages of a motion, in their order; `floor` [frames] is the height of the floor under it: 0, and more where it has steps.
void floor_of(const Clip& clip, Pool& pool, double* floor);
void lowest_points(const Clip& clip, Pool& pool, double* lowest);  // heights [frames] of what may carry the body
void put_on_floor(Clip& clip, Pool& pool);
// Height of the ground on which a clip that is on its floor stands flat, y = 0 or the lowest `share` of heights if that is not
// `near`; NAN where feet that carry the body stand further off it too often.
double flat_ground(const Clip& clip, double share, double near, Pool& pool);
// Heights [frames] over the root of the lowest point that carries the body, and of the floor that follows it wherever it stays.
void carried(const Clip& clip, Pool& pool, double* feet, double* floor);
void clean_feet(Clip& clip, const FeetOptions& options, Pool& pool);
void raise_above_floor(Clip& clip, const double* floor, Pool& pool);
void smooth_motion_transitions(Clip& clip, Borders borders, Pool& pool);
void limit_limb_speed(Clip& clip, Pool& pool, int64_t fixed = 0);  // the first `fixed` frames stay
void face_forward(Clip& clip);

// What a motion without a camera was made of.
struct Made {
  const Span* texts;
  int text_count;
  Borders borders;  // frames at which a condition begins or ends, rising
  const Constraints* constraints;
  bool loose_feet;
};

// From features [frames, 181] that the network answered, which are changed, to the finished motion.
Clip finish_generated(double* features, int64_t frames, const Made& made, Pool& pool);

// Bytes of a pool that `finish_generated` and what calls it need for so many frames.
size_t pool_bytes(int64_t frames, int texts);
inline constexpr size_t kConstrainedBytes = 16000;  // a frame more where it has constraints

}  // namespace genmo
