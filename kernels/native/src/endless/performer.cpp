#include "endless/performer.h"

#include <algorithm>
#include <cmath>

#include "motion/facing.h"

namespace genmo {
namespace {

constexpr int32_t kFreeHorizon = 60, kLedHorizon = 8, kStopHorizon = 4;
constexpr double kStands = 0.3;
constexpr double kStraight = 1e-3;  // radians of the body over the legs that nobody sees
constexpr FeetOptions kFeet{0, kFreeHorizon, kEnter, kLeave};

}  // namespace

Performer::Performer(Model& model, const PerformerOptions& options, Pool& memory, Pool& scratch)
    : model_(model), options_(options), scratch_(scratch), noise_(options.seed, 0) {
  const int64_t window = options.window();
  past_ = new_clip(options.overlap, memory);
  past_.frames = 0;
  answered_ = new_clip(kPinned, memory);
  answered_.frames = 0;
  raw_ = new_clip(window, memory);
  clean_ = new_clip(window, memory);
  past_plan_ = memory.get<double>(3 * options.overlap);
  steps_ = memory.get<double>(3 * window);
  carrying_ = memory.get<double>(window);
  plan_ = memory.get<RootState>(window);
  gaits_ = memory.get<int>(window);
  asides_ = memory.get<double>(window);
  feet_.open(0, kFeet, memory);
  trial_.open(0, kFeet, memory);
  if (!options.betas) return;
  bodied_ = true;
  std::copy_n(options.betas, kBetas, betas_);
  rest_offsets(betas_, offsets_);
}

size_t Performer::memory_bytes(const PerformerOptions& options) {
  const auto frames = static_cast<size_t>(3 * options.window() + kPinned);
  return frames * (9 * kJoints + 32) * sizeof(double) + 2 * FeetStream::bytes(0, kFreeHorizon) + 32 * kAlignment;
}

size_t Performer::scratch_bytes(const Model& model, const PerformerOptions& options) {
  return pool_bytes(options.window(), 0) + static_cast<size_t>(options.window()) * kConstrainedBytes + conditioned_bytes(model, options.window(), most_texts(options.texts, options.window()), 2);
}

void Performer::start_from(const Clip& motion) {
  Pool pool;  // of the motion's length
  auto *feet = pool.get<double>(motion.frames), *floor = pool.get<double>(motion.frames);
  Clip clean = new_clip(motion.frames, pool);
  copy_frames(motion, 0, motion.frames, clean, 0);
  bodied_ = true;
  std::copy_n(motion.betas, kBetas, betas_);
  std::copy_n(motion.offsets, 3 * kJoints, offsets_);
  carried(motion, pool, feet, floor);
  for (int64_t frame = 0; frame < motion.frames; ++frame) feet[frame] += kBallHeight;
  tracker_.resume(motion.translation, feet, motion.frames);
  for (int64_t frame = 0; frame < motion.frames && options_.clean_feet; ++frame)
    feet_.push(motion.rotations + frame * 9 * kJoints, motion.translation + 3 * frame, motion.contacts + frame * kContacts, offsets_, scratch_, clean.rotations + frame * 9 * kJoints,
               clean.translation + 3 * frame);
  if (options_.clean_feet) note_answered(clean, clean.frames);
  past_.frames = std::min(motion.frames, options_.overlap);
  copy_frames(motion, motion.frames - past_.frames, past_.frames, past_, 0);
  std::fill_n(past_plan_, 3 * past_.frames, NAN);
}

Clip Performer::take(int64_t frames) {
  Clip view = clean_;
  view.frames = frames;
  view.rotations += used_ * 9 * kJoints;
  view.translation += used_ * 3;
  view.contacts += used_ * kContacts;
  std::copy_n(betas_, kBetas, view.betas);
  std::copy_n(offsets_, 3 * kJoints, view.offsets);
  used_ += frames;
  frame_ += frames;
  return view;
}

void Performer::settle() {
  const bool answered = made_ && used_;
  made_ = false;
  if (!answered) return;
  const Pool::Scope scope(scratch_);
  track(tracker_, used_, scratch_.get<double>(3 * used_));
  if (options_.clean_feet) clean(feet_, raw_, used_, planned_, nullptr);
  keep_past(raw_, used_);
  const int64_t last = used_ - 1;
  posture_.aside = asides_[last];
  posture_.swerving = 0;
  if (planned_) {
    posture_ = state_ = plan_[last];
    gait_ = gaits_[last];
  }
  note_answered(clean_, used_);
}

// The last of the frames of `clean` up to `past`.
void Performer::note_answered(const Clip& clean, int64_t past) {
  answered_.frames = std::min(kPinned, past);
  copy_frames(clean, past - answered_.frames, answered_.frames, answered_, 0);
  double joints[3 * kJoints];
  kinematics(1, clean.rotations + (past - 1) * 9 * kJoints, clean.translation + 3 * (past - 1), offsets_, nullptr, joints);
  balls_of(joints, 1, balls_);
}

// The last frames, `overlap` at most, of the past and `frames` of the block.
void Performer::keep_past(const Clip& used, int64_t frames) {
  const int64_t fresh = std::min(frames, options_.overlap), kept = std::min(past_.frames, options_.overlap - fresh);
  copy_frames(past_, past_.frames - kept, kept, past_, 0);
  std::copy_n(past_plan_ + 3 * (past_.frames - kept), 3 * kept, past_plan_);
  copy_frames(used, frames - fresh, fresh, past_, kept);
  for (int64_t i = 0; i < fresh; ++i) {
    const RootState& wanted = plan_[frames - fresh + i];
    double* row = past_plan_ + 3 * (kept + i);
    row[0] = planned_ ? wanted.position[0] : NAN;
    row[1] = planned_ ? wanted.position[1] : NAN;
    row[2] = planned_ ? wanted.heading : NAN;
  }
  past_.frames = kept + fresh;
}

// Places [frames, 3] of the root after the block's steps.
void Performer::track(RootTracker& tracker, int64_t frames, double* path) {
  const double nothing[3] = {};
  for (int64_t frame = 0; frame < frames; ++frame) {
    if (frame == 0 && past_.frames == 0) {
      tracker.start(origin_, carrying_[0], nullptr, path);
    } else {
      tracker.advance(steps_ + 3 * frame, nothing, carrying_[frame], true, path + 3 * frame);
    }
  }
}

// Frames with clean feet; the horizon goes to that of who is `led`, or not, by a frame a frame, unseen.
void Performer::clean(FeetStream& feet, const Clip& motion, int64_t frames, bool led, Clip* out) {
  double turns[9 * kJoints], place[3];
  const auto stands = [](const RootState& state) { return std::hypot(state.velocity[0], state.velocity[1]) < kStands; };
  const bool stops = led && std::any_of(plan_, plan_ + raw_.frames, stands);
  const int32_t wanted = stops ? kStopHorizon : led ? kLedHorizon : kFreeHorizon;
  for (int64_t frame = 0; frame < frames; ++frame) {
    feet.options.horizon += feet.options.horizon < wanted ? 1 : feet.options.horizon > wanted ? -1 : 0;
    feet.push(motion.rotations + frame * 9 * kJoints, motion.translation + 3 * frame, motion.contacts + frame * kContacts, offsets_, scratch_,
              out ? out->rotations + frame * 9 * kJoints : turns, out ? out->translation + 3 * frame : place);
  }
}

// The block as it is answered: feet that stand, and swing clear of the floor, under a body that may look aside.
void Performer::finish_block(bool led) {
  const int64_t frames = raw_.frames;
  copy_frames(raw_, 0, frames, clean_, 0);
  clean_.frames = frames;
  std::copy_n(offsets_, 3 * kJoints, clean_.offsets);
  if (options_.clean_feet) {
    trial_.copy(feet_);
    clean(trial_, raw_, frames, led, &clean_);
    swing_clear(clean_, answered_.frames ? balls_ : nullptr, scratch_);
  }
  straighten(posture_, frames, asides_);
  for (int64_t frame = 0; led && frame < frames; ++frame) asides_[frame] = plan_[frame].aside;
  if (std::any_of(asides_, asides_ + frames, [](double aside) { return std::abs(aside) > kStraight; })) face_aside(clean_, asides_, scratch_);
  const Pool::Scope scope(scratch_);
  const Constraints constraints = constraints_in(directions.constraints, frame_, frames, scratch_);
  if (constraints.any()) meet_in_block(constraints, answered_, clean_, scratch_);
}

}  // namespace genmo
