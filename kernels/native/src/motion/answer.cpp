#include "motion/answer.h"

#include <algorithm>

#include "error.h"
#include "motion/quaternions.h"
#include "small.h"

namespace genmo {
namespace {

void write(const double* values, int64_t count, float* out) {
  if (!out) return;
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(values[i]);
}

// Quaternions x, y, z, w of rotations [frames, joints, 3, 3], the first of every row of `stride` numbers at `out`.
void write_turns(const double* rotations, int64_t frames, int joints, int64_t stride, Pool& pool, float* out, double* last = nullptr, bool goes_on = false) {
  const Pool::Scope scope(pool);
  auto* quaternions = pool.get<double>(frames * 4 * joints);
  continuous_quaternions(rotations, frames, joints, quaternions, goes_on ? last : nullptr);
  if (last) std::copy_n(quaternions + (frames - 1) * 4 * joints, 4 * joints, last);
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int joint = 0; joint < joints; ++joint)
      for (int k = 0; k < 4; ++k) out[frame * stride + 4 * joint + k] = static_cast<float>(quaternions[(frame * joints + joint) * 4 + (k + 1) % 4]);
}

}  // namespace

genmo_status check_room(const genmo_motion* motion, int32_t frames, genmo_error* error) {
  if (!motion || motion->size != sizeof *motion) return fail(error, GENMO_BAD_ARGUMENT, "motion is NULL or motion.size is not %u", static_cast<unsigned>(sizeof *motion));
  if (motion->capacity < frames) return fail(error, GENMO_BAD_ARGUMENT, "motion.capacity is %d; wanted room for %d frames", motion->capacity, frames);
  return GENMO_OK;
}

void answer(const Clip& clip, Pool& pool, genmo_motion& motion, double* last, bool goes_on) {
  const Pool::Scope scope(pool);
  motion.frames = static_cast<int32_t>(clip.frames);
  motion.camera_rise = 0;
  write(clip.translation, clip.frames * 3, motion.translation);
  write(clip.contacts, clip.frames * kContacts, motion.contacts);
  write(clip.offsets, 3 * kJoints, motion.offsets);
  write(clip.betas, kBetas, motion.betas);
  if (motion.joints) write(joints_of(clip, pool), clip.frames * 3 * kJoints, motion.joints);
  if (motion.rotations) write_turns(clip.rotations, clip.frames, kJoints, 4 * kJoints, pool, motion.rotations, last, goes_on);
}

void answer(const Estimated& estimated, Pool& pool, genmo_motion& motion) {
  answer(estimated.clip, pool, motion);
  motion.camera_rise = static_cast<float>(estimated.rise);
  if (!motion.root_in_camera) return;
  write_turns(estimated.root_rotation, estimated.clip.frames, 1, 7, pool, motion.root_in_camera);
  for (int64_t frame = 0; frame < estimated.clip.frames; ++frame) write(estimated.root_translation + 3 * frame, 3, motion.root_in_camera + 7 * frame + 4);
}

// Metres of thigh and shin. Twin: runtime/motion/bodies.py.
static double leg_length(const double* offsets) { return length(at(offsets + 3 * kLeftKnee)) + length(at(offsets + 3 * kLeftAnkle)); }

Clip read_clip(int64_t frames, const float* rotations, const float* translation, const float* contacts, const float* betas, const float* offsets, Pool& pool) {
  Clip clip = new_clip(frames, pool);
  for (int64_t i = 0; i < frames * kJoints; ++i) {
    const float* q = rotations + 4 * i;
    put(clip.rotations + 9 * i, matrix_from_quaternion(static_cast<double>(q[3]), {static_cast<double>(q[0]), static_cast<double>(q[1]), static_cast<double>(q[2])}));
  }
  std::copy_n(translation, 3 * frames, clip.translation);
  std::fill_n(clip.betas, kBetas, 0.0);
  if (betas) std::copy_n(betas, kBetas, clip.betas);
  rest_offsets(clip.betas, clip.offsets);
  if (offsets) {  // of another body: it goes as far and as high as these legs are longer
    double own[3 * kJoints];
    std::copy_n(offsets, 3 * kJoints, own);
    const double ratio = leg_length(clip.offsets) / leg_length(own);
    for (int64_t i = 0; i < 3 * frames; ++i) clip.translation[i] *= ratio;
  }
  if (contacts) {
    std::copy_n(contacts, frames * kContacts, clip.contacts);
  } else {
    label_contacts(clip, pool, clip.contacts);
  }
  return clip;
}

}  // namespace genmo
