#include "sampling/takes.h"

#include <algorithm>
#include <cmath>

#include "actions/traits.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kLeastSaid = 1.5;     // of a reading's amount, below which a text says nothing that tells takes apart
constexpr double kAboutEqual = 0.3;  // of agreement, within which takes are told apart by how smooth they are
constexpr double kChosen = 1;        // of agreement, by which a take with an example has to have more: it was chosen for agreeing
constexpr double kApart = 0.005;     // metres a joint further from the other takes between keyframes, for which to agree by 1 more
constexpr double kNearFloor = 0.06;  // metres over its lowest, at which the ball of a foot should not slide

struct Take {
  Clip clip;
  double agreed, rough;
  bool kept;  // not left out for jerking where an example begins or ends
};

// Of `tries` that are asked for; one where nothing tells takes apart, and, unasked, of an engine without a reader.
int takes_of(const Model& model, int tries, bool between) {
  if (!model.actions.has_reader() && !(between && tries)) return 1;
  return tries ? tries : between ? kUsualTakesBetween : kUsualTakes;
}

// Of the weights of a text, those of the arms alone count where it is said of the arms, and all others where the same frames have such a
// text: who waves in other motions stands.
void keep_apart(const TraitNames& names, const Sampling& s, int text, float* weights) {
  const bool of_arms = text >= s.text_count;
  const auto same = [&](const Span& arms) { return arms.start == s.texts[text].start && arms.end == s.texts[text].end; };
  if (!of_arms && std::none_of(s.arms, s.arms + s.arm_count, same)) return;
  for (int row = 0; row < names.count(); ++row)
    if (is_of_arms(names.trait(row)) != of_arms) weights[row] = 0;
}

// What the texts say that can be measured, the pool's; how many there are.
int read_said(const Model& model, const Sampling& s, Pool& pool, const Said*& said) {
  if (!model.actions.has_reader()) return 0;
  const TextReader& reader = model.actions.reader();
  auto* found = pool.get<Said>(s.text_count + s.arm_count);
  auto* weights = pool.get<float>(reader.names().count());
  int count = 0;
  for (int i = 0; i < s.text_count + s.arm_count; ++i) {
    const Span& text = i < s.text_count ? s.texts[i] : s.arms[i - s.text_count];
    if (!(reader.read(model.words, model.text_tokens, text.prompt, pool, weights) >= kLeastSaid)) continue;
    keep_apart(reader.names(), s, i, weights);
    found[count++] = {text.start, text.end, weights};
    weights = pool.get<float>(reader.names().count());
  }
  said = found;
  return count;
}

genmo_status make_take(Model& model, const Sampling& s, const Made& made, Pool& pool, Clip& clip, genmo_error* error) {
  auto* features = pool.get<double>(s.frames * kFeatures);
  const genmo_status status = sample_motion(model, s, pool, features, error);
  if (status == GENMO_OK) clip = finish_generated(features, s.frames, made, pool);
  return status;
}

void copy_clip(const Clip& from, Clip& to) {
  copy_frames(from, 0, from.frames, to, 0);
  std::copy_n(from.offsets, 3 * kJoints, to.offsets);
  std::copy_n(from.betas, kBetas, to.betas);
}

// Frames with keyframes in front of them and behind, and none of their own, the pool's; how many there are.
int64_t frames_between(const Constraints& constraints, Pool& pool, const int64_t*& between) {
  if (!constraints.keyframes.count) return 0;
  const int64_t *keys = constraints.keyframes.frames, last = constraints.keyframes.count - 1;  // rising
  auto* found = pool.get<int64_t>(keys[last] - keys[0] + 1);
  int64_t count = 0;
  for (int64_t i = 0; i < last; ++i)
    for (int64_t frame = keys[i] + 1; frame < keys[i + 1]; ++frame) found[count++] = frame;
  between = found;
  return count;
}

// Takes count for less the further they are from the others in these frames, roots together: the one in their middle has the least
// expected error.
void count_apart(Take* takes, int takes_count, const int64_t* between, int64_t frames, Pool& pool) {
  const Pool::Scope scope(pool);
  auto** joints = pool.get<const double*>(takes_count);
  for (int i = 0; i < takes_count; ++i) joints[i] = joints_of(takes[i].clip, pool);
  const auto place = [&](int take, int64_t frame, int joint) {
    const double* pose = joints[take] + frame * kJoints * 3;
    return at(pose + 3 * joint) - at(pose);
  };
  for (int i = 0; i < takes_count; ++i)
    for (int j = 0; j < i; ++j) {
      double apart = 0;
      for (int64_t k = 0; k < frames; ++k)
        for (int joint = 0; joint < kJoints; ++joint) apart += length(place(i, between[k], joint) - place(j, between[k], joint));
      const double counts = apart / (static_cast<double>(frames) * kJoints * takes_count) / kApart;
      takes[i].agreed -= counts;
      takes[j].agreed -= counts;
    }
}

// What tells takes apart.
struct Judge {
  const TraitNames& names;
  const Said* said;
  int count;

  void look(const Clip& clip, const Like* examples, int example_count, Pool& pool, Take& take) const {
    const double* joints = joints_of(clip, pool);
    take.agreed = agreement(names, joints, clip.frames, said, count, pool);
    take.rough = roughness(joints, clip.frames);
    take.kept = joins_well(joints, clip.frames, examples, example_count);
    if (example_count) take.agreed -= kChosen;
  }
};

// Of those that are kept at all; one without an example is.  The first where they agree by no numbers: a reader's may be finite and too large.
const Take& best_take(const Take* takes, int count) {
  double most = -INFINITY;
  for (const Take* take = takes; take != takes + count; ++take)
    if (take->kept) most = std::max(most, take->agreed);
  const Take* best = nullptr;
  for (const Take* take = takes; take != takes + count; ++take)
    if (take->kept && take->agreed >= most - kAboutEqual && (!best || take->rough < best->rough)) best = take;
  return best ? *best : *takes;
}

}  // namespace

double agreement(const TraitNames& names, const double* joints, int64_t frames, const Said* said, int count, Pool& pool) {
  const Pool::Scope scope(pool);
  const Signals signals = signals_of(joints, frames, pool);
  double agreed = 0;
  for (const Said* one = said; one != said + count; ++one) {
    if (one->end - one->start < kShortestStretch) continue;
    uint8_t over[kMostTraits];
    find_traits(signals.span(one->start, one->end), pool, over);
    for (int row = 0; row < names.count(); ++row)
      if (names.trait(row) >= 0 && over[names.trait(row)]) agreed += static_cast<double>(one->weights[row]);
  }
  return agreed;
}

double roughness(const double* joints, int64_t frames) {
  if (frames < 4) return 0;
  const auto joint = [&](int64_t frame, int which) { return at(joints + (frame * kJoints + which) * 3); };
  double lowest = INFINITY, slide = 0, jerk = 0;
  int64_t down = 0;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (const int ball : kBalls) lowest = std::min(lowest, joint(frame, ball).y);
  for (int64_t frame = 0; frame + 1 < frames; ++frame)
    for (const int ball : kBalls) {
      const Vec3 moved = joint(frame + 1, ball) - joint(frame, ball);
      if (joint(frame, ball).y >= lowest + kNearFloor) continue;
      slide += std::sqrt(moved.x * moved.x + moved.z * moved.z) * GENMO_FPS;
      ++down;
    }
  for (int64_t frame = 0; frame + 3 < frames; ++frame)
    for (const int ankle : kAnkles)
      jerk += length(joint(frame + 3, ankle) - 3 * joint(frame + 2, ankle) + 3 * joint(frame + 1, ankle) - joint(frame, ankle));
  jerk *= GENMO_FPS * GENMO_FPS * GENMO_FPS / 1000.0;
  return slide / static_cast<double>(std::max<int64_t>(down, 1)) + 0.1 * jerk / static_cast<double>(2 * (frames - 3));
}

genmo_status best_of_takes(Model& model, const Sampling& sampling, const Made& made, int tries, Pool& pool, Clip& best, genmo_error* error) {
  const int64_t* between = nullptr;
  const int64_t gap = frames_between(*made.constraints, pool, between);
  const int asked = takes_of(model, tries, gap > 0);
  const genmo_status ready = asked > 1 ? model.actions.unpack(error) : GENMO_OK;
  if (ready != GENMO_OK) return ready;
  const Said* said = nullptr;
  const int count = asked > 1 ? read_said(model, sampling, pool, said) : 0;
  if (asked == 1 || (!count && !gap)) return make_take(model, sampling, made, pool, best, error);
  // examples stand for texts alone: where something else is asked for, that leads
  const bool alone = !sampling.reference_count && !made.constraints->any();
  const ExampleTakes examples(model.actions.examples(), said, alone ? count : 0, sampling.seed, sampling.sample, asked, pool);
  const Judge judge{model.actions.reader().names(), said, count};
  auto* takes = pool.get<Take>(asked);
  for (int i = 0; i < asked; ++i) {
    takes[i].clip = new_clip(sampling.frames, pool);
    const Pool::Scope scope(pool);
    Sampling s = sampling;
    s.sample = sampling.sample * static_cast<uint32_t>(asked) + static_cast<uint32_t>(i);
    s.part = 1.0f / static_cast<float>(asked);
    s.done = s.part * static_cast<float>(i);
    const Like* of_take = nullptr;
    const int likes = examples.references(i, pool, of_take);
    if (likes) {
      s.references = of_take;
      s.reference_count = likes;
    }
    Clip clip;
    const genmo_status status = make_take(model, s, made, pool, clip, error);
    if (status != GENMO_OK) return status;
    judge.look(clip, of_take, likes, pool, takes[i]);
    copy_clip(clip, takes[i].clip);
  }
  if (gap) count_apart(takes, asked, between, gap, pool);
  best = best_take(takes, asked).clip;
  return GENMO_OK;
}

size_t takes_bytes(const Model& model, int64_t frames, int tries, int keyframes) {
  constexpr size_t kFrameBytes = (9 * kJoints + 3 + kContacts) * sizeof(double), kBetweenBytes = 3 * kJoints * sizeof(double);
  const bool between = keyframes > 1;  // if they do not follow each other
  const int takes = takes_of(model, tries, between);
  if (takes == 1) return 0;
  const size_t a_frame = kFrameBytes + between * kBetweenBytes, gaps = between * static_cast<size_t>(frames) * sizeof(int64_t);
  return static_cast<size_t>(takes) * (static_cast<size_t>(frames) * a_frame + sizeof(Take) + 8 * kAlignment) + gaps;
}

}  // namespace genmo
