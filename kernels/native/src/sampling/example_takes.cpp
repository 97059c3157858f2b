#include "sampling/example_takes.h"

#include <algorithm>
#include <cmath>

#include "sampling/noise.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kStrengths[] = {1.0, 0.5};  // how closely takes follow their examples, in turn
constexpr int64_t kFade = 15, kAround = 12;  // frames at its ends over which a take leaves an example, and in which motions may jerk
constexpr int64_t kShortest = 20;            // frames of a text, below which no example stands for it

// The turn about +y that is nearest to a rotation.
double yaw_of(const double* rotation) { return std::atan2(rotation[2] - rotation[6], rotation[0] + rotation[8]); }

void turn(Clip& clip, double yaw) {
  const Mat3 turned = matrix_from_yaw(yaw);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    put(clip.rotations + frame * 9 * kJoints, turned * mat_at(clip.rotations + frame * 9 * kJoints));
    put(clip.translation + 3 * frame, turned * at(clip.translation + 3 * frame));
  }
}

}  // namespace

// Texts that overlap are one.
ExampleTakes::ExampleTakes(const Examples& examples, const Said* said, int count, uint64_t seed, uint32_t sample, int takes, Pool& pool)
    : examples_(examples), takes_(takes) {
  if (!examples.is_open()) return;
  choices_ = pool.get<Choice>(count);
  auto** sorted = pool.get<const Said*>(count);
  for (int i = 0; i < count; ++i) sorted[i] = said + i;
  const auto earlier = [](const Said* a, const Said* b) { return a->start != b->start ? a->start < b->start : a->end != b->end ? a->end < b->end : a < b; };
  std::sort(sorted, sorted + count, earlier);
  for (int first = 0, last; first < count; first = last) {
    int64_t end = sorted[first]->end;
    for (last = first + 1; last < count && sorted[last]->start < end; ++last) end = std::max(end, sorted[last]->end);
    choose(sorted + first, last - first, end, seed, sample, pool);
  }
}

void ExampleTakes::choose(const Said* const* together, int texts, int64_t end, uint64_t seed, uint32_t sample, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t start = together[0]->start, frames = end - start;
  if (frames < kShortest) return;
  auto** weights = pool.get<const float*>(texts);
  for (int i = 0; i < texts; ++i) weights[i] = together[i]->weights;
  Choice& choice = choices_[count_];
  choice.start = start;
  choice.end = end;
  choice.count = examples_.nearest(weights, texts, frames, pool, choice.stretches, kChoice);
  const uint32_t words[] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), sample, static_cast<uint32_t>(start)};
  const uint32_t small[] = {words[0], sample, words[3]};
  Noise noise = seed >> 32 ? Noise(words, 4) : Noise(small, 3);
  for (int i = choice.count - 1; i > 0; --i) std::swap(choice.stretches[i], choice.stretches[noise.below(static_cast<uint32_t>(i) + 1)]);
  count_ += choice.count > 0;
}

int ExampleTakes::references(int take, Pool& pool, const Like*& references) const {
  const int place = take - (takes_ - takes_ / 2);
  if (place < 0 || !count_) return 0;
  auto* found = pool.get<Like>(count_);
  double heading = 0;  // the next text's example goes on where this one's looks at its end
  for (int i = 0; i < count_; ++i) {
    const Choice& choice = choices_[i];
    Clip clip = examples_.motion(choice.stretches[place % choice.count], choice.end - choice.start, pool);
    turn(clip, heading);
    heading = yaw_of(clip.rotations + (clip.frames - 1) * 9 * kJoints);
    found[i] = {choice.start, clip, kStrengths[place % 2], kFade};
  }
  references = found;
  return count_;
}

bool joins_well(const double* joints, int64_t frames, const Like* references, int count) {
  const auto nearest_end = [&](int64_t frame) {
    int64_t nearest = frames;
    for (const Like* one = references; one != references + count; ++one)
      for (const int64_t end : {one->start, one->end()})
        if (end > 0 && end < frames) nearest = std::min(nearest, std::abs(frame - end));
    return nearest;
  };
  double near = -INFINITY, elsewhere = -INFINITY;
  for (int64_t frame = 1; frame + 1 < frames; ++frame) {
    double sharpest = 0;
    for (int joint = 0; joint < kJoints; ++joint) {
      const auto place = [&](int64_t when) { return at(joints + (when * kJoints + joint) * 3); };
      sharpest = std::max(sharpest, length((place(frame + 1) - place(frame)) - (place(frame) - place(frame - 1))));
    }
    double& most = nearest_end(frame) <= kAround ? near : elsewhere;
    most = std::max(most, sharpest);
  }
  return elsewhere == -INFINITY || near <= elsewhere;
}

}  // namespace genmo
