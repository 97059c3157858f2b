// Endless motion: the part of the C interface.
#include <cmath>
#include <cstddef>
#include <cstring>

#include "angles.h"
#include "endless/performer.h"
#include "error.h"
#include "motion/answer.h"
#include "sized.h"

namespace genmo {
namespace {

constexpr int kMostFrames = 65536, kMostSteps = 1000, kMostTold = 64, kUsualTold = 4, kMostPoints = 65536, kUsualPoints = 256, kUsualKeyframes = 64, kUsualTargets = 1024;
constexpr int kUsualOverlap = 30, kUsualBlock = 60, kLiveSteps = 5;
constexpr double kLiveGuidance = 1.5, kMostSpeed = 8, kMostPlace = 1e6;
constexpr int64_t kLastFrame = int64_t{1} << 30;

struct Generator {
  Model& model;
  Pool memory, scratch;
  Spaces spaces;
  Performer* performer = nullptr;
  int most_texts = 0, most_points = 0;
  char* prompts = nullptr;  // [most_texts + 1, kLongestText + 1], the last that of all frames without a text
  Span* texts = nullptr;
  int64_t* frames = nullptr;  // of a path
  double *positions = nullptr, *facing = nullptr;
  int most_keyframes = 0, most_targets = 0;
  Constraints told;  // room for so many
  double turns[4 * kJoints] = {};  // quaternions of the last frame answered
  bool answered = false;

  explicit Generator(Model& opened) : model(opened) {}
  char* prompt(int index) { return prompts + index * (kLongestText + 1); }
};

Generator& of(genmo_generator* generator) { return *reinterpret_cast<Generator*>(generator); }

genmo_status check(const Model& model, const genmo_generator_options& o, genmo_error* error) {
  if (o.overlap < 1 || o.block < 1 || o.overlap > model.window || o.block > model.window - o.overlap)
    return fail(error, GENMO_BAD_ARGUMENT, "overlap and block are %d and %d; wanted 1 or more, together at most %d", o.overlap, o.block, model.window);
  if (o.steps < 1 || o.steps > kMostSteps) return fail(error, GENMO_BAD_ARGUMENT, "steps is %d; wanted 1 to %d", o.steps, kMostSteps);
  if (!(std::abs(o.guidance) <= kMostGuidance)) return fail(error, GENMO_BAD_ARGUMENT, "guidance is %g; wanted -%g to %g", o.guidance, kMostGuidance, kMostGuidance);
  if (o.first_block < 0 || o.texts < 1 || o.texts > kMostTold || o.points < 1 || o.points > kMostPoints)
    return fail(error, GENMO_BAD_ARGUMENT, "first_block, texts or points is %d, %d, %d; wanted 0 or more, at most %d, at most %d", o.first_block, o.texts, o.points, kMostTold, kMostPoints);
  if (o.keyframes < 1 || o.keyframes > kMostFrames || o.targets < 1 || o.targets > kMostFrames)
    return fail(error, GENMO_BAD_ARGUMENT, "keyframes and targets are %d and %d; wanted 1 to %d", o.keyframes, o.targets, kMostFrames);
  for (int i = 0; o.betas && i < kBetas; ++i)
    if (!std::isfinite(o.betas[i])) return fail(error, GENMO_BAD_ARGUMENT, "betas hold a number that is not finite");
  const genmo_motion* start = o.start;
  if (!start) return GENMO_OK;
  if (start->size != sizeof *start || start->frames < 1 || start->frames > kMostFrames || !start->rotations || !start->translation)
    return fail(error, GENMO_BAD_ARGUMENT, "start is no motion with rotations and translation of 1 to %d frames", kMostFrames);
  const auto finite = [&](const float* values, int width, int64_t frames) {
    for (int64_t i = 0; values && i < frames * width; ++i)
      if (!std::isfinite(values[i])) return false;
    return true;
  };
  bool right = finite(start->rotations, 4 * kJoints, start->frames) && finite(start->translation, 3, start->frames) && finite(start->betas, kBetas, 1) && finite(start->offsets, 3 * kJoints, 1);
  for (int64_t i = 0; start->contacts && i < int64_t{start->frames} * kContacts; ++i) right = right && start->contacts[i] >= 0 && start->contacts[i] <= 1;
  return right ? GENMO_OK : fail(error, GENMO_BAD_ARGUMENT, "start holds numbers that are not finite, or contacts that are not 0 to 1");
}

PerformerOptions options_of(const genmo_generator_options& o, double* betas) {
  for (int i = 0; o.betas && i < kBetas; ++i) betas[i] = static_cast<double>(o.betas[i]);
  PerformerOptions options;
  options.overlap = o.overlap;
  options.block = o.block;
  options.first_block = o.first_block;
  options.texts = o.texts;
  options.steps = o.steps;
  options.guidance = o.guidance;
  options.seed = o.seed;
  options.clean_feet = !o.loose_feet;
  options.betas = o.betas ? betas : nullptr;
  options.progress = o.progress;
  options.user = o.user;
  return options;
}

bool get_memory(Generator& g, const genmo_generator_options& o, const PerformerOptions& options) {
  const auto prompts = static_cast<size_t>(o.texts + 1) * (kLongestText + 1), points = static_cast<size_t>(o.points);
  const size_t own = prompts + static_cast<size_t>(o.texts) * sizeof(Span) + points * 4 * sizeof(double) + sizeof(Performer) + 8 * kAlignment;
  const size_t constraints = constraint_bytes(o.keyframes, o.targets, 0);
  if (!g.memory.reserve(own + constraints + Performer::memory_bytes(options)) || !g.scratch.reserve(constraints + Performer::scratch_bytes(g.model, options))) return false;
  g.most_texts = o.texts;
  g.most_points = o.points;
  g.prompts = g.memory.get<char>(static_cast<int64_t>(prompts));
  g.texts = g.memory.get<Span>(o.texts);
  g.frames = g.memory.get<int64_t>(o.points);
  g.positions = g.memory.get<double>(2 * int64_t{o.points});
  g.facing = g.memory.get<double>(o.points);
  g.most_keyframes = o.keyframes;
  g.most_targets = o.targets;
  g.told.keyframes = new_keyframes(o.keyframes, g.memory);
  g.told.targets = new_targets(o.targets, g.memory);
  g.performer = new (g.memory.get<Performer>(1)) Performer(g.model, options, g.memory, g.scratch);
  const genmo_step sizes = Conditioned::sizes(options.window(), most_texts(o.texts, options.window()), options.guidance != 1 ? 2 : 1);
  return g.spaces.open(*reinterpret_cast<Network*>(g.model.network), sizes);
}

// Whether the network can read a prompt, and its length.
genmo_status read(Generator& g, const char* prompt, size_t& bytes, genmo_error* error) {
  const Pool::Scope scope(g.scratch);
  bytes = prompt ? strnlen(prompt, kLongestText + 1) : 0;
  if (bytes == 0 || bytes > kLongestText)
    return fail(error, GENMO_BAD_ARGUMENT, "a text has %s; wanted 1 to %d bytes", bytes ? "too many letters" : "no letters", kLongestText);
  auto *tokens = g.scratch.get<float>(int64_t{g.model.text_tokens} * kTextWidth), *mask = g.scratch.get<float>(g.model.text_tokens);
  if (g.model.words.encode(prompt, g.model.text_tokens, tokens, mask)) return GENMO_OK;
  return fail(error, GENMO_BAD_ARGUMENT, "text is \"%.150s\"; wanted at least one word in Latin letters", prompt);
}

genmo_status check(const Generator& g, const genmo_path& path, genmo_error* error) {
  if (path.count < 1 || path.count > g.most_points || !path.frames || !path.positions)
    return fail(error, GENMO_BAD_ARGUMENT, "a path of %d points; wanted 1 to %d with frames and positions", path.count, g.most_points);
  for (int32_t i = 0; i < path.count; ++i) {
    const double x = path.positions[2 * i], z = path.positions[2 * i + 1];
    if (path.frames[i] < 0 || path.frames[i] >= kLastFrame || (i && path.frames[i] <= path.frames[i - 1]) || path.frames[i] - path.frames[0] >= kMostFrames)
      return fail(error, GENMO_BAD_ARGUMENT, "frame %lld of a path; wanted frames that rise, from 0 on and within %d", static_cast<long long>(path.frames[i]), kMostFrames);
    if (!(std::abs(x) <= kMostPlace && std::abs(z) <= kMostPlace) || (path.facing && !(std::abs(path.facing[i]) <= kMostPlace)))
      return fail(error, GENMO_BAD_ARGUMENT, "point %d of a path is not finite, or further away than %g", i, kMostPlace);
  }
  return GENMO_OK;
}

// A part of a caller's motion, from a frame on.
genmo_motion part_of(const genmo_motion& motion, int64_t frame) {
  genmo_motion part = motion;
  if (part.rotations) part.rotations += frame * 4 * kJoints;
  if (part.translation) part.translation += frame * 3;
  if (part.joints) part.joints += frame * 3 * kJoints;
  if (part.contacts) part.contacts += frame * kContacts;
  return part;
}

}  // namespace
}  // namespace genmo

extern "C" {

genmo_status genmo_generator_open(genmo_model* model, const genmo_generator_options* given, genmo_generator** generator, genmo_error* error) {
  using namespace genmo;
  genmo_generator_options o = {};
  if (!model || !generator || (given && !read_sized(given, offsetof(genmo_generator_options, keyframes), o)))
    return fail(error, GENMO_BAD_ARGUMENT, "model or generator is NULL, or options.size is not %u", static_cast<unsigned>(sizeof *given));
  Model& opened = *reinterpret_cast<Model*>(model);
  if (!o.overlap) o.overlap = kUsualOverlap;
  if (!o.block) o.block = kUsualBlock;
  if (!o.steps) o.steps = kLiveSteps;
  if (o.guidance == 0) o.guidance = kLiveGuidance;
  if (!o.texts) o.texts = kUsualTold;
  if (!o.points) o.points = kUsualPoints;
  if (!o.keyframes) o.keyframes = kUsualKeyframes;
  if (!o.targets) o.targets = kUsualTargets;
  genmo_status status = refuse_released(opened, "endless motion", error);
  if (status == GENMO_OK) status = check(opened, o, error);
  if (status != GENMO_OK) return status;
  double betas[kBetas];
  auto* g = make<Generator>(opened);
  if (!g || !get_memory(*g, o, options_of(o, betas))) {
    unmake(g);
    return fail(error, GENMO_NO_MEMORY, "no memory for endless motion");
  }
  if (o.start) {
    Pool pool;
    g->performer->start_from(read_clip(o.start->frames, o.start->rotations, o.start->translation, o.start->contacts, o.start->betas, o.start->offsets, pool));
  }
  *generator = reinterpret_cast<genmo_generator*>(g);
  return GENMO_OK;
}

void genmo_generator_close(genmo_generator* generator) { genmo::unmake(reinterpret_cast<genmo::Generator*>(generator)); }

int64_t genmo_generator_frame(const genmo_generator* generator) {
  return generator ? reinterpret_cast<const genmo::Generator*>(generator)->performer->frame() : 0;
}

int32_t genmo_generator_ready(const genmo_generator* generator) {
  return generator ? static_cast<int32_t>(reinterpret_cast<const genmo::Generator*>(generator)->performer->left()) : 0;
}

genmo_status genmo_generator_prompt(genmo_generator* generator, const char* prompt, genmo_error* error) {
  using namespace genmo;
  if (!generator) return fail(error, GENMO_BAD_ARGUMENT, "generator is NULL");
  Generator& g = of(generator);
  size_t bytes = 0;
  const genmo_status status = prompt ? read(g, prompt, bytes, error) : GENMO_OK;
  if (status != GENMO_OK) return status;
  g.performer->settle();
  if (prompt) std::memcpy(g.prompt(g.most_texts), prompt, bytes + 1);
  g.performer->directions.prompt = prompt ? g.prompt(g.most_texts) : nullptr;
  return GENMO_OK;
}

genmo_status genmo_generator_texts(genmo_generator* generator, const genmo_text* texts, int32_t count, genmo_error* error) {
  using namespace genmo;
  if (!generator || (count && !texts)) return fail(error, GENMO_BAD_ARGUMENT, "generator or texts is NULL");
  Generator& g = of(generator);
  if (count < 0 || count > g.most_texts) return fail(error, GENMO_BAD_ARGUMENT, "%d texts; wanted 0 to %d, more where options.texts says so", count, g.most_texts);
  size_t bytes[kMostTold];
  for (int32_t i = 0; i < count; ++i) {
    const genmo_status status = read(g, texts[i].prompt, bytes[i], error);
    if (status != GENMO_OK) return status;
    if (texts[i].start < 0 || (texts[i].end != 0 && texts[i].end <= texts[i].start))
      return fail(error, GENMO_BAD_ARGUMENT, "text \"%.100s\" spans frames %d to %d; wanted some from 0 on", texts[i].prompt, texts[i].start, texts[i].end);
  }
  g.performer->settle();
  for (int32_t i = 0; i < count; ++i) {
    std::memcpy(g.prompt(i), texts[i].prompt, bytes[i] + 1);
    g.texts[i] = {g.prompt(i), texts[i].start, texts[i].end ? texts[i].end : kNoEnd};
  }
  g.performer->directions.texts = g.texts;
  g.performer->directions.count = count;
  return GENMO_OK;
}

genmo_status genmo_generator_stick(genmo_generator* generator, const genmo_stick* stick, genmo_error* error) {
  using namespace genmo;
  if (!generator) return fail(error, GENMO_BAD_ARGUMENT, "generator is NULL");
  Command command;
  if (stick) {
    const double facing = stick->faces ? stick->facing : 0;
    if (!(std::hypot(stick->x, stick->z) <= kMostSpeed) || !(std::abs(facing) <= kMostPlace))
      return fail(error, GENMO_BAD_ARGUMENT, "a stick of %g and %g m/s that faces %g; wanted at most %g m/s together", stick->x, stick->z, facing, kMostSpeed);
    command.kind = Command::kStick;
    command.stick = {{stick->x, stick->z}, stick->faces ? facing : NAN};
  }
  of(generator).performer->settle();
  of(generator).performer->directions.command = command;
  return GENMO_OK;
}

genmo_status genmo_generator_path(genmo_generator* generator, const genmo_path* path, genmo_error* error) {
  using namespace genmo;
  if (!generator || (path && path->size != sizeof *path)) return fail(error, GENMO_BAD_ARGUMENT, "generator is NULL, or path.size is not %u", static_cast<unsigned>(sizeof *path));
  if (!path) return genmo_generator_stick(generator, nullptr, error);
  Generator& g = of(generator);
  const genmo_status status = check(g, *path, error);
  if (status != GENMO_OK) return status;
  g.performer->settle();
  Command command;
  command.kind = Command::kPath;
  command.path = {path->count, g.frames, g.positions, path->facing ? g.facing : nullptr};
  std::memcpy(g.frames, path->frames, static_cast<size_t>(path->count) * sizeof *g.frames);
  std::memcpy(g.positions, path->positions, 2 * static_cast<size_t>(path->count) * sizeof *g.positions);
  if (path->facing) {
    std::memcpy(g.facing, path->facing, static_cast<size_t>(path->count) * sizeof *g.facing);
    unwrap(g.facing, path->count);
  }
  g.performer->directions.command = command;
  return GENMO_OK;
}

genmo_status genmo_generator_constrain(genmo_generator* generator, const genmo_keyframe* keyframes, int32_t keyframe_count, const genmo_joint_target* targets, int32_t target_count,
                                       genmo_error* error) {
  using namespace genmo;
  if (!generator || (keyframe_count && !keyframes) || (target_count && !targets)) return fail(error, GENMO_BAD_ARGUMENT, "generator, keyframes or targets is NULL");
  Generator& g = of(generator);
  if (keyframe_count < 0 || keyframe_count > g.most_keyframes || target_count < 0 || target_count > g.most_targets)
    return fail(error, GENMO_BAD_ARGUMENT, "%d keyframes and %d targets; wanted 0 to %d and 0 to %d, more where options.keyframes and .targets say so", keyframe_count, target_count, g.most_keyframes, g.most_targets);
  const Pool::Scope scope(g.scratch);
  const Within within{g.performer->frame(), kLastFrame};
  Constraints read;
  genmo_status status = read_keyframes(keyframes, keyframe_count, within, g.scratch, read.keyframes, error);
  if (status == GENMO_OK) status = read_targets(targets, target_count, within, g.scratch, read.targets, error);
  if (status != GENMO_OK) return status;
  g.performer->settle();
  copy_keyframes(read.keyframes, g.told.keyframes);
  copy_targets(read.targets, g.told.targets);
  g.performer->directions.constraints = g.told;
  return GENMO_OK;
}

genmo_status genmo_generator_next(genmo_generator* generator, int32_t frames, genmo_motion* motion, genmo_error* error) {
  using namespace genmo;
  if (!generator || frames < 1 || frames > kMostFrames) return fail(error, GENMO_BAD_ARGUMENT, "generator is NULL, or frames is %d; wanted 1 to %d", frames, kMostFrames);
  genmo_status status = check_room(motion, frames, error);
  if (status != GENMO_OK) return status;
  Generator& g = of(generator);
  motion->frames = 0;
  while (motion->frames < frames) {
    if (!g.performer->left()) status = g.performer->make_block(g.spaces, error);
    if (status != GENMO_OK) return status;
    const Clip clip = g.performer->take(std::min<int64_t>(frames - motion->frames, g.performer->left()));
    genmo_motion part = part_of(*motion, motion->frames);
    answer(clip, g.scratch, part, g.turns, g.answered);
    g.answered = true;
    motion->frames += part.frames;
  }
  motion->camera_rise = 0;
  return GENMO_OK;
}
}
