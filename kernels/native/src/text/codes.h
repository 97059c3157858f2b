// Texts as code points.
#pragma once

#include <cstdint>
#include <cstring>

#include "pool.h"
#include "text/letters.h"

namespace genmo {

struct Codes {
  const uint32_t* at = nullptr;
  int count = 0;
};

inline Codes cut(Codes text, int start, int end) { return {text.at + start, end - start}; }
inline Codes from(Codes text, int start) { return cut(text, start, text.count); }

inline bool among(uint32_t code, const char* set) { return code < 0x80 && code && std::strchr(set, static_cast<int>(code)); }

// Without codes of `set` at both ends.
inline Codes stripped(Codes text, const char* set) {
  int start = 0, end = text.count;
  while (start < end && among(text.at[start], set)) ++start;
  while (end > start && among(text.at[end - 1], set)) --end;
  return cut(text, start, end);
}

inline Codes without_spaces(Codes text) {
  int start = 0, end = text.count;
  while (start < end && is_space_code(text.at[start])) ++start;
  while (end > start && is_space_code(text.at[end - 1])) --end;
  return cut(text, start, end);
}

// Whether a text begins with a word in lower case of ASCII, whatever its own case.
inline bool begins(Codes text, const char* word) {
  int i = 0;
  for (; i < text.count && word[i]; ++i)
    if ((text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] | 32 : text.at[i]) != static_cast<unsigned char>(word[i])) return false;
  return !word[i];
}

inline bool equals(Codes text, const char* word) {
  return text.count == static_cast<int>(std::strlen(word)) && begins(text, word);
}

// `text` in lower case of ASCII.
inline Codes lowered(Codes text, Pool& pool) {
  auto* made = pool.get<uint32_t>(text.count + 1);
  for (int i = 0; i < text.count; ++i) made[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? text.at[i] | 32 : text.at[i];
  return {made, text.count};
}

// The code points of a text in UTF-8.
inline Codes codes_of(const char* text, Pool& pool) {
  auto* made = pool.get<uint32_t>(static_cast<int64_t>(std::strlen(text)) + 1);
  int count = 0;
  while (*text) made[count++] = next_code(text);
  return {made, count};
}

// The number that digits and at most one point say; one too long for that is large.
inline double decimal(Codes digits) {
  double value = 0, unit = 1;
  bool fraction = false;
  for (int i = 0; i < digits.count; ++i) {
    if (digits.at[i] == '.') {
      fraction = true;
    } else if (value < 1e15) {
      value = value * 10 + static_cast<double>(digits.at[i] - '0');
      unit *= fraction ? 10 : 1;
    }
  }
  return value / unit;
}

inline Codes letters(const char* ascii, Pool& pool) {
  const int count = static_cast<int>(std::strlen(ascii));
  auto* made = pool.get<uint32_t>(count + 1);
  for (int i = 0; i < count; ++i) made[i] = static_cast<unsigned char>(ascii[i]);
  return {made, count};
}

inline Codes joined(Codes before, const char* between, Codes after, Pool& pool) {
  const int middle = static_cast<int>(std::strlen(between));
  auto* made = pool.get<uint32_t>(before.count + middle + after.count + 1);
  if (before.count) std::memcpy(made, before.at, static_cast<size_t>(before.count) * sizeof *made);
  for (int i = 0; i < middle; ++i) made[before.count + i] = static_cast<unsigned char>(between[i]);
  if (after.count) std::memcpy(made + before.count + middle, after.at, static_cast<size_t>(after.count) * sizeof *made);
  return {made, before.count + middle + after.count};
}

}  // namespace genmo
