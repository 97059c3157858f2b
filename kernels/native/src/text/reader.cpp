#include "text/reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "actions/traits.h"
#include "error.h"
#include "text/codes.h"

namespace genmo {
namespace {

constexpr size_t kMostBytes = size_t{1} << 22;
constexpr int kTokens = 24, kToken = kChannels + 2 * kContext;  // of a text that are read; channels of one: not its place
constexpr int kMostHidden = 1 << 14, kMostNames = 4096;
constexpr float kSumGain = 0.25f, kSidesCount = 0.5f;

constexpr const char* kSides[][2] = {{"left", "right"},           {"leftward", "rightward"},       {"leftwards", "rightwards"}, {"lefthanded", "righthanded"},
                                     {"leftfooted", "rightfooted"}, {"counterclockwise", "clockwise"}, {"anticlockwise", "clockwise"}};

const float* finite_floats(Bytes file, const char* name, int64_t count, Arena& arena) {
  const Npy array = npz_copy(file, name, "<f4", kMostBytes, arena);
  if (!array.data || array.dimensions != 1 || array.count() != count) return nullptr;
  const auto* values = reinterpret_cast<const float*>(array.data);
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); }) ? values : nullptr;
}

double odds_to_share(double log_odds) { return 1 / (1 + std::exp(-log_odds)); }

// The word [letters] on the other side; nullptr: it says none.
const char* other_side(Codes word) {
  for (const auto& sides : kSides)
    for (int k = 0; k < 2; ++k)
      if (equals(word, sides[k])) return sides[1 - k];
  return nullptr;
}

}  // namespace

bool TraitNames::open(const Npy& text, Arena& arena) {
  if (!text.data || text.dimensions != 1 || text.count() < 1) return false;
  auto* letters = arena.get<char>(text.count() + 1);
  if (!letters) return false;
  std::memcpy(letters, text.data, static_cast<size_t>(text.count()));
  const auto lines = 1 + std::count(letters, letters + text.count(), '\n');
  if (lines > kMostNames || std::count(letters, letters + text.count(), '\0')) return false;
  count_ = static_cast<int>(lines);
  names_ = arena.get<const char*>(count_);
  mirrors_ = arena.get<int>(count_);
  traits_ = arena.get<int>(count_);
  if (arena.failed()) return false;
  for (int row = 0; row < count_; ++row) {
    names_[row] = letters;
    const size_t length = std::strcspn(letters, "\n");
    letters[length] = 0;
    traits_[row] = trait_of(letters, length);
    letters += length + 1;
  }
  for (int row = 0; row < count_; ++row) {
    const auto mirrors = [&](const char* other) { return are_mirrored(names_[row], std::strlen(names_[row]), other, std::strlen(other)); };
    mirrors_[row] = static_cast<int>(std::find_if(names_, names_ + count_, mirrors) - names_);
    if (mirrors_[row] == count_ || row_of(names_[row]) != row) return false;
  }
  return true;
}

int TraitNames::row_of(const char* name) const {
  for (int row = 0; row < count_; ++row)
    if (!std::strcmp(names_[row], name)) return row;
  return -1;
}

genmo_status TextReader::open(Bytes file, genmo_error* error) {
  const bool named = names_.open(npz_copy(file, "names", "|u1", kMostBytes, arena_), arena_);
  const int count = names_.count();
  const bool whole = named && read_layer(file, "tokens", kToken, tokens_) && read_layer(file, "text", 2 * tokens_.outputs + kChannels, text_) &&
                     read_layer(file, "traits", text_.outputs, traits_) && traits_.outputs == count;
  usual_ = whole ? finite_floats(file, "usual", count, arena_) : nullptr;
  trust_ = whole ? finite_floats(file, "trust", count, arena_) : nullptr;
  if (arena_.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for a reader of texts");
  if (usual_ && trust_) return GENMO_OK;
  return fail(error, GENMO_BAD_ENGINE, "text_reader is not a reader of texts; export the engine again");
}

bool TextReader::read_layer(Bytes file, const char* name, int64_t inputs, Layer& layer) {
  char part[32];
  const Npy weights = npz_copy(file, name, "|i1", kMostBytes, arena_);
  layer.inputs = weights.shape[0];
  layer.outputs = weights.shape[1];
  if (!weights.data || weights.dimensions != 2 || layer.inputs != inputs || layer.outputs < 1 || layer.outputs > kMostHidden) return false;
  layer.weights = reinterpret_cast<const int8_t*>(weights.data);
  std::snprintf(part, sizeof part, "%s_scales", name);
  layer.scales = finite_floats(file, part, layer.outputs, arena_);
  std::snprintf(part, sizeof part, "%s_bias", name);
  layer.bias = finite_floats(file, part, layer.outputs, arena_);
  return layer.scales && layer.bias;
}

void TextReader::Layer::run(const float* values, float* out, bool rectified) const {
  std::fill_n(out, outputs, 0.0f);
  for (int64_t i = 0; i < inputs; ++i)
    for (int64_t k = 0; k < outputs; ++k) out[k] += values[i] * static_cast<float>(weights[i * outputs + k]);
  for (int64_t k = 0; k < outputs; ++k) {
    out[k] = out[k] * scales[k] + bias[k];
    if (rectified) out[k] = std::max(out[k], 0.0f);
  }
}

bool TextReader::log_odds(const WordPieces& words, int text_tokens, const char* prompt, Pool& pool, float* odds) const {
  const Pool::Scope scope(pool);
  const int most = std::min(text_tokens, 1 + kTokens);
  auto *tokens = pool.get<float>(most * kTextWidth), *mask = pool.get<float>(most), *hidden = pool.get<float>(tokens_.outputs);
  auto *pooled = pool.get<float>(text_.inputs), *said = pool.get<float>(text_.outputs);
  const int rows = words.encode(prompt, most, tokens, mask);
  if (!rows) return false;
  const int64_t width = tokens_.outputs;
  std::fill_n(pooled, 2 * width, 0.0f);
  for (int row = 1; row < rows; ++row) {
    tokens_.run(tokens + row * kTextWidth, hidden, true);
    for (int64_t k = 0; k < width; ++k) {
      pooled[k] = std::max(pooled[k], hidden[k]);
      pooled[width + k] += kSumGain * hidden[k];
    }
  }
  std::copy_n(tokens, kChannels, pooled + 2 * width);
  text_.run(pooled, said, true);
  traits_.run(said, odds, false);
  return true;
}

double TextReader::read(const WordPieces& words, int text_tokens, const char* prompt, Pool& pool, float* weights) const {
  const Pool::Scope scope(pool);
  const int count = names_.count();
  auto *as_is = pool.get<float>(count), *in_mirror = pool.get<float>(count);
  std::fill_n(weights, count, 0.0f);
  if (!log_odds(words, text_tokens, prompt, pool, as_is) || !log_odds(words, text_tokens, exchanged(prompt, pool), pool, in_mirror)) return 0;
  auto* speaks = pool.get<float>(count);
  double amount = 0;
  for (int row = 0; row < count; ++row) {
    const float odds = (as_is[row] + in_mirror[names_.mirror(row)]) / 2;
    speaks[row] = (odds - usual_[row]) * trust_[row];
    amount += (odds_to_share(static_cast<double>(odds)) - odds_to_share(static_cast<double>(usual_[row]))) * static_cast<double>(speaks[row]);
  }
  for (int row = 0; row < count; ++row) weights[row] = speaks[row] + kSidesCount * (speaks[row] - speaks[names_.mirror(row)]);
  return amount;
}

const char* exchanged(const char* prompt, Pool& pool) {
  constexpr size_t kLongest = 16;  // letters of the longest of these words, which take the place of at least 4
  auto* made = pool.get<char>(static_cast<int64_t>(kLongest / 4 * std::strlen(prompt) + kLongest));
  char* to = made;
  const char* at = prompt;
  for (const char* next = at; *at; at = next) {
    uint32_t word[kLongest + 1];
    int letters = 0;
    const char* end = at;  // of the word that begins here
    for (const char* ahead = at; *ahead && letters <= static_cast<int>(kLongest); end = ahead) {
      const uint32_t code = next_code(ahead);
      if (!is_word_code(code)) break;
      word[letters++] = code;
    }
    if (!letters) {
      next_code(next);
      while (at < next) *to++ = *at++;
      continue;
    }
    if (letters > static_cast<int>(kLongest))  // a longer word is none of them
      for (const char* ahead = end; *ahead; end = ahead)
        if (!is_word_code(next_code(ahead))) break;
    next = end;
    const char* other = other_side({word, letters});
    const size_t bytes = other ? std::strlen(other) : static_cast<size_t>(end - at);
    std::memcpy(to, other ? other : at, bytes);
    to += bytes;
  }
  *to = 0;
  return made;
}

}  // namespace genmo
