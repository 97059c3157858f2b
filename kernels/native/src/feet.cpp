// When feet are planted, how the root follows them, and how their offsets fade.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "angles.h"
#include "feet.h"

namespace genmo {

genmo_status check(const genmo_feet* feet, int64_t frames, genmo_error* error) {
  if (feet == nullptr) return fail(error, GENMO_BAD_ARGUMENT, "feet is NULL");
  if (feet->size != sizeof *feet) {
    return fail(error, GENMO_BAD_ARGUMENT, "feet->size is %u; wanted %u, of this header", feet->size,
                static_cast<unsigned>(sizeof *feet));
  }
  constexpr int32_t most = 1 << 20;
  if (frames < 0 || feet->horizon < 0 || feet->horizon > most || feet->smooth < 0 || feet->smooth > feet->horizon ||
      feet->level < 0 || feet->level > most || feet->lift < 0 || feet->lift > most) {
    return fail(error, GENMO_BAD_ARGUMENT, "%lld frames, horizon %d, smooth %d, level %d or lift %d is out of range",
                static_cast<long long>(frames), feet->horizon, feet->smooth, feet->level, feet->lift);
  }
  return GENMO_OK;
}

namespace {

genmo_status check_rule(const genmo_contact_rule* rule, int64_t frames, genmo_error* error) {
  if (rule == nullptr || rule->size != sizeof *rule) {
    return fail(error, GENMO_BAD_ARGUMENT, "rule is NULL or not of this header");
  }
  if (frames < 0) return fail(error, GENMO_BAD_ARGUMENT, "%lld frames", static_cast<long long>(frames));
  return GENMO_OK;
}

int64_t clamped(int64_t frame, int64_t frames) { return std::clamp<int64_t>(frame, 0, frames - 1); }

// taps . values around `frame`, of column `column` of `columns`; taps[past] weighs the frame itself, the ends repeat.
double filtered(const double* values, int64_t frames, int columns, int column, int64_t frame, const double* taps,
                int64_t past, int64_t after) {
  double sum = 0;
  for (int64_t k = -past; k <= after; ++k) sum += values[clamped(frame + k, frames) * columns + column] * taps[past + k];
  return sum;
}

// A raised cosine of past + 1 + ahead taps that ends on each side, sum 1.
void raised_cosine(int64_t past, int64_t ahead, double* taps) {
  double sum = 0;
  for (int64_t k = -past; k <= ahead; ++k) {
    const double phase = static_cast<double>(k) / static_cast<double>((k < 0 ? past : ahead) + 1);
    sum += taps[past + k] = 1 + std::cos(kPi * phase);
  }
  for (int64_t k = 0; k <= past + ahead; ++k) taps[k] /= sum;
}

double speed_of(const double* balls, int64_t frames, int64_t frame, int foot, double fps) {
  if (frames == 1) return 0;
  const int64_t before = clamped(frame - 1, frames), after = clamped(frame + 1, frames);
  const Vec3 change = at(balls + (after * 2 + foot) * 3) - at(balls + (before * 2 + foot) * 3);
  return length((1.0 / static_cast<double>(after - before)) * change) * fps;
}

void scores_of(const genmo_contact_rule& o, int64_t frames, const double* balls, const double* contacts, double fps,
               double* scores) {
  constexpr double weights[] = {1.0 / 9, 2.0 / 9, 3.0 / 9, 2.0 / 9, 1.0 / 9};
  const double prior = std::pow(contacts == nullptr ? o.slow_alone : o.slow, o.steep);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* here = balls + frame * 6;
    const double lowest = std::min(here[1], here[4]);
    for (int foot = 0; foot < 2; ++foot) {
      double speed = 0, likely = 0;
      for (int64_t k = -2; k <= 2; ++k) {
        const int64_t near = clamped(frame + k, frames);
        speed += weights[2 + k] * speed_of(balls, frames, near, foot, fps);
        if (contacts != nullptr) {
          likely += weights[2 + k] * (contacts[near * 6 + 2 * foot] + contacts[near * 6 + 2 * foot + 1]) / 2;
        }
      }
      const double height = (here[3 * foot + 1] - lowest) / o.lifted;
      double odds = std::exp(-height * height) / std::pow(speed + o.still, o.steep) * prior;
      if (contacts != nullptr) {
        likely = std::clamp(likely, 0.02, 0.98);
        odds *= likely / (1 - likely);
      }
      scores[frame * 2 + foot] = odds / (1 + odds);
    }
  }
}

// The slide of the planted feet, summed over the frames, against which the root moves [frames, 3].
void sum_slide(const genmo_feet& o, int64_t frames, const double* balls, const double* scores, double* total) {
  put(total, Vec3{0, 0, 0});
  for (int64_t frame = 0; frame + 1 < frames; ++frame) {
    Vec3 slide{0, 0, 0};
    double weights = 0, none = 1;
    for (int foot = 0; foot < 2; ++foot) {
      const double weight = scores[frame * 2 + foot] * scores[frame * 2 + 2 + foot];
      slide = slide + weight * (at(balls + (frame * 2 + 2 + foot) * 3) - at(balls + (frame * 2 + foot) * 3));
      weights += weight;
      none *= 1 - weight;
    }
    slide = ((1 - none) / std::max(weights, 1e-6)) * slide;
    const double square = dot(slide, slide);
    slide = (square / (square + o.quiet * o.quiet)) * slide;
    put(total + 3 * (frame + 1), at(total + 3 * frame) - slide);
  }
}

void shift_root(const genmo_feet& o, int64_t frames, const double* balls, const double* scores, int64_t ahead,
                double* shift, double* scratch) {
  const int64_t past = o.horizon, after = std::min<int64_t>(past, ahead), smooth = o.smooth;
  const int64_t smooth_after = std::min<int64_t>(smooth, ahead), level_after = std::min<int64_t>(o.level, ahead);
  double *total = scratch, *sums = total + 3 * frames, *taps = sums + 2 * frames;
  sum_slide(o, frames, balls, scores, total);
  raised_cosine(smooth, smooth_after, taps + past - smooth);
  for (int64_t k = 0; k <= past + after; ++k) {
    if (k < past - smooth || k > past + smooth_after) taps[k] = 0;
    taps[k] -= 1 / static_cast<double>(past + 1 + after);
  }
  for (int64_t frame = 0; frame < frames; ++frame) {
    for (int axis = 0; axis < 3; ++axis) {
      shift[frame * 3 + axis] = filtered(total, frames, 3, axis, frame, taps, past, after);
    }
  }
  if (std::isnan(o.ground)) return;
  for (int64_t frame = 0; frame < frames; ++frame) {
    double lift = 0, weights = 0;
    for (int foot = 0; foot < 2; ++foot) {
      const double over = balls[(frame * 2 + foot) * 3 + 1] - o.ground - o.ball_height;
      const double weight = scores[frame * 2 + foot] * to_ground(over, o.step);
      lift -= weight * over;
      weights += weight;
    }
    sums[frame * 2] = lift;
    sums[frame * 2 + 1] = weights;
  }
  raised_cosine(o.level, level_after, taps);
  for (int64_t frame = 0; frame < frames; ++frame) {  // without any contact in reach nothing moves
    shift[frame * 3 + 1] = filtered(sums, frames, 2, 0, frame, taps, o.level, level_after) /
                           (filtered(sums, frames, 2, 1, frame, taps, o.level, level_after) + 0.05);
  }
}

// Adds the offset of a frame that is `distance` frames from a pin at `pin`, on the side `side` of it.
void add_fade(const double* balls, const double* anchors, int64_t frames, int foot, int64_t frame, int64_t pin,
              int64_t length, int side, double* offsets) {
  const double x = static_cast<double>(side * (frame - pin)) / static_cast<double>(length);
  const int64_t from = side > 0 ? std::max<int64_t>(pin - 1, 0) : pin, to = std::min(from + 1, frames - 1);
  const Vec3 inside = at(anchors + (pin * 2 + foot) * 3) - at(balls + (pin * 2 + foot) * 3);
  const Vec3 step = at(balls + (to * 2 + foot) * 3) - at(balls + (from * 2 + foot) * 3);
  const double value = (1 + 2 * x) * (1 - x) * (1 - x);
  const double slope = x * (1 - x) * (1 - x) * static_cast<double>(length * -side);
  double* out = offsets + (frame * 2 + foot) * 3;
  put(out, at(out) + (value * inside + slope * step));
}

void offset_foot(const genmo_feet& o, int64_t frames, int64_t anchored, const double* balls, const double* anchors,
                 const uint8_t* in_contact, int64_t fade, int foot, double* offsets) {
  const auto height = [&](int64_t frame) { return anchors[(frame * 2 + foot) * 3 + 1]; };
  const auto pinned = [&](int64_t frame) { return frame < anchored && !std::isnan(anchors[(frame * 2 + foot) * 3]); };
  int64_t last = -1, upcoming = -1;  // the nearest pins; upcoming: from `frame` on, found anew when passed
  bool dragged = false;              // whether the foot is in contact from the last pin to the upcoming one, but for a moment
  for (int64_t frame = 0; frame < frames; ++frame) {
    double* out = offsets + (frame * 2 + foot) * 3;
    if (pinned(frame)) {
      put(out, at(anchors + (frame * 2 + foot) * 3) - at(balls + (frame * 2 + foot) * 3));
      last = frame;
      continue;
    }
    put(out, Vec3{0, 0, 0});
    if (upcoming < frame) {
      for (upcoming = frame; upcoming < anchored && !pinned(upcoming);) ++upcoming;
      int64_t left = 0;
      for (int64_t i = frame; i < std::min(upcoming, anchored); ++i) left += in_contact[i * 2 + foot] == 0;
      dragged = last >= 0 && upcoming < anchored && left <= o.slip;
      if (upcoming >= anchored) upcoming = std::numeric_limits<int64_t>::max();
    }
    if (last >= 0 && frame - last < o.lift) add_fade(balls, anchors, frames, foot, frame, last, o.lift, 1, offsets);
    if (upcoming < frames && upcoming - frame < fade) {
      add_fade(balls, anchors, frames, foot, frame, upcoming, fade, -1, offsets);
    }
    if (dragged) {
      const double share = static_cast<double>(frame - last) / static_cast<double>(upcoming - last);
      out[1] = (1 - share) * height(last) + share * height(upcoming) - balls[(frame * 2 + foot) * 3 + 1];
    }
  }
}

}  // namespace
}  // namespace genmo

using genmo::fail;

extern "C" {

genmo_status genmo_contact_scores(const genmo_contact_rule* rule, int64_t frames, const double* balls, const double* contacts,
                                  double fps, double* scores, genmo_error* error) {
  const genmo_status status = genmo::check_rule(rule, frames, error);
  if (status != GENMO_OK) return status;
  if (balls == nullptr || scores == nullptr) return fail(error, GENMO_BAD_ARGUMENT, "balls or scores is NULL");
  genmo::scores_of(*rule, frames, balls, contacts, fps, scores);
  return GENMO_OK;
}

genmo_status genmo_frames_in_contact(const genmo_contact_rule* rule, int64_t frames, const double* scores,
                                     const uint8_t* before, uint8_t* in_contact, genmo_error* error) {
  const genmo_status status = genmo::check_rule(rule, frames, error);
  if (status != GENMO_OK) return status;
  if (scores == nullptr || before == nullptr || in_contact == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "scores, before or in_contact is NULL");
  }
  for (int foot = 0; foot < 2; ++foot) {
    uint8_t state = before[foot] != 0;
    for (int64_t frame = 0; frame < frames; ++frame) {
      const double now = scores[frame * 2 + foot];
      const double next = scores[genmo::clamped(frame + 1, frames) * 2 + foot];
      const double after = scores[genmo::clamped(frame + 2, frames) * 2 + foot];
      if (now > rule->enter && std::min(next, after) > rule->leave) {
        state = 1;
      } else if (now < rule->leave) {
        state = 0;
      }
      in_contact[frame * 2 + foot] = state;
    }
  }
  return GENMO_OK;
}

genmo_status genmo_root_shift(const genmo_feet* feet, int64_t frames, const double* balls, const double* scores,
                              int64_t ahead, double* shift, double* scratch, genmo_error* error) {
  const genmo_status status = genmo::check(feet, frames, error);
  if (status != GENMO_OK) return status;
  if (balls == nullptr || scores == nullptr || shift == nullptr || scratch == nullptr || ahead < 0) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL, or ahead is %lld; wanted 0 or more",
                static_cast<long long>(ahead));
  }
  if (frames > 0) genmo::shift_root(*feet, frames, balls, scores, ahead, shift, scratch);
  return GENMO_OK;
}

genmo_status genmo_pin_offsets(const genmo_feet* feet, int64_t frames, int64_t anchored, const double* balls,
                               const double* anchors, const uint8_t* in_contact, int64_t fade, double* offsets,
                               genmo_error* error) {
  const genmo_status status = genmo::check(feet, frames, error);
  if (status != GENMO_OK) return status;
  if (anchored < 0 || anchored > frames || balls == nullptr || anchors == nullptr || in_contact == nullptr || offsets == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL, or there are %lld anchors for %lld frames",
                static_cast<long long>(anchored), static_cast<long long>(frames));
  }
  for (int foot = 0; foot < 2; ++foot) {
    genmo::offset_foot(*feet, frames, anchored, balls, anchors, in_contact, fade, foot, offsets);
  }
  return GENMO_OK;
}
}
