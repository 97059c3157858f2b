#include "sampling/estimate.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "sampling/schedule.h"

namespace genmo {
namespace {

// The conditions of the network: those of the keypoints, and nothing of the others.
genmo_status fuse(Model& model, const Keypoints& keypoints, const float* camera, Scratch* own, Pool& pool, float* fused, genmo_error* error) {
  const int64_t frames = keypoints.frames;
  float *values[16], *masks[16];
  KeypointConditions known{};
  const struct {
    const char* name;
    float **values, **mask;
  } kinds[] = {{"keypoints", &known.keypoints, &known.keypoints_mask}, {"bounding_box", &known.box, &known.box_mask}, {"camera", &known.camera, &known.camera_mask}};
  for (int i = 0; i < model.condition_count; ++i) {
    const int64_t numbers = frames * model.conditions[i].width;
    values[i] = pool.get<float>(numbers);
    masks[i] = pool.get<float>(frames);
    std::fill(values[i], values[i] + numbers, 0.0f);
    std::fill(masks[i], masks[i] + frames, 0.0f);
    for (const auto& kind : kinds)
      if (!std::strcmp(kind.name, model.conditions[i].name)) {
        *kind.values = values[i];
        *kind.mask = masks[i];
      }
  }
  keypoint_conditions(keypoints, known, model.released ? kReleasedRules : ConditionRules{});
  if (camera) {
    std::copy_n(camera, 12 * frames, known.camera);
    std::fill_n(known.camera_mask, frames, 1.0f);
  }
  const genmo_conditions conditions{sizeof conditions, 1, static_cast<int32_t>(frames), values, masks, fused};
  return run_conditions(*reinterpret_cast<Network*>(model.network), conditions, error, own);
}

// Where SMPL-X's pelvis is in the camera [frames, 3]: the weak-perspective camera tells by the box and the lens; between frames with a box
// it is on a line.  False where no frame has one.  Twin: runtime/conditions/camera_heads.py.
bool place_root(const Keypoints& keypoints, const float* weak, double* root) {
  constexpr double kPelvis[3] = {0.0031, -0.3514, 0.0120};  // of SMPL-X's rest pose
  int64_t last = -1;
  for (int64_t frame = 0; frame < keypoints.frames; ++frame) {
    double box[3], *to = root + 3 * frame;
    if (!bounding_box(keypoints.points + frame * 3 * kPoints, kReleasedRules.box_aspect, box)) continue;
    const double size = box[2] * static_cast<double>(weak[3 * frame]);
    for (int axis = 0; axis < 2; ++axis)
      to[axis] = static_cast<double>(weak[3 * frame + 1 + axis]) + 2 * (box[axis] - keypoints.middle[axis]) / size + kPelvis[axis];
    to[2] = 2 * keypoints.focal[0] / size + kPelvis[2];
    for (int64_t gap = last + 1; gap < frame; ++gap)
      for (int axis = 0; axis < 3; ++axis) {
        const double share = last < 0 ? 1 : static_cast<double>(gap - last) / static_cast<double>(frame - last);
        root[3 * gap + axis] = (last < 0 ? 0 : (1 - share) * root[3 * last + axis]) + share * to[axis];
      }
    last = frame;
  }
  for (int64_t frame = last + 1; frame < keypoints.frames && last >= 0; ++frame) std::copy_n(root + 3 * last, 3, root + 3 * frame);
  return last >= 0;
}

// The answer of released weights as features of layout "genmo": the body is the mean one, hands rest.  Without a place in the camera, for
// no frame has a box, it is NaN.
void read_released(const Model& model, const Keypoints& keypoints, const Answer& answer, Pool& pool, double* features) {
  constexpr int kRootTurn = kReleasedBetas + kBetas, kLevelRoot = kRootTurn + 6, kSpeed = kLevelRoot + 6;  // of layout "gem"
  constexpr double kUnturned[6] = {1, 0, 0, 0, 1, 0};
  const int64_t frames = keypoints.frames;
  const Pool::Scope scope(pool);
  auto* root = pool.get<double>(3 * frames);
  if (!place_root(keypoints, answer.weak, root)) std::fill_n(root, 3 * frames, NAN);
  for (int64_t frame = 0; frame < frames; ++frame) {
    double row[kReleasedFeatures], *to = features + frame * kFeatures;
    for (int i = 0; i < kReleasedFeatures; ++i)
      row[i] = static_cast<double>(answer.x_0[frame * kReleasedFeatures + i]) * static_cast<double>(model.spread[i]) + static_cast<double>(model.mean[i]);
    std::fill_n(to, kFeatures, 0.0);
    std::copy_n(row + kLevelRoot, 6, to + kGravityView);
    std::copy_n(row + kSpeed, 3, to + kVelocity);
    std::copy_n(row + kRootTurn, 6, to + kTurns);
    std::copy_n(row, kReleasedBetas, to + kTurns + 6);
    for (int hand = kLeftHand; hand <= kRightHand; ++hand) std::copy_n(kUnturned, 6, to + kTurns + 6 * hand);
    std::copy_n(root + 3 * frame, 3, to + kRootInCamera);
    for (int k = 0; k < kContacts; ++k) to[kContactsAt + k] = 1 / (1 + std::exp(-static_cast<double>(answer.logits[frame * kLogits + k])));
  }
}

}  // namespace

genmo_status estimate_normalised(Model& model, const Keypoints& keypoints, const float* camera, int64_t first, const Spaces* own, Pool& pool, const Answer& answer,
                                 genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t frames = keypoints.frames, count = frames * model.features;
  auto& network = *reinterpret_cast<Network*>(model.network);
  auto *fused = pool.get<float>(frames * model.width), *x_t = pool.get<float>(count);
  genmo_status status = fuse(model, keypoints, camera, own ? own->rows : nullptr, pool, fused, error);
  if (status != GENMO_OK) return status;
  std::fill(x_t, x_t + count, 0.0f);
  const int64_t timestep = kSteps - 1;
  genmo_step step = network.silence;
  step.size = sizeof step;
  step.batch = 1;
  step.frames = static_cast<int32_t>(frames);
  step.x_t = x_t;
  step.timestep = &timestep;
  step.fused = fused;
  step.x_0 = answer.x_0;
  step.weak_perspective = answer.weak;
  step.contact_logits = answer.logits;
  status = run_step(network, step, error, own ? own->step : nullptr, static_cast<int>(first));
  if (status != GENMO_OK) return status;
  const auto finite = [](const float* values, int64_t number) { return !values || std::all_of(values, values + number, [](float value) { return std::isfinite(value); }); };
  const bool right = finite(answer.x_0 + first * model.features, count - first * model.features) && finite(answer.weak, frames * kWeakNumbers) && finite(answer.logits, frames * kLogits);
  return right ? GENMO_OK : fail(error, GENMO_BAD_ENGINE, "the network answered numbers that are not finite");
}

genmo_status estimate_features(Model& model, const Keypoints& keypoints, Pool& pool, double* features, genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t frames = keypoints.frames, count = frames * model.features;
  Answer answer{pool.get<float>(count)};
  if (model.released) {
    answer.weak = pool.get<float>(frames * kWeakNumbers);
    answer.logits = pool.get<float>(frames * kLogits);
  }
  const genmo_status status = estimate_normalised(model, keypoints, nullptr, 0, nullptr, pool, answer, error);
  if (status != GENMO_OK) return status;
  if (model.released) {
    read_released(model, keypoints, answer, pool, features);
  } else {
    for (int64_t i = 0; i < count; ++i) features[i] = restored(model, i, answer.x_0[i]);
  }
  return GENMO_OK;
}

}  // namespace genmo
