// Networks of random weights: which tensors there are, and numbers for them.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "genmo/stages.h"

struct TensorShape {
  std::string role;
  int64_t rows, columns;
};

struct NetworkSizes {
  int width, depth, hidden, features, text_width, text_depth, turning_joints;
  std::vector<genmo_condition_kind> conditions;
  bool released = false;  // in the manner of GEM-SMPL
};

// Every tensor of a network of these sizes.
class NetworkShapes {
 public:
  explicit NetworkShapes(const NetworkSizes& sizes) : s_(sizes) {
    step();
    for (const auto& condition : s_.conditions) read(condition);
    layer("conditions.in", s_.width, s_.width);
    if (s_.released) {
      add("texts.places", 1000, s_.width);
    } else {
      add("conditions.motion_bias", 1, s_.width);
    }
    texts();
  }
  std::vector<TensorShape> all;

 private:
  void add(const std::string& role, int64_t rows, int64_t columns) { all.push_back({role, rows, columns}); }
  void layer(const std::string& name, int64_t in, int64_t out) {
    add(name + ".weight", in, out);
    add(name + ".bias", 1, out);
  }
  void norm(const std::string& name, int64_t width) {
    add(name + ".norm.weight", 1, width);
    add(name + ".norm.bias", 1, width);
  }
  void mlp(const std::string& name, int64_t in, int64_t hidden, int64_t out) {
    layer(name + ".first", in, hidden);
    layer(name + ".second", hidden, out);
  }
  void step() {
    add("step.motion_in.weight", s_.features, s_.width);
    add("step.time", 1000, s_.width);
    for (int i = 0; i < s_.depth; ++i) {
      const std::string name = "step.modules." + std::to_string(i);
      norm(name + ".attention", s_.width);
      layer(name + ".attention.qkv", s_.width, 3 * s_.width);
      layer(name + ".attention.out", s_.width, s_.width);
      norm(name + ".text", s_.width);
      layer(name + ".text.q", s_.width, s_.width);
      layer(name + ".text.out", s_.width, s_.width);
      if (!s_.released) add(name + ".text.null", 1, s_.width);
      for (const char* part : {".attention_mlp", ".text_mlp"}) {
        norm(name + part, s_.width);
        mlp(name + part, s_.width, s_.hidden, s_.width);
      }
      layer("texts.modules." + std::to_string(i) + ".key_value", s_.width, 2 * s_.width);
    }
    mlp("step.heads.x_0", s_.width, s_.width, s_.features);
    if (s_.released) {
      mlp("step.heads.weak_perspective", s_.width, s_.width, 3);
      mlp("step.heads.contact_logits", s_.width, s_.width, 6);
    } else {
      norm("step", s_.width);
    }
    if (s_.turning_joints == 0) return;
    mlp("step.innovation", s_.width, s_.width, s_.turning_joints);
    add("step.innovation.kernel", 1, 25);
    add("step.innovation.roots", 1, 1000);
    add("step.innovation.trusts", 1, 1000);
  }
  void read(const genmo_condition_kind& condition) {
    const std::string kind = condition.name, name = "conditions." + kind;
    const int of_released = kind == "camera" ? 6 : condition.width, inputs = s_.released ? of_released : kind == "bounding_box" ? 9 : condition.width;
    mlp(name, kind == "keypoints" ? 17 * 6 : inputs, s_.hidden, s_.width);
    if (!s_.released) add(name + ".absent", 1, s_.width);
    if (s_.released && kind != "keypoints") mlp(name + ".flagged", s_.width + 1, s_.width, s_.width);
    if (kind != "keypoints") return;
    layer(name + ".point", s_.released ? 2 : 4, 6);
    if (!s_.released) add(name + ".place", 17, 6);
    add(name + ".unseen", 17, 6);
  }
  void texts() {
    layer("texts.in", s_.text_width, s_.width);
    for (int i = 0; i < s_.text_depth; ++i) {
      const std::string name = "texts.words." + std::to_string(i);
      norm(name + ".attention", s_.text_width);
      layer(name + ".attention.qkv", s_.text_width, 3 * s_.text_width);
      layer(name + ".attention.out", s_.text_width, s_.text_width);
      norm(name + ".mlp", s_.text_width);
      mlp(name + ".mlp", s_.text_width, 2 * s_.text_width, s_.text_width);
    }
  }
  const NetworkSizes s_;
};

// Weights that keep the size of what goes through them.
class RandomWeights {
 public:
  explicit RandomWeights(uint64_t seed) : state_(seed) {}
  float next(int64_t rows) { return 1.7f * next() / std::sqrt(static_cast<float>(rows)); }
  // -1 to 1
  float next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state_ >> 32)) / 2147483648.0f;
  }

 private:
  uint64_t state_;
};
