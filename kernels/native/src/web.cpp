// The C interface for a page: numbers and addresses in place of structs, which integrations/web/genmo.js calls.
#include <cstdlib>
#include <cstring>

#include "genmo/genmo.h"

#define GENMO_WEB(name) __attribute__((export_name(name), used))

namespace {

constexpr int kMostFiles = 16, kMostTexts = 64;

// The page's function that hears of progress.
__attribute__((import_module("genmo"), import_name("progress"))) int32_t heard(float share);

int32_t progress(void*, float share) { return heard(share); }

genmo_model* model = nullptr;
genmo_error error = {sizeof(genmo_error), 0, ""};
genmo_file files[kMostFiles];
int32_t file_count = 0;
genmo_text texts[kMostTexts];
int32_t text_count = 0;

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
  genmo_close(model);
  model = nullptr;
  const int32_t count = file_count;
  file_count = 0;
  return genmo_open_memory(files, count, &options, &model, &error);
}

// The text stays the page's until the motion is made.
GENMO_WEB("add_text") int32_t web_add_text(const char* prompt, int32_t start, int32_t end) {
  if (text_count == kMostTexts) return GENMO_BAD_ARGUMENT;
  texts[text_count++] = {prompt, start, end};
  return GENMO_OK;
}

// Rotations [frames, 24, 4], translation [frames, 3], joints [frames, 24, 3], contacts [frames, 6] and offsets [24, 3] behind
// each other in `values`, of the texts that were added.
GENMO_WEB("generate") int32_t web_generate(int32_t frames, int32_t steps, double guidance, uint32_t seed, float* values) {
  genmo_generation wanted = {};
  wanted.size = sizeof wanted;
  wanted.frames = frames;
  wanted.texts = texts;
  wanted.text_count = text_count;
  wanted.steps = steps;
  wanted.guidance = guidance;
  wanted.seed = seed;
  wanted.progress = progress;
  text_count = 0;
  if (frames < 1) return GENMO_BAD_ARGUMENT;
  const auto count = static_cast<size_t>(frames);
  genmo_motion motion = {};
  motion.size = sizeof motion;
  motion.capacity = frames;
  motion.rotations = values;
  motion.translation = motion.rotations + count * GENMO_JOINTS * 4;
  motion.joints = motion.translation + count * 3;
  motion.contacts = motion.joints + count * GENMO_JOINTS * 3;
  motion.offsets = motion.contacts + count * GENMO_CONTACTS;
  return genmo_generate(model, &wanted, &motion, &error);
}
}
