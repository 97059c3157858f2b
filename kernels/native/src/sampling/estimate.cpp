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
  keypoint_conditions(keypoints, known);
  if (camera) {
    std::copy_n(camera, 12 * frames, known.camera);
    std::fill_n(known.camera_mask, frames, 1.0f);
  }
  const genmo_conditions conditions{sizeof conditions, 1, static_cast<int32_t>(frames), values, masks, fused};
  return run_conditions(*reinterpret_cast<Network*>(model.network), conditions, error, own);
}

}  // namespace

genmo_status estimate_normalised(Model& model, const Keypoints& keypoints, const float* camera, int64_t first, const Spaces* own, Pool& pool, float* x_0,
                                 genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t frames = keypoints.frames, count = frames * kFeatures;
  auto *fused = pool.get<float>(frames * model.width), *x_t = pool.get<float>(count);
  genmo_status status = fuse(model, keypoints, camera, own ? own->rows : nullptr, pool, fused, error);
  if (status != GENMO_OK) return status;
  std::fill(x_t, x_t + count, 0.0f);
  const int64_t timestep = kSteps - 1;
  genmo_step step{};
  step.size = sizeof step;
  step.batch = 1;
  step.frames = static_cast<int32_t>(frames);
  step.x_t = x_t;
  step.timestep = &timestep;
  step.fused = fused;
  step.x_0 = x_0;
  status = run_step(*reinterpret_cast<Network*>(model.network), step, error, own ? own->step : nullptr, static_cast<int>(first));
  if (status != GENMO_OK) return status;
  const bool finite = std::all_of(x_0 + first * kFeatures, x_0 + count, [](float value) { return std::isfinite(value); });
  return finite ? GENMO_OK : fail(error, GENMO_BAD_ENGINE, "the network answered numbers that are not finite");
}

genmo_status estimate_features(Model& model, const Keypoints& keypoints, Pool& pool, double* features, genmo_error* error) {
  const Pool::Scope scope(pool);
  const int64_t count = keypoints.frames * kFeatures;
  auto* x_0 = pool.get<float>(count);
  const genmo_status status = estimate_normalised(model, keypoints, nullptr, 0, nullptr, pool, x_0, error);
  for (int64_t i = 0; i < count && status == GENMO_OK; ++i) features[i] = restored(model, i, x_0[i]);
  return status;
}

}  // namespace genmo
