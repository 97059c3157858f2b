// What a character of Unicode is to the tokenizer: a letter or digit of ASCII, nothing, or a border between words.
#pragma once

#include <cstdint>

namespace genmo {

// 'a' to 'z' or '0' to '9' for what is one in lower case and without accents; kMark for accents, which disappear; kBorder else.
inline constexpr char kMark = 1, kBorder = 0;
char plain_letter(uint32_t code);

// The next code point of UTF-8 text that ends with a 0; moves `text` on.  What is no UTF-8 is U+FFFD, byte by byte.
uint32_t next_code(const char*& text);

// Whether it is a letter, digit or underscore, and whether it is a space, to the patterns of text/order.cpp.
bool is_word_code(uint32_t code);
bool is_space_code(uint32_t code);

}  // namespace genmo
