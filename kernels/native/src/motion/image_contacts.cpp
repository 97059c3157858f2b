// Which feet stand, from the image.  Twin: runtime/refine/image_contacts.py.
#include <algorithm>
#include <cmath>
#include <utility>

#include "motion/image_contacts.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kLag = 3;
constexpr double kSlow = 0.2, kStill = 0.03, kFast = 100, kSteep = 4, kLifted = 0.15, kFor = 6, kAgainst = 1;
constexpr double kDoubted = 0.35, kSure = 0.7, kSupported = 0.98, kSamePlace = 0.15, kUnsure = 0.05;

// Points 2 side + first of [frames, count, 3], where `step` points lie between left and right.
FootView view_of(const Keypoints& keypoints, const double* points, int count, int first, int step, const double* depth, Pool& pool) {
  const int64_t frames = keypoints.frames;
  auto* chosen = pool.get<double>(6 * frames);
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int foot = 0; foot < 2; ++foot) std::copy_n(points + (frame * count + first + foot * step) * 3, 3, chosen + (frame * 2 + foot) * 3);
  const FootView view{&keypoints, pool.get<double>(4 * frames), pool.get<double>(2 * frames), depth};
  normalised_rays(keypoints, chosen, 2, view.rays, view.weight);
  return view;
}

Vec3 on_ray(const double* ray, double depth) { return {ray[0] * depth, ray[1] * depth, depth}; }

// A point in the camera of one frame as that of another has it.
Vec3 reprojected(const Keypoints& keypoints, Vec3 point, int64_t source, int64_t target) {
  if (!keypoints.rotation) return point;
  const Vec3 world = at(keypoints.position + 3 * source) + mat_at(keypoints.rotation + 9 * source) * point;
  return transposed(mat_at(keypoints.rotation + 9 * target)) * (world - at(keypoints.position + 3 * target));
}

// Speed in m/s across the view against a point that stands still in the world, to `lag` frames before or after, whichever is
// slower; infinite where neither has weight.
double image_speed(const FootView& view, int64_t frame, int foot, int64_t lag) {
  double speed = INFINITY;
  if (lag < 1) return speed;
  const int64_t here = 2 * frame + foot;
  for (const int64_t target : {frame + lag, frame - lag}) {
    if (target < 0 || target >= view.keypoints->frames) continue;
    const int64_t there = 2 * target + foot;
    if (!(std::min(view.weight[here], view.weight[there]) > 0)) continue;
    const double depth = view.depth[here];
    const Vec3 projected = reprojected(*view.keypoints, on_ray(view.rays + 2 * here, depth), frame, target);
    const double ahead = std::max(projected.z, 1e-3);
    const double x = view.rays[2 * there] - projected.x / ahead, y = view.rays[2 * there + 1] - projected.y / ahead;
    speed = std::min(speed, std::sqrt(x * x + y * y) * std::abs(depth) * GENMO_FPS / static_cast<double>(lag));
  }
  return speed;
}

// Logarithm of the odds that a foot stands which is so far over the other.
double evidence_of(const FootView& view, int64_t frame, int foot, double lifted) {
  const double speed = image_speed(view, frame, foot, std::min<int64_t>(kLag, view.keypoints->frames - 1));
  if (!std::isfinite(speed)) return 0;
  const double likely = kSteep * std::log(kSlow / (std::min(speed, kFast) + kStill));
  // a foot that is held still in the air is as little evidence as one that is not visible
  const double share = view.weight[2 * frame + foot] * (likely > 0 ? std::exp(-(lifted / kLifted) * (lifted / kLifted)) : 1);
  return share * std::clamp(likely, -kAgainst, kFor);
}

// A contact whose odds are multiplied by exp(`evidence`).
double combined(double contact, double evidence) {
  const double likely = std::clamp(contact, kUnsure, 1 - kUnsure), odds = likely / (1 - likely) * std::exp(evidence);
  const double both = odds / (1 + odds);
  return evidence > 0 ? std::max(contact, both) : std::min(contact, both);
}

// Contacts of feet that must stand because nothing else does: between two frames in which the same foot stands at the same place
// (`positions` [frames, 2, 3]) and the pelvis does not rise and fall as in a jump.
void support(const Clip& clip, const double* positions, Pool& pool) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames;
  auto* standing = pool.get<uint8_t>(2 * frames);
  for (int64_t i = 0; i < 2 * frames; ++i) standing[i] = clip.contacts[i / 2 * kContacts + i % 2 * 2] > 0.5;
  const auto height = [&](int64_t frame) { return clip.translation[3 * frame + 1]; };
  for (int foot = 0; foot < 2; ++foot) {
    int64_t before = -1;
    for (int64_t after = 0; after < frames; ++after) {
      if (!standing[2 * after + foot]) continue;
      const int64_t first = before + 1, gap = after - before;
      const int64_t from = std::exchange(before, after);
      if (from < 0 || gap < 2 || gap > kLongestGap + 1) continue;
      double highest = -INFINITY;
      bool other = false;
      for (int64_t frame = first; frame < after; ++frame) {
        highest = std::max(highest, height(frame));
        other = other || standing[2 * frame + 1 - foot];
      }
      const double rise = highest - (height(from) + height(after)) / 2, seconds = static_cast<double>(gap) / GENMO_FPS;
      const double jump = 9.81 * (seconds * seconds) / 8;
      const double moved = length(at(positions + (after * 2 + foot) * 3) - at(positions + (from * 2 + foot) * 3));
      if (other || !(moved < kSamePlace && rise < jump / 2)) continue;
      for (int64_t frame = first; frame < after; ++frame)
        for (int k = 0; k < 2; ++k) clip.contacts[frame * kContacts + 2 * foot + k] = kSupported;
    }
  }
}

// Observed ankles [frames, 2, 3] in the camera's world or a static camera's frame, each at its mean depth.
void ankle_positions(const FootView& ankles, double* positions) {
  const Keypoints& keypoints = *ankles.keypoints;
  const int64_t frames = keypoints.frames;
  double mean[2] = {};
  for (int64_t i = 0; i < 2 * frames; ++i) mean[i % 2] += ankles.depth[i];
  for (double& depth : mean) depth /= static_cast<double>(frames);
  for (int64_t i = 0; i < 2 * frames; ++i) {
    Vec3 point = on_ray(ankles.rays + 2 * i, mean[i % 2]);
    if (keypoints.rotation) point = at(keypoints.position + 3 * (i / 2)) + mat_at(keypoints.rotation + 9 * (i / 2)) * point;
    put(positions + 3 * i, point);
  }
}

}  // namespace

FootViews views_of(const Keypoints& keypoints, const double* depth, Pool& pool) {
  const FootView ankles = view_of(keypoints, keypoints.points, kPoints, kLeftAnklePoint, 1, depth, pool);
  return {ankles, keypoints.feet ? view_of(keypoints, keypoints.feet, kFootPoints, 1, 2, depth, pool) : ankles};
}

bool stands(const double* contacts) { return *std::max_element(contacts, contacts + 4) > 0.5; }

double network_doubt(int64_t standing, int64_t frames) {
  const double share = static_cast<double>(standing) / static_cast<double>(frames);
  return std::clamp((kSure - share) / (kSure - kDoubted), 0.0, 1.0);
}

void add_evidence(const FootViews& views, int64_t frame, const double* height, double doubt, double* contacts) {
  for (int foot = 0; foot < 2; ++foot) {
    const double lifted = height[foot] - std::min(height[0], height[1]);
    const double ankle = doubt * evidence_of(views.ankles, frame, foot, lifted);
    const double toe = views.ankles.keypoints->feet ? doubt * evidence_of(views.toes, frame, foot, lifted) : 0;
    double* contact = contacts + 2 * foot;
    contact[0] = combined(contact[0], ankle);
    contact[1] = combined(contact[1], std::max({ankle, toe, 0.0}));
  }
}

void with_image_contacts(Estimated& motion, const Keypoints& keypoints, Pool& pool) {
  const Pool::Scope scope(pool);
  Clip& clip = motion.clip;
  const int64_t frames = clip.frames;
  int64_t standing = 0;
  for (int64_t frame = 0; frame < frames; ++frame) standing += stands(clip.contacts + frame * kContacts);
  const double doubt = network_doubt(standing, frames);
  if (doubt == 0) return;
  const double* world = joints_of(clip, pool);
  auto *depth = pool.get<double>(2 * frames), *positions = pool.get<double>(6 * frames);
  double local[9 * kJoints], joints[3 * kJoints];
  for (int64_t frame = 0; frame < frames; ++frame) {
    std::copy_n(clip.rotations + frame * 9 * kJoints, 9 * kJoints, local);
    std::copy_n(motion.root_rotation + 9 * frame, 9, local);
    kinematics(1, local, motion.root_translation + 3 * frame, clip.offsets, nullptr, joints);
    for (int foot = 0; foot < 2; ++foot) depth[2 * frame + foot] = joints[3 * kLegs[foot][2] + 2];
  }
  const FootViews views = views_of(keypoints, depth, pool);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double height[2] = {world[(frame * kJoints + kLeftAnkle) * 3 + 1], world[(frame * kJoints + kRightAnkle) * 3 + 1]};
    add_evidence(views, frame, height, doubt, clip.contacts + frame * kContacts);
  }
  ankle_positions(views.ankles, positions);
  support(clip, positions, pool);
}

}  // namespace genmo
