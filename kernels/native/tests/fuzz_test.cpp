// Whatever an engine's files, options and texts are: a status, never a crash.  On an engine that is made up, so that a hundred thousand of
// each take minutes.  Run it under the sanitizers too (README.md); keypoints are estimate_test's.
//
//   fuzz_test [engines [options [ENGINE packed]]]
//
// packed: damaged readers of texts and examples of the engine in the folder ENGINE, which are larger and packed, as no made-up ones are.
#include <climits>
#include <filesystem>
#include <limits>

#include "checks.h"

namespace {

constexpr int kFrames = 24;  // of most motions

template <typename T>
T one_of(Random& random, const std::vector<T>& values) {
  return values[random(values.size())];
}

int32_t wild_count(Random& random) {
  return one_of<int32_t>(random, {0, 1, -1, 2, 3, 7, 64, 65, 120, 1000, 1024, 1025, 65536, 65537, INT32_MAX, INT32_MIN, static_cast<int32_t>(random(1u << 31))});
}

double wild_number(Random& random) {
  const double infinity = std::numeric_limits<double>::infinity();
  return one_of<double>(random, {0, 1, -1, 0.5, 3, 10, -10, 1e-300, 1e300, 1e6, infinity, -infinity, std::numeric_limits<double>::quiet_NaN()});
}

genmo_options trusted(int fast) {
  genmo_options options{};
  options.size = sizeof options;
  options.trusted = 1;
  options.fast = fast;
  return options;
}

int32_t cancel_soon(void* calls, float) { return ++*static_cast<int*>(calls) > 2; }

// --- engines -----------------------------------------------------------------------------------------------------------

// Another word in the place of a number or a string of a JSON text.
void change_word(std::string& text, Random& random) {
  const std::vector<std::string> words{"-1", "0", "1", "2", "3", "15", "17", "0.5", "1e308", "1e-308", "-0", "65536", "65537", "2147483648", "4294967296",
                                       "9223372036854775807", "1e999", "null", "true", "false", "[]", "{}", "\"\"", "\"step.onnx\"", "\"\\u0041\"", "[1, 2, 3]"};
  for (int tries = 0; tries < 20; ++tries) {
    size_t start = random(text.size());
    while (start < text.size() && !std::strchr("0123456789\"", text[start])) ++start;
    if (start == text.size()) continue;
    size_t end = start + 1;
    if (text[start] == '"') {
      while (end < text.size() && text[end] != '"') ++end;
      ++end;
    } else {
      while (end < text.size() && std::strchr("0123456789.e-+", text[end])) ++end;
    }
    if (end <= text.size()) text.replace(start, end - start, one_of(random, words));
    return;
  }
}

void damage(std::string& content, bool is_json, Random& random) {
  if (content.empty()) return;
  const size_t at = random(content.size()), bytes = random(4) ? 1 + random(16) : random(content.size());
  switch (random(is_json ? 9 : 5)) {
    case 0: content.resize(at); break;
    case 1: content.erase(at, bytes); break;
    case 2: content.insert(at, content.substr(random(content.size()), bytes)); break;
    case 3:
      for (uint64_t k = 1 + random(8); k > 0; --k) content[random(content.size())] = static_cast<char>(random(256));
      break;
    case 4: content[at] = one_of<char>(random, {'\0', '\xff', '0', '9', '"', '\\', '[', ']', '{', '}', ',', '\n', '-'}); break;
    default: change_word(content, random);
  }
}

// Short motions of whatever opened.
void use(genmo_model* model, Random& random) {
  Motion out(kFrames);
  const genmo_text text{"a person walks left", 0, 0};
  genmo_generation generation{};
  generation.size = sizeof generation;
  generation.frames = 1 + static_cast<int32_t>(random(kFrames));
  generation.texts = &text;
  generation.text_count = 1;
  generation.steps = 1;
  generation.tries = 1 + static_cast<int32_t>(random(3));
  genmo_generate(model, &generation, &out.motion, nullptr);
  std::vector<float> points(2 * 51, 300.0f);
  genmo_keypoints keypoints{};
  keypoints.size = sizeof keypoints;
  keypoints.frames = 2;
  keypoints.points = points.data();
  keypoints.image_width = keypoints.image_height = 600;
  genmo_estimate(model, &keypoints, nullptr, &out.motion, nullptr);
}

void check_engines(const EngineFiles& engine, int count) {
  Random random{21};
  genmo_error error{};
  error.size = sizeof error;
  int opened = 0;
  EngineFiles damaged = engine;
  for (int i = 0; i < count; ++i) {
    std::vector<size_t> changed;
    for (uint64_t k = 1 + (random(4) == 0); k > 0; --k) {
      changed.push_back(random(3) ? 0 : random(damaged.contents.size()));
      for (uint64_t n = 1 + (random(4) == 0) * random(4); n > 0; --n) damage(damaged.contents[changed.back()], changed.back() == 0, random);
    }
    genmo_model* model = nullptr;
    error.message[0] = 0;
    const genmo_status status = damaged.open(&model, trusted(static_cast<int>(random(2))), &error);
    expect((status == GENMO_OK) == (model != nullptr), "a model where it opened, none where it did not");
    expect(status == GENMO_OK || error.message[0], "a refusal has a sentence");
    if (model) {
      ++opened;
      use(model, random);
    }
    genmo_close(model);
    for (const size_t file : changed) damaged.contents[file] = engine.contents[file];
  }
  std::printf("%d damaged engines, %d of them opened\n", count, opened);
}

// What takes are chosen by is unpacked by the first that are made.
void check_packed(const EngineFiles& engine, const char* folder, int count) {
  constexpr size_t kReader = 6, kExamples = 7;
  const EngineFiles real{std::string(folder)};
  EngineFiles damaged = engine;
  for (const size_t file : {kReader, kExamples}) damaged.contents[file] = real.contents[file];
  Random random{45};
  Motion out(kFrames);
  genmo_error error{};
  error.size = sizeof error;
  const genmo_text text{"a person walks left", 0, 0};
  genmo_generation generation{};
  generation.size = sizeof generation;
  generation.frames = kFrames;
  generation.texts = &text;
  generation.text_count = 1;
  generation.steps = 1;
  generation.tries = 2;
  int made = 0;
  for (int i = 0; i < count; ++i) {
    const size_t file = random(4) ? kReader : kExamples;
    damage(damaged.contents[file], false, random);
    genmo_model* model = nullptr;
    expect(damaged.open(&model, trusted(0), &error) == GENMO_OK, "it opens: neither is looked at");
    error.message[0] = 0;
    const genmo_status status = genmo_generate(model, &generation, &out.motion, &error);
    expect(status == GENMO_OK || (status == GENMO_BAD_ENGINE && std::strstr(error.message, "export the engine again")), "a refusal has a sentence");
    made += status == GENMO_OK;
    genmo_close(model);
    damaged.contents[file] = real.contents[file];
  }
  std::printf("%d damaged readers and examples, %d of them read\n", count, made);
}

// --- options -----------------------------------------------------------------------------------------------------------

struct Scene {
  genmo_text texts[3];
  genmo_seed seeds[2];
  std::vector<float> turns = std::vector<float>(kFrames * 96), path = std::vector<float>(kFrames * 3), contacts = std::vector<float>(kFrames * 6);
  genmo_reference references[2];
  std::string prompts[3];

  explicit Scene(Random& random) {
    const std::vector<std::string> phrases{"a person walks", "jumps left", "", "?!", "\xff\xfe", "the person walks, then jumps twice for 3 s", std::string(1025, 'a'), "turns 90\xc2\xb0"};
    const bool wild = random(2) == 0;  // else most of it can be made
    for (int i = 0; i < 3; ++i) {
      prompts[i] = wild ? one_of(random, phrases) : phrases[random(2)];
      texts[i] = {!wild || random(20) ? prompts[i].c_str() : nullptr, !wild || random(3) ? 0 : wild_count(random), !wild || random(3) ? 0 : wild_count(random)};
    }
    for (auto& seed : seeds) seed = {random(2) ? 0 : wild_count(random), random(2) ? 1 : wild_count(random), random(1000)};
    for (size_t i = 3; i < turns.size(); i += 4) turns[i] = 1;
    if (random(8) == 0) turns[random(turns.size())] = static_cast<float>(wild_number(random));
    if (random(8) == 0) contacts[random(contacts.size())] = static_cast<float>(wild_number(random));
    int start = 0;
    for (auto& reference : references) {
      const auto frames = 1 + static_cast<int32_t>(random(8));
      reference = {random(8) ? start : wild_count(random), frames, random(30) ? turns.data() : nullptr, path.data(), random(2) ? contacts.data() : nullptr,
                   random(8) ? 0.5f : static_cast<float>(wild_number(random))};
      start += frames;
    }
  }
};

genmo_status generate(genmo_model* model, Random& random) {
  const Scene scene(random);
  Motion out(kFrames);
  int calls = 0;
  genmo_generation g{};
  g.size = random(50) ? sizeof g : static_cast<uint32_t>(random(200));
  g.frames = random(4) ? 1 + static_cast<int32_t>(random(kFrames)) : wild_count(random);
  g.texts = random(50) ? scene.texts : nullptr;
  g.text_count = random(10) ? 1 + static_cast<int32_t>(random(3)) : one_of<int32_t>(random, {0, -1, INT32_MIN});
  g.steps = random(5) ? 1 : wild_count(random);
  g.guidance = random(5) ? 0 : wild_number(random);
  g.seed = random(1u << 20) << 20;
  g.sample = static_cast<uint32_t>(wild_count(random));
  g.tries = random(4) ? static_cast<int32_t>(random(4)) : wild_count(random);
  g.whole_texts = static_cast<int32_t>(random(2));
  g.loose_feet = static_cast<int32_t>(random(2));
  g.seed_count = random(4) ? 0 : static_cast<int32_t>(random(4)) - 1;
  g.seeds = g.seed_count > 2 || random(20) == 0 ? nullptr : scene.seeds;
  g.reference_count = random(3) ? 0 : static_cast<int32_t>(random(4)) - 1;
  g.references = g.reference_count > 2 || random(20) == 0 ? nullptr : scene.references;
  if (g.steps != 1 || g.tries > 3 || random(4) == 0) g.progress = cancel_soon;
  g.user = &calls;
  if (g.seed_count > 2) g.seed_count = 2;
  if (g.reference_count > 2) g.reference_count = 2;
  const genmo_status status = genmo_generate(model, &g, &out.motion, nullptr);
  if (status == GENMO_OK) expect(out.finite(), "joints are finite");
  return status;
}

genmo_status estimate(genmo_model* model, Random& random) {
  const int frames = 1 + static_cast<int>(random(6));
  std::vector<float> points(static_cast<size_t>(frames) * 51, 200.0f);
  Motion out(kFrames);
  genmo_keypoints k{};
  k.size = random(50) ? sizeof k : static_cast<uint32_t>(random(200));
  k.frames = random(10) ? frames : one_of<int32_t>(random, {0, -1, 65537, INT32_MAX, INT32_MIN});
  k.points = random(50) ? points.data() : nullptr;
  k.image_width = random(3) ? 640 : wild_number(random);
  k.image_height = random(3) ? 480 : wild_number(random);
  k.ground_unknown = wild_count(random);
  k.noise = random(2) ? 0 : wild_number(random);
  genmo_estimation e{};
  e.size = random(50) ? sizeof e : static_cast<uint32_t>(random(100));
  e.raw_keypoints = wild_count(random);
  e.unfitted = wild_count(random);
  e.loose_feet = wild_count(random);
  if (random(20) == 0) out.motion.capacity = wild_count(random) % kFrames;
  return genmo_estimate(model, &k, random(3) ? &e : nullptr, &out.motion, nullptr);
}

genmo_status stream(genmo_model* model, Random& random) {
  genmo_stream_options o{};
  o.size = random(50) ? sizeof o : static_cast<uint32_t>(random(200));
  o.look_ahead = random(2) ? static_cast<int32_t>(random(8)) - 1 : wild_count(random);
  o.people = random(4) ? 1 : wild_count(random) % 8;
  o.stride = random(3) ? 0 : wild_count(random);
  o.fit_reach = random(3) ? 0 : wild_count(random);
  o.unfitted = static_cast<int32_t>(random(2));
  o.loose_feet = static_cast<int32_t>(random(2));
  o.raw_keypoints = static_cast<int32_t>(random(2));
  o.image_width = random(3) ? 640 : wild_number(random);
  o.image_height = random(3) ? 480 : wild_number(random);
  double lens[9] = {500, 0, 320, 0, 500, 240, 0, 0, 1}, place[16] = {-1, 0, 0, 0, 0, -1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1};
  if (random(3) == 0) lens[random(9)] = wild_number(random);
  if (random(3) == 0) place[random(16)] = wild_number(random);
  o.intrinsics = random(2) ? lens : nullptr;
  o.camera_to_world = random(2) ? place : nullptr;
  genmo_stream* opened = nullptr;
  const genmo_status status = genmo_stream_open(model, &o, &opened, nullptr);
  expect((status == GENMO_OK) == (opened != nullptr), "a stream where it opened, none where it did not");
  if (!opened) return status;
  const auto people = static_cast<size_t>(o.people ? o.people : 1);
  std::vector<float> points(people * 51, 200.0f), joints(people * 72);
  genmo_stream_pose pose{};
  pose.size = sizeof pose;
  pose.joints = joints.data();
  for (uint64_t frames = random(3); frames > 0; --frames) genmo_stream_step(opened, points.data(), nullptr, nullptr, &pose, nullptr);
  genmo_stream_reset(opened, random(2) ? 0 : wild_count(random), nullptr);
  int32_t left = 1;
  for (int calls = 0; left && calls < 4; ++calls) genmo_stream_finish(opened, &pose, &left, nullptr);
  genmo_stream_close(opened);
  return status;
}

genmo_status endless(genmo_model* model, Random& random) {
  const Scene scene(random);
  Motion out(kFrames);
  int calls = 0;
  float betas[10] = {};
  if (random(4) == 0) betas[random(10)] = static_cast<float>(wild_number(random));
  genmo_generator_options o{};
  o.size = random(50) ? sizeof o : static_cast<uint32_t>(random(200));
  o.overlap = random(3) ? 4 : wild_count(random);
  o.block = random(3) ? 6 : wild_count(random);
  o.first_block = random(3) ? 0 : wild_count(random);
  o.steps = random(3) ? 1 : wild_count(random);
  o.texts = random(3) ? 0 : wild_count(random);
  o.points = random(3) ? 0 : wild_count(random);
  o.guidance = random(2) ? 0 : wild_number(random);
  o.betas = random(3) ? nullptr : betas;
  o.progress = cancel_soon;
  o.user = &calls;
  genmo_generator* opened = nullptr;
  const genmo_status status = genmo_generator_open(model, &o, &opened, nullptr);
  expect((status == GENMO_OK) == (opened != nullptr), "a generator where it opened, none where it did not");
  if (!opened) return status;
  genmo_generator_prompt(opened, scene.texts[0].prompt, nullptr);
  genmo_generator_texts(opened, scene.texts, static_cast<int32_t>(random(4)), nullptr);
  const genmo_stick stick{wild_number(random), wild_number(random), wild_number(random), static_cast<int32_t>(random(2))};
  genmo_generator_stick(opened, random(2) ? &stick : nullptr, nullptr);
  genmo_generator_next(opened, 1 + static_cast<int32_t>(random(8)), &out.motion, nullptr);
  genmo_generator_close(opened);
  return status;
}

genmo_status open(const EngineFiles& engine, Random& random) {
  genmo_options options = trusted(0);
  options.size = random(20) ? sizeof options : static_cast<uint32_t>(random(100));
  options.fast = wild_count(random);
  options.threads = random(8) ? static_cast<int32_t>(random(3)) : wild_count(random);
  options.reserve = random(8) ? static_cast<int32_t>(random(40)) : wild_count(random) % 2000;
  genmo_model* model = nullptr;
  const genmo_status status = engine.open(&model, options, nullptr);
  expect((status == GENMO_OK) == (model != nullptr), "a model where it opened, none where it did not");
  genmo_close(model);
  return status;
}

void check_options(const EngineFiles& engine, int count) {
  Random random{33};
  genmo_model* model = nullptr;
  expect(engine.open(&model, trusted(0), nullptr) == GENMO_OK, "the made-up engine opens");
  int answered[5] = {};
  for (int i = 0; i < count && model; ++i) {
    const size_t kind = random(20) ? random(4) : 4;
    const genmo_status status = kind == 0   ? generate(model, random)
                                : kind == 1 ? estimate(model, random)
                                : kind == 2 ? stream(model, random)
                                : kind == 3 ? endless(model, random)
                                            : open(engine, random);
    answered[kind] += status == GENMO_OK;
  }
  genmo_close(model);
  std::printf("%d options; answered %d texts, %d keypoints, %d streams, %d generators, %d engines\n", count, answered[0], answered[1], answered[2], answered[3], answered[4]);
}

// A folder whose name has letters of several scripts, told in UTF-8 on every system.
void check_folder(const EngineFiles& engine) {
  namespace files = std::filesystem;
  const std::string name = "genmo f\xc3\xbc\xc3\x9f" "e \xe5\x8b\x95\xe3\x81\x8d";
  const files::path folder = files::u8path(name);
  files::create_directory(folder);
  for (size_t i = 0; i < engine.names.size(); ++i) {
    std::ofstream file(folder / engine.names[i], std::ios::binary);
    file.write(engine.contents[i].data(), static_cast<std::streamsize>(engine.contents[i].size()));
  }
  const genmo_options options = trusted(0);
  genmo_error error{};
  error.size = sizeof error;
  genmo_model* model = nullptr;
  genmo_open(name.c_str(), &options, &model, &error);
  expect(model != nullptr, error.message);
  genmo_close(model);
  expect(genmo_open("\xff\xfe", &options, &model, &error) == GENMO_BAD_ENGINE, "a name that is no UTF-8 is refused");
  files::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  const TinyEngine engine, released(true);
  check_folder(engine);
  check_engines(engine, argc > 1 ? std::atoi(argv[1]) : 1000);
  check_engines(released, (argc > 1 ? std::atoi(argv[1]) : 1000) / 4);
  check_options(engine, argc > 2 ? std::atoi(argv[2]) : 1000);
  if (argc > 4) check_packed(engine, argv[3], std::atoi(argv[4]));
  return finish("fuzz");
}
