// The C interface of the fit: checks, scratch, trust in the keypoints, and the shape's own steps.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"
#include "fit_stages.h"
#include "isa.h"

namespace genmo {

FitScratch lay_out(const FitPlan& plan, int64_t frames, void* base) {
  FitScratch s{};
  s.frames = frames;
  s.padded = (frames + kMostLanes - 1) / kMostLanes * kMostLanes;
  s.stride = s.padded + kMostLanes;
  char* at = static_cast<char*>(base);
  size_t bytes = 0;
  const auto take = [&](size_t doubles) {
    double* here = reinterpret_cast<double*>(at == nullptr ? nullptr : at + bytes);
    bytes += (doubles * sizeof(double) + kVecBytes - 1) / kVecBytes * kVecBytes;
    return here;
  };
  const size_t n = static_cast<size_t>(s.padded), joints = static_cast<size_t>(plan.joints);
  const size_t points = static_cast<size_t>(plan.points), free = static_cast<size_t>(plan.free_joints) + 1;
  const size_t parameters = static_cast<size_t>(plan.parameters);
  s.rotations = take(9 * joints * n);
  s.root = take(3 * n);
  s.rays = take(2 * points * n);
  s.weight = take(points * n);
  s.trust = take(n);
  for (double*& changes : s.changes) changes = take(parameters * static_cast<size_t>(s.stride));
  s.before = take(2 * points * n);
  s.after = take(2 * points * n);
  const size_t pose = (9 + 3 + 27) * joints + 9 * static_cast<size_t>(plan.blocks) + 9 * free;
  const size_t shape = 9 * kMaxShape * joints + 3 * kMaxShape * free + kMaxShape * kMaxShape + kMaxShape;
  s.work = take((pose + shape) * kMostLanes);
  s.solved = take(3 * (kMaxShape + 1) * free * n);
  s.bytes = bytes + kVecBytes;  // to start at a multiple of a vector
  return s;
}

namespace {

constexpr int64_t kMostFrames = int64_t{1} << 24;

genmo_status check(const genmo_fit_input* in, genmo_error* error) {
  if (in == nullptr) return fail(error, GENMO_BAD_ARGUMENT, "input is NULL");
  if (in->size != sizeof *in) {
    return fail(error, GENMO_BAD_ARGUMENT, "input->size is %u; wanted %u, of this header", in->size,
                static_cast<unsigned>(sizeof *in));
  }
  if (in->frames < 1 || in->frames > kMostFrames) {
    return fail(error, GENMO_BAD_ARGUMENT, "%lld frames; wanted 1 to %lld", static_cast<long long>(in->frames),
                static_cast<long long>(kMostFrames));
  }
  if (in->rotations == nullptr || in->root == nullptr || in->offsets == nullptr || in->rays == nullptr ||
      in->weight == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array of the input is NULL");
  }
  return GENMO_OK;
}

genmo_status check(const genmo_shape_space* space, genmo_error* error) {
  if (space == nullptr) return fail(error, GENMO_BAD_ARGUMENT, "space is NULL");
  if (space->size != sizeof *space) {
    return fail(error, GENMO_BAD_ARGUMENT, "space->size is %u; wanted %u, of this header", space->size,
                static_cast<unsigned>(sizeof *space));
  }
  if (space->count < 1 || space->count > kMaxShape || space->mean == nullptr || space->components == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "a shape space of %d components; wanted 1 to %d, and its arrays",
                space->count, kMaxShape);
  }
  return GENMO_OK;
}

genmo_status prepare(const genmo_fit_model* model, const genmo_fit_input* input, void* memory, size_t bytes,
                     FitPlan* plan, FitScratch* scratch, genmo_error* error) {
  genmo_status status = make_plan(plan, model, error);
  if (status == GENMO_OK) status = check(input, error);
  if (status != GENMO_OK) return status;
  const size_t wanted = lay_out(*plan, input->frames, nullptr).bytes;
  if (memory == nullptr || bytes < wanted) {
    return fail(error, GENMO_BAD_ARGUMENT, "%zu bytes of scratch; wanted %zu (genmo_fit_scratch)",
                memory == nullptr ? size_t{0} : bytes, wanted);
  }
  const uintptr_t start = (reinterpret_cast<uintptr_t>(memory) + kVecBytes - 1) / kVecBytes * kVecBytes;
  *scratch = lay_out(*plan, input->frames, reinterpret_cast<void*>(start));
  return GENMO_OK;
}

// Keeps `rising` so; a NaN stays out, as it does of numpy's nanmedian.
void insert(double* rising, int* count, double value) {
  if (std::isnan(value)) return;
  int at = (*count)++;
  for (; at > 0 && rising[at - 1] > value; --at) rising[at] = rising[at - 1];
  rising[at] = value;
}

// The median over the visible points of how much their residuals change within `lag` frames, in point spreads; `typical`
// and `measured` [frames - lag].
void changes_of_residuals(const genmo_fit_model& m, const FitPlan& plan, const genmo_fit_input& in,
                          const double* residual, double* typical, double* measured) {
  for (int64_t f = 0; f + m.lag < in.frames; ++f) {
    const double* now = residual + f * 2 * plan.points;
    const double* then = residual + (f + m.lag) * 2 * plan.points;
    double change[kMaxPoints];
    int count = 0;
    for (int p = m.first_trusted; p < plan.points; ++p) {
      if (!(in.weight[f * plan.points + p] > 0) || !(in.weight[(f + m.lag) * plan.points + p] > 0)) continue;
      const double x = (then[2 * p] - now[2 * p]) / m.point_spread[p];
      const double y = (then[2 * p + 1] - now[2 * p + 1]) / m.point_spread[p];
      insert(change, &count, std::sqrt((x * x + y * y) / 2));
    }
    measured[f] = count > 0 ? 1 : 0;
    typical[f] = 0;
    if (count > 0) {
      typical[f] = (change[(count - 1) / 2] + change[count / 2]) / 2;
    }
  }
}

// Those averaged over `averaged` frames on each side, [frames]; `sums` [2, frames + 1] is scratch.
void average_change(const genmo_fit_model& m, const FitPlan& plan, const genmo_fit_input& in, const double* residual,
                    double* sums, double* out) {
  const int64_t count = in.frames - m.lag;
  double *typical = sums, *measured = sums + in.frames + 1;
  changes_of_residuals(m, plan, in, residual, typical + 1, measured + 1);
  typical[0] = measured[0] = 0;
  for (int64_t f = 1; f <= count; ++f) {
    typical[f] += typical[f - 1];
    measured[f] += measured[f - 1];
  }
  for (int64_t f = 0; f < in.frames; ++f) {
    const int64_t middle = f - m.lag / 2;  // a change belongs to the middle of its two frames
    const int64_t low = std::clamp<int64_t>(middle - m.averaged, 0, count);
    const int64_t high = std::clamp<int64_t>(middle + m.averaged + 1, 0, count);
    out[f] = (typical[high] - typical[low]) / std::max(measured[high] - measured[low], 1.0);
  }
}

// Trust [frames] into `before`; false where all of it is full.
bool trust(const genmo_fit_model& m, const FitPlan& plan, const genmo_fit_input& in, const double* rotations,
           const double* root, const FitScratch& s) {
  const IsaTable& table = isa();
  double *was = s.changes[0], *left = was + in.frames, *sums = s.changes[1];  // not in use between two fits
  table.fit_residuals(plan, in, in.rotations, in.root, s, s.before);
  table.fit_residuals(plan, in, rotations, root, s, s.after);
  average_change(m, plan, in, s.before, sums, was);
  average_change(m, plan, in, s.after, sums, left);
  bool less = false;
  for (int64_t f = 0; f < in.frames; ++f) {
    const double before = std::max(was[f], 1e-9), after = std::max(left[f], 1e-9);
    const double fits = m.fits / after, explained = m.explained * before / after;
    const double squared = explained * explained;
    double value = std::clamp(std::max(fits * fits, squared * squared), m.least_trust, 1.0);
    if (value > m.full_trust) value = 1;
    s.before[f] = value;
    less |= value != 1;
  }
  return less;
}

// Solves a symmetric positive definite system [n, n] in place of b; false where it is none.
bool solve_dense(int n, double (*a)[kMaxShape], double* b) {
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = a[i][j];
      for (int k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
      if (i == j && !(sum > 0)) return false;
      a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
    }
  }
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (int i = n - 1; i >= 0; --i) {
    for (int k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return true;
}

void offsets_of(const FitPlan& plan, const genmo_shape_space& space, const double* betas, double* offsets) {
  for (int i = 0; i < 3 * plan.joints; ++i) {
    offsets[i] = space.mean[i];
    for (int k = 0; k < space.count; ++k) offsets[i] += betas[k] * space.components[k * 3 * plan.joints + i];
  }
}

}  // namespace
}  // namespace genmo

using genmo::fail;

extern "C" {

genmo_status genmo_fit_scratch(const genmo_fit_model* model, int64_t frames, size_t* bytes, genmo_error* error) {
  genmo::FitPlan plan;
  const genmo_status status = genmo::make_plan(&plan, model, error);
  if (status != GENMO_OK) return status;
  if (bytes == nullptr || frames < 1 || frames > genmo::kMostFrames) {
    return fail(error, GENMO_BAD_ARGUMENT, "%lld frames; wanted 1 to %lld, and a place for the bytes",
                static_cast<long long>(frames), static_cast<long long>(genmo::kMostFrames));
  }
  *bytes = genmo::lay_out(plan, frames, nullptr).bytes;
  return GENMO_OK;
}

genmo_status genmo_fit_pose(const genmo_fit_model* model, const genmo_fit_input* input, int32_t iterations,
                            double* rotations, double* root, void* scratch, size_t scratch_bytes, genmo_error* error) {
  genmo::FitPlan plan;
  genmo::FitScratch s;
  const genmo_status status = genmo::prepare(model, input, scratch, scratch_bytes, &plan, &s, error);
  if (status != GENMO_OK) return status;
  if (rotations == nullptr || root == nullptr || iterations < 0 || iterations > 1000) {
    return fail(error, GENMO_BAD_ARGUMENT, "%d iterations; wanted 0 to 1000, and arrays for the answer", iterations);
  }
  const genmo::IsaTable& table = genmo::isa();
  bool sound = table.fit_pose(plan, *input, nullptr, iterations, s, rotations, root);
  if (sound && input->frames > 2 * int64_t{model->lag} && genmo::trust(*model, plan, *input, rotations, root, s)) {
    sound = table.fit_pose(plan, *input, s.before, iterations, s, rotations, root);
  }
  return sound ? GENMO_OK : fail(error, GENMO_SINGULAR, "a frame's equations have no solution");
}

genmo_status genmo_shape_equations(const genmo_fit_model* model, const genmo_fit_input* input,
                                   const genmo_shape_space* space, double* hessian, double* slope, void* scratch,
                                   size_t scratch_bytes, genmo_error* error) {
  genmo::FitPlan plan;
  genmo::FitScratch s;
  genmo_status status = genmo::prepare(model, input, scratch, scratch_bytes, &plan, &s, error);
  if (status == GENMO_OK) status = genmo::check(space, error);
  if (status != GENMO_OK) return status;
  if (hessian == nullptr || slope == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "hessian or slope is NULL; wanted arrays for the answer");
  }
  const genmo::IsaTable& table = genmo::isa();
  genmo::ShapeSums sums{};
  table.shape_start(plan, *input, s);
  if (!table.shape_equations(plan, input->offsets, space->count, space->components, true, s, &sums)) {
    return fail(error, GENMO_SINGULAR, "a frame's equations have no solution");
  }
  const double share = 1 / static_cast<double>(input->frames);
  for (int k = 0; k < space->count; ++k) {
    slope[k] = share * sums.slope[k];
    for (int l = 0; l < space->count; ++l) hessian[k * space->count + l] = share * sums.hessian[k][l];
  }
  return GENMO_OK;
}

genmo_status genmo_fit_shape(const genmo_fit_model* model, const genmo_fit_input* input, const genmo_shape_space* space,
                             const double* betas, double most_weight, int32_t iterations, double* fitted, void* scratch,
                             size_t scratch_bytes, genmo_error* error) {
  genmo::FitPlan plan;
  genmo::FitScratch s;
  genmo_status status = genmo::prepare(model, input, scratch, scratch_bytes, &plan, &s, error);
  if (status == GENMO_OK) status = genmo::check(space, error);
  if (status != GENMO_OK) return status;
  if (betas == nullptr || fitted == nullptr || iterations < 0 || iterations > 1000 || !(most_weight > 0)) {
    return fail(error, GENMO_BAD_ARGUMENT, "%d iterations; wanted 0 to 1000, a positive weight, and betas", iterations);
  }
  const genmo::IsaTable& table = genmo::isa();
  const int count = space->count;
  double now[genmo::kMaxShape], offsets[3 * genmo::kMaxJoints];
  std::copy_n(betas, count, now);
  table.shape_start(plan, *input, s);
  const double frames = static_cast<double>(input->frames), share = std::min(frames, most_weight) / frames;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    genmo::ShapeSums sums{};
    genmo::offsets_of(plan, *space, now, offsets);
    bool sound = table.shape_equations(plan, offsets, count, space->components, false, s, &sums);
    double change[genmo::kMaxShape];
    for (int k = 0; k < count; ++k) {
      change[k] = -share * sums.slope[k] - (now[k] - betas[k]);
      for (int l = 0; l < count; ++l) sums.hessian[k][l] = share * sums.hessian[k][l] + (k == l ? 1 : 0);
    }
    sound = sound && genmo::solve_dense(count, sums.hessian, change);
    if (!sound) return fail(error, GENMO_SINGULAR, "the shape's equations have no solution");
    if (iteration + 1 < iterations) table.shape_move(plan, offsets, count, change, s);
    for (int k = 0; k < count; ++k) now[k] += change[k];
  }
  std::copy_n(now, count, fitted);
  return GENMO_OK;
}
}
