// Motions from keypoints through the C interface: no allocation after the first call, threads, and keypoints of every kind, which
// may be refused but never crash.  Run it under the sanitizers too (README.md); Python tests compare the motions with the
// runtime's.
//
//   estimate_test ENGINE [keypoints]
#include <limits>
#include <thread>

#include "checks.h"

namespace {

struct Person {
  std::vector<float> points, feet;
  std::vector<double> camera;
  double lens[9] = {900, 0, 640, 0, 900, 360, 0, 0, 1};
  genmo_keypoints keypoints{};

  Person(int frames, uint64_t seed) : points(static_cast<size_t>(frames) * 51), feet(static_cast<size_t>(frames) * 12), camera(static_cast<size_t>(frames) * 16) {
    Random random{seed};
    for (size_t i = 0; i < points.size(); ++i) {
      const size_t frame = i / 51, point = i % 51 / 3;
      const float sway = 20 * std::sin(0.1f * static_cast<float>(frame + 7 * point));
      points[i] = i % 3 == 2 ? 0.5f + 0.5f * random.unit() : i % 3 ? 100 + 30 * static_cast<float>(point) + sway : 600 + 60 * static_cast<float>(point % 2) + sway;
    }
    for (size_t i = 0; i < feet.size(); ++i) feet[i] = i % 3 == 2 ? random.unit() : 600 + 10 * random.unit();
    for (size_t i = 0; i < camera.size(); ++i) camera[i] = i % 16 == 0 || i % 16 == 5 ? -1 : i % 16 == 10 || i % 16 == 15 ? 1 : 0;
    keypoints.size = sizeof keypoints;
    keypoints.frames = frames;
    keypoints.points = points.data();
    keypoints.intrinsics = lens;
  }
};

void check_memory(genmo_model* model) {
#ifdef COUNTED
  for (const int frames : {1, 7, 90, 1300}) {
    Person person(frames, 3);
    person.keypoints.feet = person.feet.data();
    person.keypoints.camera_to_world = person.camera.data();
    Motion out(frames);
    genmo_estimate(model, &person.keypoints, nullptr, &out.motion, nullptr);
    const long before = requests;
    expect(genmo_estimate(model, &person.keypoints, nullptr, &out.motion, nullptr) == GENMO_OK, "a second motion");
    expect(requests == before, "the second motion of a length asks for no memory");
  }
#else
  (void)model;
#endif
}

void check_threads(genmo_model* model) {
  std::vector<Person> people;
  std::vector<Motion> alone, together;
  for (int i = 0; i < 4; ++i) {
    people.emplace_back(40, static_cast<uint64_t>(i));
    alone.emplace_back(40);
    together.emplace_back(40);
  }
  const auto make = [&](Motion& out, size_t i) {
    people[i].keypoints.points = people[i].points.data();
    people[i].keypoints.intrinsics = people[i].lens;
    out.motion.rotations = out.rotations.data();
    out.motion.joints = out.joints.data();
    expect(genmo_estimate(model, &people[i].keypoints, nullptr, &out.motion, nullptr) == GENMO_OK, "a motion");
  };
  for (size_t i = 0; i < 4; ++i) make(alone[i], i);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { make(together[i], i); });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) expect(alone[i].joints == together[i].joints && alone[i].rotations == together[i].rotations, "the same motions from threads at once");
}

float wild(Random& random) {
  const float values[] = {0, -1, 1e8f, 3e9f, -1e8f, 1e-30f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 640, 0.5f};
  return values[random(sizeof values / sizeof *values)];
}

// Whatever the numbers are: a status, never a crash; and where it is GENMO_OK, finite joints.
void check_wild_keypoints(genmo_model* model, int count) {
  Random random{5};
  genmo_error error{};
  error.size = sizeof error;
  for (int i = 0; i < count; ++i) {
    const int frames = 1 + static_cast<int>(random(i % 50 ? 12 : 130));
    Person person(frames, random(1 << 20));
    const bool changed = i % 4 != 0;
    for (uint64_t k = changed ? random(60) : 0; k > 0; --k) person.points[random(person.points.size())] = wild(random);
    if (random(3) == 0) {
      for (uint64_t k = random(5); k > 0; --k) person.feet[random(person.feet.size())] = wild(random);
      person.keypoints.feet = person.feet.data();
    }
    if (random(3) == 0) {
      if (random(2)) person.camera[random(person.camera.size())] = static_cast<double>(wild(random));
      person.keypoints.camera_to_world = person.camera.data();
      person.keypoints.ground_unknown = static_cast<int32_t>(random(2));
    }
    if (random(4) == 0) person.lens[random(9)] = static_cast<double>(wild(random));
    if (random(5) == 0) person.keypoints.intrinsics = nullptr;
    person.keypoints.image_width = random(4) ? 1280 : static_cast<double>(wild(random));
    person.keypoints.image_height = 720;
    if (random(6) == 0) person.keypoints.noise = static_cast<double>(wild(random));
    genmo_estimation wanted{};
    wanted.size = sizeof wanted;
    wanted.raw_keypoints = random(3) == 0;
    wanted.unfitted = random(4) == 0;
    wanted.loose_feet = random(4) == 0;
    Motion out(frames);
    error.message[0] = 0;
    const genmo_status status = genmo_estimate(model, &person.keypoints, &wanted, &out.motion, &error);
    expect(status == GENMO_OK || error.message[0], "a refusal has a sentence");
    if (status != GENMO_OK || changed) continue;
    for (const float value : out.joints) expect(std::isfinite(value), "joints are finite");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  genmo_model* model = opened(argv[1]);
  check_memory(model);
  check_threads(model);
  check_wild_keypoints(model, argc > 2 ? std::atoi(argv[2]) : 200);
  genmo_close(model);
  return finish("estimate");
}
