// What the programs that test the C interface share: failures counted, memory counted, chance, an opened engine.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "engine_files.h"

inline std::atomic<long> requests{0};  // of memory
inline int failures = 0;

inline void expect(bool good, const char* what) {
  if (good) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

// The C library's own functions, counted: the shared library takes these instead.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTED 1
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t bytes) {
  ++requests;
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  ++requests;
  return __libc_calloc(count, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  ++requests;
  return __libc_memalign(alignment, bytes);
}
}
#endif

struct Random {
  uint64_t state;
  uint64_t operator()(uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  }
  float unit() { return static_cast<float>((*this)(1 << 24)) / (1 << 24); }
};

// Room for a motion.
struct Motion {
  std::vector<float> rotations, translation, joints;
  genmo_motion motion{};
  explicit Motion(int frames) {
    rotations.resize(static_cast<size_t>(frames) * 24 * 4);
    translation.resize(static_cast<size_t>(frames) * 3);
    joints.resize(static_cast<size_t>(frames) * 24 * 3);
    motion.size = sizeof motion;
    motion.capacity = frames;
    motion.rotations = rotations.data();
    motion.translation = translation.data();
    motion.joints = joints.data();
  }
  Motion(const Motion&) = delete;
  Motion(Motion&&) = default;  // the arrays stay where they are
  bool finite() const {
    for (const float value : joints)
      if (!std::isfinite(value)) return false;
    return true;
  }
  bool operator==(const Motion& other) const { return joints == other.joints && rotations == other.rotations; }
};

// The engine in a folder, or a made-up one for "tiny" or "released"; ends the program where it does not open.
inline bool is_released(const char* engine) { return std::strcmp(engine, "released") == 0; }
inline bool is_tiny(const char* engine) { return is_released(engine) || std::strcmp(engine, "tiny") == 0; }
inline EngineFiles files_of(const char* engine) { return is_tiny(engine) ? static_cast<EngineFiles>(TinyEngine(is_released(engine))) : EngineFiles(engine); }
inline genmo_model* opened(const char* engine, int threads = 2, int fast = 0, int reserve = 0) {
  genmo_error error{};
  error.size = sizeof error;
  genmo_options options{};
  options.size = sizeof options;
  options.threads = threads;
  options.fast = fast;
  options.reserve = reserve;
  options.trusted = is_tiny(engine);
  genmo_model* model = nullptr;
  if ((is_tiny(engine) ? TinyEngine(is_released(engine)).open(&model, options, &error) : genmo_open(engine, &options, &model, &error)) == GENMO_OK) return model;
  std::printf("FAILED: %s\n", error.message);
  std::exit(1);
}

// The exit status of a test of this name.
inline int finish(const char* name) {
  if (failures) {
    std::printf("%s: %d failures\n", name, failures);
  } else {
    std::printf("%s: all well\n", name);
  }
  return failures != 0;
}
