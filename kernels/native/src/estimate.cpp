// Motions from keypoints: the public part of the C interface, and its stages one by one.
#include <algorithm>
#include <cmath>

#include "engine/model.h"
#include "error.h"
#include "motion/answer.h"
#include "sampling/estimate.h"

namespace genmo {
namespace {

constexpr int kMostFrames = 65536;
constexpr double kStepShare = 1.0 / 6;  // of an estimate's work

genmo_status check(const genmo_keypoints* keypoints, genmo_error* error) {
  if (!keypoints || keypoints->size != sizeof *keypoints)
    return fail(error, GENMO_BAD_ARGUMENT, "keypoints is NULL or keypoints.size is not %u", static_cast<unsigned>(sizeof *keypoints));
  if (keypoints->frames < 1 || keypoints->frames > kMostFrames)
    return fail(error, GENMO_BAD_ARGUMENT, "frames is %d; wanted 1 to %d", keypoints->frames, kMostFrames);
  if (!keypoints->points) return fail(error, GENMO_BAD_ARGUMENT, "keypoints.points is NULL; wanted [frames, 17, 3]");
  return GENMO_OK;
}

genmo_status check(const genmo_estimation* estimation, genmo_error* error) {
  if (estimation && estimation->size != sizeof *estimation)
    return fail(error, GENMO_BAD_ARGUMENT, "estimation.size is %u; wanted %u", estimation->size, static_cast<unsigned>(sizeof *estimation));
  return GENMO_OK;
}

EstimateOptions options_of(const genmo_estimation& e, bool released = false) { return {e.unfitted == 0, e.loose_feet == 0, !released, e.progress, e.user}; }

genmo_status estimate(Model& model, const genmo_keypoints& given, const genmo_estimation& e, Pool& pool, genmo_motion& motion, genmo_error* error) {
  const Pool::Scope scope(pool);
  Keypoints keypoints;
  genmo_status status = read_keypoints(given, pool, keypoints, error);
  if (status != GENMO_OK) return status;
  if (!e.raw_keypoints) clean_keypoints(keypoints, pool);
  auto* features = pool.get<double>(keypoints.frames * kFeatures);
  status = estimate_features(model, keypoints, pool, features, error);
  if (status != GENMO_OK) return status;
  if (e.progress && e.progress(e.user, static_cast<float>(kStepShare))) return fail(error, GENMO_CANCELLED, "cancelled after the network's step");
  Estimated estimated;
  status = finish_estimated(features, keypoints, options_of(e, model.released), pool, estimated, error);
  if (status != GENMO_OK) return status;
  answer(estimated, pool, motion);
  if (e.progress) e.progress(e.user, 1);
  return GENMO_OK;
}

int64_t condition_numbers(const Model& model) {
  int64_t numbers = 0;
  for (int i = 0; i < model.condition_count; ++i) numbers += model.conditions[i].width + 1;
  return numbers;
}

// A pool and the keypoints in it, as a stage of its own takes them.
struct StageInput {
  Pool pool;
  Keypoints keypoints;

  genmo_status open(const genmo_keypoints* given, genmo_error* error) {
    const genmo_status status = check(given, error);
    if (status != GENMO_OK) return status;
    if (!pool.reserve(estimate_bytes(given->frames, 0, 0))) return fail(error, GENMO_NO_MEMORY, "no memory for %d frames", given->frames);
    return read_keypoints(*given, pool, keypoints, error);
  }
};

}  // namespace
}  // namespace genmo

extern "C" {

genmo_status genmo_estimate(genmo_model* model, const genmo_keypoints* keypoints, const genmo_estimation* estimation,
                            genmo_motion* motion, genmo_error* error) {
  using namespace genmo;
  if (!model) return fail(error, GENMO_BAD_ARGUMENT, "model is NULL");
  genmo_status status = check(keypoints, error);
  if (status == GENMO_OK) status = check(estimation, error);
  if (status == GENMO_OK) status = check_room(motion, keypoints->frames, error);
  if (status != GENMO_OK) return status;
  Model& opened = *reinterpret_cast<Model*>(model);
  Pool* pool = opened.take_pool(estimate_bytes(keypoints->frames, opened.width, condition_numbers(opened)));
  if (!pool) return fail(error, GENMO_NO_MEMORY, "no memory for %d frames", keypoints->frames);
  status = estimate(opened, *keypoints, estimation ? *estimation : genmo_estimation{}, *pool, *motion, error);
  opened.give_pool(pool);
  return status;
}

genmo_status genmo_clean_keypoints(const genmo_keypoints* keypoints, double* points, double* feet, genmo_error* error) {
  using namespace genmo;
  StageInput input;
  const genmo_status status = input.open(keypoints, error);
  if (status != GENMO_OK) return status;
  if (!points || (keypoints->feet && !feet)) return fail(error, GENMO_BAD_ARGUMENT, "points or feet is NULL");
  Keypoints& k = input.keypoints;
  clean_keypoints(k, input.pool);
  std::copy_n(k.points, k.frames * 3 * kPoints, points);
  if (k.feet) std::copy_n(k.feet, k.frames * 3 * kFootPoints, feet);
  return GENMO_OK;
}

genmo_status genmo_keypoint_conditions(const genmo_keypoints* keypoints, float* points, float* box, float* camera, float* masks, genmo_error* error) {
  using namespace genmo;
  StageInput input;
  const genmo_status status = input.open(keypoints, error);
  if (status != GENMO_OK) return status;
  if (!points || !box || !camera || !masks) return fail(error, GENMO_BAD_ARGUMENT, "points, box, camera or masks is NULL");
  const int64_t frames = input.keypoints.frames;
  keypoint_conditions(input.keypoints, {points, masks, box, masks + frames, camera, masks + 2 * frames});
  return GENMO_OK;
}

genmo_status genmo_finish_estimate(const genmo_keypoints* keypoints, const genmo_estimation* estimation, const double* features, int32_t stages,
                                   const genmo_estimate_arrays* out, genmo_error* error) {
  using namespace genmo;
  StageInput input;
  genmo_status status = check(estimation, error);
  if (status == GENMO_OK) status = input.open(keypoints, error);
  if (status != GENMO_OK) return status;
  if (!features || !out || out->size != sizeof *out || stages < 1) return fail(error, GENMO_BAD_ARGUMENT, "features or out is NULL, or stages is %d", stages);
  EstimateOptions options = options_of(estimation ? *estimation : genmo_estimation{});
  options.stages = stages;
  Estimated motion;
  status = finish_estimated(features, input.keypoints, options, input.pool, motion, error);
  if (status != GENMO_OK) return status;
  const int64_t frames = motion.clip.frames;
  std::copy_n(motion.clip.rotations, frames * 9 * kJoints, out->rotations);
  std::copy_n(motion.clip.translation, 3 * frames, out->translation);
  std::copy_n(motion.clip.contacts, frames * kContacts, out->contacts);
  std::copy_n(motion.clip.betas, kBetas, out->betas);
  std::copy_n(motion.root_rotation, 9 * frames, out->root_rotation);
  std::copy_n(motion.root_translation, 3 * frames, out->root_translation);
  return GENMO_OK;
}
}
