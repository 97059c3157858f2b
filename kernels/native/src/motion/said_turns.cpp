// Turns by the angle that a text says, or as far as they usually go.  Twin: runtime/refine/said_turns.py.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "motion/filters.h"
#include "small.h"
#include "text/turns.h"

namespace genmo {
namespace {

constexpr int kHeadingWindow = 31, kPelvis = 0, kChest = 9;
constexpr double kLeastTurned = 0.35, kMostTurned = 3, kRightEnough = 0.08;
constexpr double kTurn = 6.283185307179586;

// Where the trunk faces [frames], radians about +y, without its sway.
void headings(const Clip& clip, Pool& pool, double* trend) {
  const Pool::Scope scope(pool);
  auto* yaw = pool.get<double>(clip.frames);
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    const double* local = clip.rotations + frame * 9 * kJoints;
    const Mat3 pelvis = mat_at(local);
    Mat3 chest = mat_at(local + 9 * kChest);
    for (int joint = kParents[kChest]; joint >= 0; joint = kParents[joint]) chest = mat_at(local + 9 * joint) * chest;
    yaw[frame] = std::atan2(pelvis.row[0].z + chest.row[0].z, pelvis.row[2].z + chest.row[2].z);
    if (frame) yaw[frame] -= kTurn * std::round((yaw[frame] - yaw[frame - 1]) / kTurn);
  }
  local_trend(yaw, clip.frames, kHeadingWindow, pool, trend);
}

Mat3 about_y(double yaw) {
  const double c = std::cos(yaw), s = std::sin(yaw);
  return {{{c, 0, s}, {0, 1, 0}, {-s, 0, c}}};
}

// Turns the motion by `yaw` [frames] more at each frame, and its steps from frame to frame with it.
void turn(Clip& clip, const double* yaw) {
  Vec3 before = at(clip.translation), place = about_y(yaw[0]) * before;
  for (int64_t frame = 0; frame < clip.frames; ++frame) {
    double *rotation = clip.rotations + frame * 9 * kJoints, *translation = clip.translation + 3 * frame;
    const Vec3 was = at(translation);
    if (frame) place = place + about_y((yaw[frame - 1] + yaw[frame]) / 2) * (was - before);
    put(rotation, about_y(yaw[frame]) * mat_at(rotation));
    put(translation, Vec3{place.x, was.y, place.z});
    before = was;
  }
}

// Whether a turn that is so many times what is said is turned as far as that; who turns less does not turn, and who turns much more does
// something else.
bool is_wrong(double ratio, const SaidTurn& said) {
  if (said.most > 0) return ratio * said.angle > said.most && ratio * said.angle <= kTurn;
  return ratio >= kLeastTurned && ratio <= kMostTurned && std::abs(ratio - 1) > kRightEnough;
}

}  // namespace

void turn_as_said(Clip& clip, const Span* texts, int count, Pool& pool) {
  for (int i = 0; i < count; ++i) {
    const Pool::Scope scope(pool);
    const int64_t start = texts[i].start, end = std::min(texts[i].end, clip.frames);
    const SaidTurn said = turn_of(texts[i].prompt, pool);
    if (said.angle == 0 || end - start < 2) continue;
    auto* trend = pool.get<double>(clip.frames);
    headings(clip, pool, trend);
    const double made = trend[end - 1] - trend[start];
    const double ratio = made / (said.angle * (said.side ? said.side : made > 0 ? 1 : -1));
    if (!is_wrong(ratio, said)) continue;
    auto* yaw = pool.get<double>(clip.frames);
    for (int64_t frame = 0; frame < clip.frames; ++frame) yaw[frame] = (1 / ratio - 1) * (trend[std::clamp(frame, start, end - 1)] - trend[start]);
    turn(clip, yaw);
  }
}

}  // namespace genmo
