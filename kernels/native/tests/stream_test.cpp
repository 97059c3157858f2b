// Streams of keypoints through the C interface: no allocation after opening, threads, and frames of every kind, which may be refused but
// never crash.  Run it under the sanitizers too (README.md); Python tests compare the poses with the runtime's.
//
//   stream_test ENGINE [frames [minutes [stride]]]    minutes: one person for so long, and the memory of the program meanwhile
#include <limits>
#include <thread>

#include "checks.h"

namespace {

constexpr int kPeople = 2;

// Where the answers go, and the frame that comes.
struct Camera {
  std::vector<float> points = std::vector<float>(kPeople * 51), feet = std::vector<float>(kPeople * 12);
  std::vector<float> rotations = std::vector<float>(kPeople * 96), joints = std::vector<float>(kPeople * 72);
  int64_t frame[kPeople] = {};
  genmo_stream_pose pose{};

  Camera() {
    pose.size = sizeof pose;
    pose.frame = frame;
    pose.rotations = rotations.data();
    pose.joints = joints.data();
  }
  Camera(const Camera&) = delete;

  // Somebody who sways, seen a little worse at random.
  void film(int number, Random& random) {
    for (size_t i = 0; i < points.size(); ++i) {
      const size_t person = i / 51, point = i % 51 / 3;
      const float sway = 20 * std::sin(0.1f * static_cast<float>(number) + static_cast<float>(point));
      points[i] = i % 3 == 2 ? 0.5f + 0.5f * random.unit() : i % 3 ? 100 + 30 * static_cast<float>(point) + sway : 400 + 300 * static_cast<float>(person) + 60 * static_cast<float>(point % 2) + sway;
    }
    for (size_t i = 0; i < feet.size(); ++i) feet[i] = i % 3 == 2 ? random.unit() : 600 + 10 * random.unit();
  }

  genmo_status step(genmo_stream* stream, const double* place = nullptr) { return genmo_stream_step(stream, points.data(), feet.data(), place, &pose, nullptr); }
};

genmo_stream* opened(genmo_model* model, int look_ahead) {
  genmo_stream_options options{};
  options.size = sizeof options;
  options.people = kPeople;
  options.look_ahead = look_ahead;
  options.image_width = 1280;
  options.image_height = 720;
  genmo_stream* stream = nullptr;
  expect(genmo_stream_open(model, &options, &stream, nullptr) == GENMO_OK, "a stream opens");
  return stream;
}

void check_memory(genmo_model* model) {
#ifdef COUNTED
  Random random{3};
  Camera camera;
  genmo_stream* stream = opened(model, 3);
  const long before = requests;
  int32_t left = 1;
  for (int i = 0; i < 140; ++i) {
    if (i == 12) camera.points[2] = 0;
    camera.film(i, random);
    expect(camera.step(stream) == GENMO_OK, "a frame");
  }
  while (left) expect(genmo_stream_finish(stream, &camera.pose, &left, nullptr) == GENMO_OK, "a frame that waited");
  expect(requests == before, "nothing asks for memory after opening");
  genmo_stream_close(stream);
#else
  (void)model;
#endif
}

void check_threads(genmo_model* model) {
  std::vector<float> alone[3], together[3];
  const auto film = [&](std::vector<float>& out, uint64_t seed) {
    Random random{seed};
    Camera camera;
    genmo_stream* stream = opened(model, 2);
    for (int i = 0; i < 20; ++i) {
      camera.film(i, random);
      expect(camera.step(stream) == GENMO_OK, "a frame of a thread");
      out.insert(out.end(), camera.joints.begin(), camera.joints.end());
    }
    genmo_stream_close(stream);
  };
  for (uint64_t i = 0; i < 3; ++i) film(alone[i], i);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) threads.emplace_back([&, i] { film(together[i], i); });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 3; ++i) expect(alone[i] == together[i], "the same poses from threads at once");
}

// Of every frame of a stream, by an engine that is opened for it.
std::vector<float> poses_by(const char* engine, int threads, int fast) {
  std::vector<float> out;
  Random random{5};
  Camera camera;
  genmo_model* model = ::opened(engine, threads, fast);
  genmo_stream* stream = opened(model, 3);
  for (int i = 0; i < 40; ++i) {
    camera.film(i, random);
    expect(camera.step(stream) == GENMO_OK, "a frame by several threads");
    out.insert(out.end(), camera.rotations.begin(), camera.rotations.end());
    out.insert(out.end(), camera.joints.begin(), camera.joints.end());
  }
  genmo_stream_close(stream);
  genmo_close(model);
  return out;
}

void check_team(const char* engine) {
  for (int fast = 0; fast < 2; ++fast) {
    const std::vector<float> alone = poses_by(engine, 1, fast);
    for (int threads = 2; threads < 6; ++threads) expect(poses_by(engine, threads, fast) == alone, "the same poses by any number of threads");
  }
}

float wild(Random& random) {
  const float values[] = {0, -1, 1, 1e8f, -1e8f, 1e20f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  return values[random(8)];
}

// Whatever is filmed: a status, and finite poses where there are some.
void check_wild_frames(genmo_model* model, int frames) {
  Random random{17};
  Camera camera;
  genmo_stream* stream = nullptr;
  double place[16] = {-1, 0, 0, 0, 0, -1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1};
  bool tracked = false;
  for (int i = 0; i < frames; ++i) {
    if (i % 30 == 0) {
      genmo_stream_close(stream);
      stream = opened(model, static_cast<int>(random(5)) - 1);
      tracked = random(2) != 0;
    }
    camera.film(i, random);
    for (uint64_t k = random(3) ? 0 : random(40); k > 0; --k) camera.points[random(camera.points.size())] = wild(random);
    if (random(5) == 0) camera.feet[random(camera.feet.size())] = wild(random);
    if (random(8) == 0) std::fill(camera.points.begin(), camera.points.end(), 0.0f);
    place[3] = static_cast<double>(random.unit());
    if (random(20) == 0) place[random(16)] = static_cast<double>(wild(random));
    const genmo_status status = camera.step(stream, tracked ? place : nullptr);
    expect(status == GENMO_OK || status == GENMO_BAD_ARGUMENT, "a frame is answered or refused");
    for (const float value : camera.joints) expect(std::isfinite(value), "joints are finite");
    if (random(30) == 0) genmo_stream_reset(stream, static_cast<int32_t>(random(4)) - 1, nullptr);
    for (int k = 0; k < 16; ++k) place[k] = k == 0 || k == 5 ? -1 : k == 10 || k == 15 || k == 7 ? 1 : 0;
  }
  genmo_stream_close(stream);
}

// Kilobytes of memory that the program has; 0 where the system does not tell.
long resident() {
  long pages[2] = {};
#if defined(__linux__)
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", pages, pages + 1) != 2) pages[1] = 0;
    std::fclose(file);
  }
#endif
  return 4 * pages[1];
}

// Somebody for many minutes, who leaves at times: memory stays where it is from the first minute on.
void check_minutes(genmo_model* model, int minutes, int stride) {
  constexpr int kMinute = 60 * GENMO_FPS;
  Random random{7};
  Camera camera;
  genmo_stream_options options{};
  options.size = sizeof options;
  options.stride = stride;
  options.image_width = 1280;
  options.image_height = 720;
  genmo_stream* stream = nullptr;
  expect(genmo_stream_open(model, &options, &stream, nullptr) == GENMO_OK, "a stream opens");
  long first = 0, asked = 0;
  for (int i = 0; i < minutes * kMinute; ++i) {
    camera.film(i, random);
    if (i % 3000 > 2900) std::fill(camera.points.begin(), camera.points.end(), 0.0f);
    const long before = requests;
    expect(camera.step(stream) == GENMO_OK, "a frame");
    asked += requests - before;
    const int done = (i + 1) / kMinute;
    if ((i + 1) % kMinute || (done != 1 && done % 5)) continue;
    if (done == 1) first = resident();
    std::printf("minute %2d, %5d ticks: %ld KiB resident, %ld requests for memory by ticks\n", done, i + 1, resident(), asked);
    std::fflush(stdout);
  }
  expect(asked == 0, "nothing asks for memory in a long stream");
  expect(resident() <= first + 256, "memory stays flat in a long stream");
  genmo_stream_close(stream);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  genmo_model* model = opened(argv[1]);
  check_memory(model);
  check_threads(model);
  check_team(argv[1]);
  check_wild_frames(model, argc > 2 ? std::atoi(argv[2]) : 300);
  if (argc > 3) check_minutes(model, std::atoi(argv[3]), argc > 4 ? std::atoi(argv[4]) : 1);
  genmo_close(model);
  return finish("stream");
}
