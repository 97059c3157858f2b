// The conditions of every frame into one token, without x_t and the timestep.
#include <cmath>
#include <cstring>

#include "error.h"
#include "network/network.h"
#include "network/scratch.h"

namespace genmo {

namespace {

// As the network was trained (train/network/denoiser.py).
constexpr float kKeypointSpeed = 8.0f, kRootSpeed = 20.0f, kCameraTurn = 30.0f, kBoxMetres = 2.0f, kOutlier = 4.0f;
constexpr float kSmallestSide = 0.02f;

float clamped(float x) { return x < -kOutlier ? -kOutlier : x > kOutlier ? kOutlier : x; }

// A frame of a motion: its numbers, its mask, and those of the frame after it (its own at the last).
struct Frame {
  const float *values, *mask, *next_values, *next_mask;
};

// out [17 x point width]: every keypoint embedded, from its place and its speed
void embed_keypoints(const Condition& condition, const Frame& frame, float* out) {
  const int width = condition.point_width;
  for (int joint = 0; joint < kKeypoints; ++joint, out += width) {
    const float *here = frame.values + 3 * joint, *next = frame.next_values + 3 * joint;
    const float visible = here[2], both = visible * *frame.mask * (next[2] * *frame.next_mask);
    const float moving[4] = {2 * here[0], 2 * here[1], clamped(kKeypointSpeed * (both * (next[0] - here[0]))),
                             clamped(kKeypointSpeed * (both * (next[1] - here[1])))};
    const float *place = condition.place + joint * width, *unseen = condition.unseen + joint * width;
    for (int i = 0; i < width; ++i) {
      float sum = 0;
      for (int k = 0; k < 4; ++k) sum += moving[k] * condition.point[k * width + i];
      out[i] = visible * (sum + condition.point_bias[i] + place[i]) + (1 - visible) * unseen[i];
    }
  }
}

// Where a person of usual height would stand for a box.
void place_box(const float* box, float* side, float* rough) {
  *side = box[2] < kSmallestSide ? kSmallestSide : box[2];
  rough[0] = kBoxMetres * box[0] / *side;
  rough[1] = kBoxMetres * box[1] / *side;
  rough[2] = kBoxMetres / *side;
}

void embed_box(const Frame& frame, float* out) {
  float side, next_side, rough[3], next_rough[3];
  place_box(frame.values, &side, rough);
  place_box(frame.next_values, &next_side, next_rough);
  const float both = *frame.mask * *frame.next_mask;
  out[0] = clamped(2 * frame.values[0]);
  out[1] = clamped(2 * frame.values[1]);
  out[2] = clamped(std::log(side) + 1);
  for (int i = 0; i < 3; ++i) {
    out[3 + i] = clamped(rough[i] / 3);
    out[6 + i] = clamped(kRootSpeed * (both * (next_rough[i] - rough[i])));
  }
}

void embed_camera(const Frame& frame, float* out) {
  for (int i = 0; i < kCameraNumbers; ++i) {
    const float still = i == 0 || i == 4 ? 1.0f : 0.0f;
    const float scale = i < 6 ? kCameraTurn : i < 9 ? kRootSpeed : 1.0f;
    out[i] = clamped((frame.values[i] - still) * scale);
  }
}

// What released weights are shown of a frame (train/network/gem.py).
void embed_released(const Condition& condition, const Frame& frame, float* out) {
  if (condition.kind == ConditionKind::kKeypoints) {
    const int width = condition.point_width;
    for (int joint = 0; joint < kKeypoints; ++joint, out += width) {
      const float* here = frame.values + 3 * joint;
      const bool seen = here[2] * *frame.mask > 0.5f;
      for (int i = 0; i < width; ++i)
        out[i] = seen ? here[0] * condition.point[i] + here[1] * condition.point[width + i] + condition.point_bias[i] : condition.unseen[joint * width + i];
    }
  } else if (condition.kind == ConditionKind::kCamera) {
    for (int i = 0; i < kTurnNumbers; ++i) {  // a camera that is not known is one at rest
      const bool diagonal = i == 0 || i == 4;
      out[i] = (frame.values[i] - (diagonal ? 1.0f : 0.0f)) / (diagonal ? 1e-3f : 0.1f) * *frame.mask;
    }
  } else {
    std::memcpy(out, frame.values, static_cast<size_t>(condition.width) * sizeof(float));
  }
}

struct Call {
  const Network& network;
  const Scratch& scratch;
  const genmo_conditions& conditions;
};

// c = a [rows, depth] of a thread through a layer
void through(const Call& call, int thread, const Layer& layer, const float* a, int a_stride, float* c, int rows, Store store) {
  const Scratch& scratch = call.scratch;
  const int64_t chunk = int64_t{thread} * scratch.rows;
  FixedRows fixed = {};
  if (layer.fixed) fixed = {scratch.fixed + chunk * scratch.fixed_stride, scratch.fixed_stride, scratch.unit + chunk};
  multiply(*call.network.kernels, layer, a, a_stride, c, store == Store::kGelu ? scratch.hidden_stride : scratch.output_stride, rows, store, fixed);
}

Frame frame_at(const Call& call, int index, int row) {
  const int frames = call.conditions.frames, width = call.network.conditions[index].width;
  const int next = row % frames + 1 < frames ? row + 1 : row;
  const float *values = call.conditions.values[index], *masks = call.conditions.masks[index];
  return {values + int64_t{row} * width, masks + row, values + int64_t{next} * width, masks + next};
}

void embed(const Condition& condition, const Frame& frame, float* out) {
  switch (condition.kind) {
    case ConditionKind::kKeypoints:
      return embed_keypoints(condition, frame, out);
    case ConditionKind::kBox:
      return embed_box(frame, out);
    case ConditionKind::kCamera:
      return embed_camera(frame, out);
    case ConditionKind::kFeatures:
      std::memcpy(out, frame.values, static_cast<size_t>(condition.width) * sizeof(float));
  }
}

// total [rows, width] += a condition of the rows from `first`, or what stands for its absence
void add_condition(const Call& call, int index, int first, int rows, int thread, float* total) {
  const Network& net = call.network;
  const Scratch& scratch = call.scratch;
  const Condition& condition = net.conditions[index];
  const int64_t chunk = int64_t{thread} * scratch.rows;
  float *input = scratch.input + chunk * scratch.input_stride, *hidden = scratch.hidden + chunk * scratch.hidden_stride;
  float* output = scratch.output + chunk * scratch.output_stride;
  bool any = false;
  for (int m = 0; m < rows; ++m) {
    any = any || call.conditions.masks[index][first + m] != 0;
    embed(condition, frame_at(call, index, first + m), input + int64_t{m} * scratch.input_stride);
  }
  if (any) {
    through(call, thread, condition.mlp.first, input, scratch.input_stride, hidden, rows, Store::kGelu);
    through(call, thread, condition.mlp.second, hidden, scratch.hidden_stride, output, rows, Store::kSet);
  }
  for (int m = 0; m < rows; ++m) {
    const float shown = call.conditions.masks[index][first + m];
    float* sum = total + int64_t{m} * scratch.total_stride;
    if (shown != 0) net.kernels->accumulate(sum, output + int64_t{m} * scratch.output_stride, shown, net.options.width);
    if (shown != 1) net.kernels->accumulate(sum, condition.absent, 1 - shown, net.options.width);
  }
}

// The buffers of one thread, and layers over their rows.
struct Chunk {
  const Network& net;
  const Scratch& scratch;
  int rows;
  float *input, *hidden, *output;

  void through(const Mlp& mlp, Activation how) const {
    if (how == Activation::kNone) {
      constexpr float kEpsilon = 1e-5f;  // that of the video features' norm
      net.kernels->normalise(input, scratch.input_stride, input, scratch.input_stride, rows, mlp.first.depth, kEpsilon);
      return multiply(*net.kernels, mlp.first, input, scratch.input_stride, output, scratch.output_stride, rows, Store::kSet);
    }
    multiply(*net.kernels, mlp.first, input, scratch.input_stride, hidden, scratch.hidden_stride, rows, Store::kSet);
    activate(how, hidden, scratch.hidden_stride, rows, mlp.first.columns);
    multiply(*net.kernels, mlp.second, hidden, scratch.hidden_stride, output, scratch.output_stride, rows, Store::kSet);
  }
};

// total [rows, width] += a condition of released weights: embedded, and where they have flags, told whether it is there.
void add_released(const Call& call, int index, int first, int rows, int thread, float* total) {
  const Network& net = call.network;
  const Scratch& s = call.scratch;
  const Condition& condition = net.conditions[index];
  const int64_t at = int64_t{thread} * s.rows;
  const Chunk chunk{net, s, rows, s.input + at * s.input_stride, s.hidden + at * s.hidden_stride, s.output + at * s.output_stride};
  const float* masks = call.conditions.masks[index] + first;
  const bool always = condition.kind == ConditionKind::kKeypoints || condition.kind == ConditionKind::kCamera;
  bool any = always;
  for (int m = 0; m < rows && !any; ++m) any = masks[m] != 0;
  for (int m = 0; m < rows && any; ++m) embed_released(condition, frame_at(call, index, first + m), chunk.input + int64_t{m} * s.input_stride);
  if (any) chunk.through(condition.mlp, condition.activation);
  const int width = net.options.width, flagged = condition.flagged.first.depth;
  for (int m = 0; m < rows && flagged; ++m) {
    float* input = chunk.input + int64_t{m} * s.input_stride;
    std::memset(input, 0, static_cast<size_t>(width) * sizeof(float));
    if (any) net.kernels->accumulate(input, chunk.output + int64_t{m} * s.output_stride, masks[m], width);
    input[width] = masks[m];
  }
  if (flagged) chunk.through(condition.flagged, Activation::kSilu);
  for (int m = 0; m < rows && (any || flagged); ++m)
    net.kernels->accumulate(total + int64_t{m} * s.total_stride, chunk.output + int64_t{m} * s.output_stride, always || flagged ? 1.0f : masks[m], width);
}

void fuse(const Call& call, int first, int rows, int thread) {
  const Network& net = call.network;
  const Scratch& scratch = call.scratch;
  const int64_t chunk = int64_t{thread} * scratch.rows;
  const auto width = static_cast<size_t>(net.options.width);
  float *total = scratch.total + chunk * scratch.total_stride, *output = scratch.output + chunk * scratch.output_stride;
  std::memset(total, 0, static_cast<size_t>(rows) * static_cast<size_t>(scratch.total_stride) * sizeof(float));
  for (int i = 0; i < net.options.condition_count; ++i)
    net.released ? add_released(call, i, first, rows, thread, total) : add_condition(call, i, first, rows, thread, total);
  const bool projected = net.condition_in.depth > 0;
  if (projected)
    through(call, thread, net.condition_in, total, scratch.total_stride, output, rows, Store::kSet);
  for (int m = 0; m < rows; ++m) {
    float* fused = call.conditions.fused + static_cast<size_t>(first + m) * width;
    std::memcpy(fused, projected ? output + int64_t{m} * scratch.output_stride : total + int64_t{m} * scratch.total_stride, width * sizeof(float));
    if (net.motion_bias) net.kernels->accumulate(fused, net.motion_bias, 1.0f, net.options.width);
  }
}

void work(void* context, int index, int count, Barrier&) {
  const Call& call = *static_cast<Call*>(context);
  const int64_t rows = int64_t{call.conditions.batch} * call.conditions.frames;
  const int past = static_cast<int>(rows * (index + 1) / count);
  for (int first = static_cast<int>(rows * index / count); first < past; first += kChunk)
    fuse(call, first, past - first < kChunk ? past - first : kChunk, index);
}

}  // namespace

void activate(Activation how, float* x, ptrdiff_t stride, int rows, int columns) {
  constexpr float kRootHalf = 0.70710678f;
  for (int m = 0; m < rows; ++m, x += stride)
    for (int i = 0; i < columns; ++i)
      x[i] = how == Activation::kSilu ? x[i] / (1.0f + std::exp(-x[i])) : 0.5f * x[i] * (1.0f + std::erf(x[i] * kRootHalf));
}

genmo_status run_conditions(Network& network, const genmo_conditions& conditions, genmo_error* error, Scratch* own) {
  const bool sizes = conditions.batch > 0 && conditions.frames > 0 && conditions.batch <= (1 << 20) &&
                     int64_t{conditions.batch} * conditions.frames <= (1 << 24);
  if (!sizes)
    return fail(error, GENMO_BAD_ARGUMENT, "conditions of %d motions x %d frames are out of bounds", conditions.batch,
                conditions.frames);
  bool arrays = conditions.values && conditions.masks && conditions.fused;
  for (int i = 0; arrays && i < network.options.condition_count; ++i)
    arrays = conditions.values[i] && conditions.masks[i];
  if (!arrays) return fail(error, GENMO_BAD_ARGUMENT, "an array of the conditions is NULL");
  Scratch* scratch = own ? own : take_scratch(network);
  if (!scratch) return fail(error, GENMO_NO_MEMORY, "no memory for conditions");
  Call call{network, *scratch, conditions};
  network.team.run(work, &call, network.options.threads);
  if (!own) give_scratch(network, scratch);
  return GENMO_OK;
}

}  // namespace genmo
