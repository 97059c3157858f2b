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
  return entries_are_apart(p.out, p) ? GENMO_OK : GENMO_BAD_STRIDE;
}

}  // namespace genmo
