// Planted feet that stand still.  Twin: `clean_feet` of runtime/refine/foot_locking.py; the stages are in feet.cpp.
#include <cmath>
#include <cstring>

#include "motion/clip.h"
#include "motion/feet_rules.h"

namespace genmo {
namespace {

constexpr int kSmooth = 4, kLevel = 10, kSpan = 60, kBrief = 20;
constexpr double kQuiet = 0.1, kStep = 0.2, kStands = 0.05, kMostBent = 1, kExtended = 0.97, kReach = 0.12;

}  // namespace

genmo_contact_rule contact_rule(double enter, double leave) { return {sizeof(genmo_contact_rule), enter, leave, 0.7, 0.2, 3, 0.05, 0.15}; }

genmo_feet feet_of(const FeetOptions& options) {
  genmo_feet feet{};
  feet.size = sizeof feet;
  feet.horizon = options.horizon;
  feet.smooth = kSmooth;
  feet.level = kLevel;
  feet.lift = kLift;
  feet.slip = kSlip;
  feet.strength = 1;
  feet.ground = options.ground;
  feet.quiet = kQuiet / GENMO_FPS;
  feet.step = kStep;
  feet.ball_height = kBallHeight;
  feet.stands = kStands;
  feet.most_bent = kMostBent;
  feet.extended = kExtended;
  return feet;
}

genmo_anchor_rule anchors_of(const FeetOptions& options) {
  genmo_anchor_rule rule{};
  rule.size = sizeof rule;
  rule.lift = kLift;
  rule.span = kSpan;
  rule.brief = kBrief;
  rule.reach = kReach;
  rule.step = kStep;
  rule.ball_height = kBallHeight;
  rule.ground = options.ground;
  return rule;
}

void legs_of(const double* joints, const double* globals, double* points, double* turns) {
  for (int leg = 0; leg < 8; ++leg) {
    const int joint = kLegs[leg / 4][leg % 4];
    std::memcpy(points + 3 * leg, joints + 3 * joint, 3 * sizeof *points);
    std::memcpy(turns + 9 * leg, globals + 9 * joint, 9 * sizeof *turns);
  }
}

void put_legs(const double* legs, double* rotations) {
  for (int leg = 0; leg < 8; ++leg) std::memcpy(rotations + 9 * kLegs[leg / 4][leg % 4], legs + 9 * leg, 9 * sizeof *legs);
}

void balls_of(const double* joints, int64_t frames, double* balls) {
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int foot = 0; foot < 2; ++foot)
      std::memcpy(balls + (frame * 2 + foot) * 3, joints + (frame * kJoints + kLegs[foot][3]) * 3, 3 * sizeof *balls);
}

void planted_feet(const double* balls, const double* contacts, int64_t frames, double enter, double leave, double* scores,
                  uint8_t* planted) {
  const genmo_contact_rule rule = contact_rule(enter, leave);
  const uint8_t free[2] = {0, 0};
  genmo_contact_scores(&rule, frames, balls, contacts, GENMO_FPS, scores, nullptr);
  genmo_frames_in_contact(&rule, frames, scores, free, planted, nullptr);
}

void clean_feet(Clip& clip, const FeetOptions& options, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  const genmo_feet feet = feet_of(options);
  const genmo_anchor_rule anchor_rule = anchors_of(options);
  auto *globals = pool.get<double>(frames * 9 * kJoints), *joints = pool.get<double>(frames * 3 * kJoints);
  kinematics(frames, clip.rotations, clip.translation, clip.offsets, globals, joints);
  auto *balls = pool.get<double>(6 * frames), *scores = pool.get<double>(2 * frames), *shift = pool.get<double>(3 * frames);
  auto* planted = pool.get<uint8_t>(2 * frames);
  auto *anchors = pool.get<double>(6 * frames), *offsets = pool.get<double>(6 * frames);
  auto* scratch = pool.get<double>(shift_scratch(feet, frames));
  balls_of(joints, frames, balls);
  planted_feet(balls, clip.contacts, frames, options.enter, options.leave, scores, planted);
  genmo_root_shift(&feet, frames, balls, scores, options.horizon, shift, scratch, nullptr);
  for (int64_t i = 0; i < 6 * frames; ++i) balls[i] += shift[i / 6 * 3 + i % 3];
  genmo_lock locks[2] = {};
  genmo_lock_anchors(&anchor_rule, frames, frames, balls, planted, locks, anchors, nullptr);
  genmo_pin_offsets(&feet, frames, frames, balls, anchors, planted, kLand, offsets, nullptr);

  auto *points = pool.get<double>(24 * frames), *turns = pool.get<double>(72 * frames), *roots = pool.get<double>(9 * frames);
  for (int64_t frame = 0; frame < frames; ++frame) {
    std::memcpy(roots + 9 * frame, clip.rotations + frame * 9 * kJoints, 9 * sizeof *roots);
    legs_of(joints + frame * 3 * kJoints, globals + frame * 9 * kJoints, points + 24 * frame, turns + 72 * frame);
  }
  const genmo_soles soles = soles_of(clip.offsets);
  auto* local = pool.get<double>(72 * frames);
  genmo_move_feet(&feet, &soles, frames, points, turns, roots, shift, offsets, local, nullptr);
  for (int64_t frame = 0; frame < frames; ++frame) {
    put_legs(local + 72 * frame, clip.rotations + frame * 9 * kJoints);
    for (int i = 0; i < 3; ++i) clip.translation[3 * frame + i] += shift[3 * frame + i];
  }
}

}  // namespace genmo
