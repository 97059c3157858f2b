#include "sampling/draft.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "sampling/schedule.h"
#include "small.h"

namespace genmo {
namespace {

constexpr int kSeam = 4, kVelocity = 6, kPosed = kTurns + 6 * kJoints, kContactsAt = kFeatures - kContacts;
constexpr double kStaticSpeed = 0.15, kUsualStrength = 0.5;
constexpr int kContactJoints[kContacts] = {kLeftAnkle, kLeftFoot, kRightAnkle, kRightFoot, kLeftWrist, kRightWrist};

// A reference as float64: rotations [frames, 24, 3, 3] and translation [frames, 3].
struct Pose {
  double *rotations, *translation;
};

Pose pose_of(const genmo_reference& reference, Pool& pool) {
  const int64_t frames = reference.frames;
  const Pose pose{pool.get<double>(frames * 9 * kJoints), pool.get<double>(3 * frames)};
  for (int64_t i = 0; i < frames * kJoints; ++i) {
    const float* q = reference.rotations + 4 * i;
    put(pose.rotations + 9 * i, matrix_from_quaternion(static_cast<double>(q[3]), {static_cast<double>(q[0]), static_cast<double>(q[1]), static_cast<double>(q[2])}));
  }
  std::copy_n(reference.translation, 3 * frames, pose.translation);
  return pose;
}

// Contacts [frames, 6] of the caller, or of joints that stand still.
void contacts_of(const genmo_reference& reference, const Pose& pose, Pool& pool, double* contacts) {
  const int64_t frames = reference.frames;
  if (reference.contacts) {
    std::copy_n(reference.contacts, frames * kContacts, contacts);
    return;
  }
  const Pool::Scope scope(pool);
  const double mean[kBetas] = {};
  double offsets[3 * kJoints];
  rest_offsets(mean, offsets);
  auto* joints = pool.get<double>(frames * 3 * kJoints);
  kinematics(frames, pose.rotations, pose.translation, offsets, nullptr, joints);
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int k = 0; k < kContacts; ++k) {
      const int64_t now = std::max<int64_t>(std::min(frame, frames - 2), 0), next = std::min(now + 1, frames - 1);
      const Vec3 step = at(joints + (next * kJoints + kContactJoints[k]) * 3) - at(joints + (now * kJoints + kContactJoints[k]) * 3);
      contacts[frame * kContacts + k] = length(step) * GENMO_FPS < kStaticSpeed;
    }
}

void put_sixd(double* out, const Mat3& m) {
  put(out, m.row[0]);
  put(out + 3, m.row[1]);
}

// Features [frames, 181] under a level static camera, but for shape and place in the camera, which are not read.
void encode(const Pose& pose, const double* contacts, int64_t frames, double* features) {
  for (int64_t frame = 0; frame < frames; ++frame) {
    double* row = features + frame * kFeatures;
    const double* turns = pose.rotations + frame * 9 * kJoints;
    const Mat3 root = mat_at(turns);
    put_sixd(row, root);
    const int64_t now = std::max<int64_t>(std::min(frame, frames - 2), 0), next = std::min(now + 1, frames - 1);
    const Vec3 step = at(pose.translation + 3 * next) - at(pose.translation + 3 * now);
    put(row + kVelocity, transposed(mat_at(pose.rotations + now * 9 * kJoints)) * step);
    put_sixd(row + kTurns, {{-1 * root.row[0], -1 * root.row[1], root.row[2]}});
    for (int joint = 1; joint < kJoints; ++joint) put_sixd(row + kTurns + 6 * joint, mat_at(turns + 9 * joint));
    std::copy_n(contacts + frame * kContacts, kContacts, row + kContactsAt);
  }
}

// Which features a reference gives.
bool is_referred(int feature) { return feature < kPosed || feature >= kContactsAt; }

bool finite(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

}  // namespace

void Draft::draw(const float* noise, int64_t timestep, int64_t frames, float* x_t) const {
  const double level = alpha_cumprod(timestep);
  const auto kept = static_cast<float>(std::sqrt(level)), noisy = static_cast<float>(std::sqrt(1 - level));
  for (int64_t frame = 0; frame < frames; ++frame) {
    if (timestep <= until[frame]) continue;
    for (int i = 0; i < kFeatures; ++i) {
      const int64_t k = frame * kFeatures + i;
      if (is_referred(i)) x_t[k] = kept * values[k] + noisy * noise[k];
    }
  }
}

genmo_status check_references(const genmo_reference* references, int32_t count, int64_t frames, Pool& pool, genmo_error* error) {
  const Pool::Scope scope(pool);
  auto* taken = pool.get<uint8_t>(frames);
  std::fill(taken, taken + frames, uint8_t{0});
  for (int32_t i = 0; i < count; ++i) {
    const genmo_reference& r = references[i];
    if (r.frames < 1 || r.start < 0 || r.start > frames - r.frames || !r.rotations || !r.translation)
      return fail(error, GENMO_BAD_ARGUMENT, "a reference of %d frames from frame %d; wanted it within 0 to %lld, with rotations and translation", r.frames, r.start, static_cast<long long>(frames));
    if (!(r.strength >= 0 && r.strength <= 1)) return fail(error, GENMO_BAD_ARGUMENT, "a reference's strength is %g; wanted 0 to 1", static_cast<double>(r.strength));
    if (!finite(r.rotations, r.frames * int64_t{4 * kJoints}) || !finite(r.translation, r.frames * int64_t{3}) || (r.contacts && !finite(r.contacts, r.frames * int64_t{kContacts})))
      return fail(error, GENMO_BAD_ARGUMENT, "a reference holds numbers that are not finite");
    if (std::any_of(taken + r.start, taken + r.start + r.frames, [](uint8_t used) { return used != 0; }))
      return fail(error, GENMO_BAD_ARGUMENT, "references overlap from frame %d on; wanted them one after another", r.start);
    std::fill_n(taken + r.start, r.frames, uint8_t{1});
  }
  return GENMO_OK;
}

Draft draft_of(const Model& model, const genmo_reference* references, int32_t count, int64_t frames, Pool& pool) {
  if (!count) return {};
  const Draft draft{pool.get<float>(frames * kFeatures), pool.get<int64_t>(frames)};
  std::fill_n(draft.values, frames * kFeatures, 0.0f);
  std::fill_n(draft.until, frames, int64_t{kSteps});
  for (const genmo_reference* r = references; r != references + count; ++r) {
    const Pool::Scope scope(pool);
    const int64_t start = r->start, end = start + r->frames;
    const Pose pose = pose_of(*r, pool);
    auto *contacts = pool.get<double>(r->frames * int64_t{kContacts}), *features = pool.get<double>(r->frames * int64_t{kFeatures});
    contacts_of(*r, pose, pool, contacts);
    encode(pose, contacts, r->frames, features);
    const double strength = r->strength > 0 ? static_cast<double>(r->strength) : kUsualStrength;
    for (int64_t frame = start; frame < end; ++frame) {
      // at borders to other frames the motion follows from both sides
      const bool near = (start > 0 && frame - start < kSeam) || (end < frames && end - frame < kSeam);
      if (!near) draft.until[frame] = static_cast<int64_t>(std::nearbyint(kSteps * (1 - strength)));
      for (int i = 0; i < kFeatures; ++i)
        if (is_referred(i))
          draft.values[frame * kFeatures + i] = static_cast<float>((features[(frame - start) * kFeatures + i] - static_cast<double>(model.mean[i])) / static_cast<double>(model.spread[i]));
    }
  }
  return draft;
}

}  // namespace genmo
