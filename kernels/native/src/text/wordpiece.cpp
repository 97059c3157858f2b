#include "text/wordpiece.h"

#include <cmath>

#include "engine/npz.h"
#include "error.h"
#include "text/letters.h"

namespace genmo {
namespace {

constexpr int kLongestWord = 100, kMostRows = 1 << 20;
constexpr double kPlaceBase = 100;
constexpr const char* kFunctionWords[] = {"a",  "an",  "the",  "to",  "of", "his", "her", "its", "their", "them", "he", "she",
                                          "it", "they", "is", "are", "was", "be",  "at",  "on",  "in",    "with", "and"};

uint32_t with_letter(uint32_t hash, char letter) { return (hash ^ static_cast<unsigned char>(letter)) * 0x01000193u; }

uint32_t hash_of(const char* letters, int count, uint32_t seed) {
  uint32_t hash = 0x811c9dc5u ^ seed;
  for (int i = 0; i < count; ++i) hash = with_letter(hash, letters[i]);
  return hash;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// IEEE half precision without infinities or subnormal results of interest: weights lie in 0 to 1.
float from_half(const char* at) {
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (bits >> 15 || exponent == 31) return -1;
  if (exponent == 0) return static_cast<float>(fraction) * 0x1p-24f;
  const uint32_t single = (exponent + 127 - 15) << 23 | fraction << 13;
  float value;
  std::memcpy(&value, &single, 4);
  return value;
}

}  // namespace

genmo_status WordPieces::open(Bytes table, Bytes vocabulary, genmo_error* error) {
  arena_.reserve(table.size + 8 * vocabulary.size);  // a token of seven letters has up to 45 bytes in the tables below
  if (!index(vocabulary)) {
    if (arena_.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for a vocabulary");
    return fail(error, GENMO_BAD_ENGINE, "the vocabulary is not one of distinct tokens with every letter among them");
  }
  const char* vectors = npz_array(table, "vectors", "|i1", int64_t{count_} * kChannels);
  const char* scales = npz_array(table, "scales", "<f4", kChannels);
  const char* weights = npz_array(table, "weights", "<f2", count_);
  if (!vectors || !scales || !weights)
    return fail(error, GENMO_BAD_ENGINE, "text_encoder.npz does not hold the vectors of the %d tokens", count_);
  auto* kept = arena_.get<int8_t>(int64_t{count_} * kChannels);
  auto* units = arena_.get<float>(kChannels);
  auto* shares = arena_.get<float>(count_);
  auto* content = arena_.get<bool>(count_);
  if (arena_.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for the vectors of tokens");
  std::memcpy(kept, vectors, static_cast<size_t>(count_) * kChannels);
  std::memcpy(units, scales, kChannels * sizeof *units);
  for (int32_t row = 0; row < count_; ++row) {
    shares[row] = from_half(weights + 2 * row);
    if (!(shares[row] > 0 && shares[row] <= 1)) return fail(error, GENMO_BAD_ENGINE, "a weight of text_encoder.npz is not in 0 to 1");
    content[row] = true;
  }
  for (const char* word : kFunctionWords) {
    const int32_t row = row_of(word, static_cast<int>(std::strlen(word)), false);
    if (row >= 0) content[row] = false;
  }
  for (int c = 0; c < kChannels; ++c)
    if (!std::isfinite(units[c])) return fail(error, GENMO_BAD_ENGINE, "a scale of text_encoder.npz is not finite");
  vectors_ = kept;
  scales_ = units;
  weights_ = shares;
  content_ = content;
  return GENMO_OK;
}

bool WordPieces::index(Bytes vocabulary) {
  for (size_t i = 0; i < vocabulary.size; ++i) count_ += vocabulary.data[i] == '\n';
  if (count_ < 72 || count_ > kMostRows || vocabulary.data[vocabulary.size - 1] != '\n') return false;
  auto* text = arena_.get<char>(static_cast<int64_t>(vocabulary.size));
  names_ = arena_.get<const char*>(count_);
  for (slot_count_ = 256; slot_count_ < 2 * static_cast<uint32_t>(count_);) slot_count_ *= 2;
  slots_ = arena_.get<Slot>(slot_count_);
  if (arena_.failed()) return false;
  std::memcpy(text, vocabulary.data, vocabulary.size);
  for (int32_t row = 0; row < count_; ++row) {
    names_[row] = text;
    const bool goes_on = text[0] == '#' && text[1] == '#';
    const char* const letters = text += goes_on ? 2 : 0;
    uint32_t hash = hash_of(letters, 0, goes_on);
    for (; *text != '\n'; ++text) {
      if (!is_letter(*text)) return false;
      hash = with_letter(hash, *text);
    }
    const auto length = static_cast<int>(text - letters);
    if (length < 1) return false;
    *text++ = 0;
    Slot& slot = slot_of(letters, length, goes_on, hash);
    if (slot.tokens) return false;
    slot = {hash, row + 1};
  }
  for (const char* letter = "abcdefghijklmnopqrstuvwxyz0123456789"; *letter; ++letter)
    if (row_of(letter, 1, false) < 0 || row_of(letter, 1, true) < 0) return false;
  return true;
}

int32_t WordPieces::row_of(const char* start, int letters, bool goes_on) const {
  return slot_of(start, letters, goes_on, hash_of(start, letters, goes_on)).tokens - 1;
}

// The slot of a token, or the empty one that it would have.
WordPieces::Slot& WordPieces::slot_of(const char* start, int letters, bool goes_on, uint32_t hash) const {
  uint32_t at = hash & (slot_count_ - 1);
  for (; slots_[at].tokens; at = (at + 1) & (slot_count_ - 1)) {
    if (slots_[at].hash != hash) continue;
    const char* name = names_[slots_[at].tokens - 1];
    if ((std::strncmp(name, "##", 2) == 0) != goes_on) continue;
    name += goes_on ? 2 : 0;
    if (std::strncmp(name, start, static_cast<size_t>(letters)) == 0 && name[letters] == 0) break;
  }
  return slots_[at];
}

// Rows of a word: itself, or the longest parts from the left that there are.  `whole`: no letter of it was cut.
int WordPieces::add_word(const char* word, int letters, bool whole, int most, int32_t* rows) const {
  const int32_t all = whole ? row_of(word, letters, false) : -1;
  if (all >= 0 && most > 0) {
    rows[0] = all;
    return 1;
  }
  int found = 0;
  for (int start = 0; start < letters && found < most;) {
    int stop = letters;
    int32_t row;
    while ((row = row_of(word + start, stop - start, start > 0)) < 0) --stop;  // every single letter is there
    rows[found++] = row;
    start = stop;
  }
  return found;
}

int WordPieces::tokenize(const char* prompt, int most, int32_t* rows) const {
  constexpr const char* kDegrees = " degrees ";
  char word[kLongestWord];
  int letters = 0, found = 0;
  bool whole = true;
  const auto take = [&](char letter) {
    if (letter == kMark) return;
    if (letter != kBorder) {
      if (letters < kLongestWord) {
        word[letters++] = letter;
      } else {
        whole = false;
      }
    } else if (letters) {
      found += add_word(word, letters, whole, most - found, rows + found);
      letters = 0;
      whole = true;
    }
  };
  while (*prompt && found < most) {
    const uint32_t code = next_code(prompt);
    if (code == 0xb0) {
      for (const char* c = kDegrees; *c; ++c) take(*c == ' ' ? kBorder : *c);
    } else {
      take(plain_letter(code));
    }
  }
  take(kBorder);
  return found;
}

// The mean of rows by their weights, as long as they are on the mean.
void WordPieces::whole_text(const int32_t* rows, int count, float* mean) const {
  double sums[kChannels] = {}, total = 0, lengths = 0, square = 0;
  for (int i = 0; i < count; ++i) {
    const int8_t* vector = vectors_ + int64_t{rows[i]} * kChannels;
    double sum = 0;
    for (int c = 0; c < kChannels; ++c) {
      const float value = static_cast<float>(vector[c]) * scales_[c];
      sums[c] += static_cast<double>(weights_[rows[i]]) * static_cast<double>(value);
      sum += static_cast<double>(value) * static_cast<double>(value);
    }
    total += static_cast<double>(weights_[rows[i]]);
    lengths += std::sqrt(sum);
  }
  for (double& channel : sums) {
    channel /= total;
    square += channel * channel;
  }
  const double size = std::sqrt(square), scale = lengths / count / (size > 1e-6 ? size : 1e-6);
  for (int c = 0; c < kChannels; ++c) mean[c] = static_cast<float>(sums[c] * scale);
}

int WordPieces::encode(const char* prompt, int most, float* tokens, float* mask) const {
  int32_t rows[kMostTokens];
  std::memset(tokens, 0, static_cast<size_t>(most) * kTextWidth * sizeof *tokens);
  std::memset(mask, 0, static_cast<size_t>(most) * sizeof *mask);
  const int count = tokenize(prompt, kMostTokens, rows), kept = count < most - 1 ? count : most - 1;
  if (count == 0) return 0;
  whole_text(rows, kept, tokens);
  const auto line = [&](int i) { return tokens + (1 + i) * kTextWidth; };
  for (int i = 0; i < kept; ++i)
    for (int c = 0; c < kChannels; ++c)
      line(i)[c] = static_cast<float>(vectors_[int64_t{rows[i]} * kChannels + c]) * scales_[c];
  for (int i = 0, before = -1; i < kept; ++i) {
    if (before >= 0) std::memcpy(line(i) + kChannels, line(before), kContext * sizeof(float));
    if (content_[rows[i]]) before = i;
  }
  for (int i = kept - 1, after = -1; i >= 0; --i) {
    if (after >= 0) std::memcpy(line(i) + kChannels + kContext, line(after), kContext * sizeof(float));
    if (content_[rows[i]]) after = i;
  }
  for (int i = 0; i < kept; ++i)
    for (int k = 0; k < kPlace / 2; ++k) {
      const double angle = i / std::pow(kPlaceBase, 2.0 * k / kPlace);
      line(i)[kTextWidth - kPlace + 2 * k] = static_cast<float>(std::sin(angle));
      line(i)[kTextWidth - kPlace + 2 * k + 1] = static_cast<float>(std::cos(angle));
    }
  for (int i = 0; i <= kept; ++i) mask[i] = 1;
  return kept + 1;
}

}  // namespace genmo
