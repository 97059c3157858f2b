// The checks that every launcher shares.
#pragma once

#include <cmath>
#include <initializer_list>

#include "genmo/window_attention.h"

namespace genmo {

// A row is `channels` long, so a frame stride below that would make rows overlap. Reading overlapping or
// repeated heads and batch entries is harmless (stride 0 broadcasts); writing them is not.
inline bool rows_are_apart(const GenmoStrides& strides, const GenmoWindowAttention& problem) {
  return problem.frames == 1 || strides.frame >= problem.channels;
}

inline bool entries_are_apart(const GenmoStrides& strides, const GenmoWindowAttention& problem) {
  return (problem.heads == 1 || strides.head >= problem.channels) &&
         (problem.batch == 1 || strides.batch >= problem.channels);
}

// Elements from the first half of a row to its second.
inline std::int64_t half_of(std::int64_t stated, const GenmoWindowAttention& problem) {
  return stated ? stated : problem.channels / 2;
}

inline bool rotary_is_sound(const GenmoRotary& rotary, const GenmoWindowAttention& problem) {
  if (!rotary.cos && !rotary.sin) return true;
  if (!rotary.cos || !rotary.sin || problem.channels % 2) return false;
  if (problem.frames > 1 && rotary.stride < problem.channels / 2) return false;
  if (rotary.pairing == GENMO_INTERLEAVED) return rotary.q_half == 0 && rotary.k_half == 0;
  return rotary.pairing == GENMO_HALVES && half_of(rotary.q_half, problem) >= problem.channels / 2 &&
         half_of(rotary.k_half, problem) >= problem.channels / 2;
}

inline int check(const GenmoWindowAttention* problem, const void* q, const void* k, const void* v,
                 const void* out) {
  if (!problem || !q || !k || !v || !out) return GENMO_NULL_POINTER;
  const GenmoWindowAttention& p = *problem;
  if (p.batch < 1 || p.heads < 1 || p.frames < 1 || p.channels < 1) return GENMO_BAD_SIZE;
  if (p.window < 1) return GENMO_BAD_WINDOW;
  if (!std::isfinite(p.scale)) return GENMO_BAD_SCALE;
  for (const GenmoStrides* strides : {&p.q, &p.k, &p.v, &p.out}) {
    if (!rows_are_apart(*strides, p)) return GENMO_BAD_STRIDE;
  }
  if (!entries_are_apart(p.out, p)) return GENMO_BAD_STRIDE;
  return rotary_is_sound(p.rotary, p) ? GENMO_OK : GENMO_BAD_ROTARY;
}

}  // namespace genmo
