// Triangles to pixels: the nearest of each pixel, or only whether there is one.
#include <algorithm>
#include <cmath>
#include <limits>

#include "error.h"
#include "memory.h"

namespace genmo {
namespace {

constexpr int32_t kMostPixels = 1 << 15;  // a side of a picture
constexpr double kEdge = -1e-9;           // a centre on an edge belongs to both triangles
constexpr double kFlat = 1e-9;            // a triangle of less area covers nothing

// Calls visit(pixel, shares) for each pixel whose centre lies in the triangle `corners` [3, 2].
template <typename Visit>
inline void covered(const double* corners, int32_t width, int32_t height, Visit visit) {
  const double *a = corners, *b = corners + 2, *c = corners + 4;
  const double area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  if (!(std::fabs(area) > kFlat)) return;
  const auto low = [](double x, double y, double z) { return std::max(std::floor(std::min({x, y, z})), 0.0); };
  const auto high = [](double x, double y, double z, int32_t most) {
    return std::min(std::ceil(std::max({x, y, z})), static_cast<double>(most));
  };
  const double left = low(a[0], b[0], c[0]), top = low(a[1], b[1], c[1]);
  const double right = high(a[0], b[0], c[0], width), bottom = high(a[1], b[1], c[1], height);
  double across[3], down[3], constant[3];
  for (int k = 0; k < 3; ++k) {
    const double *p = corners + 2 * ((k + 1) % 3), *q = corners + 2 * ((k + 2) % 3);
    across[k] = (q[1] - p[1]) / area;
    down[k] = (q[0] - p[0]) / area;
    constant[k] = across[k] * p[0] - down[k] * p[1];
  }
  for (double y = top; y < bottom; y += 1) {
    for (double x = left; x < right; x += 1) {
      double share[3];
      for (int k = 0; k < 3; ++k) share[k] = down[k] * (y + 0.5) - across[k] * (x + 0.5) + constant[k];
      if (share[0] >= kEdge && share[1] >= kEdge && share[2] >= kEdge) {
        visit(static_cast<int64_t>(y) * width + static_cast<int64_t>(x), share);
      }
    }
  }
}

bool bad_size(int32_t width, int32_t height, int64_t faces) {
  return width < 1 || height < 1 || width > kMostPixels || height > kMostPixels || faces < 0;
}

// Each pixel of `image` [height, width, 4] the mean of its block: colour times coverage, and coverage.
void average(const float* large, const double* depth, int32_t width, int32_t height, int32_t smooth, float* image) {
  const float part = 1.0f / static_cast<float>(smooth * smooth);
  const int64_t wide = static_cast<int64_t>(width) * smooth;
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      float sum[4] = {0, 0, 0, 0};
      for (int32_t row = 0; row < smooth; ++row) {
        for (int32_t column = 0; column < smooth; ++column) {
          const int64_t pixel = (static_cast<int64_t>(y) * smooth + row) * wide + static_cast<int64_t>(x) * smooth + column;
          if (!std::isfinite(depth[pixel])) continue;
          for (int k = 0; k < 3; ++k) sum[k] += large[3 * pixel + k];
          sum[3] += 1;
        }
      }
      for (int k = 0; k < 4; ++k) image[4 * (static_cast<int64_t>(y) * width + x) + k] = part * sum[k];
    }
  }
}

}  // namespace
}  // namespace genmo

extern "C" genmo_status genmo_draw_triangles(int32_t width, int32_t height, int32_t smooth, int64_t faces,
                                             const double* corners, const double* depth, const double* colors,
                                             float* image, genmo_error* error) {
  using genmo::fail;
  if (smooth < 1 || smooth > 8 || genmo::bad_size(width, height, faces) ||
      genmo::bad_size(width * smooth, height * smooth, faces)) {
    return fail(error, GENMO_BAD_ARGUMENT, "a picture of %d x %d, %d times as fine; wanted 1 to %d pixels a side, 1 to 8",
                width, height, smooth, genmo::kMostPixels);
  }
  if (corners == nullptr || depth == nullptr || colors == nullptr || image == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL");
  }
  const int64_t pixels = static_cast<int64_t>(width) * smooth * height * smooth;
  genmo::Arena arena;
  auto* nearest = arena.get<double>(pixels);
  auto* large = arena.get<float>(3 * pixels);
  if (!nearest || !large) return fail(error, GENMO_NO_MEMORY, "no memory for %lld pixels", static_cast<long long>(pixels));
  std::fill_n(nearest, pixels, std::numeric_limits<double>::infinity());
  for (int64_t face = 0; face < faces; ++face) {
    const double *away = depth + 3 * face, *color = colors + 9 * face;
    genmo::covered(corners + 6 * face, width * smooth, height * smooth, [&](int64_t pixel, const double* share) {
      const double weight[3] = {share[0] / away[0], share[1] / away[1], share[2] / away[2]};
      const double here = 1 / (weight[0] + weight[1] + weight[2]);
      const size_t at = static_cast<size_t>(pixel);
      if (!(here <= nearest[at])) return;
      nearest[at] = here;
      for (size_t k = 0; k < 3; ++k) {
        large[3 * at + k] =
            static_cast<float>(here * (weight[0] * color[k] + weight[1] * color[3 + k] + weight[2] * color[6 + k]));
      }
    });
  }
  genmo::average(large, nearest, width, height, smooth, image);
  return GENMO_OK;
}

extern "C" genmo_status genmo_draw_coverage(int32_t width, int32_t height, int64_t faces, const double* corners,
                                            uint8_t* mask, genmo_error* error) {
  if (genmo::bad_size(width, height, faces)) {
    return genmo::fail(error, GENMO_BAD_ARGUMENT, "a picture of %d x %d; wanted 1 to %d pixels a side", width, height,
                       genmo::kMostPixels);
  }
  if (corners == nullptr || mask == nullptr) return genmo::fail(error, GENMO_BAD_ARGUMENT, "an array is NULL");
  std::fill_n(mask, static_cast<int64_t>(width) * height, uint8_t{0});
  for (int64_t face = 0; face < faces; ++face) {
    genmo::covered(corners + 6 * face, width, height, [&](int64_t pixel, const double*) { mask[pixel] = 1; });
  }
  return GENMO_OK;
}
