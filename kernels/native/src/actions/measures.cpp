#include "actions/measures.h"

#include <cmath>

#include "angles.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kRestSpeed = 0.22;    // m/s, below which a person is not on the move
constexpr double kFlightRise = 0.05;   // metres over the floor by which both feet have to be up
constexpr double kPunchSpeed = 2.2;    // m/s of the fist against the pelvis
constexpr int64_t kShortestFlight = 3, kLongestFlight = 26, kPunchesApart = 8;  // frames

// The largest of a frame and the `frames` - 1 before it.
template <typename Value>
double recent_maximum(int64_t frame, int64_t frames, Value value) {
  double most = value(frame);
  for (int64_t back = 1; back < frames && back <= frame; ++back) most = std::max(most, value(frame - back));
  return most;
}

}  // namespace

bool Jump::is_big() const {
  const double seconds = static_cast<double>(end - start) / GENMO_FPS;
  return seconds > 0.25 && 0.09 < rise && rise < 3 * (9.81 * seconds * seconds / 8) + 0.12;
}

Measures::Measures(const Signals& signals, Pool& pool)
    : s(signals), pool(pool), floor(floor_height()), pelvis(pool.get<double>(s.frames)), path_turn(turn_of_path()), jumps(pool.get<Jump>(s.frames / 4 + 1)) {
  for (int64_t frame = 0; frame < s.frames; ++frame) pelvis[frame] = height(frame, kPelvis) / (s.leg + 0.12);
  find_jumps();
  for (int side = 0; side < 2; ++side) punches[side] = count_punches(side);
}

double Measures::reach(int64_t frame, int side) const {
  return length(at(wrist(frame, side)) - at(s.joint(frame, kShoulders[side]))) / s.arm;
}

double Measures::apart(int64_t frame) const { return length(at(wrist(frame, 0)) - at(wrist(frame, 1))); }

double Measures::to_hip(int64_t frame, int side) const { return length(at(wrist(frame, side)) - at(s.joint(frame, kHips[side]))); }

double Measures::thigh(int64_t frame, int side) const {
  const Vec3 bone = at(s.joint(frame, kKnees[side])) - at(s.joint(frame, kHips[side]));
  return std::acos(std::clamp(-bone.y / std::max(length(bone), 1e-9), -1.0, 1.0)) * (180 / kPi);
}

double Measures::floor_height() const {
  const Pool::Scope scope(pool);
  auto* lowest = pool.get<double>(s.frames);
  for (int64_t frame = 0; frame < s.frames; ++frame) lowest[frame] = std::min(s.joint(frame, kBalls[0])[1], s.joint(frame, kBalls[1])[1]);
  return quantile(lowest, s.frames, 0.05, pool);
}

// The direction of the path is that of the facing plus the one against it.
double Measures::turn_of_path() const {
  const Pool::Scope scope(pool);
  auto* angle = pool.get<double>(s.frames);
  int64_t moving = 0;
  for (int64_t frame = 0; frame < s.frames; ++frame)
    if (s.speed[frame] > kRestSpeed) angle[moving++] = s.heading[frame] + std::atan2(s.across[frame], s.along[frame]);
  if (moving < 8) return 0;
  unwrap(angle, moving);
  const int64_t edge = std::min<int64_t>(6, moving / 2);
  return (mean_of(angle + moving - edge, edge) - mean_of(angle, edge)) * (180 / kPi);
}

// A heel that rises over planted toes is no lifted foot.
bool Measures::is_up(int64_t frame, int side) const { return height(frame, kBalls[side]) > kFlightRise && height(frame, kAnkles[side]) > kFlightRise + 0.04; }

int Measures::foot_of(int64_t start, int64_t end) const {
  for (int foot = 0; foot < 2; ++foot) {
    bool other = !is_up(start - 1, foot) && !is_up(end, foot);
    for (int64_t frame = std::max<int64_t>(start - 4, 0); other && frame < start; ++frame) other = is_up(frame, 1 - foot);
    for (int64_t frame = end; other && frame < std::min(end + 4, s.frames); ++frame) other = is_up(frame, 1 - foot);
    if (other) return foot;
  }
  return -1;
}

void Measures::find_jumps() {
  const auto flies = [&](int64_t frame) { return is_up(frame, 0) && is_up(frame, 1); };
  visit_runs(s.frames, flies, [&](int64_t start, int64_t end) {
    if (start < 2 || end > s.frames - 2 || end - start < kShortestFlight || end - start > kLongestFlight) return;
    double top = -INFINITY;
    for (int64_t frame = start; frame < end; ++frame) top = std::max(top, s.joint(frame, kPelvis)[1]);
    const double x = s.path[2 * end] - s.path[2 * start], z = s.path[2 * end + 1] - s.path[2 * start + 1];
    const double facing = s.heading[start];
    jumps[jump_count++] = {start, end, top - s.joint(start - 1, kPelvis)[1], x * std::sin(facing) + z * std::cos(facing), foot_of(start, end)};
  });
}

int Measures::count_punches(int side) const {
  const auto speed = [&](int64_t frame) { return s.wrist_speed[2 * frame + side]; };
  const auto good = [&](int64_t frame) {
    const double now = reach(frame, side), least = -recent_maximum(frame, 8, [&](int64_t at) { return -reach(at, side); });
    return now > 0.82 && now - least > 0.22 && recent_maximum(frame, 6, speed) > kPunchSpeed && s.tilt[frame] < 45 &&
           ahead(frame, side) > 0.6 * s.arm && std::abs(over_shoulder(frame, side)) < 0.28 && s.speed[frame] < 1.8;
  };
  int count = 0;
  int64_t last = -kPunchesApart;
  visit_runs(s.frames, good, [&](int64_t start, int64_t end) {
    int64_t farthest = start;
    for (int64_t frame = start + 1; frame < end; ++frame)
      if (reach(frame, side) > reach(farthest, side)) farthest = frame;
    if (farthest - last < kPunchesApart) return;
    last = farthest;
    ++count;
  });
  return count;
}

}  // namespace genmo
