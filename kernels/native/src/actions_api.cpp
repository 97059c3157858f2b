// What motions do and texts say, trait by trait, for tests.
#include <cstring>

#include "actions/traits.h"
#include "engine/model.h"
#include "error.h"

extern "C" genmo_status genmo_said_traits(genmo_model* model, const char* prompt, float* weights, int32_t count, double* amount, genmo_error* error) {
  using namespace genmo;
  if (!model || !prompt || !weights || !amount) return fail(error, GENMO_BAD_ARGUMENT, "model, prompt, weights or amount is NULL");
  Model& opened = *reinterpret_cast<Model*>(model);
  if (!opened.actions.has_reader()) return fail(error, GENMO_UNSUPPORTED, "this engine has no reader of texts");
  const genmo_status status = opened.actions.unpack(error);
  if (status != GENMO_OK) return status;
  const TextReader& reader = opened.actions.reader();
  if (count != reader.names().count()) return fail(error, GENMO_BAD_ARGUMENT, "count is %d; wanted the reader's %d traits", count, reader.names().count());
  Pool pool;
  *amount = reader.read(opened.words, opened.text_tokens, prompt, pool, weights);
  return GENMO_OK;
}

extern "C" genmo_status genmo_traits(int64_t frames, const double* joints, int64_t start, int64_t end, int32_t count, const char* const* names, uint8_t* over,
                                     genmo_error* error) {
  using namespace genmo;
  if (!joints || !names || !over || count < 0) return fail(error, GENMO_BAD_ARGUMENT, "joints, names or over is NULL");
  if (start < 0 || end > frames || end - start < kShortestStretch || frames > INT32_MAX)
    return fail(error, GENMO_BAD_ARGUMENT, "frames %lld to %lld; wanted at least %d of 0 to %lld", static_cast<long long>(start), static_cast<long long>(end), kShortestStretch, static_cast<long long>(frames));
  Pool pool;
  uint8_t found[kMostTraits];
  find_traits(signals_of(joints, frames, pool).span(start, end), pool, found);
  for (int32_t i = 0; i < count; ++i) {
    const int trait = trait_of(names[i], std::strlen(names[i]));
    over[i] = trait < 0 ? 2 : found[trait];
  }
  return GENMO_OK;
}
