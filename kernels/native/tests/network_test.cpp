// A network of random weights: the same bits for every number of threads, callers at once, refusals.  Run it under the
// sanitizers too (README.md); answers are compared with PyTorch's by the Python tests.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "random_network.h"

namespace {

int failures = 0;

void expect(bool good, const char* what) {
  if (good) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

constexpr int kWidth = 36, kDepth = 3, kHeads = 3, kHidden = 50, kFeatures = 31, kTokens = 7, kTextWidth = 12;
const genmo_condition_kind kConditions[] = {{"keypoints", 51}, {"bounding_box", 3}, {"camera", 12}, {"music", 5}};

struct Weights {
  std::vector<std::string> roles;
  std::vector<std::vector<char>> data;
  std::vector<genmo_tensor> tensors;

  // At odd addresses, as files may have them.
  explicit Weights(const NetworkSizes& sizes) {
    RandomWeights random(7);
    for (const auto& shape : NetworkShapes(sizes).all) {
      std::vector<char> bytes(static_cast<size_t>(shape.rows * shape.columns) * 4 + 1);
      for (int64_t i = 0; i < shape.rows * shape.columns; ++i) {
        const float value = random.next(shape.rows);
        std::memcpy(bytes.data() + 1 + i * 4, &value, 4);
      }
      roles.push_back(shape.role);
      data.push_back(std::move(bytes));
      tensors.push_back({nullptr, nullptr, shape.rows, shape.columns});
    }
  }
  const std::vector<genmo_tensor>& table() {
    for (size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].role = roles[i].c_str();
      tensors[i].data = data[i].data() + 1;
    }
    return tensors;
  }
};

genmo_network_options options(int fast, int threads) {
  genmo_network_options o = {};
  o.size = sizeof o;
  o.width = kWidth, o.depth = kDepth, o.heads = kHeads, o.mlp_width = kHidden, o.window = 8;
  o.text_width = kTextWidth, o.text_tokens = kTokens, o.text_depth = 1, o.features = kFeatures;
  o.first_turn = 5, o.turning_joints = 4, o.norm_epsilon = 1e-5f;
  o.fast = fast, o.threads = threads, o.condition_count = 4, o.conditions = kConditions;
  return o;
}

genmo_network* opened(const std::vector<genmo_tensor>& tensors, int fast, int threads) {
  const genmo_network_options o = options(fast, threads);
  genmo_network* network = nullptr;
  genmo_error error = {};
  error.size = sizeof error;
  const genmo_status status =
      genmo_network_open(&o, tensors.data(), static_cast<int32_t>(tensors.size()), &network, &error);
  if (status != GENMO_OK) std::printf("%s\n", error.message);
  expect(status == GENMO_OK && network, "a network opens");
  return network;
}

std::vector<float> numbers(size_t count, uint64_t seed) {
  RandomWeights random(seed);
  std::vector<float> made(count);
  for (float& value : made) value = random.next();
  return made;
}

// Conditions, texts and one step of a batch: exact sizes, so that a byte too far is seen.
std::vector<float> answer(genmo_network* network, int batch, int frames, int prompted, int texts) {
  const auto rows = static_cast<size_t>(batch * frames);
  std::vector<std::vector<float>> values, masks;
  const float *value_pointers[4], *mask_pointers[4];
  for (size_t i = 0; i < 4; ++i) {
    values.push_back(numbers(rows * static_cast<size_t>(kConditions[i].width), i + 1));
    masks.push_back(numbers(rows, i + 20));
    for (float& mask : masks[i]) mask = mask > 0 ? 1.0f : 0.0f;
  }
  for (size_t i = 0; i < 4; ++i) value_pointers[i] = values[i].data(), mask_pointers[i] = masks[i].data();
  std::vector<float> fused(rows * kWidth), x_0(rows * kFeatures);
  genmo_conditions conditions = {sizeof conditions, batch, frames, value_pointers, mask_pointers, fused.data()};
  expect(genmo_network_conditions(network, &conditions, nullptr) == GENMO_OK, "conditions");

  const auto words = static_cast<size_t>(prompted * texts * kTokens);
  std::vector<float> tokens = numbers(words * kTextWidth, 40), mask = numbers(words, 41), bias(words);
  for (float& each : mask) each = each > -0.5f ? 1.0f : 0.0f;
  std::vector<int64_t> spans, reach(static_cast<size_t>(2 * prompted * texts));
  for (int i = 0; i < prompted * texts; ++i) spans.insert(spans.end(), {i % 3, frames - i % 2});
  std::vector<std::vector<float>> keys(kDepth, std::vector<float>(words * kWidth)), kept(keys);
  float *key_pointers[kDepth], *kept_pointers[kDepth];
  for (size_t i = 0; i < kDepth; ++i) key_pointers[i] = keys[i].data(), kept_pointers[i] = kept[i].data();
  if (prompted) {
    genmo_texts given = {sizeof given, prompted,     texts,       tokens.data(), mask.data(), spans.data(),
                         bias.data(),  reach.data(), key_pointers, kept_pointers};
    expect(genmo_network_texts(network, &given, nullptr) == GENMO_OK, "texts");
  }
  const std::vector<float> x_t = numbers(rows * kFeatures, 50);
  std::vector<int64_t> timestep(static_cast<size_t>(batch), 700);
  genmo_step step = {sizeof step,  batch,       frames,       prompted,      prompted ? texts : 1, x_t.data(), timestep.data(),
                     fused.data(), bias.data(), reach.data(), key_pointers, kept_pointers,        x_0.data()};
  expect(genmo_network_step(network, &step, nullptr) == GENMO_OK, "a step");
  for (float value : x_0) expect(std::isfinite(value), "finite features");
  return x_0;
}

const int kCases[][4] = {{1, 1, 1, 1}, {1, 30, 0, 0}, {2, 7, 1, 2}, {3, 41, 2, 3}, {1, 130, 1, 1}};

void test_threads(const std::vector<genmo_tensor>& tensors, int fast) {
  genmo_network* alone = opened(tensors, fast, 1);
  for (int threads : {2, 3, 5}) {
    genmo_network* several = opened(tensors, fast, threads);
    for (int round = 0; round < 4; ++round)
      for (const int* c : kCases)
        expect(answer(several, c[0], c[1], c[2], c[3]) == answer(alone, c[0], c[1], c[2], c[3]), "the same bits");
    genmo_network_close(several);
  }
  genmo_network_close(alone);
}

void test_callers(const std::vector<genmo_tensor>& tensors) {
  genmo_network* network = opened(tensors, 1, 2);
  std::vector<std::vector<float>> expected;
  for (const int* c : kCases) expected.push_back(answer(network, c[0], c[1], c[2], c[3]));
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 3; ++caller)
    callers.emplace_back([&, caller] {
      for (size_t i = 0; i < 10; ++i) {
        const size_t at = (caller + i) % 5;
        const int* c = kCases[at];
        if (answer(network, c[0], c[1], c[2], c[3]) != expected[at]) std::abort();
      }
    });
  for (std::thread& caller : callers) caller.join();
  genmo_network_close(network);
}

void test_refusals(Weights& weights) {
  const std::vector<genmo_tensor>& tensors = weights.table();
  genmo_network* network = nullptr;
  for (size_t gone = 0; gone < tensors.size(); ++gone) {
    std::vector<genmo_tensor> fewer = tensors;
    fewer[gone].rows += 1;
    genmo_network_options o = options(0, 1);
    const bool any = weights.roles[gone].find("kernel") != std::string::npos;
    const bool refused = genmo_network_open(&o, fewer.data(), static_cast<int32_t>(fewer.size()), &network, nullptr);
    expect(refused || any, weights.roles[gone].c_str());
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(gone));
    if (weights.roles[gone].find(".bias") != std::string::npos) continue;  // layers without one are fine
    expect(genmo_network_open(&o, fewer.data(), static_cast<int32_t>(fewer.size()), &network, nullptr) != GENMO_OK,
           weights.roles[gone].c_str());
  }
  for (int field = 0; field < 15; ++field)
    for (int32_t wrong : {-1, 0, INT32_MAX}) {
      genmo_network_options o = options(0, 1);
      int32_t* numbers_of = &o.width;
      if (field == 12) continue;  // the epsilon
      numbers_of[field] = wrong;
      genmo_network* made = nullptr;
      if (genmo_network_open(&o, tensors.data(), static_cast<int32_t>(tensors.size()), &made, nullptr) == GENMO_OK)
        genmo_network_close(made);  // 0 may be right: text_first, fast, turning joints
    }
  expect(network == nullptr, "nothing is written when refused");
}

}  // namespace

int main() {
  Weights weights({kWidth, kDepth, kHidden, kFeatures, kTextWidth, 1, 4, {kConditions, kConditions + 4}});
  for (int32_t index = 0; const char* isa = genmo_isa(index); ++index) {
    expect(genmo_isa_select(isa, nullptr) == GENMO_OK, isa);
    for (int fast : {0, 1}) test_threads(weights.table(), fast);
    std::printf("%s\n", isa);
  }
  test_callers(weights.table());
  test_refusals(weights);
  std::printf("%d failures\n", failures);
  return failures != 0;
}
