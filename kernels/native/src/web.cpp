// The C interface for a page: numbers and addresses in place of structs, which integrations/web/genmo.js calls.
#include <cstdlib>
#include <cstring>

#include "genmo/genmo.h"

#define GENMO_WEB(name) __attribute__((export_name(name), used))

namespace {

constexpr int kMostFiles = 16, kMostTexts = 64, kMostPeople = 16, kMostKeyframes = 1024, kMostTargets = 8192, kMostHeadings = 1024;

// The page's function that hears of progress.
__attribute__((import_module("genmo"), import_name("progress"))) int32_t heard(float share);

int32_t progress(void*, float share) { return heard(share); }

genmo_model* model = nullptr;
genmo_error error = {sizeof(genmo_error), 0, ""};
genmo_file files[kMostFiles];
int32_t file_count = 0;
genmo_text texts[kMostTexts];
int32_t text_count = 0;
genmo_keyframe keyframes[kMostKeyframes];
genmo_joint_target targets[kMostTargets];
genmo_heading headings[kMostHeadings];
int32_t keyframe_count = 0, target_count = 0, heading_count = 0;
genmo_generator* people[kMostPeople] = {};  // of endless motion, by number

// Rotations [frames, 24, 4], translation [frames, 3], joints [frames, 24, 3], contacts [frames, 6], offsets [24, 3] and root_in_camera
// [frames, 7] behind each other in `values`.
genmo_motion motion_in(int32_t frames, float* values, bool seen) {
  const auto count = static_cast<size_t>(frames);
  genmo_motion motion = {};
  motion.size = sizeof motion;
  motion.capacity = frames;
  motion.rotations = values;
  motion.translation = motion.rotations + count * GENMO_JOINTS * 4;
  motion.joints = motion.translation + count * 3;
  motion.contacts = motion.joints + count * GENMO_JOINTS * 3;
  motion.offsets = motion.contacts + count * GENMO_CONTACTS;
  if (seen) motion.root_in_camera = motion.offsets + GENMO_JOINTS * 3;
  return motion;
}

int32_t wrong(const char* message) {
  std::strcpy(error.message, message);
  return GENMO_BAD_ARGUMENT;
}

// What was added and not yet taken.
void forget() { text_count = keyframe_count = target_count = heading_count = 0; }

}  // namespace

extern "C" {

GENMO_WEB("get") void* web_get(size_t bytes) { return std::malloc(bytes); }
GENMO_WEB("put") void web_put(void* memory) { std::free(memory); }
GENMO_WEB("message") const char* web_message() { return error.message; }
GENMO_WEB("version") const char* web_version() { return genmo_version(); }
GENMO_WEB("joint_name") const char* web_joint_name(int32_t joint) { return genmo_joint_name(joint); }
GENMO_WEB("joint_parent") int32_t web_joint_parent(int32_t joint) { return genmo_joint_parent(joint); }

// Both stay the page's until the engine is open.
GENMO_WEB("add_file") int32_t web_add_file(const char* name, const void* data, size_t bytes) {
  if (file_count == kMostFiles) return GENMO_BAD_ARGUMENT;
  files[file_count++] = {name, data, bytes};
  return GENMO_OK;
}

// The engine of the files that were added, in the place of one that was open.
GENMO_WEB("open") int32_t web_open(int32_t fast) {
  genmo_options options = {};
  options.size = sizeof options;
  options.fast = fast;
  for (genmo_generator*& person : people) {
    genmo_generator_close(person);
    person = nullptr;
  }
  genmo_close(model);
  model = nullptr;
  const int32_t count = file_count;
  file_count = 0;
  return genmo_open_memory(files, count, &options, &model, &error);
}

GENMO_WEB("forget") void web_forget() { forget(); }

// Texts and arrays stay the page's until the motion is made.
GENMO_WEB("add_text") int32_t web_add_text(const char* prompt, int32_t start, int32_t end) {
  if (text_count == kMostTexts) return wrong("more than 64 texts");
  texts[text_count++] = {prompt, start, end};
  return GENMO_OK;
}

// `root` NULL: anywhere.
GENMO_WEB("add_keyframe") int32_t web_add_keyframe(int32_t frame, const float* rotations, const float* root) {
  if (keyframe_count == kMostKeyframes) return wrong("more than 1024 keyframes");
  keyframes[keyframe_count++] = {frame, rotations, root};
  return GENMO_OK;
}

GENMO_WEB("add_target") int32_t web_add_target(int32_t frame, int32_t joint, double x, double y, double z) {
  if (target_count == kMostTargets) return wrong("more than 8192 targets");
  targets[target_count++] = {frame, joint, {x, y, z}};
  return GENMO_OK;
}

GENMO_WEB("add_heading") int32_t web_add_heading(int32_t frame, double radians) {
  if (heading_count == kMostHeadings) return wrong("more than 1024 headings");
  headings[heading_count++] = {frame, radians};
  return GENMO_OK;
}

// The motion of the texts and constraints that were added, in `values`.
GENMO_WEB("generate") int32_t web_generate(int32_t frames, int32_t steps, double guidance, uint32_t seed, int32_t tries, float* values) {
  genmo_generation wanted = {};
  wanted.size = sizeof wanted;
  wanted.frames = frames;
  wanted.texts = texts;
  wanted.text_count = text_count;
  wanted.steps = steps;
  wanted.guidance = guidance;
  wanted.seed = seed;
  wanted.progress = progress;
  wanted.keyframe_count = keyframe_count;
  wanted.keyframes = keyframes;
  wanted.target_count = target_count;
  wanted.targets = targets;
  wanted.heading_count = heading_count;
  wanted.headings = headings;
  wanted.tries = tries;
  forget();
  if (frames < 1) return wrong("frames is less than 1");
  genmo_motion motion = motion_in(frames, values, false);
  return genmo_generate(model, &wanted, &motion, &error);
}

// The motion of keypoints [frames, 17, 3] in an image of this size, in `values`.
GENMO_WEB("estimate") int32_t web_estimate(int32_t frames, const float* points, double width, double height, float* values) {
  genmo_keypoints seen = {};
  seen.size = sizeof seen;
  seen.frames = frames;
  seen.points = points;
  seen.image_width = width;
  seen.image_height = height;
  genmo_estimation wanted = {};
  wanted.size = sizeof wanted;
  wanted.progress = progress;
  if (frames < 1) return wrong("frames is less than 1");
  genmo_motion motion = motion_in(frames, values, true);
  return genmo_estimate(model, &seen, &wanted, &motion, &error);
}

// A person of endless motion; their number, or -1.
GENMO_WEB("person_open") int32_t web_person_open(int32_t steps, double guidance, uint32_t seed) {
  genmo_generator_options options = {};
  options.size = sizeof options;
  options.steps = steps;
  options.guidance = guidance;
  options.seed = seed;
  for (int32_t i = 0; i < kMostPeople; ++i)
    if (!people[i]) return genmo_generator_open(model, &options, &people[i], &error) == GENMO_OK ? i : -1;
  wrong("16 people are open; wanted one of them closed first");
  return -1;
}

GENMO_WEB("person_close") void web_person_close(int32_t person) {
  genmo_generator_close(people[person]);
  people[person] = nullptr;
}

// `prompt` NULL: what people do who move so fast.
GENMO_WEB("person_prompt") int32_t web_person_prompt(int32_t person, const char* prompt) { return genmo_generator_prompt(people[person], prompt, &error); }

// The texts that were added, in frames of the person.
GENMO_WEB("person_texts") int32_t web_person_texts(int32_t person) {
  const int32_t count = text_count;
  text_count = 0;
  return genmo_generator_texts(people[person], texts, count, &error);
}

GENMO_WEB("person_stick") int32_t web_person_stick(int32_t person, double x, double z, double facing, int32_t faces) {
  const genmo_stick stick = {x, z, facing, faces};
  return genmo_generator_stick(people[person], &stick, &error);
}

// The keyframes and targets that were added, in frames of the person.
GENMO_WEB("person_constrain") int32_t web_person_constrain(int32_t person) {
  const int32_t poses = keyframe_count, places = target_count;
  forget();
  return genmo_generator_constrain(people[person], keyframes, poses, targets, places, &error);
}

GENMO_WEB("person_release") int32_t web_person_release(int32_t person) { return genmo_generator_stick(people[person], nullptr, &error); }
GENMO_WEB("person_ready") int32_t web_person_ready(int32_t person) { return genmo_generator_ready(people[person]); }

GENMO_WEB("person_next") int32_t web_person_next(int32_t person, int32_t frames, float* values) {
  if (frames < 1) return wrong("frames is less than 1");
  genmo_motion motion = motion_in(frames, values, false);
  return genmo_generator_next(people[person], frames, &motion, &error);
}
}
