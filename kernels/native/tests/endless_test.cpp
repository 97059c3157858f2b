// Endless motion through the C interface: no allocation after opening whatever is told, threads, and calls of every kind, which may be
// refused but never crash.  Run it under the sanitizers too (README.md); Python tests compare the motions with the runtime's.
//
//   endless_test ENGINE [calls [frames]]
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "checks.h"

namespace {

genmo_generator_options quick(uint64_t seed) {
  genmo_generator_options options{};
  options.size = sizeof options;
  options.overlap = 10;
  options.block = 14;
  options.steps = 2;
  options.seed = seed;
  return options;
}

genmo_generator* opened(genmo_model* model, const genmo_generator_options& options) {
  genmo_generator* generator = nullptr;
  expect(genmo_generator_open(model, &options, &generator, nullptr) == GENMO_OK, "a generator opens");
  return generator;
}

double wild(Random& random) {
  const double values[] = {0, -1, 3, 8, 1e-300, -1e5, 1e30, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1e308};
  return random(3) ? 4 * static_cast<double>(random.unit()) - 2 : values[random(10)];
}

std::string phrase(Random& random) {
  const char* const phrases[] = {"a person walks", "runs fast", "jumps, then sits", "turns left", "", "!?", "\xff\xc3", "stands still"};
  return phrases[random(8)];
}

// One of the things that a person may be told.
void tell(genmo_generator* generator, Random& random) {
  const std::string first = phrase(random), second = phrase(random);
  const auto from = static_cast<int32_t>(genmo_generator_frame(generator));
  switch (random(6)) {
    case 0:
      genmo_generator_prompt(generator, random(4) ? first.c_str() : nullptr, nullptr);
      break;
    case 1: {
      const genmo_text texts[2] = {{first.c_str(), static_cast<int32_t>(random(2)) * from, from + static_cast<int32_t>(random(40))}, {second.c_str(), from + static_cast<int32_t>(random(30)), 0}};
      genmo_generator_texts(generator, texts, static_cast<int32_t>(random(3)), nullptr);
      break;
    }
    case 2: {
      const genmo_stick stick{wild(random), wild(random), wild(random), static_cast<int32_t>(random(2))};
      genmo_generator_stick(generator, random(6) ? &stick : nullptr, nullptr);
      break;
    }
    case 3: {
      int64_t frames[4];
      double positions[8], facing[4];
      for (int i = 0; i < 4; ++i) frames[i] = (i ? frames[i - 1] : from) + static_cast<int64_t>(random(30));
      for (double& value : positions) value = wild(random);
      for (double& value : facing) value = wild(random);
      genmo_path path{};
      path.size = sizeof path;
      path.count = 1 + static_cast<int32_t>(random(4));
      path.frames = frames;
      path.positions = positions;
      path.facing = random(2) ? facing : nullptr;
      genmo_generator_path(generator, &path, nullptr);
      break;
    }
    case 4: {
      float pose[96] = {}, root[3];
      for (int i = 3; i < 96; i += 4) pose[i] = 1;
      for (float& value : root) value = static_cast<float>(wild(random));
      const genmo_keyframe keyframe{from + static_cast<int32_t>(random(60)), pose, random(2) ? root : nullptr};
      genmo_joint_target targets[3];
      for (genmo_joint_target& one : targets) one = {from + static_cast<int32_t>(random(60)), static_cast<int32_t>(random(25)), {wild(random), wild(random), wild(random)}};
      genmo_generator_constrain(generator, &keyframe, static_cast<int32_t>(random(2)), targets, static_cast<int32_t>(random(4)), nullptr);
      break;
    }
    default:
      break;
  }
}

void check_memory(genmo_model* model) {
#ifdef COUNTED
  Random random{5};
  genmo_generator* generator = opened(model, quick(1));
  Motion out(40);
  const genmo_text other{"a person sits", 0, 0};
  genmo_generation generation{};
  generation.size = sizeof generation;
  generation.frames = 40;
  generation.texts = &other;
  generation.text_count = 1;
  generation.steps = 1;
  for (int i = 0; i < 60; ++i) {
    tell(generator, random);
    if (i % 10 == 0) genmo_generate(model, &generation, &out.motion, nullptr);  // whose memory is its own
    const long before = requests;
    expect(genmo_generator_next(generator, 1 + static_cast<int32_t>(random(20)), &out.motion, nullptr) == GENMO_OK, "frames");
    expect(requests == before, "nothing asks for memory after opening");
  }
  genmo_generator_close(generator);
#else
  (void)model;
#endif
}

void check_threads(genmo_model* model) {
  std::vector<Motion> alone, together;
  for (int i = 0; i < 4; ++i) {
    alone.emplace_back(60);
    together.emplace_back(60);
  }
  const auto make = [&](Motion& out, uint64_t seed) {
    genmo_generator* generator = opened(model, quick(seed));
    const genmo_stick stick{0.5, 1, 0, 0};
    if (seed % 2) genmo_generator_stick(generator, &stick, nullptr);
    expect(genmo_generator_next(generator, 60, &out.motion, nullptr) == GENMO_OK, "frames of a thread");
    genmo_generator_close(generator);
  };
  for (size_t i = 0; i < 4; ++i) make(alone[i], i);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { make(together[i], i); });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) expect(alone[i] == together[i], "the same motions from threads at once");
}

// Whatever is told: finite motions, and refusals that change nothing.
void check_wild_calls(genmo_model* model, int calls) {
  Random random{9};
  genmo_generator* generator = nullptr;
  Motion out(30);
  for (int i = 0; i < calls; ++i) {
    if (i % 40 == 0) {
      genmo_generator_close(generator);
      genmo_generator_options options = quick(random(1000));
      options.first_block = static_cast<int32_t>(random(20));
      options.loose_feet = static_cast<int32_t>(random(2));
      options.guidance = random(3) ? 0 : 1;
      generator = opened(model, options);
    }
    for (uint64_t told = random(3); told > 0; --told) tell(generator, random);
    if (random(3)) continue;  // most of them without the network
    expect(genmo_generator_next(generator, 1 + static_cast<int32_t>(random(12)), &out.motion, nullptr) == GENMO_OK, "frames whatever was told");
    for (int k = 0; k < out.motion.frames * 72; ++k) expect(std::isfinite(out.joints[static_cast<size_t>(k)]), "joints are finite");
  }
  genmo_generator_close(generator);
  for (int i = 0; i < calls; ++i) {
    genmo_generator_options options = quick(1);
    int32_t* const fields[] = {&options.overlap, &options.block, &options.first_block, &options.steps, &options.texts, &options.points};
    *fields[random(6)] = static_cast<int32_t>(random(2) ? random(200) : random(1u << 31)) * (random(4) ? 1 : -1);
    if (random(3) == 0) options.guidance = wild(random);
    generator = nullptr;
    const genmo_status status = genmo_generator_open(model, &options, &generator, nullptr);
    expect((status == GENMO_OK) == (generator != nullptr), "a generator where it opened, none where it did not");
    genmo_generator_close(generator);
  }
}

// A long walk stays near the ground and asks for nothing.
void check_length(genmo_model* model, int frames, bool trained) {
  genmo_generator* generator = opened(model, quick(3));
  Motion out(30);
  const long before = requests;
  for (int done = 0; done < frames; done += 30) {
    if (done % 600 == 0) genmo_generator_prompt(generator, done % 1200 ? "a person walks in a circle" : "a person waves", nullptr);
    expect(genmo_generator_next(generator, 30, &out.motion, nullptr) == GENMO_OK && out.finite(), "a part of a long motion");
    float lowest = 1;
    for (size_t i = 1; i < 72; i += 3) lowest = std::fmin(lowest, out.joints[i]);
    expect(!trained || (lowest > -0.3f && lowest < 0.6f), "a long motion stays on the ground");
  }
  expect(requests == before, "a long motion asks for no memory");
  genmo_generator_close(generator);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  genmo_model* model = opened(argv[1]);
  check_memory(model);
  check_threads(model);
  check_wild_calls(model, argc > 2 ? std::atoi(argv[2]) : 300);
  check_length(model, argc > 3 ? std::atoi(argv[3]) : 600, !is_tiny(argv[1]));
  genmo_close(model);
  return finish("endless");
}
