// Standard normal numbers, bit for bit those of numpy.
#pragma once

#include <cstdint>

namespace genmo {

// The generator of `numpy.random.default_rng`: PCG64 (O'Neill 2014, XSL-RR 128/64), seeded by a SeedSequence.
class Noise {
 public:
  Noise(uint64_t seed, uint32_t sample);  // of (seed, sample)
  // Of whole numbers in a row: the lower half first of one that is larger than 32 bits.
  Noise(const uint32_t* words, int count);

  // Writes what `standard_normal(count, np.float32)` answers: the ziggurat of Marsaglia and Tsang 2000 with 256 layers.
  void fill(float* values, int64_t count);

  // The next whole number under `count`, from 1 on, as `permutation` draws them: bits until they are one.
  uint32_t below(uint32_t count);

 private:
  void start(const uint64_t* state);
  uint64_t next64();
  uint32_t next32();
  float uniform();
  float normal();
  float tail(uint32_t bits);

  uint64_t high_, low_, step_high_, step_low_;
  bool has_half_ = false;
  uint32_t half_ = 0;
};

}  // namespace genmo
