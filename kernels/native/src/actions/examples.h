// Short motions that an engine has of what is done seldom, found by what a text says.  Twins: runtime/actions/examples.py,
// runtime/engine/example_file.py and runtime/motion/packed.py.
#pragma once

#include "motion/clip.h"
#include "text/reader.h"

namespace genmo {

inline constexpr int kExampleFrames = 120;

// Frames of an example.
struct Stretch {
  int example;
  int64_t start;
  bool mirrored;
};

class Examples {
 public:
  // Of the file of an engine, which is copied; `said`: the traits that its reader of texts knows.
  genmo_status open(Bytes file, const TraitNames& said, genmo_error* error);

  bool is_open() const { return rows_ > 0; }
  void close();

  // Writes the stretches for so many frames that do most of what is said, at most one an example, the best first; how many there are.
  // `weights` [texts] of the reader's traits each.
  int nearest(const float* const* weights, int texts, int64_t frames, Pool& pool, Stretch* found, int most) const;

  // A stretch as a motion of at most so many frames, of the mean body; the example begins over the origin and looks along +z.
  Clip motion(const Stretch& stretch, int64_t frames, Pool& pool) const;

 private:
  bool read(Bytes file, const TraitNames& said);
  bool are_stretches_right() const;
  Clip unpacked(int example, Pool& pool) const;

  Arena arena_;
  TraitNames names_;
  const int* said_rows_ = nullptr;  // [names] in the reader; -1: it has no such trait
  int64_t rows_ = 0, count_ = 0, bytes_ = 0;  // stretches, examples, bytes of a row of `does_`
  const uint16_t* example_ = nullptr;         // [stretches]
  const uint8_t *start_ = nullptr, *length_ = nullptr, *does_ = nullptr;  // [stretches]; the last a bit a trait, the highest first
  const int16_t* coefficients_ = nullptr;     // [kKept, channels, examples] of cosines
};

}  // namespace genmo
