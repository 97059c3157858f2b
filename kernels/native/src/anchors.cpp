// Where planted feet are pinned: one world point a contact.
#include <algorithm>
#include <cmath>
#include <limits>

#include "feet.h"

namespace genmo {
namespace {

constexpr int kMostSpan = 256;

// One foot's balls and decisions, of `frames` frames.
struct Foot {
  const double* balls;
  const uint8_t* in_contact;
  int64_t frames;

  Vec3 ball(int64_t frame) const { return at(balls + frame * 6); }
  bool planted(int64_t frame) const { return in_contact[frame * 2] != 0; }
};

bool is_far(Vec3 ball, Vec3 anchor, double reach) {
  const double x = ball.x - anchor.x, z = ball.z - anchor.z;
  return std::sqrt(x * x + z * z) > reach;
}

// The end of the stretch of frames from `frame` on in which the ball is over reach from the anchor, up to `end`.
int64_t end_of_far(const genmo_anchor_rule& o, const Foot& foot, int64_t frame, int64_t end, Vec3 anchor) {
  while (frame < end && is_far(foot.ball(frame), anchor, o.reach)) ++frame;
  return frame;
}

// The median of a coordinate of the balls [frame, end), at most kMostSpan of them.
double median(const Foot& foot, int64_t frame, int64_t end, double Vec3::*axis) {
  double rising[kMostSpan];
  int64_t count = 0;
  for (; frame < end; ++frame) {
    const double value = foot.ball(frame).*axis;
    int64_t place = count++;
    for (; place > 0 && rising[place - 1] > value; --place) rising[place] = rising[place - 1];
    rising[place] = value;
  }
  return (rising[(count - 1) / 2] + rising[count / 2]) / 2;
}

// Whether a ball of [frame, end) that is over reach from the anchor comes back within `brief` frames, always.
bool comes_back(const genmo_anchor_rule& o, const Foot& foot, int64_t frame, int64_t end, Vec3 anchor) {
  while (frame < end) {
    const int64_t back = end_of_far(o, foot, frame, end, anchor);
    if (back > frame && (back == end || back - frame > o.brief)) return false;
    frame = back + 1;
  }
  return true;
}

// Where to pin a ball that is in contact over [frame, end): the median where it always comes back to it; the mean of the
// first positions within reach of each other where it does not, and of all where none is further.
Vec3 anchor_of(const genmo_anchor_rule& o, const Foot& foot, int64_t frame, int64_t end) {
  end = std::min(end, frame + o.span);
  const Vec3 first = foot.ball(frame);
  Vec3 sum{0, 0, 0};
  int64_t near = frame;
  for (; near < end && !is_far(foot.ball(near), first, o.reach); ++near) sum = sum + foot.ball(near);
  Vec3 anchor = (1 / static_cast<double>(near - frame)) * sum;
  if (near < end) {
    const Vec3 middle{median(foot, frame, end, &Vec3::x), median(foot, frame, end, &Vec3::y),
                      median(foot, frame, end, &Vec3::z)};
    if (comes_back(o, foot, frame, end, middle)) anchor = middle;
  }
  if (!std::isnan(o.ground)) {
    const double over = anchor.y - o.ground - o.ball_height;
    anchor.y -= over * to_ground(over, o.step);
  }
  return anchor;
}

// How many frames from `frame` on the foot stays pinned: 0 where it lifts or is dragged and does not come back.
int64_t held_frames(const genmo_anchor_rule& o, const Foot& foot, int64_t frame, Vec3 anchor) {
  if (!foot.planted(frame)) return 0;
  const int64_t back = end_of_far(o, foot, frame, foot.frames, anchor);
  if (back == frame) return 1;
  if (back == foot.frames || back - frame > o.brief) return 0;
  for (int64_t near = frame; near < back; ++near) {
    if (!foot.planted(near)) return 0;
  }
  return back - frame;
}

void lock_foot(const genmo_anchor_rule& o, const Foot& foot, int64_t upto, genmo_lock* lock, double* anchors) {
  for (int64_t frame = 0; frame < upto; ++frame) {
    std::fill_n(anchors + frame * 6, 3, std::numeric_limits<double>::quiet_NaN());
  }
  for (int64_t frame = 0; frame < upto;) {
    if (lock->pinned == 0) {
      const int64_t start = std::min<int64_t>(frame + lock->rest, upto);
      lock->rest -= static_cast<int32_t>(start - frame);
      for (frame = start; frame < upto && !foot.planted(frame);) ++frame;
      if (frame == upto) return;
      int64_t end = frame;
      while (end < foot.frames && foot.planted(end)) ++end;
      put(lock->anchor, anchor_of(o, foot, frame, end));
      lock->pinned = 1;
    }
    while (frame < upto) {
      const int64_t held = held_frames(o, foot, frame, at(lock->anchor));
      if (held == 0) {
        lock->pinned = 0;
        lock->rest = o.lift;
        break;
      }
      for (const int64_t end = std::min(frame + held, upto); frame < end; ++frame) {
        std::copy_n(lock->anchor, 3, anchors + frame * 6);
      }
    }
  }
}

}  // namespace
}  // namespace genmo

extern "C" genmo_status genmo_lock_anchors(const genmo_anchor_rule* rule, int64_t frames, int64_t upto,
                                           const double* balls, const uint8_t* in_contact, genmo_lock* locks,
                                           double* anchors, genmo_error* error) {
  using genmo::fail;
  if (rule == nullptr || rule->size != sizeof *rule) {
    return fail(error, GENMO_BAD_ARGUMENT, "rule is NULL or not of this header");
  }
  if (rule->lift < 0 || rule->lift > 1 << 20 || rule->span < 1 || rule->span > genmo::kMostSpan || rule->brief < 0) {
    return fail(error, GENMO_BAD_ARGUMENT, "lift %d, span %d or brief %d is out of range", rule->lift, rule->span,
                rule->brief);
  }
  if (upto < 0 || upto > frames || balls == nullptr || in_contact == nullptr || locks == nullptr || anchors == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL, or %lld of %lld frames are to be anchored",
                static_cast<long long>(upto), static_cast<long long>(frames));
  }
  for (int foot = 0; foot < 2; ++foot) {
    if (locks[foot].rest < 0) return fail(error, GENMO_BAD_ARGUMENT, "locks[%d].rest is negative", foot);
  }
  for (int foot = 0; foot < 2; ++foot) {
    genmo::lock_foot(*rule, {balls + 3 * foot, in_contact + foot, frames}, upto, locks + foot, anchors + 3 * foot);
  }
  return GENMO_OK;
}
