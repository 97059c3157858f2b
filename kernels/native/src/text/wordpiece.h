// Texts as the rows that the network reads: WordPiece tokens with distilled vectors.  Twin: runtime/engine/text_wordpiece.py.
#pragma once

#include "engine/files.h"
#include "genmo/genmo.h"
#include "memory.h"

namespace genmo {

inline constexpr int kChannels = 104, kContext = 32, kPlace = 24, kTextWidth = kChannels + 2 * kContext + kPlace;

class WordPieces {
 public:
  // Of the two files of an engine, which are copied.
  genmo_status open(Bytes table, Bytes vocabulary, genmo_error* error);

  // `tokens` [most, kTextWidth] and `mask` [most] of a text, 0 behind the last; how many there are, 0: no word in it.
  // At most kMostTokens.
  int encode(const char* prompt, int most, float* tokens, float* mask) const;

  static constexpr int kMostTokens = 4096;

 private:
  int tokenize(const char* prompt, int most, int32_t* rows) const;
  int add_word(const char* word, int letters, bool whole, int most, int32_t* rows) const;
  int32_t row_of(const char* start, int letters, bool goes_on) const;
  struct Slot {
    uint32_t hash;
    int32_t tokens;  // up to this one: its row and one; 0: empty
  };
  Slot& slot_of(const char* start, int letters, bool goes_on, uint32_t hash) const;
  bool index(Bytes vocabulary);
  void whole_text(const int32_t* rows, int count, float* mean) const;

  Arena arena_;
  const char** names_ = nullptr;  // [count] tokens, "##" before one that goes on with a word
  Slot* slots_ = nullptr;         // a hash table of rows
  uint32_t slot_count_ = 0;
  int32_t count_ = 0;
  const int8_t* vectors_ = nullptr;  // [count, kChannels] in units of scales_
  const float* scales_ = nullptr;    // [kChannels]
  const float* weights_ = nullptr;   // [count] share in the mean of a text
  const bool* content_ = nullptr;    // [count] no function word
};

}  // namespace genmo
