// Keyframes, joint targets and headings through the C interface: no allocation after the first motion of a length, threads, and constraints
// of every kind, which may be refused but never crash.  Run it under the sanitizers too (README.md); Python tests compare the motions with
// the runtime's.
//
//   constraints_test ENGINE [motions]
#include <limits>
#include <thread>

#include "checks.h"

namespace {

struct Asked {
  std::vector<genmo_keyframe> keyframes;
  std::vector<genmo_joint_target> targets;
  std::vector<genmo_heading> headings;

  genmo_generation of(const genmo_text* text, int frames, int steps) const {
    genmo_generation g{};
    g.size = sizeof g;
    g.tries = 1;
    g.frames = frames;
    g.texts = text;
    g.text_count = text != nullptr;
    g.steps = steps;
    g.keyframe_count = static_cast<int32_t>(keyframes.size());
    g.keyframes = keyframes.data();
    g.target_count = static_cast<int32_t>(targets.size());
    g.targets = targets.data();
    g.heading_count = static_cast<int32_t>(headings.size());
    g.headings = headings.data();
    return g;
  }
};

const genmo_text kText{"a person walks, then waves", 0, 0};

// Poses of a motion at every other frame, some of them somewhere, places of half of the joints in all, and headings.
Asked dense(const Motion& poses, int frames) {
  Asked asked;
  for (int frame = 0; frame < frames; ++frame) {
    const auto pose = static_cast<size_t>(frame % poses.motion.frames);
    if (frame % 2 == 0) asked.keyframes.push_back({frame, poses.rotations.data() + 96 * pose, frame % 3 ? poses.translation.data() + 3 * pose : nullptr});
    for (int joint = 0; joint < 24; joint += 2) asked.targets.push_back({frame, joint, {0.1 * joint, 1, 0.01 * frame}});
    if (frame % 5 == 0) asked.headings.push_back({frame, 0.1 * frame});
  }
  return asked;
}

void check_memory(genmo_model* model, const Motion& poses) {
#ifdef COUNTED
  for (const int frames : {1, 40, 90}) {
    const Asked asked = dense(poses, frames);
    const genmo_generation g = asked.of(&kText, frames, 2);
    Motion out(frames);
    expect(genmo_generate(model, &g, &out.motion, nullptr) == GENMO_OK, "a motion with many constraints");
    const long before = requests;
    expect(genmo_generate(model, &g, &out.motion, nullptr) == GENMO_OK && out.finite(), "a second motion");
    expect(requests == before, "the second motion of a length asks for no memory");
  }
#else
  (void)model;
  (void)poses;
#endif
}

void check_threads(genmo_model* model, const Motion& poses) {
  const Asked asked = dense(poses, 30);
  std::vector<Motion> made;
  for (int i = 0; i < 5; ++i) made.emplace_back(30);
  const auto make = [&](Motion& out) {
    const genmo_generation g = asked.of(&kText, 30, 2);
    expect(genmo_generate(model, &g, &out.motion, nullptr) == GENMO_OK, "a motion of a thread");
  };
  make(made[0]);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < 5; ++i) threads.emplace_back([&, i] { make(made[i]); });
  for (auto& thread : threads) thread.join();
  for (size_t i = 1; i < 5; ++i) expect(made[i] == made[0], "the same motion from threads at once");
}

double wild(Random& random) {
  const double values[] = {0, -1, 3, 8, 1e-300, -1e4, 1e30, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 9999};
  return random(12) ? 4 * static_cast<double>(random.unit()) - 2 : values[random(10)];
}

// Constraints of every kind: finite motions, or a refusal with a sentence.
void check_wild(genmo_model* model, const Motion& poses, int motions) {
  Random random{21};
  genmo_error error{};
  error.size = sizeof error;
  int refused = 0;
  for (int i = 0; i < motions; ++i) {
    const int frames = 1 + static_cast<int>(random(random(4) ? 60 : 3));
    const auto frame = [&] { return static_cast<int32_t>(random(200) ? random(static_cast<uint64_t>(frames)) : random(1u << 31)); };
    std::vector<float> roots(3 * 8), turns(96);
    for (float& value : roots) value = static_cast<float>(wild(random));
    for (float& value : turns) value = static_cast<float>(wild(random));
    Asked asked;
    for (uint64_t k = random(4); k > 0; --k) {
      const float* pose = random(20) ? poses.rotations.data() + 96 * random(static_cast<uint64_t>(poses.motion.frames)) : random(2) ? turns.data() : nullptr;
      asked.keyframes.push_back({frame(), pose, random(2) ? roots.data() + 3 * random(8) : nullptr});
    }
    for (uint64_t k = random(random(3) ? 6 : 40); k > 0; --k)
      asked.targets.push_back({frame(), static_cast<int32_t>(random(100) ? random(24) : random(1u << 31)), {wild(random), wild(random), wild(random)}});
    for (uint64_t k = random(4); k > 0; --k) asked.headings.push_back({frame(), wild(random)});
    const genmo_generation g = asked.of(random(3) ? &kText : nullptr, frames, 1 + static_cast<int>(random(2)));
    Motion out(frames);
    error.message[0] = 0;
    const genmo_status status = genmo_generate(model, &g, &out.motion, &error);
    refused += status != GENMO_OK;
    expect(status == GENMO_OK || (status == GENMO_BAD_ARGUMENT && error.message[0]), "a motion or a sentence");
    expect(status != GENMO_OK || out.finite(), "joints are finite");
  }
  expect(motions < 50 || (refused > 0 && refused < motions), "some of them are refused, and not all");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  genmo_model* model = opened(argv[1]);
  Motion poses(20);
  genmo_generation g = Asked{}.of(&kText, 20, 2);
  expect(genmo_generate(model, &g, &poses.motion, nullptr) == GENMO_OK, "poses");
  check_memory(model, poses);
  check_threads(model, poses);
  check_wild(model, poses, argc > 2 ? std::atoi(argv[2]) : 200);
  genmo_close(model);
  return finish("constraints");
}
