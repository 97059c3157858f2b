// Motions by a list, as numbers, so that those of this build may be compared with the runtime's: benchmarks/native_targets.py.
//
//   motions ENGINE CASES OUT [fast]
//
// Lines of CASES, each of which adds float32 to OUT, joints [frames, 24, 3] but for noise:
//
//   noise SEED SAMPLE COUNT
//   text FRAMES STEPS SEED PROMPT
//   keypoints FILE         FILE: int32 frames, float64 intrinsics [3, 3], float32 points [frames, 17, 3]
//   stream FILE LOOK_AHEAD
//   endless FRAMES SEED PROMPT
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "checks.h"

namespace {

genmo_error error;

void require(genmo_status status) {
  if (status == GENMO_OK) return;
  std::fprintf(stderr, "%s\n", error.message);
  std::exit(2);
}

struct Seen {
  int32_t frames = 0;
  double lens[9] = {};
  std::vector<float> points;
  explicit Seen(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(&frames), sizeof frames);
    file.read(reinterpret_cast<char*>(lens), sizeof lens);
    points.resize(file && frames > 0 ? static_cast<size_t>(frames) * 51 : 0);
    file.read(reinterpret_cast<char*>(points.data()), static_cast<std::streamsize>(points.size() * sizeof(float)));
    if (points.empty() || !file) std::exit(2);
  }
};

std::string rest_of(std::istream& line) {
  std::string text;
  std::getline(line >> std::ws, text);
  return text;
}

std::vector<float> noise(std::istream& line) {
  uint64_t seed;
  uint32_t sample;
  int64_t count;
  line >> seed >> sample >> count;
  std::vector<float> values(static_cast<size_t>(count));
  genmo_noise(seed, sample, count, values.data());
  return values;
}

std::vector<float> text(genmo_model* model, std::istream& line) {
  genmo_generation wanted{};
  wanted.size = sizeof wanted;
  line >> wanted.frames >> wanted.steps >> wanted.seed;
  const std::string prompt = rest_of(line);
  const genmo_text only{prompt.c_str(), 0, 0};
  wanted.texts = &only;
  wanted.text_count = 1;
  wanted.tries = 1;
  Motion out(wanted.frames);
  require(genmo_generate(model, &wanted, &out.motion, &error));
  return out.joints;
}

std::vector<float> keypoints(genmo_model* model, std::istream& line) {
  const Seen seen(rest_of(line));
  genmo_keypoints given{};
  given.size = sizeof given;
  given.frames = seen.frames;
  given.points = seen.points.data();
  given.intrinsics = seen.lens;
  Motion out(seen.frames);
  require(genmo_estimate(model, &given, nullptr, &out.motion, &error));
  return out.joints;
}

std::vector<float> stream(genmo_model* model, std::istream& line) {
  std::string path;
  genmo_stream_options options{};
  options.size = sizeof options;
  line >> path >> options.look_ahead;
  const Seen seen(path);
  options.intrinsics = seen.lens;
  genmo_stream* opened = nullptr;
  require(genmo_stream_open(model, &options, &opened, &error));
  std::vector<float> joints(static_cast<size_t>(seen.frames) * 72);
  for (int32_t i = 0; i < seen.frames; ++i) {
    genmo_stream_pose pose{};
    pose.size = sizeof pose;
    pose.joints = joints.data() + i * 72;
    require(genmo_stream_step(opened, seen.points.data() + i * 51, nullptr, nullptr, &pose, &error));
  }
  genmo_stream_close(opened);
  return joints;
}

std::vector<float> endless(genmo_model* model, std::istream& line) {
  int32_t frames;
  genmo_generator_options options{};
  options.size = sizeof options;
  line >> frames >> options.seed;
  genmo_generator* opened = nullptr;
  require(genmo_generator_open(model, &options, &opened, &error));
  require(genmo_generator_prompt(opened, rest_of(line).c_str(), &error));
  Motion out(frames);
  require(genmo_generator_next(opened, frames, &out.motion, &error));
  genmo_generator_close(opened);
  return out.joints;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  error.size = sizeof error;
  genmo_options options{};
  options.size = sizeof options;
  options.fast = argc > 4 && std::strcmp(argv[4], "fast") == 0;
  genmo_model* model = nullptr;
  require(genmo_open(argv[1], &options, &model, &error));
  std::ifstream cases(argv[2]);
  std::ofstream out(argv[3], std::ios::binary);
  for (std::string written; std::getline(cases, written);) {
    std::istringstream line(written);
    std::string kind;
    line >> kind;
    const std::vector<float> values = kind == "noise"       ? noise(line)
                                      : kind == "text"      ? text(model, line)
                                      : kind == "keypoints" ? keypoints(model, line)
                                      : kind == "stream"    ? stream(model, line)
                                                            : endless(model, line);
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  }
  genmo_close(model);
  std::printf("%s\n", genmo_isa_in_use());
  return out.flush() ? 0 : 2;
}
