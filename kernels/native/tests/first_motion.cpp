// What a program waits for its first motion, from its start: benchmarks/first_motion.py runs it again and again.
//
//   first_motion ENGINE pose|keypoints|text [fast] [trusted] [THREADS]
//
// pose: the first tick of a stream with the usual look-ahead; keypoints: a second of them; text: a second, ten guided steps. Prints
// milliseconds of opening, and of the motion.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "genmo/genmo.h"

namespace {

double now() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr int kFrames = 30;

// Somebody who stands and sways.
std::vector<float> points_of(int frames) {
  std::vector<float> points;
  for (int i = 0; i < 17 * frames; ++i) {
    const int frame = i / 17, point = i % 17;
    points.insert(points.end(), {600.0f + 40.0f * static_cast<float>(point % 2) + static_cast<float>(frame), 100.0f + 30.0f * static_cast<float>(point), 0.9f});
  }
  return points;
}

genmo_status first_pose(genmo_model* model, float* joints, genmo_error* error) {
  genmo_stream_options options = {};
  options.size = sizeof options;
  options.image_width = 1280;
  options.image_height = 720;
  genmo_stream* stream = nullptr;
  genmo_status status = genmo_stream_open(model, &options, &stream, error);
  genmo_stream_pose pose = {};
  pose.size = sizeof pose;
  pose.joints = joints;
  if (status == GENMO_OK) status = genmo_stream_step(stream, points_of(1).data(), nullptr, nullptr, &pose, error);
  genmo_stream_close(stream);
  return status;
}

genmo_status first_motion(genmo_model* model, const char* kind, float* joints, genmo_error* error) {
  if (std::strcmp(kind, "pose") == 0) return first_pose(model, joints, error);
  genmo_motion motion = {};
  motion.size = sizeof motion;
  motion.capacity = kFrames;
  motion.joints = joints;
  if (std::strcmp(kind, "text") == 0) {
    const genmo_text text = {"a person waves", 0, 0};
    genmo_generation wanted = {};
    wanted.size = sizeof wanted;
    wanted.frames = kFrames;
    wanted.texts = &text;
    wanted.text_count = 1;
    wanted.tries = 1;
    return genmo_generate(model, &wanted, &motion, error);
  }
  const std::vector<float> points = points_of(kFrames);
  genmo_keypoints keypoints = {};
  keypoints.size = sizeof keypoints;
  keypoints.frames = kFrames;
  keypoints.points = points.data();
  keypoints.image_width = 1280;
  keypoints.image_height = 720;
  return genmo_estimate(model, &keypoints, nullptr, &motion, error);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const double started = now();
  genmo_error error = {};
  error.size = sizeof error;
  genmo_options options = {};
  options.size = sizeof options;
  for (int i = 3; i < argc; ++i) {
    options.fast |= std::strcmp(argv[i], "fast") == 0;
    options.trusted |= std::strcmp(argv[i], "trusted") == 0;
    if (std::atoi(argv[i]) > 0) options.threads = std::atoi(argv[i]);
  }
  std::vector<float> joints(kFrames * GENMO_JOINTS * 3);
  genmo_model* model = nullptr;
  genmo_status status = genmo_open(argv[1], &options, &model, &error);
  const double opened = now();
  if (status == GENMO_OK) status = first_motion(model, argv[2], joints.data(), &error);
  const double made = now();
  if (status != GENMO_OK) {
    std::fprintf(stderr, "%s\n", error.message);
    return 2;
  }
  std::printf("%.3f %.3f\n", opened - started, made - opened);
  return 0;  // the system has the memory back sooner than genmo_close would give it
}
