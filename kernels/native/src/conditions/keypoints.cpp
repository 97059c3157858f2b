// What the caller gives, and what the network is told of it.  Twins: runtime/conditions/keypoints.py, condition_arrays.py.
#include "conditions/keypoints.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "small.h"

namespace genmo {
namespace {

constexpr double kLargest = 1e9;  // no pixel or metre is further away
constexpr double kBoxMargin = 1.2, kMinConfidence = 0.3, kFullConfidence = 0.9;
constexpr int kFewestPoints = 2;  // visible ones that make a box

bool in_bounds(const double* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (!(std::abs(values[i]) < kLargest)) return false;
  return true;
}

// Whether a matrix is a rotation, to a thousandth.
bool is_rotation(const Mat3& m) {
  const Mat3 square = m * transposed(m);
  double off = 0;
  for (int r = 0; r < 3; ++r) {
    const double row[3] = {square.row[r].x, square.row[r].y, square.row[r].z};
    for (int c = 0; c < 3; ++c) off = std::max(off, std::abs(row[c] - (r == c ? 1 : 0)));
  }
  return off <= 1e-3 && dot(m.row[0], cross(m.row[1], m.row[2])) >= 0;
}

int visible(const double* points) {
  int seen = 0;
  for (const double* point = points; point < points + 3 * kPoints; point += 3) seen += point[2] > kVisible;
  return seen;
}

}  // namespace

bool bounding_box(const double* points, double aspect, double* box) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (const double* point = points; point < points + 3 * kPoints; point += 3) {
    if (!(point[2] > kVisible)) continue;
    for (int axis = 0; axis < 2; ++axis) {
      low[axis] = std::min(low[axis], point[axis]);
      high[axis] = std::max(high[axis], point[axis]);
    }
  }
  const double side = std::max((high[0] - low[0]) / aspect, high[1] - low[1]);
  for (int axis = 0; axis < 2; ++axis) box[axis] = (low[axis] + high[axis]) / 2;
  box[2] = kBoxMargin * side;
  return visible(points) >= kFewestPoints && side > 0;
}

bool read_points(const float* given, int64_t rows, double* points) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* point = given + 3 * row;
    const bool unseen = std::isnan(point[0]) || std::isnan(point[1]) || std::isnan(point[2]);
    for (int i = 0; i < 3; ++i) points[3 * row + i] = unseen ? 0 : static_cast<double>(point[i]);
  }
  return in_bounds(points, 3 * rows);
}

bool has_box(const double* points) {
  double box[3];
  return bounding_box(points, 1, box);
}

genmo_status read_lens(const genmo_keypoints& given, Keypoints& keypoints, genmo_error* error) {
  const double *k = given.intrinsics, width = given.image_width, height = given.image_height;
  if (!k) {
    if (!(width > 0 && height > 0 && width < kLargest && height < kLargest))
      return fail(error, GENMO_BAD_ARGUMENT, "the image is %g x %g; wanted width and height over 0, or intrinsics", width, height);
    keypoints.focal[0] = keypoints.focal[1] = std::hypot(width, height);  // a view of 53 degrees across the diagonal
    keypoints.middle[0] = width / 2;
    keypoints.middle[1] = height / 2;
    keypoints.guessed = true;
    return GENMO_OK;
  }
  if (!in_bounds(k, 9) || !(k[0] > 0) || !(k[4] > 0))
    return fail(error, GENMO_BAD_ARGUMENT, "intrinsics has focal lengths %g and %g; wanted more than 0 pixels, all finite", k[0], k[4]);
  keypoints.focal[0] = k[0];
  keypoints.focal[1] = k[4];
  keypoints.middle[0] = k[2];
  keypoints.middle[1] = k[5];
  const double guess = 2 * std::hypot(k[2], k[5]);  // as numpy.isclose compares
  keypoints.guessed = std::abs(k[0] - guess) <= 1e-8 + 1e-6 * guess;
  return GENMO_OK;
}

genmo_status read_camera(const genmo_keypoints& given, Pool& pool, Keypoints& keypoints, genmo_error* error) {
  if (!given.camera_to_world) return GENMO_OK;
  const int64_t frames = keypoints.frames;
  keypoints.rotation = pool.get<double>(9 * frames);
  keypoints.position = pool.get<double>(3 * frames);
  keypoints.ground_known = given.ground_unknown == 0;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* pose = given.camera_to_world + 16 * frame;
    double* rotation = keypoints.rotation + 9 * frame;
    for (int r = 0; r < 3; ++r) {
      std::copy(pose + 4 * r, pose + 4 * r + 3, rotation + 3 * r);
      keypoints.position[3 * frame + r] = pose[4 * r + 3];
    }
    if (!in_bounds(pose, 16) || !is_rotation(mat_at(rotation)))
      return fail(error, GENMO_BAD_ARGUMENT, "camera_to_world of frame %lld is no rigid pose; wanted OpenCV axes, y-up world", static_cast<long long>(frame));
  }
  return GENMO_OK;
}

void camera_condition(const Keypoints& keypoints, float* out) {
  const int64_t frames = keypoints.frames;
  for (int64_t frame = 0; frame < frames; ++frame) {
    const int64_t now = frame + 1 < frames ? frame : std::max<int64_t>(frames - 2, 0), next = std::min(now + 1, frames - 1);
    const Mat3 to_camera = transposed(mat_at(keypoints.rotation + 9 * now));
    Mat3 turn = transposed(mat_at(keypoints.rotation + 9 * next)) * mat_at(keypoints.rotation + 9 * now);
    if (frames == 1) turn = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    const Vec3 step = to_camera * (at(keypoints.position + 3 * next) - at(keypoints.position + 3 * now));
    const Vec3 up = mat_at(keypoints.rotation + 9 * frame).row[1];
    const Vec3 parts[] = {turn.row[0], turn.row[1], step, up};
    for (int i = 0; i < 4; ++i) {
      float* to = out + 12 * frame + 3 * i;
      to[0] = static_cast<float>(parts[i].x);
      to[1] = static_cast<float>(parts[i].y);
      to[2] = static_cast<float>(parts[i].z);
    }
  }
}

genmo_status read_keypoints(const genmo_keypoints& given, Pool& pool, Keypoints& keypoints, genmo_error* error) {
  keypoints.frames = given.frames;
  keypoints.points = pool.get<double>(keypoints.frames * 3 * kPoints);
  if (given.feet) keypoints.feet = pool.get<double>(keypoints.frames * 3 * kFootPoints);
  if (!read_points(given.points, keypoints.frames * kPoints, keypoints.points) || (given.feet && !read_points(given.feet, keypoints.frames * kFootPoints, keypoints.feet)))
    return fail(error, GENMO_BAD_ARGUMENT, "points or feet hold infinity, or more than %g; wanted finite pixels (confidence 0 where unseen)", kLargest);
  if (!(given.noise >= 0 && given.noise < kLargest)) return fail(error, GENMO_BAD_ARGUMENT, "noise is %g; wanted 0 or more", given.noise);
  keypoints.noise = given.noise > 0 ? given.noise : NAN;
  const genmo_status status = read_lens(given, keypoints, error);
  return status == GENMO_OK ? read_camera(given, pool, keypoints, error) : status;
}

void normalised_rays(const Keypoints& keypoints, const double* points, int count, double* rays, double* weight) {
  for (int64_t i = 0; i < keypoints.frames * count; ++i) {
    for (int axis = 0; axis < 2; ++axis) rays[2 * i + axis] = (points[3 * i + axis] - keypoints.middle[axis]) / keypoints.focal[axis];
    weight[i] = std::clamp((points[3 * i + 2] - kMinConfidence) / (kFullConfidence - kMinConfidence), 0.0, 1.0);
  }
}

void keypoint_conditions(const Keypoints& keypoints, const KeypointConditions& out, const ConditionRules& rules) {
  const int64_t frames = keypoints.frames;
  std::fill(out.keypoints, out.keypoints + frames * 3 * kPoints, 0.0f);
  std::fill(out.box, out.box + 3 * frames, 0.0f);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const double* points = keypoints.points + frame * 3 * kPoints;
    double box[3];
    const bool boxed = bounding_box(points, rules.box_aspect, box), told = boxed && visible(points) >= rules.box_points;
    out.keypoints_mask[frame] = boxed;
    out.box_mask[frame] = told;
    out.camera_mask[frame] = keypoints.rotation || rules.camera_stands;
    if (!boxed) continue;
    for (int i = 0; i < kPoints; ++i) {
      float* local = out.keypoints + (frame * kPoints + i) * 3;
      if (!(points[3 * i + 2] > kVisible)) continue;
      for (int axis = 0; axis < 2; ++axis) local[axis] = static_cast<float>(2 * (points[3 * i + axis] - box[axis]) / box[2]);
      local[2] = 1;
    }
    for (int i = 0; i < 3 && told; ++i) out.box[3 * frame + i] = static_cast<float>((box[i] - (i < 2 ? keypoints.middle[i] : 0)) / keypoints.focal[0]);
  }
  if (keypoints.rotation) {
    camera_condition(keypoints, out.camera);
  } else {
    constexpr float kStanding[12] = {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, -1, 0};  // neither turns nor moves; up is against its y
    for (int64_t i = 0; i < 12 * frames; ++i) out.camera[i] = rules.camera_stands ? kStanding[i % 12] : 0.0f;
  }
}

}  // namespace genmo
