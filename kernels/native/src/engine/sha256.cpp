#include "engine/sha256.h"

#include <cstdint>
#include <cstring>

#include "engine/sha256_lanes.h"
#include "isa.h"
#include "once.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace genmo {
namespace {

uint32_t turned(uint32_t x, int bits) { return (x >> bits) | (x << (32 - bits)); }

// The first 32 bits of the fractional part of a prime's square or cube root.
struct Constants {
  uint32_t start[8], round[64];
  Constants() {
    int found = 0;
    for (uint32_t n = 2; found < 64; ++n) {
      bool prime = true;
      for (uint32_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      if (found < 8) start[found] = root(n, 2);
      round[found++] = root(n, 3);
    }
  }
  // floor(2^32 n^(1/power)) without its whole part, by bisection in whole numbers: no rounding.
  static uint32_t root(uint32_t n, int power) {
    uint64_t low = 0, high = uint64_t{20} << 32;
    while (high - low > 1) {
      const uint64_t middle = low + (high - low) / 2;
      (at_most(middle, n, power) ? low : high) = middle;
    }
    return static_cast<uint32_t>(low);
  }
  // Whether (x / 2^32)^power <= n: x^power against n 2^(32 power), in 32-bit limbs.
  static bool at_most(uint64_t x, uint32_t n, int power) {
    uint32_t product[8] = {1};
    for (int k = 0; k < power; ++k) {
      uint32_t next[8] = {};
      for (int part = 0; part < 2; ++part) {
        const uint64_t factor = part ? x >> 32 : x & 0xffffffffu;
        uint64_t carry = 0;
        for (int limb = 0; limb + part < 8; ++limb) {
          carry += product[limb] * factor + next[limb + part];
          next[limb + part] = static_cast<uint32_t>(carry);
          carry >>= 32;
        }
      }
      std::memcpy(product, next, sizeof next);
    }
    for (int limb = 7; limb >= 0; --limb) {
      const uint32_t wanted = limb == power ? n : 0;
      if (product[limb] != wanted) return product[limb] < wanted;
    }
    return true;
  }
};

const Constants& constants() { return made_once<Constants>(); }

// One round; the caller turns the names of the eight words instead of moving them.
inline void advance(uint32_t a, uint32_t b, uint32_t c, uint32_t& d, uint32_t e, uint32_t f, uint32_t g, uint32_t& h, uint32_t word) {
  const uint32_t first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + word;
  d += first;
  h = first + (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

void absorb(uint32_t hash[8], const unsigned char* data, size_t blocks) {
  const uint32_t* round = constants().round;
  for (; blocks > 0; --blocks, data += 64) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; ++i)
      w[i] = uint32_t{data[4 * i]} << 24 | uint32_t{data[4 * i + 1]} << 16 | uint32_t{data[4 * i + 2]} << 8 | data[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
      const uint32_t early = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t late = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + early + w[i - 7] + late;
    }
    std::memcpy(s, hash, sizeof s);
    for (int i = 0; i < 64; i += 8)
      for (int k = 0; k < 8; ++k)
        advance(s[(8 - k) % 8], s[(9 - k) % 8], s[(10 - k) % 8], s[(11 - k) % 8], s[(12 - k) % 8], s[(13 - k) % 8],
                s[(14 - k) % 8], s[(15 - k) % 8], round[i + k] + w[i + k]);
    for (int i = 0; i < 8; ++i) hash[i] += s[i];
  }
}

#if defined(__x86_64__)
// The processor's own rounds, four at a time: words in the order that SHA256RNDS2 wants.
__attribute__((target("sha,sse4.1,ssse3"))) void absorb_with_sha(uint32_t hash[8], const unsigned char* data, size_t blocks) {
  const auto* round = reinterpret_cast<const __m128i*>(constants().round);
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(hash)), high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(hash + 4));
  const __m128i badc = _mm_shuffle_epi32(low, 0xb1), hgfe = _mm_shuffle_epi32(high, 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
  for (; blocks > 0; --blocks, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 16; ++i) {
      __m128i& now = w[i % 4];
      if (i < 4) {
        now = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data) + i), swap);
      } else {
        const __m128i middle = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
        now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), middle), w[(i + 3) % 4]);
      }
      const __m128i sum = _mm_add_epi32(now, _mm_loadu_si128(round + i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(hash), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(hash + 4), _mm_alignr_epi8(dchg, feba, 8));
}

struct Processor {
  bool has_sha;
  Processor() {
    unsigned a, b, c, d;
    has_sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) && (c >> 9 & 1);
  }
};

bool has_sha() { return made_once<Processor>().has_sha; }

void absorb_best(uint32_t hash[8], const unsigned char* data, size_t blocks) { (has_sha() ? absorb_with_sha : absorb)(hash, data, blocks); }
#else
constexpr bool has_sha() { return false; }
void absorb_best(uint32_t hash[8], const unsigned char* data, size_t blocks) { absorb(hash, data, blocks); }
#endif

void digest_of(const void* data, size_t bytes, unsigned char digest[32]) {
  uint32_t hash[8];
  std::memcpy(hash, constants().start, sizeof hash);
  const auto* at = static_cast<const unsigned char*>(data);
  const size_t whole = bytes / 64, rest = bytes % 64;
  absorb_best(hash, at, whole);
  unsigned char last[128] = {};
  if (rest) std::memcpy(last, at + 64 * whole, rest);
  last[rest] = 0x80;
  const size_t length = rest < 56 ? 64 : 128;
  for (int i = 0; i < 8; ++i) last[length - 1 - static_cast<size_t>(i)] = static_cast<unsigned char>(uint64_t{bytes} * 8 >> (8 * i));
  absorb_best(hash, last, length / 64);
  for (int i = 0; i < 32; ++i) digest[i] = static_cast<unsigned char>(hash[i / 4] >> (24 - 8 * (i % 4)));
}

}  // namespace

void sha256(const void* data, size_t bytes, char hex[65]) {
  unsigned char digest[32];
  digest_of(data, bytes, digest);
  for (int i = 0; i < 64; ++i) hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
  hex[64] = 0;
}

size_t piece_count(size_t bytes, size_t piece) { return bytes / piece + (bytes % piece != 0); }

void sha256_of_pieces(const void* data, size_t bytes, size_t piece, unsigned char* digests, char hex[65]) {
  const auto* at = static_cast<const unsigned char*>(data);
  const PieceDigests& several = *isa().pieces;
  // Eight lanes take longer than the processor's own rounds, sixteen less.
  const size_t lanes = several.lanes >= (has_sha() ? 16 : 1) ? static_cast<size_t>(several.lanes) : 0;
  unsigned char* next = digests;
  for (size_t left = bytes; left > 0;) {
    const size_t taken = lanes && left / lanes >= piece ? lanes * piece : left < piece ? left : piece;
    if (taken > piece) {
      several.digest(at, piece, constants().start, constants().round, next);
    } else {
      digest_of(at, taken, next);
    }
    next += taken > piece ? 32 * lanes : 32;
    at += taken;
    left -= taken;
  }
  sha256(digests, 32 * piece_count(bytes, piece), hex);
}

}  // namespace genmo
