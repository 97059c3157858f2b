// A motion fitted to the keypoints that it was estimated from.  Twins: runtime/refine/keypoint_fit.py and the constants of
// reprojection_fit.py and shape_fit.py; the fit itself is in fit.cpp.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "motion/keypoint_fit.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kIterations = 10, kChunk = 1024, kLag = 10, kAveraged = 30, kFace = 5, kOverlap = kIterations + kAveraged + kLag;
constexpr int kShapeFrames = 32, kShapeIterations = 4;
constexpr double kSeen = 0.5, kLeastSeen = 0.01, kFitShare = 5.0 / 6;  // of an estimate's work

// Joints that turn, and how far about the camera's x, y and z, radians.
constexpr struct {
  int32_t joint;
  double turn[3];
} kFree[] = {
    {kPelvis, {0.2, 0.27, 0.16}},        {kSpine1, {0.2, 0.14, 0.18}},         {kSpine3, {0.16, 0.1, 0.15}},
    {kNeck, {0.34, 0.24, 0.27}},         {kHead, {0.45, 0.4, 0.45}},           {kLeftCollar, {0.1, 0.1, 0.1}},
    {kRightCollar, {0.1, 0.1, 0.1}},     {kLeftHip, {0.3, 0.3, 0.27}},         {kRightHip, {0.3, 0.3, 0.27}},
    {kLeftKnee, {0.37, 0.13, 0.28}},     {kRightKnee, {0.37, 0.13, 0.28}},     {kLeftShoulder, {0.45, 0.62, 0.37}},
    {kRightShoulder, {0.45, 0.62, 0.37}}, {kLeftElbow, {0.46, 0.35, 0.45}},    {kRightElbow, {0.46, 0.35, 0.45}},
};
constexpr int kFreeJoints = sizeof kFree / sizeof *kFree, kParameters = 3 * kFreeJoints + 3;
constexpr double kMove[3] = {0.3, 0.3, 0.5};  // metres

// COCO-17: the joint of each point and its place in that joint's rest frame.
constexpr int32_t kFixedTo[kPoints] = {kHead,          kHead,      kHead,       kHead,      kHead,       kLeftShoulder,
                                       kRightShoulder, kLeftElbow, kRightElbow, kLeftWrist, kRightWrist, kLeftHip,
                                       kRightHip,      kLeftKnee,  kRightKnee,  kLeftAnkle, kRightAnkle};
constexpr double kPlaces[kPoints][3] = {{0, 0.04, 0.12}, {0.032, 0.075, 0.095}, {-0.032, 0.075, 0.095}, {0.073, 0.05, 0}, {-0.073, 0.05, 0}};
constexpr double kPointSpread[kPoints] = {0.05, 0.05, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.035, 0.035, 0.02, 0.02, 0.02, 0.02};

struct FitModel {
  genmo_fit_model model{};
  int32_t free[kFreeJoints];
  double spread[kParameters];
  uint8_t along_view[kParameters];

  FitModel() {
    for (int i = 0; i < kFreeJoints; ++i) {
      free[i] = kFree[i].joint;
      for (int axis = 0; axis < 3; ++axis) {
        spread[3 * i + axis] = kFree[i].turn[axis];
        along_view[3 * i + axis] = axis < 2;
      }
    }
    for (int axis = 0; axis < 3; ++axis) {
      spread[3 * kFreeJoints + axis] = kMove[axis];
      along_view[3 * kFreeJoints + axis] = axis == 2;
    }
    model.size = sizeof model;
    model.joints = kJoints;
    model.free_joints = kFreeJoints;
    model.points = kPoints;
    model.parents = kParents;
    model.free = free;
    model.fixed_to = kFixedTo;
    model.places = *kPlaces;
    model.point_spread = kPointSpread;
    model.spread = spread;
    model.along_view = along_view;
    model.change = 0.3;
    model.min_depth = 0.3;
    model.robust_scale = 0.15;
    model.first_trusted = kFace;
    model.lag = kLag;
    model.averaged = kAveraged;
    model.fits = 0.24;
    model.explained = 0.2;
    model.least_trust = 0.2;
    model.full_trust = 0.95;
  }
};

// Rotations and root in the camera, and where the keypoints are: the arrays of a genmo_fit_input.
struct Posed {
  double *rotations, *root, *rays, *weight;
};

genmo_fit_input input_of(const Posed& posed, const double* offsets, int64_t first, int64_t frames) {
  return {sizeof(genmo_fit_input),       frames,
          posed.rotations + first * 9 * kJoints, posed.root + 3 * first,
          offsets,                       posed.rays + first * 2 * kPoints,
          posed.weight + first * kPoints};
}

struct Scratch {
  void* memory;
  size_t bytes;
};

Scratch scratch_for(const FitModel& fit, int64_t frames, Pool& pool) {
  size_t bytes = 0;
  genmo_fit_scratch(&fit.model, frames, &bytes, nullptr);
  return {pool.get<char>(static_cast<int64_t>(bytes)), bytes};
}

double share_seen(const double* weight, int64_t count) {
  return static_cast<double>(std::count_if(weight, weight + count, [](double share) { return share > kSeen; })) / static_cast<double>(count);
}

// The shape of the person from frames taken evenly from the motion.
genmo_status fit_shape(Clip& clip, const FitModel& fit, const Posed& posed, Pool& pool, genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t frames = clip.frames, most = std::min<int64_t>(frames, kShapeFrames);
  const Posed chosen{pool.get<double>(most * 9 * kJoints), pool.get<double>(3 * most), pool.get<double>(most * 2 * kPoints), pool.get<double>(most * kPoints)};
  int64_t count = 0, before = -1;
  const double step = most > 1 ? static_cast<double>(frames - 1) / static_cast<double>(most - 1) : 0;
  for (int64_t i = 0; i < most; ++i) {
    const int64_t frame = i && i + 1 == most ? frames - 1 : static_cast<int64_t>(std::nearbyint(static_cast<double>(i) * step));
    if (frame == before) continue;
    before = frame;
    std::copy_n(posed.rotations + frame * 9 * kJoints, 9 * kJoints, chosen.rotations + count * 9 * kJoints);
    std::copy_n(posed.root + 3 * frame, 3, chosen.root + 3 * count);
    std::copy_n(posed.rays + frame * 2 * kPoints, 2 * kPoints, chosen.rays + count * 2 * kPoints);
    std::copy_n(posed.weight + frame * kPoints, kPoints, chosen.weight + count * kPoints);
    ++count;
  }
  const genmo_fit_input input = input_of(chosen, clip.offsets, 0, count);
  const genmo_shape_space space = fitted_space();
  const Scratch scratch = scratch_for(fit, count, pool);
  const double share = std::max(share_seen(chosen.weight, count * kPoints), kLeastSeen);
  double start[kFitted] = {}, fitted[kFitted];
  std::copy_n(clip.betas, kBetas, start);
  const genmo_status status = genmo_fit_shape(&fit.model, &input, &space, start, kShapeWeight * share * share, kShapeIterations, fitted,
                                              scratch.memory, scratch.bytes, error);
  if (status != GENMO_OK) return status;
  std::copy_n(fitted, kBetas, clip.betas);
  rest_offsets(space, fitted, clip.offsets);
  return GENMO_OK;
}

// `fitted`: the poses after the fit, in windows that overlap by what a frame depends on.
genmo_status fit_pose(const Clip& clip, const FitModel& fit, const Posed& posed, const EstimateOptions& options, Pool& pool,
                      double* rotations, double* root, genmo_error* error) {
  const int64_t frames = clip.frames;
  for (int64_t start = 0; start < frames; start += kChunk) {
    const Pool::Scope scope(pool);
    const bool whole = frames <= kChunk;
    const int64_t end = std::min(start + kChunk, frames), low = whole ? 0 : std::max<int64_t>(start - kOverlap, 0);
    const int64_t count = (whole ? frames : std::min(end + kOverlap, frames)) - low;
    auto *turned = pool.get<double>(count * 9 * kJoints), *moved = pool.get<double>(3 * count);
    const Scratch scratch = scratch_for(fit, count, pool);
    const genmo_fit_input input = input_of(posed, clip.offsets, low, count);
    const genmo_status status = genmo_fit_pose(&fit.model, &input, kIterations, turned, moved, scratch.memory, scratch.bytes, error);
    if (status != GENMO_OK) return status;
    std::copy(turned + (start - low) * 9 * kJoints, turned + (end - low) * 9 * kJoints, rotations + start * 9 * kJoints);
    std::copy(moved + 3 * (start - low), moved + 3 * (end - low), root + 3 * start);
    const double share = 1 - kFitShare * static_cast<double>(frames - end) / static_cast<double>(frames);
    if (options.progress && end < frames && options.progress(options.user, static_cast<float>(share)))
      return fail(error, GENMO_CANCELLED, "cancelled after %lld of %lld frames were fitted", static_cast<long long>(end), static_cast<long long>(frames));
  }
  return GENMO_OK;
}

// The root on a straight line through frames without detections between frames with some.
void root_through_gaps(const double* weight, int64_t frames, double* root) {
  int64_t last = -1;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* points = weight + frame * kPoints;
    if (!std::any_of(points, points + kPoints, [](double share) { return share > 0; })) continue;
    for (int64_t gap = last + 1; last >= 0 && gap < frame; ++gap)
      for (int axis = 0; axis < 3; ++axis) {
        const double from = root[3 * last + axis], slope = (root[3 * frame + axis] - from) / static_cast<double>(frame - last);
        root[3 * gap + axis] = slope * static_cast<double>(gap - last) + from;
      }
    last = frame;
  }
}

}  // namespace

genmo_status fit_to_keypoints(Estimated& motion, const Keypoints& keypoints, const EstimateOptions& options, Pool& pool, genmo_error* error) {
  const Pool::Scope scope(pool);
  Clip& clip = motion.clip;
  const int64_t frames = clip.frames;
  const FitModel fit;
  const Posed posed{pool.get<double>(frames * 9 * kJoints), motion.root_translation, pool.get<double>(frames * 2 * kPoints), pool.get<double>(frames * kPoints)};
  std::copy(clip.rotations, clip.rotations + frames * 9 * kJoints, posed.rotations);
  for (int64_t frame = 0; frame < frames; ++frame) std::copy_n(motion.root_rotation + 9 * frame, 9, posed.rotations + frame * 9 * kJoints);
  normalised_rays(keypoints, keypoints.points, kPoints, posed.rays, posed.weight);
  genmo_status status = fit_shape(clip, fit, posed, pool, error);
  if (status != GENMO_OK) return status;
  auto *rotations = pool.get<double>(frames * 9 * kJoints), *root = pool.get<double>(3 * frames);
  status = fit_pose(clip, fit, posed, options, pool, rotations, root, error);
  if (status != GENMO_OK) return status;
  root_through_gaps(posed.weight, frames, root);
  if (keypoints.feet) point_feet(rotations, root, clip.offsets, keypoints, pool);
  for (int64_t frame = 0; frame < frames; ++frame) {
    double *fitted = rotations + frame * 9 * kJoints, *world = clip.rotations + frame * 9 * kJoints;
    const Mat3 turned = mat_at(world) * transposed(mat_at(posed.rotations + frame * 9 * kJoints)) * mat_at(fitted);
    std::copy_n(fitted, 9, motion.root_rotation + 9 * frame);
    std::copy_n(fitted, 9 * kJoints, world);
    put(world, turned);
  }
  std::copy(root, root + 3 * frames, motion.root_translation);
  return GENMO_OK;
}

genmo_status fit_frames(double* rotations, double* root, const double* offsets, const Keypoints& keypoints, Pool& pool, genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t frames = keypoints.frames;
  const FitModel fit;
  const Posed posed{pool.get<double>(frames * 9 * kJoints), pool.get<double>(3 * frames), pool.get<double>(frames * 2 * kPoints), pool.get<double>(frames * kPoints)};
  std::copy_n(rotations, frames * 9 * kJoints, posed.rotations);
  std::copy_n(root, 3 * frames, posed.root);
  normalised_rays(keypoints, keypoints.points, kPoints, posed.rays, posed.weight);
  const Scratch scratch = scratch_for(fit, frames, pool);
  const genmo_fit_input input = input_of(posed, offsets, 0, frames);
  const genmo_status status = genmo_fit_pose(&fit.model, &input, kIterations, rotations, root, scratch.memory, scratch.bytes, error);
  if (status != GENMO_OK) return status;
  root_through_gaps(posed.weight, frames, root);
  if (keypoints.feet) point_feet(rotations, root, offsets, keypoints, pool);
  return GENMO_OK;
}

double shape_at_rest(const double* rotations, const double* root, const double* offsets, const Keypoints& keypoints, Pool& pool, double* hessian,
                     double* slope) {
  const Pool::Scope scope(pool);
  const FitModel fit;
  double rays[2 * kPoints], weight[kPoints];
  normalised_rays(keypoints, keypoints.points, kPoints, rays, weight);
  const genmo_fit_input input{sizeof input, 1, rotations, root, offsets, rays, weight};
  const genmo_shape_space space = shape_space();
  const Scratch scratch = scratch_for(fit, 1, pool);
  genmo_shape_equations(&fit.model, &input, &space, hessian, slope, scratch.memory, scratch.bytes, nullptr);
  return share_seen(weight, kPoints);
}

}  // namespace genmo
