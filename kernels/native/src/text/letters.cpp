#include "text/letters.h"

#include <cstddef>

namespace genmo {
namespace {

struct Range {
  uint32_t first, last;
};

struct Accented {
  uint16_t code;
  char letter;
};

#include "text/letters.inc"

template <size_t N>
bool inside(const Range (&ranges)[N], uint32_t code) {
  size_t low = 0, high = N;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (code > ranges[middle].last) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < N && code >= ranges[low].first;
}

}  // namespace

char plain_letter(uint32_t code) {
  if (code < 0x80) {
    if (code >= 'A' && code <= 'Z') return static_cast<char>(code | 32);
    const bool kept = (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9');
    return kept ? static_cast<char>(code) : kBorder;
  }
  size_t low = 0, high = sizeof kAccented / sizeof *kAccented;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (code > kAccented[middle].code) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < sizeof kAccented / sizeof *kAccented && kAccented[low].code == code) return kAccented[low].letter;
  return inside(kMarks, code) ? kMark : kBorder;
}

uint32_t next_code(const char*& text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text);
  const int more = *at < 0x80 ? 0 : *at >= 0xc2 && *at < 0xe0 ? 1 : (*at & 0xf0) == 0xe0 ? 2 : *at >= 0xf0 && *at < 0xf5 ? 3 : -1;
  ++text;
  if (more <= 0) return more ? 0xfffd : *at;
  uint32_t code = *at & (0x3f >> more);
  for (int k = 1; k <= more; ++k) {
    if ((at[k] & 0xc0) != 0x80) return 0xfffd;
    code = code << 6 | (at[k] & 0x3f);
  }
  const bool wrong = (more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
                     (more == 3 && (code < 0x10000 || code > 0x10ffff));
  if (wrong) return 0xfffd;
  text += more;
  return code;
}

bool is_word_code(uint32_t code) {
  if (code < 0x80) return plain_letter(code) != kBorder || code == '_';
  // beyond ASCII: letters of Latin and what is above general punctuation, symbols and arrows; no accent
  if (code < 0xc0) return code == 0xaa || code == 0xb2 || code == 0xb3 || code == 0xb5 || (code >= 0xb9 && code <= 0xba) || (code >= 0xbc && code <= 0xbe);
  if (code == 0xd7 || code == 0xf7) return false;
  if (code >= 0x2000 && code < 0x2c00) return false;
  return !(code >= 0x2e00 && code < 0x3040) && code < 0xd800 && !inside(kMarks, code);
}

bool is_space_code(uint32_t code) {
  return (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20) || code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
         code == 0x3000;
}

}  // namespace genmo
