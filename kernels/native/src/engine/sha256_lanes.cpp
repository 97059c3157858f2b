// SHA-256 of several pieces of a file at once, one in each lane; compiled once for each instruction set whose lanes are worth it.
#include "engine/sha256_lanes.h"

#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of what GCC's own header leaves undefined
#endif
#include <immintrin.h>
#endif

namespace genmo::GENMO_ISA {

#if defined(__AVX2__)
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif

typedef uint32_t Words __attribute__((vector_size(kLanes * 4)));

#define GENMO_INLINE static inline __attribute__((always_inline))

template <int kBits>
GENMO_INLINE Words turned(Words x) {
  return (x >> kBits) | (x << (32 - kBits));
}

#if defined(__AVX512F__)
template <int kTable>
GENMO_INLINE Words bits_of(Words a, Words b, Words c) {
  return reinterpret_cast<Words>(_mm512_ternarylogic_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b), reinterpret_cast<__m512i>(c), kTable));
}
GENMO_INLINE Words odd(Words a, Words b, Words c) { return bits_of<0x96>(a, b, c); }
GENMO_INLINE Words chosen(Words a, Words b, Words c) { return bits_of<0xca>(a, b, c); }
GENMO_INLINE Words most(Words a, Words b, Words c) { return bits_of<0xe8>(a, b, c); }
#else
GENMO_INLINE Words odd(Words a, Words b, Words c) { return a ^ b ^ c; }
GENMO_INLINE Words chosen(Words a, Words b, Words c) { return c ^ (a & (b ^ c)); }
GENMO_INLINE Words most(Words a, Words b, Words c) { return (a & b) | (c & (a | b)); }
#endif

// Word i of every lane's block of 64 bytes, the first byte highest.
#if defined(__AVX512F__)
GENMO_INLINE void read_blocks(const unsigned char* data, size_t piece, Words w[16]) {
  const __m512i swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  __m512i a[16], b[16];  // transposed by ones, twos, fours and eights
  for (int i = 0; i < 16; ++i) a[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(data + static_cast<size_t>(i) * piece), swap);
  for (int i = 0; i < 16; i += 2) b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]), b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  for (int i = 0; i < 16; i += 4)
    for (int k = 0; k < 2; ++k) a[i + 2 * k] = _mm512_unpacklo_epi64(b[i + k], b[i + k + 2]), a[i + 2 * k + 1] = _mm512_unpackhi_epi64(b[i + k], b[i + k + 2]);
  for (int i = 0; i < 16; i += 8)
    for (int k = 0; k < 4; ++k) b[i + k] = _mm512_shuffle_i32x4(a[i + k], a[i + k + 4], 0x88), b[i + k + 4] = _mm512_shuffle_i32x4(a[i + k], a[i + k + 4], 0xdd);
  for (int i = 0; i < 8; ++i) {
    w[i] = reinterpret_cast<Words>(_mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
    w[i + 8] = reinterpret_cast<Words>(_mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
  }
}
#else
GENMO_INLINE void read_blocks(const unsigned char* data, size_t piece, Words w[16]) {
  uint32_t words[16][kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 16; ++i) memcpy(&words[i][lane], data + static_cast<size_t>(lane) * piece + 4 * i, 4);
  for (int i = 0; i < 16; ++i) {
    Words x;
    memcpy(&x, words[i], sizeof x);
    w[i] = (turned<8>(x) & 0xff00ff00u) | (turned<24>(x) & 0x00ff00ffu);
  }
}
#endif

// One block of every lane; `w` is used up.
GENMO_INLINE void absorb(Words hash[8], Words w[16], const uint32_t* round) {
  Words s[8];
  memcpy(s, hash, sizeof s);
  for (int i = 0; i < 64; i += 16) {
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k) {
      if (i) {
        const Words early = w[(k + 1) % 16], late = w[(k + 14) % 16];
        w[k] += odd(turned<7>(early), turned<18>(early), early >> 3) + w[(k + 9) % 16] + odd(turned<17>(late), turned<19>(late), late >> 10);
      }
      const Words a = s[(16 - k) % 8], b = s[(17 - k) % 8], c = s[(18 - k) % 8], e = s[(20 - k) % 8], f = s[(21 - k) % 8], g = s[(22 - k) % 8];
      Words &d = s[(19 - k) % 8], &h = s[(23 - k) % 8];
      h += odd(turned<6>(e), turned<11>(e), turned<25>(e)) + chosen(e, f, g) + (w[k] + round[i + k]);
      d += h;
      h += odd(turned<2>(a), turned<13>(a), turned<22>(a)) + most(a, b, c);
    }
  }
  for (int i = 0; i < 8; ++i) hash[i] += s[i];
}

void digest_pieces(const unsigned char* data, size_t piece, const uint32_t* start, const uint32_t* round, unsigned char* digests) {
  Words hash[8], w[16];
  for (int i = 0; i < 8; ++i) hash[i] = Words{} + start[i];
  for (size_t at = 0; at < piece; at += 64) {
    read_blocks(data + at, piece, w);
    absorb(hash, w, round);
  }
  for (int i = 0; i < 16; ++i) w[i] = Words{};
  w[0] += 0x80000000u;
  w[14] += static_cast<uint32_t>(uint64_t{piece} >> 29);
  w[15] += static_cast<uint32_t>(uint64_t{piece} << 3);
  absorb(hash, w, round);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < 32; ++i) digests[32 * lane + i] = static_cast<unsigned char>(hash[i / 4][lane] >> (24 - 8 * (i % 4)));
}

}  // namespace

extern const PieceDigests piece_digests;
const PieceDigests piece_digests = {kLanes, digest_pieces};
#else
extern const PieceDigests piece_digests;
const PieceDigests piece_digests = {0, nullptr};
#endif

}  // namespace genmo::GENMO_ISA
