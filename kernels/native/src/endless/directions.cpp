#include "endless/directions.h"

#include <algorithm>
#include <cmath>

namespace genmo {
namespace {

// Up to which speed in m/s a prompt is right.
constexpr struct {
  double speed;
  const char* prompt;
} kGaits[] = {{0.2, "a person stands still"}, {0.85, "a person walks slowly"},  {1.45, "a person walks forward"}, {2.2, "a person walks fast"},
              {3.5, "a person jogs forward"}, {4.3, "a person runs forward"}, {INFINITY, "a person runs fast"}};
constexpr double kHold = 0.15;  // m/s by which a speed must leave a gait's range
constexpr int64_t kShortest = 12;

int gait_of(double speed, int before) {
  int index = 0;
  while (speed > kGaits[index].speed) ++index;
  if (before < 0 || index == before) return index;
  const double low = before ? kGaits[before - 1].speed - kHold : -INFINITY;
  return low <= speed && speed <= kGaits[before].speed + kHold ? before : index;
}

int64_t end_of(const Span& text, int64_t otherwise) { return text.end == kNoEnd ? otherwise : text.end; }

}  // namespace

void Directions::drop_past(int64_t frame) {
  int kept = 0;
  for (int i = 0; i < count; ++i)
    if (end_of(texts[i], frame + 1) > frame) texts[kept++] = texts[i];
  count = kept;
}

int most_runs(int64_t frames) { return static_cast<int>(frames / kShortest) + 2; }

int gaits_of(const double* speeds, int64_t frames, int before, GaitRun* runs, int* gaits) {
  int count = 0;
  for (int64_t frame = 0; frame < frames; ++frame) gaits[frame] = gait_of(speeds[frame], frame ? gaits[frame - 1] : before);
  for (int64_t start = 0, end; start < frames; start = end) {
    for (end = start + 1; end < frames && gaits[end] == gaits[start];) ++end;
    GaitRun run{gaits[start], start, end};
    // what is short becomes the next
    if (count && (runs[count - 1].end - runs[count - 1].start < kShortest || runs[count - 1].gait == run.gait)) run.start = runs[--count].start;
    runs[count++] = run;
  }
  for (int i = 0; i < count; ++i) std::fill(gaits + runs[i].start, gaits + runs[i].end, runs[i].gait);
  return count;
}

int most_texts(int told, int64_t frames) { return 2 * told + most_runs(frames); }

int texts_in(const Directions& directions, int64_t first, int64_t known, int64_t frames, const GaitRun* runs, int run_count, Pool& pool, Span* texts) {
  const Pool::Scope scope(pool);
  const int64_t last = first + frames, border = first + known;
  auto* told = pool.get<bool>(frames - known);
  std::fill(told, told + (frames - known), false);
  int count = 0;
  for (const Span* one = directions.texts; one != directions.texts + directions.count; ++one) {
    const Span inside{one->prompt, std::max(one->start, border), std::min(end_of(*one, last), last)};
    if (inside.start >= inside.end) continue;
    texts[count++] = inside;
    std::fill(told + (inside.start - border), told + (inside.end - border), true);
  }
  const GaitRun whole{-1, 0, frames - known};
  if (directions.prompt) run_count = 1;
  for (int i = 0; i < run_count; ++i) {
    const GaitRun& run = directions.prompt ? whole : runs[i];
    const char* prompt = directions.prompt ? directions.prompt : kGaits[run.gait].prompt;
    for (int64_t start = run.start, end; start < run.end; start = end + 1) {
      for (end = start; end < run.end && !told[end];) ++end;
      if (start < end) texts[count++] = {prompt, border + start, border + end};
    }
  }
  for (int i = 1; i < count; ++i)  // few, and those that begin together stay in order
    for (int k = i; k > 0 && texts[k].start < texts[k - 1].start; --k) std::swap(texts[k], texts[k - 1]);
  for (Span* one = texts; one != texts + count; ++one) *one = {one->prompt, one->start == border ? 0 : one->start - first, one->end - first};
  return count;
}

}  // namespace genmo
