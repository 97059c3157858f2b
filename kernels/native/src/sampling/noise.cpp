#include "sampling/noise.h"

#include <cmath>

#include "once.h"

namespace genmo {
namespace {

constexpr int kPool = 4, kLayers = 256;
constexpr double kEdge = 3.6541528853610087963519472518;  // where the tail begins
constexpr double kArea = 0.004928673233974658;             // of every layer
constexpr double kUnits = 8388608;                        // 2^23: whole numbers that a layer is drawn from
constexpr uint64_t kMultiplyHigh = 2549297995355413924u, kMultiplyLow = 4865540595714422341u;

// The hash of SeedSequence (O'Neill's seed_seq_fe): entropy into a pool of four words, and numbers out of it.
class Seeds {
 public:
  Seeds(const uint32_t* words, int count) {
    for (int i = 0; i < kPool; ++i) pool_[i] = hashed(i < count ? words[i] : 0);
    for (int from = 0; from < kPool; ++from)
      for (int to = 0; to < kPool; ++to)
        if (from != to) pool_[to] = mixed(pool_[to], hashed(pool_[from]));
    for (int from = kPool; from < count; ++from)
      for (int to = 0; to < kPool; ++to) pool_[to] = mixed(pool_[to], hashed(words[from]));
  }

  void generate(uint64_t* values, int count) const {
    uint32_t constant = 0x8b51f9dd;
    for (int i = 0; i < 2 * count; ++i) {
      uint32_t word = pool_[i % kPool] ^ constant;
      constant *= 0x58f38ded;
      word *= constant;
      word ^= word >> 16;
      values[i / 2] = i % 2 ? values[i / 2] | uint64_t{word} << 32 : word;
    }
  }

 private:
  uint32_t hashed(uint32_t value) {
    value ^= constant_;
    constant_ *= 0x931e8875;
    value *= constant_;
    return value ^ value >> 16;
  }
  static uint32_t mixed(uint32_t x, uint32_t y) {
    const uint32_t value = 0xca01f9dd * x - 0x4973f715 * y;
    return value ^ value >> 16;
  }
  uint32_t pool_[kPool];
  uint32_t constant_ = 0x43b0d7e5;
};

// high : low = (high : low) * multiplier + (step_high : step_low), modulo 2^128.
void advance(uint64_t& high, uint64_t& low, uint64_t step_high, uint64_t step_low) {
  // low * kMultiplyLow in full, by halves: no compiler needs a type of 128 bits
  const uint64_t a = low >> 32, b = low & 0xffffffffu, c = kMultiplyLow >> 32, d = kMultiplyLow & 0xffffffffu;
  const uint64_t middle = (b * d >> 32) + (a * d & 0xffffffffu) + (b * c & 0xffffffffu);
  const uint64_t upper = a * c + (a * d >> 32) + (b * c >> 32) + (middle >> 32);
  high = upper + high * kMultiplyLow + low * kMultiplyHigh + step_high;
  low = low * kMultiplyLow + step_low;
  high += low < step_low;
}

// Of every layer: the share of its width below which a point is surely inside, in units of kUnits; its width over
// kUnits; the density at its right end.
struct Ziggurat {
  uint32_t inside[kLayers];
  float width[kLayers], density[kLayers];
  Ziggurat() {
    double right = kEdge, outer = kEdge;
    const double base = kArea / std::exp(-0.5 * kEdge * kEdge);
    inside[0] = static_cast<uint32_t>(kEdge / base * kUnits + 0.5);
    inside[1] = 0;
    width[0] = static_cast<float>(base / kUnits);
    width[kLayers - 1] = static_cast<float>(kEdge / kUnits);
    density[0] = 1;
    density[kLayers - 1] = static_cast<float>(std::exp(-0.5 * kEdge * kEdge));
    for (int layer = kLayers - 2; layer > 0; --layer) {
      right = std::sqrt(-2 * std::log(kArea / right + std::exp(-0.5 * right * right)));
      inside[layer + 1] = static_cast<uint32_t>(right / outer * kUnits + 0.5);
      width[layer] = static_cast<float>(right / kUnits);
      density[layer] = static_cast<float>(std::exp(-0.5 * right * right));
      outer = right;
    }
  }
};

const Ziggurat& ziggurat() { return made_once<Ziggurat>(); }

}  // namespace

Noise::Noise(uint64_t seed, uint32_t sample) {
  const uint32_t words[] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), sample};
  const uint32_t small[] = {static_cast<uint32_t>(seed), sample};
  uint64_t state[4];
  (seed >> 32 ? Seeds(words, 3) : Seeds(small, 2)).generate(state, 4);
  start(state);
}

Noise::Noise(const uint32_t* words, int count) {
  uint64_t state[4];
  Seeds(words, count).generate(state, 4);
  start(state);
}

void Noise::start(const uint64_t* state) {
  step_high_ = state[2] << 1 | state[3] >> 63;
  step_low_ = state[3] << 1 | 1;
  high_ = low_ = 0;
  advance(high_, low_, step_high_, step_low_);
  low_ += state[1];
  high_ += state[0] + (low_ < state[1]);
  advance(high_, low_, step_high_, step_low_);
}

uint32_t Noise::below(uint32_t count) {
  if (count <= 1) return 0;
  uint32_t mask = 1, value;
  while (mask < count - 1) mask = 2 * mask + 1;
  do value = next32() & mask;
  while (value >= count);
  return value;
}

uint64_t Noise::next64() {
  advance(high_, low_, step_high_, step_low_);
  const uint64_t value = high_ ^ low_;
  const int turn = static_cast<int>(high_ >> 58);
  return turn ? value >> turn | value << (64 - turn) : value;
}

uint32_t Noise::next32() {
  has_half_ = !has_half_;
  if (!has_half_) return half_;
  const uint64_t both = next64();
  half_ = static_cast<uint32_t>(both >> 32);
  return static_cast<uint32_t>(both);
}

float Noise::uniform() { return static_cast<float>(next32() >> 8) * (1.0f / 16777216.0f); }

float Noise::normal() {
  const Ziggurat& z = ziggurat();
  for (;;) {
    const uint32_t bits = next32(), layer = bits & 0xff, place = bits >> 9;
    float value = static_cast<float>(place) * z.width[layer];
    if (bits >> 8 & 1) value = -value;
    if (place < z.inside[layer]) return value;
    if (layer == 0) return tail(place);
    const float height = (z.density[layer - 1] - z.density[layer]) * uniform() + z.density[layer];
    if (static_cast<double>(height) < std::exp(-0.5 * value * value)) return value;
  }
}

float Noise::tail(uint32_t place) {
  constexpr float edge = static_cast<float>(kEdge), inverse = static_cast<float>(1 / kEdge);
  for (;;) {
    const float beyond = -inverse * log1pf(-uniform()), under = -log1pf(-uniform());
    if (under + under > beyond * beyond) return place >> 8 & 1 ? -(edge + beyond) : edge + beyond;
  }
}

void Noise::fill(float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = normal();
}

}  // namespace genmo
