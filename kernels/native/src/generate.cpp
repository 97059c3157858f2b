// Engines and motions from texts: the public part of the C interface.
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "engine/model.h"
#include "error.h"
#include "motion/answer.h"
#include "sampling/constrained.h"
#include "sampling/noise.h"
#include "sampling/takes.h"
#include "sized.h"
#include "text/turns.h"

namespace genmo {
namespace {

constexpr int kMostFrames = 65536, kUsualFrames = 120, kMostTexts = 1024, kMostReferences = 1024, kMostThreads = 64, kMostSteps = 1000;

// Bytes of a pool for a motion.
size_t bytes_for(const Model& model, const genmo_generation& g) {
  const bool constrained = g.keyframe_count || g.target_count || g.heading_count;
  const size_t more = constraint_bytes(g.keyframe_count, g.target_count, g.heading_count) + (constrained ? static_cast<size_t>(g.frames) * kConstrainedBytes : 0);
  return pool_bytes(g.frames, g.text_count) + takes_bytes(model, g.frames, g.tries, g.keyframe_count) + more;
}

// A motion of no consequence, which leaves the memory of one of this length behind.
genmo_status reserve(genmo_model* model, int32_t frames, genmo_error* error) {
  const genmo_text text{"a person walks", 0, 0};
  genmo_generation generation{};
  generation.size = sizeof generation;
  generation.frames = frames;
  generation.texts = &text;
  generation.text_count = 1;
  generation.steps = 1;
  Model& opened = *reinterpret_cast<Model*>(model);
  Pool* pool = opened.take_pool(bytes_for(opened, generation));  // of the usual number of takes
  if (!pool) return fail(error, GENMO_NO_MEMORY, "no memory for %d frames", frames);
  opened.give_pool(pool);
  const genmo_status status = opened.actions.unpack(error);
  if (status != GENMO_OK) return status;
  generation.tries = 1;
  genmo_motion motion{};
  motion.size = sizeof motion;
  motion.capacity = frames;
  return genmo_generate(model, &generation, &motion, error);
}

genmo_status open(Files&& files, const genmo_options* given, genmo_model** opened, genmo_error* error) {
  genmo_options options{};
  if (given && given->size != sizeof options) return fail(error, GENMO_BAD_ARGUMENT, "options.size is %u; wanted %u", given->size, static_cast<unsigned>(sizeof options));
  if (given) options = *given;
  if (options.threads < 0 || options.threads > kMostThreads || options.reserve < 0 || options.reserve > kMostFrames)
    return fail(error, GENMO_BAD_ARGUMENT, "threads is %d and reserve %d; wanted 0 to %d and 0 to %d", options.threads, options.reserve, kMostThreads, kMostFrames);
  auto* model = make<Model>();
  if (!model) return fail(error, GENMO_NO_MEMORY, "no memory for an engine");
  auto* handle = reinterpret_cast<genmo_model*>(model);
  genmo_status status = open_model(*model, files, options, error);
  if (status == GENMO_OK && options.reserve) status = reserve(handle, options.reserve, error);
  if (status != GENMO_OK) {
    unmake(model);
    return status;
  }
  *opened = handle;
  return GENMO_OK;
}

// Fills the defaults in; texts and constraints are checked elsewhere.
genmo_status check(genmo_generation& g, const genmo_motion* motion, genmo_error* error) {
  if (g.frames == 0) g.frames = kUsualFrames;
  if (g.steps == 0) g.steps = kUsualSteps;
  if (g.guidance == 0) g.guidance = kUsualGuidance;
  if (g.frames < 1 || g.frames > kMostFrames)
    return fail(error, GENMO_BAD_ARGUMENT, "frames is %d; wanted 1 to %d", g.frames, kMostFrames);
  const genmo_status status = check_room(motion, g.frames, error);
  if (status != GENMO_OK) return status;
  if (g.steps < 1 || g.steps > kMostSteps) return fail(error, GENMO_BAD_ARGUMENT, "steps is %d; wanted 1 to %d", g.steps, kMostSteps);
  if (!(std::abs(g.guidance) <= kMostGuidance)) return fail(error, GENMO_BAD_ARGUMENT, "guidance is %g; wanted -%g to %g", g.guidance, kMostGuidance, kMostGuidance);
  if (!g.texts) g.text_count = 0;
  if (!g.keyframes) g.keyframe_count = 0;
  if (!g.targets) g.target_count = 0;
  if (!g.headings) g.heading_count = 0;
  const bool constrained = g.keyframe_count || g.target_count || g.heading_count;
  if (g.text_count < !constrained || g.text_count > kMostTexts)
    return fail(error, GENMO_BAD_ARGUMENT, "%d texts; wanted 1 to %d, or keyframes, targets or headings", g.text_count, kMostTexts);
  if (g.tries < 0 || g.tries > kMostTakes) return fail(error, GENMO_BAD_ARGUMENT, "tries is %d; wanted 1 to %d, or 0 for the usual number", g.tries, kMostTakes);
  if (!g.references) g.reference_count = 0;
  if (g.reference_count < 0 || g.reference_count > kMostReferences)
    return fail(error, GENMO_BAD_ARGUMENT, "%d references; wanted 0 to %d", g.reference_count, kMostReferences);
  if (!g.seeds) g.seed_count = 0;
  if (g.seed_count < 0 || g.seed_count > kMostFrames) return fail(error, GENMO_BAD_ARGUMENT, "%d seeds; wanted 0 to %d", g.seed_count, kMostFrames);
  for (int32_t i = 0; i < g.seed_count; ++i)
    if (g.seeds[i].start < 0 || g.seeds[i].start >= g.seeds[i].end || g.seeds[i].end > g.frames)
      return fail(error, GENMO_BAD_ARGUMENT, "a seed spans frames %d to %d; wanted some of 0 to %d", g.seeds[i].start, g.seeds[i].end, g.frames);
  return check_counts(g.keyframe_count, g.target_count, g.heading_count, g.frames, error);
}

// A text with its span inside a motion of so many frames.
genmo_status span_of(const genmo_text& text, int32_t frames, Span& span, genmo_error* error) {
  const size_t bytes = text.prompt ? strnlen(text.prompt, kLongestText + 1) : 0;
  const int32_t end = text.end == 0 || text.end > frames ? frames : text.end;
  if (bytes == 0 || bytes > kLongestText)
    return fail(error, GENMO_BAD_ARGUMENT, "a text has %s; wanted 1 to %d bytes", bytes ? "too many letters" : "no letters", kLongestText);
  if (text.start < 0 || text.start >= end)
    return fail(error, GENMO_BAD_ARGUMENT, "text \"%.100s\" spans frames %d to %d; wanted some of 0 to %d", text.prompt, text.start, text.end, frames);
  span = {text.prompt, text.start, end};
  return GENMO_OK;
}

// The texts with their spans, divided where they name actions in order, and what they say of the arms alone.
genmo_status read_spans(const genmo_generation& g, Pool& pool, Sampling& s, genmo_error* error) {
  auto *spans = pool.get<Span>(kMostTexts + kMostParts), *arms = pool.get<Span>(kMostTexts + kMostParts);
  int& count = s.text_count;
  for (int32_t i = 0; i < g.text_count; ++i) {
    Span whole;
    const genmo_status status = span_of(g.texts[i], g.frames, whole, error);
    if (status != GENMO_OK) return status;
    if (g.whole_texts || count >= kMostTexts) {
      spans[count++] = whole;
    } else {
      count += texts_in_order(whole, g.frames, pool, spans + count);
    }
    if (count > kMostTexts) return fail(error, GENMO_BAD_ARGUMENT, "the texts name more than %d actions", kMostTexts);
  }
  for (int i = 0; i < count && !g.whole_texts; ++i) s.arm_count += arms_apart(spans[i], pool, arms[s.arm_count]);
  s.texts = spans;
  s.arms = arms;
  return GENMO_OK;
}

// Where a text or a reference begins or ends within the motion, rising, each once.
Borders borders_of(const Sampling& s, Pool& pool) {
  const int64_t frames = s.frames;
  auto* borders = pool.get<int64_t>(2 * (int64_t{s.text_count} + s.reference_count) + 1);
  int found = 0;
  const auto add = [&](int64_t frame) {
    if (frame <= 0 || frame >= frames) return;
    int at = 0;
    while (at < found && borders[at] < frame) ++at;
    if (at < found && borders[at] == frame) return;
    std::memmove(borders + at + 1, borders + at, static_cast<size_t>(found - at) * sizeof *borders);
    borders[at] = frame;
    ++found;
  };
  for (int i = 0; i < s.text_count; ++i) {
    add(s.texts[i].start);
    add(s.texts[i].end);
  }
  for (int i = 0; i < s.reference_count; ++i) {
    add(s.references[i].start);
    add(s.references[i].end());
  }
  return {borders, found};
}

genmo_status generate(Model& model, const genmo_generation& g, Pool& pool, genmo_motion& motion, genmo_error* error) {
  const Pool::Scope scope(pool);
  Sampling s;
  Constraints constraints;
  genmo_status status = read_spans(g, pool, s, error);
  if (status == GENMO_OK) status = read_constraints(g, pool, constraints, error);
  if (status == GENMO_OK) status = read_references(g.references, g.reference_count, g.frames, pool, s.references, error);
  if (status != GENMO_OK) return status;
  s.frames = g.frames;
  s.steps = g.steps;
  s.guidance = s.text_count ? g.guidance : 1;
  s.seed = g.seed;
  s.seeds = g.seeds;
  s.seed_count = g.seed_count;
  s.reference_count = g.reference_count;
  s.sample = g.sample;
  s.progress = g.progress;
  s.user = g.user;
  Projected projected{model, constraints, s.frames};
  const Inpainting inpainting = inpainting_of(projected, pool);
  if (constraints.any()) s.inpainting = &inpainting;
  const Made made{s.texts, s.text_count, borders_of(s, pool), &constraints, g.loose_feet != 0};
  Clip clip;
  status = best_of_takes(model, s, made, g.tries, pool, clip, error);
  if (status != GENMO_OK) return status;
  answer(clip, pool, motion);
  if (g.progress) g.progress(g.user, 1);
  return GENMO_OK;
}

}  // namespace
}  // namespace genmo

extern "C" {

genmo_status genmo_open(const char* utf8_folder, const genmo_options* options, genmo_model** model, genmo_error* error) {
  using namespace genmo;
  if (!utf8_folder || !model) return fail(error, GENMO_BAD_ARGUMENT, "folder or model is NULL");
  return genmo::open(Files(utf8_folder), options, model, error);
}

genmo_status genmo_open_memory(const genmo_file* files, int32_t count, const genmo_options* options, genmo_model** model,
                               genmo_error* error) {
  using namespace genmo;
  if (!files || count < 1 || !model) return fail(error, GENMO_BAD_ARGUMENT, "files or model is NULL, or there is no file");
  return genmo::open(Files(files, count), options, model, error);
}

void genmo_close(genmo_model* model) { genmo::unmake(reinterpret_cast<genmo::Model*>(model)); }

genmo_status genmo_generate(genmo_model* model, const genmo_generation* generation, genmo_motion* motion, genmo_error* error) {
  using namespace genmo;
  genmo_generation g;
  if (!model || !read_sized(generation, offsetof(genmo_generation, keyframe_count), g, offsetof(genmo_generation, tries)))
    return fail(error, GENMO_BAD_ARGUMENT, "model or generation is NULL, or generation.size is not %u", static_cast<unsigned>(sizeof g));
  if (generation->size != sizeof g) g.tries = 1;  // of a program that knows nothing of takes, and is as quick as it was
  Model& opened = *reinterpret_cast<Model*>(model);
  genmo_status status = check(g, motion, error);
  if (status == GENMO_OK) status = refuse_released(opened, "generation", error);
  if (status != GENMO_OK) return status;
  Pool* pool = opened.take_pool(bytes_for(opened, g));
  if (!pool) return fail(error, GENMO_NO_MEMORY, "no memory for %d frames", g.frames);
  status = generate(opened, g, *pool, *motion, error);
  opened.give_pool(pool);
  return status;
}

void genmo_noise(uint64_t seed, uint32_t sample, int64_t count, float* values) { genmo::Noise(seed, sample).fill(values, count); }

genmo_status genmo_read_text(const genmo_model* model, const char* prompt, float* tokens, float* mask, genmo_error* error) {
  using namespace genmo;
  if (!model || !prompt || !tokens || !mask) return fail(error, GENMO_BAD_ARGUMENT, "model, prompt, tokens or mask is NULL");
  const Model& opened = *reinterpret_cast<const Model*>(model);
  const genmo_status status = refuse_released(opened, "reading texts", error);
  if (status != GENMO_OK) return status;
  if (opened.words.encode(prompt, opened.text_tokens, tokens, mask)) return GENMO_OK;
  return fail(error, GENMO_BAD_ARGUMENT, "text is \"%.150s\"; wanted at least one word in Latin letters", prompt);
}

genmo_status genmo_actions(const genmo_text* text, int32_t frames, genmo_action* actions, int32_t capacity, int32_t* count,
                           genmo_error* error) {
  using namespace genmo;
  if (!text || !actions || !count || capacity < kMostParts)
    return fail(error, GENMO_BAD_ARGUMENT, "text, actions or count is NULL, or capacity is %d; wanted at least %d", capacity, kMostParts);
  Span whole, parts[kMostParts], arms;
  const genmo_status status = span_of(*text, frames, whole, error);
  if (status != GENMO_OK) return status;
  Pool pool;
  *count = texts_in_order(whole, frames, pool, parts);
  for (int i = 0; i < *count; ++i) {
    const bool apart = arms_apart(parts[i], pool, arms);
    actions[i].start = static_cast<int32_t>(parts[i].start);
    actions[i].end = static_cast<int32_t>(parts[i].end);
    std::snprintf(actions[i].prompt, sizeof actions[i].prompt, "%s", parts[i].prompt);
    std::snprintf(actions[i].arms, sizeof actions[i].arms, "%s", apart ? arms.prompt : "");
    const SaidTurn turn = turn_of(parts[i].prompt, pool);
    actions[i].turn = turn.angle;
    actions[i].most_turn = turn.most;
    actions[i].side = turn.side;
  }
  return GENMO_OK;
}
}
