// How a performer's next block is asked for and received.
#include <algorithm>
#include <cmath>

#include "angles.h"
#include "endless/performer.h"
#include "sampling/known_frames.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kRecent = 15;  // frames whose line says where a motion is and how fast, when a plan begins

// Headings [frames] of the roots of a clip without jumps.
void headings(const Clip& clip, int64_t first, int64_t frames, double* out) {
  for (int64_t i = 0; i < frames; ++i) out[i] = heading(clip.rotations + (first + i) * 9 * kJoints);
  unwrap(out, frames);
}

// A clip as if time ran back.
void run_back(Clip& clip) {
  constexpr int64_t kWidths[] = {9 * kJoints, 3, kContacts};
  double* const arrays[] = {clip.rotations, clip.translation, clip.contacts};
  for (int i = 0; i < 3; ++i)
    for (int64_t first = 0, last = clip.frames - 1; first < last; ++first, --last)
      std::swap_ranges(arrays[i] + first * kWidths[i], arrays[i] + (first + 1) * kWidths[i], arrays[i] + last * kWidths[i]);
}

}  // namespace

genmo_status Performer::make_block(const Spaces& own, genmo_error* error) {
  settle();
  const Pool::Scope scope(scratch_);
  const Noise noise = noise_;
  const RootState state = state_;
  const bool led = led_;
  Opening opening;
  Inpainting inpainting;
  directions.drop_past(frame_);
  drop_past(directions.constraints, frame_);
  opening.known = past_.frames;
  opening.constraints = constraints_in(directions.constraints, frame_ - opening.known, options_.window(), scratch_);
  plan(opening);
  opening.back = opening.planned && !directions.prompt && !directions.count && !opening.constraints.any() && goes_back(plan_, options_.window() - opening.known);
  opening.camera = camera_of(opening);
  know(opening, inpainting);
  refer(opening);
  auto* features = scratch_.get<double>(options_.window() * kFeatures);
  const genmo_status status = sample(opening, inpainting, own, features, error);
  if (status != GENMO_OK) {
    noise_ = noise;
    state_ = state;
    led_ = led;
    return status;
  }
  receive(opening, features);
  return GENMO_OK;
}

// Where the root goes in the new frames, where something leads it.
void Performer::plan(Opening& opening) {
  opening.planned = directions.command.kind != Command::kNone;
  if (!opening.planned) {
    led_ = false;
    return;
  }
  if (!led_ && past_.frames) {
    double positions[2 * kRecent], facing[kRecent];
    const int64_t recent = std::min<int64_t>(past_.frames, kRecent), first = past_.frames - recent;
    headings(past_, first, recent, facing);
    for (int64_t i = 0; i < 2 * recent; ++i) positions[i] = past_.translation[3 * (first + i / 2) + 2 * (i % 2)];
    state_ = at_end_of(posture_, positions, facing, recent);
  } else if (!led_) {
    state_ = beginning(directions.command, frame_, scratch_);
  }
  led_ = true;
  plan_root(state_, directions.command, frame_, options_.window() - opening.known, scratch_, plan_);
}

Still Performer::camera_of(const Opening& opening) const {
  double pelvis[3] = {};
  if (opening.back) {  // before who is where the plan ends
    const int64_t fresh = options_.window() - opening.known, seen = std::min(fresh, options_.overlap);
    for (int64_t i = 0; i < 2 * seen; ++i) pelvis[2 * (i % 2)] += plan_[fresh - seen + i / 2].position[i % 2] / static_cast<double>(seen);
    return facing_camera(plan_[fresh - 1].heading, pelvis);
  }
  if (past_.frames) {
    for (int64_t i = 0; i < 3 * past_.frames; ++i) pelvis[i % 3] += past_.translation[i] / static_cast<double>(past_.frames);
    return facing_camera(heading(past_.rotations), pelvis);
  }
  if (!opening.planned) return facing_camera(0, pelvis);
  pelvis[0] = plan_[0].position[0];
  pelvis[2] = plan_[0].position[1];
  return facing_camera(plan_[0].heading, pelvis);
}

// The known features of the window, which they are, and the same as a condition.
void Performer::know(Opening& opening, Inpainting& inpainting) {
  const int64_t window = options_.window(), known = opening.known;
  opening.values = scratch_.get<float>(window * kFeatures);
  opening.mask = scratch_.get<uint8_t>(window * kFeatures);
  std::fill_n(opening.values, window * kFeatures, 0.0f);
  std::fill_n(opening.mask, window * kFeatures, uint8_t{0});
  inpainting.values = opening.values;
  inpainting.mask = opening.mask;
  if (!known) {
    for (int64_t i = 0; bodied_ && i < window * kBetas; ++i) {
      const int64_t at = i / kBetas * kFeatures + kShape + i % kBetas;
      opening.values[at] = normalised(model_, at, betas_[i % kBetas]);
      opening.mask[at] = 1;
    }
    return;
  }
  auto *condition = scratch_.get<float>(window * kKeyframeWidth), *shown = scratch_.get<float>(window);
  const Pool::Scope scope(scratch_);
  auto *features = scratch_.get<double>(known * kFeatures), *path = scratch_.get<double>(3 * window);
  Clip past = new_clip(known, scratch_);
  std::copy_n(offsets_, 3 * kJoints, past.offsets);
  copy_frames(past_, 0, known, past, 0);
  if (opening.back) run_back(past);
  std::copy_n(betas_, kBetas, past.betas);
  encode(past, opening.camera, features);
  const int64_t first = opening.back ? window - known : 0;
  for (int64_t i = 0; i < known * kFeatures; ++i) {
    opening.values[first * kFeatures + i] = normalised(model_, i, features[i]);
    opening.mask[first * kFeatures + i] = 1;
  }
  // a frame's velocity leads to the next one, which is unknown for the last
  if (!opening.back) std::fill_n(opening.mask + (known - 1) * kFeatures + kVelocity, 3, uint8_t{0});
  std::fill_n(path, 3 * window, NAN);
  std::copy_n(past.translation, 3 * known, path + 3 * first);
  keyframe_condition(opening.values, opening.mask, window, path, gravity_view_yaw(opening.camera.rotation), condition, shown);
  inpainting.known = {condition, shown};
}

// The plan in the whole window; in known frames where it was, or where the motion was.
void Performer::refer(Opening& opening) {
  if (!opening.planned) return;
  const int64_t known = opening.known, window = options_.window();
  auto *positions = scratch_.get<double>(2 * window), *facing = scratch_.get<double>(window);
  headings(past_, 0, known, facing);
  for (int64_t frame = 0; frame < known; ++frame) {
    const double *was = past_plan_ + 3 * frame, *place = past_.translation + 3 * frame;
    const bool planned = !std::isnan(was[0]);
    positions[2 * frame] = planned ? was[0] : place[0];
    positions[2 * frame + 1] = planned ? was[1] : place[2];
    if (planned) facing[frame] = was[2];
  }
  for (int64_t frame = known; frame < window; ++frame) {
    const RootState& wanted = plan_[frame - known];
    std::copy_n(wanted.position, 2, positions + 2 * frame);
    facing[frame] = wanted.heading;
  }
  for (int64_t frame = 0; opening.back && frame < window - 1 - frame; ++frame) {
    std::swap_ranges(positions + 2 * frame, positions + 2 * frame + 2, positions + 2 * (window - 1 - frame));
    std::swap(facing[frame], facing[window - 1 - frame]);
  }
  opening.reference.back = opening.back;
  opening.reference.known = known;
  opening.reference.positions = positions;
  opening.reference.headings = facing;
  if (known) {
    std::copy_n(past_.translation + 3 * (known - 1), 3, opening.reference.root);
  } else {
    opening.reference.root[0] = plan_[0].position[0];
    opening.reference.root[2] = plan_[0].position[1];
  }
}

// A prediction that continues the known frames, follows the plan and meets keyframes and targets.
void Performer::project(void* context, float* x_0, Pool& pool) {
  const auto& [performer, opening] = *static_cast<Projection*>(context);
  const int64_t window = performer->options_.window(), count = window * kFeatures;
  if (opening->known) ease_from_known(opening->values, opening->mask, window, opening->back, x_0);
  if (!opening->planned && !opening->constraints.any()) return;
  const Pool::Scope scope(pool);
  auto* features = pool.get<double>(count);
  for (int64_t i = 0; i < count; ++i) features[i] = restored(performer->model_, i, x_0[i]);
  if (opening->planned) steer_root(features, window, opening->camera, opening->reference, pool);
  if (opening->constraints.any()) meet_in_features(opening->constraints, opening->camera, performer->past_, window, features, pool);
  for (int64_t i = 0; i < count; ++i) x_0[i] = opening->mask[i] ? opening->values[i] : normalised(performer->model_, i, features[i]);
}

genmo_status Performer::sample(const Opening& opening, const Inpainting& given, const Spaces& own, double* features, genmo_error* error) {
  const int64_t window = options_.window(), fresh = window - opening.known;
  auto* noise = scratch_.get<float>(window * kFeatures);
  noise_.fill(noise, window * kFeatures);
  auto* speeds = scratch_.get<double>(fresh);
  for (int64_t i = 0; i < fresh; ++i) speeds[i] = opening.planned ? std::hypot(plan_[i].velocity[0], plan_[i].velocity[1]) : 0;
  auto* runs = scratch_.get<GaitRun>(most_runs(fresh));
  const int run_count = gaits_of(speeds, fresh, gait_, runs, gaits_);
  auto* texts = scratch_.get<Span>(most_texts(directions.count, window));
  Projection projection{this, &opening};
  Inpainting inpainting = given;
  inpainting.context = &projection;
  if (opening.known || opening.planned || opening.constraints.any()) inpainting.project = project;
  Sampling s;
  s.frames = window;
  s.text_count = texts_in(directions, frame_ - opening.known, opening.known, window, runs, run_count, scratch_, texts);
  for (Span* one = texts; opening.back && one != texts + s.text_count; ++one) *one = {one->prompt, window - one->end, window - one->start};
  s.texts = texts;
  s.steps = options_.steps;
  s.guidance = options_.guidance;
  s.noise = noise;
  s.own = &own;
  s.progress = options_.progress;
  s.user = options_.user;
  if (inpainting.project || bodied_) s.inpainting = &inpainting;
  return sample_motion(model_, s, scratch_, features, error);
}

Clip Performer::decode_window(const Opening& opening, const double* features) {
  const int64_t window = options_.window();
  Still camera = opening.camera;
  const auto decoded = [&] {
    auto* turns = scratch_.get<double>(9 * window);
    for (int64_t i = 0; i < 9 * window; ++i) turns[i] = camera.rotation[i % 9];
    return decode(features, window, scratch_, turns);
  };
  Clip clip = decoded();
  if (!opening.known && !opening.planned) {  // the first frame faces +z
    const double nowhere[3] = {};
    camera = facing_camera(-heading(clip.rotations), nowhere);
    clip = decoded();
  }
  return clip;
}

void Performer::receive(const Opening& opening, const double* features) {
  const int64_t window = options_.window(), known = opening.known;
  if (!known && opening.planned) {
    origin_[0] = plan_[0].position[0];
    origin_[2] = plan_[0].position[1];
  }
  Clip clip = decode_window(opening, features);
  if (opening.back) run_back(clip);
  if (!bodied_) {
    bodied_ = true;
    std::copy_n(clip.betas, kBetas, betas_);
    rest_offsets(betas_, offsets_);
  }
  std::copy_n(betas_, kBetas, clip.betas);
  std::copy_n(offsets_, 3 * kJoints, clip.offsets);
  limit_limb_speed(clip, scratch_, std::max<int64_t>(known, 1));
  auto *feet = scratch_.get<double>(window), *floor = scratch_.get<double>(window);
  carried(clip, scratch_, feet, floor);
  int64_t kept = frames_to_keep(directions.constraints, frame_, window - known, scratch_);
  if (known) kept = std::min(kept, options_.block);
  else if (options_.first_block) kept = std::min(kept, options_.first_block);
  for (int64_t i = 0; i < kept; ++i) {
    const int64_t frame = known + i, before = std::max<int64_t>(frame - 1, 0);
    put(steps_ + 3 * i, at(clip.translation + 3 * frame) - at(clip.translation + 3 * before));
    steps_[3 * i + 1] -= floor[frame] - floor[before];  // feet that drift up or down
    carrying_[i] = feet[frame] + kBallHeight;
  }
  copy_frames(clip, known, kept, raw_, 0);
  raw_.frames = kept;
  RootTracker tracker = tracker_;
  track(tracker, kept, raw_.translation);
  finish_block(opening.planned);
  used_ = 0;
  made_ = true;
  planned_ = opening.planned;
}

}  // namespace genmo
