#include "endless/root_plan.h"

#include <algorithm>
#include <cmath>

#include "angles.h"
#include "genmo/genmo.h"
#include "motion/spline.h"

namespace genmo {
namespace {

constexpr double kStep = 1.0 / GENMO_FPS;
constexpr double kResponse = 9, kAcceleration = 10, kJerkTime = 0.06, kCatchUp = 4, kCatchUpSpeed = 1.5, kTurn = 9, kTurnRate = 2.2 * kPi, kMoving = 0.25;
constexpr double kSide = 100 * kPi / 180, kChange = 12 * kPi / 180, kMostTurn = 1.2 * kPi, kBackward = 0.15;
constexpr double kSplineTension = 15, kE = 2.718281828459045;

// Heading and its rate a frame later, on the way to the heading `wanted` (not wrapped; NaN: none), which was `before` a frame ago (NaN:
// nowhere): one that turns steadily is followed without delay.
void turn(const RootState& state, double wanted, double before, RootState& next) {
  double error = 0, rate = 0;
  if (!std::isnan(wanted)) {
    const double moved = std::isnan(before) ? 0 : wrapped(wanted - before);
    rate = std::abs(moved) < kStep * kTurnRate ? moved / kStep : 0;
    error = wanted - kStep * rate - state.heading;
  }
  const double gain = kTurn * kStep;
  const double turning = (state.turning + kTurn * gain * error + (2 * gain + gain * gain) * rate) / ((1 + gain) * (1 + gain));
  next.turning = std::clamp(turning, -kTurnRate, kTurnRate);
  next.heading = state.heading + kStep * next.turning;
}

// The turn of the body over the legs and its rate a frame later, on the way to `aside` [-pi, pi]: never round the back.
void swerve(const RootState& state, double aside, RootState& next) {
  const double gain = kTurn * kStep;
  const double swerving = (state.swerving + kTurn * gain * (aside - state.aside)) / ((1 + gain) * (1 + gain));
  next.swerving = std::clamp(swerving, -kTurnRate, kTurnRate);
  next.aside = state.aside + kStep * next.swerving;
}

struct Wanted {
  double legs, aside;  // legs: as reached from the present heading, not wrapped; NaN: none
};

// The heading of the legs of somebody who goes in one direction and looks in another (NaN: in none), and by how much the body is turned
// further: whoever hardly moves turns as one.
Wanted legs_and_body(const RootState& state, double way, double facing) {
  if (std::isnan(way) || std::isnan(facing)) {
    const double whole = std::isnan(facing) ? way : facing;
    return {std::isnan(whole) ? NAN : state.heading + wrapped(whole - state.heading), 0};
  }
  const double back = wrapped(way + kPi);
  const bool goes_back = std::abs(wrapped(state.heading - back)) < std::abs(wrapped(state.heading - way));
  const double legs = std::abs(wrapped(facing - way)) > kSide + (goes_back ? -kChange : kChange) ? back : way;
  const double aside = wrapped(facing - legs);
  // legs that change their way turn against the body, which so keeps looking where it looks
  const double turned = wrapped(facing - state.heading - state.aside) - (aside - state.aside);
  return {state.heading + (std::abs(turned) < kMostTurn ? turned : wrapped(turned)), aside};
}

double way_of(const double* velocity) { return std::hypot(velocity[0], velocity[1]) > kMoving ? std::atan2(velocity[0], velocity[1]) : NAN; }

void steer(RootState now, const Stick& stick, int64_t count, RootState* states) {
  const double keep = std::exp(-kStep / kJerkTime), *wanted = stick.velocity, way = way_of(wanted);
  for (int64_t frame = 0; frame < count; ++frame) {
    double pull[2];
    for (int i = 0; i < 2; ++i) pull[i] = kResponse * (wanted[i] - now.velocity[i]);
    const double less = std::min(1.0, kAcceleration / std::max(std::hypot(pull[0], pull[1]), 1e-9));
    RootState next = now;
    for (int i = 0; i < 2; ++i) {
      next.acceleration[i] = keep * now.acceleration[i] + (1 - keep) * (pull[i] * less);
      next.velocity[i] = now.velocity[i] + kStep * next.acceleration[i];
      next.position[i] = now.position[i] + kStep * next.velocity[i];
    }
    const Wanted turned = legs_and_body(now, way, stick.facing);
    turn(now, turned.legs, NAN, next);
    swerve(now, turned.aside, next);
    states[frame] = now = next;
  }
}

// Positions [count, 2] at the frames from `first` on; before and after the path they stay.
void places_on(const RootPath& path, int64_t first, int64_t count, Pool& pool, double* places) {
  const Pool::Scope scope(pool);
  const int64_t start = path.frames[0], end = path.frames[path.count - 1];
  const int64_t low = std::clamp(first, start, end), high = std::clamp(first + count - 1, start, end);
  const int64_t *frames = path.frames, *past = frames + path.count;
  // the spline between two frames depends on some knots on either side, the rest decays
  const auto reach = static_cast<int64_t>(8 * kSplineTension);
  const int64_t left = std::min(std::lower_bound(frames, past, low - reach) - frames, std::upper_bound(frames, past, low) - frames - 4);
  const int64_t right = std::max(std::lower_bound(frames, past, high + reach) - frames, std::lower_bound(frames, past, high) - frames + 4);
  const int64_t from = std::max<int64_t>(left, 0), knots = std::min(right, path.count) - from;
  const TensionSpline spline(frames + from, path.positions + 2 * from, knots, 2, kSplineTension, pool);
  for (int64_t i = 0; i < count; ++i) spline.at(static_cast<double>(std::clamp(first + i, start, end)), places + 2 * i);
}

double facing_on(const RootPath& path, int64_t frame) {
  if (!path.facing) return NAN;
  const int64_t* after = std::upper_bound(path.frames, path.frames + path.count, frame);
  if (after == path.frames) return path.facing[0];
  if (after == path.frames + path.count) return path.facing[path.count - 1];
  const int64_t k = after - path.frames - 1;
  const double slope = (path.facing[k + 1] - path.facing[k]) / static_cast<double>(path.frames[k + 1] - path.frames[k]);
  return path.facing[k] + slope * static_cast<double>(frame - path.frames[k]);
}

void follow(RootState now, const RootPath& path, int64_t first, int64_t count, Pool& pool, RootState* states) {
  const Pool::Scope scope(pool);
  const int64_t around = count + 3;
  auto *on_path = pool.get<double>(2 * around), *rate = pool.get<double>(2 * around);
  places_on(path, first - 2, around, pool, on_path);
  for (int i = 0; i < 2 && first == path.frames[0]; ++i) {  // a path that begins now began at its speed
    const double speed = on_path[6 + i] - on_path[4 + i];
    on_path[i] = on_path[4 + i] - 2 * speed;
    on_path[2 + i] = on_path[4 + i] - speed;
  }
  for (int64_t k = 0; k < around; ++k) {
    const int64_t before = std::max<int64_t>(k - 1, 0), after = std::min(k + 1, around - 1);
    for (int i = 0; i < 2; ++i) rate[2 * k + i] = (on_path[2 * after + i] - on_path[2 * before + i]) / (static_cast<double>(after - before) * kStep);
  }
  double offset[2], drift[2], before = NAN;
  for (int i = 0; i < 2; ++i) {
    offset[i] = now.position[i] - on_path[2 + i];
    drift[i] = now.velocity[i] - rate[2 + i];
  }
  const double spring = std::min(kCatchUp, kE * kCatchUpSpeed / std::max(std::hypot(offset[0], offset[1]), 1e-9));
  for (int64_t frame = 0; frame < count; ++frame) {
    RootState next = now;
    for (int i = 0; i < 2; ++i) {
      drift[i] += kStep * (-(spring * spring) * offset[i] - 2 * spring * drift[i]);
      offset[i] += kStep * drift[i];
      next.velocity[i] = rate[2 * (frame + 2) + i] + drift[i];
      next.position[i] = on_path[2 * (frame + 2) + i] + offset[i];
      next.acceleration[i] = (next.velocity[i] - now.velocity[i]) / kStep;
    }
    const Wanted turned = legs_and_body(now, way_of(next.velocity), facing_on(path, first + frame));
    turn(now, turned.legs, before, next);
    swerve(now, turned.aside, next);
    before = turned.legs;
    states[frame] = now = next;
  }
}

}  // namespace

void plan_root(const RootState& state, const Command& command, int64_t first, int64_t count, Pool& pool, RootState* states) {
  if (command.kind == Command::kPath) return follow(state, command.path, first, count, pool, states);
  steer(state, command.stick, count, states);
}

bool goes_back(const RootState* states, int64_t count) {
  double along = 0;
  for (const RootState* one = states; one != states + count; ++one) along += std::sin(one->heading) * one->velocity[0] + std::cos(one->heading) * one->velocity[1];
  return along < -kBackward * static_cast<double>(count);
}

RootState at_end_of(RootState state, const double* positions, const double* headings, int64_t n) {
  const double* columns[3] = {positions, positions + 1, headings};
  const int64_t strides[3] = {2, 2, 1};
  double ends[3], slopes[3];
  for (int k = 0; k < 3; ++k) {  // the line through the values by least squares
    double mean = 0, up = 0, square = 0;
    const double middle = static_cast<double>(n - 1) / 2;
    for (int64_t i = 0; i < n; ++i) mean += columns[k][i * strides[k]] / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) {
      const double time = static_cast<double>(i) - middle;
      up += time * (columns[k][i * strides[k]] - mean);
      square += time * time;
    }
    slopes[k] = n > 1 ? up / square : 0;
    ends[k] = mean + slopes[k] * middle;
  }
  state.heading = ends[2];
  for (int i = 0; i < 2; ++i) state.position[i] = ends[i];
  if (n < 2) return state;
  state.turning = slopes[2] * GENMO_FPS;
  for (int i = 0; i < 2; ++i) {
    state.velocity[i] = slopes[i] * GENMO_FPS;
    state.acceleration[i] = 0;
  }
  return state;
}

void straighten(RootState state, int64_t count, double* asides) {
  for (int64_t frame = 0; frame < count; ++frame) {
    swerve(RootState(state), 0, state);
    asides[frame] = state.aside;
  }
}

RootState beginning(const Command& command, int64_t frame, Pool& pool) {
  RootState state;
  double way, facing;
  if (command.kind == Command::kStick) {
    way = way_of(command.stick.velocity);
    facing = command.stick.facing;
  } else {
    double around[4];
    places_on(command.path, frame, 2, pool, around);
    for (int i = 0; i < 2; ++i) {
      state.velocity[i] = (around[2 + i] - around[i]) * GENMO_FPS;
      state.position[i] = around[i] - state.velocity[i] / GENMO_FPS;
    }
    way = std::atan2(state.velocity[0], state.velocity[1]);
    facing = facing_on(command.path, frame);
  }
  state.heading = std::isnan(way) ? 0 : way;
  const Wanted wanted = legs_and_body(state, way, facing);
  state.heading = std::isnan(wanted.legs) ? 0 : wanted.legs;
  state.aside = wanted.aside;
  return state;
}

}  // namespace genmo
