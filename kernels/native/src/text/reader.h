// What a text says of a motion, trait by trait.  Twin: runtime/engine/text_reader.py.
#pragma once

#include "engine/npz.h"
#include "text/wordpiece.h"
#include "pool.h"

namespace genmo {

// The names of traits, one in a line.
class TraitNames {
 public:
  // False where they are none, twice the same, or one has no mirror image.
  bool open(const Npy& text, Arena& arena);

  int count() const { return count_; }
  const char* name(int row) const { return names_[row]; }
  int mirror(int row) const { return mirrors_[row]; }  // the row of its mirror image
  int trait(int row) const { return traits_[row]; }    // see trait_of
  int row_of(const char* name) const;                   // -1: it is not among them

 private:
  int count_ = 0;
  const char** names_ = nullptr;
  int *mirrors_ = nullptr, *traits_ = nullptr;
};

class TextReader {
 public:
  // Of the file of an engine, which is copied.
  genmo_status open(Bytes file, genmo_error* error);

  void close() { arena_.clear(); }

  const TraitNames& names() const { return names_; }

  // `weights` [names]: how much a motion that has the trait agrees with the text, more than one that has it not.  Answers by how much
  // motions whose traits are as the log odds have them agree with it more than any motions do; 0 for a text without a word.  `text_tokens`: that the engine reads.
  double read(const WordPieces& words, int text_tokens, const char* prompt, Pool& pool, float* weights) const;

 private:
  // values @ weights * scales + bias
  struct Layer {
    int64_t inputs = 0, outputs = 0;
    const int8_t* weights = nullptr;
    const float *scales = nullptr, *bias = nullptr;
    void run(const float* values, float* out, bool rectified) const;
  };

  bool read_layer(Bytes file, const char* name, int64_t inputs, Layer& layer);
  bool log_odds(const WordPieces& words, int text_tokens, const char* prompt, Pool& pool, float* odds) const;

  Arena arena_;
  TraitNames names_;
  Layer tokens_, text_, traits_;
  const float *usual_ = nullptr, *trust_ = nullptr;  // [names] log odds whatever the text; what each counts for
};

// The prompt with left and right exchanged; a pool's.
const char* exchanged(const char* prompt, Pool& pool);

}  // namespace genmo
