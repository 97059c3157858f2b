// Motions from texts through the C interface: no allocation after the first call, threads, refusals, damaged engines.
// Run it under the sanitizers too (README.md); Python tests compare the motions with the runtime's.
//
//   generate_test ENGINE [damages]
#include <cstring>
#include <string>
#include <thread>

#include "checks.h"

namespace {

genmo_generation wanted(const genmo_text* text, int frames) {
  genmo_generation g{};
  g.size = sizeof g;
  g.frames = frames;
  g.texts = text;
  g.text_count = 1;
  g.steps = 2;
  return g;
}

void check_memory(genmo_model* model, genmo_model* reserved) {
#ifdef COUNTED
  const genmo_text text{"a person walks, then sits down", 0, 0};
  genmo_generation g = wanted(&text, 90);
  Motion out(90);
  genmo_generate(model, &g, &out.motion, nullptr);
  const long before = requests;
  expect(genmo_generate(model, &g, &out.motion, nullptr) == GENMO_OK, "a second motion");
  expect(requests == before, "the second motion of a length asks for no memory");
  const genmo_text action{"a woman jumps", 0, 0};
  g.texts = &action;
  expect(genmo_generate(reserved, &g, &out.motion, nullptr) == GENMO_OK, "a motion");
  expect(requests == before, "the first one of an action and a length that was reserved asks for none");
#else
  (void)model, (void)reserved;
#endif
}

// The first of them unpacks what takes are chosen by.
void check_threads(genmo_model* model, genmo_model* unused) {
  const genmo_text texts[2] = {{"a man jumps", 0, 0}, {"a woman dances", 0, 0}};
  std::vector<Motion> alone, together;
  for (int i = 0; i < 4; ++i) {
    alone.emplace_back(40);
    together.emplace_back(40);
  }
  const auto make = [&](genmo_model* with, Motion& out, int i) {
    genmo_generation g = wanted(&texts[i % 2], 40);
    g.seed = static_cast<uint64_t>(i);
    g.tries = 4;
    expect(genmo_generate(with, &g, &out.motion, nullptr) == GENMO_OK, "a motion");
  };
  for (int i = 0; i < 4; ++i) make(model, alone[static_cast<size_t>(i)], i);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { make(unused, together[static_cast<size_t>(i)], i); });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) expect(alone[i] == together[i], "the same motions from threads at once");
}

void check_refusals(genmo_model* model) {
  genmo_error error{};
  error.size = sizeof error;
  Motion out(30);
  const auto refused = [&](genmo_generation g, const char* what) {
    error.message[0] = 0;
    expect(genmo_generate(model, &g, &out.motion, &error) == GENMO_BAD_ARGUMENT && error.message[0], what);
  };
  const genmo_text good{"walk", 0, 0}, empty{"", 0, 0}, wordless{"!?", 0, 0}, outside{"walk", 30, 40}, null{nullptr, 0, 0};
  const std::string endless(5000, 'a');
  const genmo_text longest{endless.c_str(), 0, 0};
  for (const genmo_text* text : {&empty, &wordless, &outside, &null, &longest}) refused(wanted(text, 30), "a bad text is refused");
  refused(wanted(&good, 31), "no room is refused");
  refused(wanted(&good, 70000), "too many frames are refused");
  genmo_generation g = wanted(&good, 30);
  g.guidance = 1e9;
  refused(g, "a wild guidance is refused");
  g = wanted(&good, 30);
  g.size = 4;
  refused(g, "a struct of another size is refused");
  g = wanted(&good, 30);
  g.progress = [](void* user, float) -> int32_t { return ++*static_cast<int*>(user) == 2; };
  int calls = 0;
  g.user = &calls;
  expect(genmo_generate(model, &g, &out.motion, &error) == GENMO_CANCELLED && calls == 2, "progress cancels");
}

// Whatever is damaged: a status, never a crash.
void check_damage(const EngineFiles& engine, int damages) {
  Random random{11};
  genmo_error error{};
  error.size = sizeof error;
  genmo_model* model = nullptr;
  genmo_options options{};
  options.size = sizeof options;
  EngineFiles altered = engine;
  altered.contents[3][altered.contents[3].size() / 2] ^= 1;
  expect(altered.open(&model, options, &error) == GENMO_BAD_ENGINE && std::strstr(error.message, "SHA-256"), "an altered file is refused");
  options.threads = 2;  // one of them for the hashes
  expect(altered.open(&model, options, &error) == GENMO_BAD_ENGINE && std::strstr(error.message, "SHA-256"), "an altered file is refused by two threads");
  options.trusted = 1;
  for (int i = 0; i < damages; ++i) {
    EngineFiles damaged = engine;
    const size_t which = (i % 3 == 0) ? 4 + random(engine.contents.back().empty() ? 2 : 4) : 0;
    std::string& content = damaged.contents[which];
    if (i % 5 == 0) content.resize(random(content.size()));
    for (size_t k = random(4); k > 0 && !content.empty(); --k) content[random(content.size())] = static_cast<char>(random(256));
    model = nullptr;
    const genmo_status status = damaged.open(&model, options, &error);
    expect((status == GENMO_OK) == (model != nullptr), "a model where it opened, none where it did not");
    genmo_close(model);
  }
  const char letters[] = "walks, then sits after jumping. \xc3\xa9\xcc\x81\xff twice for 3 s before";
  for (int i = 0; i < 20 * damages; ++i) {
    std::string prompt;
    for (size_t k = random(60); k > 0; --k) prompt += letters[random(sizeof letters - 1)];
    const genmo_text text{prompt.c_str(), 0, 0};
    std::vector<genmo_action> actions(64);
    int32_t count = 0;
    genmo_actions(&text, 300, actions.data(), 64, &count, nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const EngineFiles engine = files_of(argv[1]);
  genmo_model* model = opened(argv[1]);
  genmo_model* reserved = opened(argv[1], 2, 0, 90);
  check_memory(model, reserved);
  genmo_close(reserved);
  genmo_model* unused = opened(argv[1]);
  check_threads(model, unused);
  genmo_close(unused);
  check_refusals(model);
  genmo_close(model);
  check_damage(engine, argc > 2 ? std::atoi(argv[2]) : 50);
  return finish("generate");
}
