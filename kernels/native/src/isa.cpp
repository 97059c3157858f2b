// Which instruction sets there are, and which one is in use.
#include "isa.h"

#include <atomic>
#include <cstring>

#include "error.h"

namespace genmo {

// isas.inc: X(name) for every instruction set of this build, best first, written by CMakeLists.txt.
#define X(name)                \
  namespace name {             \
  extern const IsaTable table; \
  }
#include "isas.inc"
#undef X

namespace {

// What the processor and its operating system let run (the compiler's own check of cpuid and xgetbv).
[[maybe_unused]] bool runs_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

[[maybe_unused]] bool runs_avx512vnni() {
#if defined(__x86_64__)
  return runs_avx512() && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

[[maybe_unused]] bool runs_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool runs_portable() { return true; }

struct Choice {
  const IsaTable* table;
  bool (*runs)();
};

#define X(name) {&name::table, &runs_##name},
constexpr Choice kChoices[] = {
#include "isas.inc"
};
#undef X

const IsaTable* at(int32_t index) {
  for (const Choice& choice : kChoices) {
    if (choice.runs() && index-- == 0) return choice.table;
  }
  return nullptr;
}

std::atomic<const IsaTable*> in_use{nullptr};

}  // namespace

const IsaTable& isa() {
  const IsaTable* table = in_use.load(std::memory_order_acquire);
  if (table == nullptr) in_use.store(table = at(0), std::memory_order_release);
  return *table;
}

}  // namespace genmo

extern "C" {

uint32_t genmo_abi(void) { return GENMO_ABI; }

const char* genmo_version(void) { return GENMO_VERSION; }

const char* genmo_isa(int32_t index) {
  const genmo::IsaTable* table = index < 0 ? nullptr : genmo::at(index);
  return table == nullptr ? nullptr : table->name;
}

const char* genmo_isa_in_use(void) { return genmo::isa().name; }

genmo_status genmo_isa_select(const char* name, genmo_error* error) {
  if (name == nullptr) return genmo::fail(error, GENMO_BAD_ARGUMENT, "name is NULL; wanted an instruction set");
  for (int32_t index = 0; const genmo::IsaTable* table = genmo::at(index); ++index) {
    if (std::strcmp(table->name, name) == 0) {
      genmo::in_use.store(table, std::memory_order_release);
      return GENMO_OK;
    }
  }
  return genmo::fail(error, GENMO_UNSUPPORTED, "instruction set %.40s is not in this build or not of this processor", name);
}
}
