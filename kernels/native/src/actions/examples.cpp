#include "actions/examples.h"

#include <cmath>
#include <cstdlib>

#include "actions/traits.h"
#include "angles.h"
#include "error.h"
#include "small.h"

namespace genmo {
namespace {

constexpr size_t kMostBytes = size_t{1} << 26;
constexpr int kLengths[] = {60, 90, kExampleFrames}, kKept = 60;
constexpr int kChannelsOf = 1 + 3 * kJoints + 3;  // heading, turns, speed as the person looks, height
constexpr int kMostSteps = 4000;
constexpr double kWeightSteps = 65536;  // whole numbers: what does the same is the same, whichever order it is summed in

int other_side(int joint) {
  constexpr int kPairs[][2] = {{kLeftHip, kRightHip}, {kLeftKnee, kRightKnee}, {kLeftAnkle, kRightAnkle}, {kLeftFoot, kRightFoot}, {kLeftCollar, kRightCollar},
                               {kLeftShoulder, kRightShoulder}, {kLeftElbow, kRightElbow}, {kLeftWrist, kRightWrist}, {kLeftHand, kRightHand}};
  for (const auto& pair : kPairs)
    for (int side = 0; side < 2; ++side)
      if (pair[side] == joint) return pair[1 - side];
  return joint;
}

// What one step of a coefficient is: radians, m/s, metres.
double step_of(int channel) { return channel < kChannelsOf - 3 ? 0.18 : channel < kChannelsOf - 1 ? 0.2 : 0.05; }

// Somebody seen in the mirror x = 0.
void mirror(const Clip& from, Clip& to) {
  for (int64_t frame = 0; frame < from.frames; ++frame) {
    for (int joint = 0; joint < kJoints; ++joint) {
      const double* turn = from.rotations + (frame * kJoints + other_side(joint)) * 9;
      double* out = to.rotations + (frame * kJoints + joint) * 9;
      for (int i = 0; i < 9; ++i) out[i] = (i % 3 == 0) == (i / 3 == 0) ? turn[i] : -turn[i];
    }
    for (int axis = 0; axis < 3; ++axis) to.translation[3 * frame + axis] = (axis ? 1 : -1) * from.translation[3 * frame + axis];
  }
}

// `curves` [frames, channels] of the coefficients of one example: the inverse of an orthonormal DCT-II.
void restore_curves(const int16_t* coefficients, int64_t stride, double* curves) {
  constexpr int kPeriod = 4 * kExampleFrames;
  double cosines[kPeriod];
  for (int i = 0; i < kPeriod; ++i) cosines[i] = std::cos(2 * kPi * i / kPeriod) * std::sqrt(2.0 / kExampleFrames);
  std::fill_n(curves, kExampleFrames * kChannelsOf, 0.0);
  for (int row = 0; row < kKept; ++row)
    for (int channel = 0; channel < kChannelsOf; ++channel) {
      const double value = coefficients[(row * kChannelsOf + channel) * stride] * step_of(channel) * (row ? 1 : std::sqrt(0.5));
      if (value == 0) continue;
      for (int frame = 0; frame < kExampleFrames; ++frame) curves[frame * kChannelsOf + channel] += value * cosines[(2 * frame + 1) * row % kPeriod];
    }
}

template <typename T>
const T* column(Bytes file, const char* name, const char* dtype, int64_t rows, Arena& arena) {
  const Npy array = npz_copy(file, name, dtype, kMostBytes, arena);
  return array.data && array.dimensions == 1 && array.count() == rows ? reinterpret_cast<const T*>(array.data) : nullptr;
}

}  // namespace

genmo_status Examples::open(Bytes file, const TraitNames& said, genmo_error* error) {
  if (read(file, said)) return GENMO_OK;
  rows_ = 0;
  if (arena_.failed()) return fail(error, GENMO_NO_MEMORY, "no memory for the engine's examples");
  return fail(error, GENMO_BAD_ENGINE, "examples are not example motions of an engine; export the engine again");
}

void Examples::close() {
  arena_.clear();
  rows_ = 0;
}

bool Examples::read(Bytes file, const TraitNames& said) {
  if (!names_.open(npz_copy(file, "traits", "|u1", kMostBytes, arena_), arena_)) return false;
  auto* rows = arena_.get<int>(names_.count());
  if (!rows) return false;
  for (int row = 0; row < names_.count(); ++row) {
    if (names_.trait(row) < 0) return false;
    rows[row] = said.row_of(names_.name(row));
  }
  said_rows_ = rows;
  const Npy does = npz_copy(file, "does", "|u1", kMostBytes, arena_), coefficients = npz_copy(file, "coefficients", "<i2", kMostBytes, arena_);
  rows_ = does.shape[0];
  bytes_ = does.shape[1];
  count_ = coefficients.shape[2];
  if (!does.data || does.dimensions != 2 || rows_ < 1 || bytes_ != (names_.count() + 7) / 8) return false;
  if (!coefficients.data || coefficients.dimensions != 3 || coefficients.shape[0] != kKept || coefficients.shape[1] != kChannelsOf || count_ < 1) return false;
  does_ = reinterpret_cast<const uint8_t*>(does.data);
  coefficients_ = reinterpret_cast<const int16_t*>(coefficients.data);
  example_ = column<uint16_t>(file, "example", "<u2", rows_, arena_);
  start_ = column<uint8_t>(file, "start", "|u1", rows_, arena_);
  length_ = column<uint8_t>(file, "length", "|u1", rows_, arena_);
  const auto too_large = [](int16_t value) { return std::abs(value) > kMostSteps; };
  return example_ && start_ && length_ && are_stretches_right() && std::none_of(coefficients_, coefficients_ + coefficients.count(), too_large);
}

// Every stretch in its example, and some of every length.
bool Examples::are_stretches_right() const {
  for (const int length : kLengths)
    if (std::find(length_, length_ + rows_, length) == length_ + rows_) return false;
  for (int64_t row = 0; row < rows_; ++row)
    if (example_[row] >= count_ || start_[row] + length_[row] > kExampleFrames || std::find(kLengths, kLengths + 3, length_[row]) == kLengths + 3) return false;
  return true;
}

int Examples::nearest(const float* const* weights, int texts, int64_t frames, Pool& pool, Stretch* found, int most) const {
  const Pool::Scope scope(pool);
  const int traits = names_.count();
  auto *counts = pool.get<int64_t>(traits), *agreed = pool.get<int64_t>(2 * rows_);
  for (int trait = 0; trait < traits; ++trait) {
    float sum = 0;
    for (int text = 0; text < texts; ++text) sum += said_rows_[trait] < 0 ? 0 : weights[text][said_rows_[trait]];
    counts[trait] = static_cast<int64_t>(std::nearbyint(kWeightSteps * static_cast<double>(sum)));
  }
  int length = kLengths[0];
  for (const int other : kLengths)
    if (std::abs(other - frames) < std::abs(length - frames)) length = other;
  for (int64_t row = 0; row < rows_; ++row) {
    int64_t as_is = 0, in_mirror = 0;
    for (int trait = 0; trait < traits; ++trait) {
      if (!(does_[row * bytes_ + trait / 8] & 0x80 >> trait % 8)) continue;
      as_is += counts[trait];
      in_mirror += counts[names_.mirror(trait)];
    }
    agreed[row] = as_is;
    agreed[rows_ + row] = in_mirror;
  }
  int count = 0;
  for (; count < most; ++count) {
    int64_t best = -1;
    for (int64_t at = 0; at < 2 * rows_; ++at) {
      const int64_t row = at % rows_;
      const auto taken = [&](const Stretch& one) { return one.example == example_[row]; };
      if (length_[row] != length || (best >= 0 && agreed[at] <= agreed[best]) || std::any_of(found, found + count, taken)) continue;
      best = at;
    }
    if (best < 0) break;
    found[count] = {example_[best % rows_], start_[best % rows_], best >= rows_};
  }
  return count;
}

Clip Examples::motion(const Stretch& stretch, int64_t frames, Pool& pool) const {
  Clip clip = new_clip(std::min(frames, kExampleFrames - stretch.start), pool);
  std::fill_n(clip.betas, kBetas, 0.0);
  rest_offsets(clip.betas, clip.offsets);
  {
    const Pool::Scope scope(pool);
    const Clip whole = unpacked(stretch.example, pool);
    Clip seen = whole;
    if (stretch.mirrored) {
      seen = new_clip(kExampleFrames, pool);
      mirror(whole, seen);
    }
    std::copy_n(seen.rotations + stretch.start * 9 * kJoints, clip.frames * 9 * kJoints, clip.rotations);
    std::copy_n(seen.translation + stretch.start * 3, clip.frames * 3, clip.translation);
  }
  label_contacts(clip, pool, clip.contacts);
  return clip;
}

// Rotations and translation alone.
Clip Examples::unpacked(int example, Pool& pool) const {
  Clip clip = new_clip(kExampleFrames, pool);
  const Pool::Scope scope(pool);
  auto* curves = pool.get<double>(kExampleFrames * kChannelsOf);
  restore_curves(coefficients_ + example, count_, curves);
  Vec3 place{0, 0, 0};
  for (int frame = 0; frame < kExampleFrames; ++frame) {
    const double *row = curves + frame * kChannelsOf, *way = row + kChannelsOf - 3;
    double* turns = clip.rotations + frame * 9 * kJoints;
    for (int joint = 0; joint < kJoints; ++joint) put(turns + 9 * joint, matrix_from_axis_angle(at(row + 1 + 3 * joint)));
    const Mat3 facing = matrix_from_yaw(row[0] - curves[0]);
    put(turns, facing * mat_at(turns));
    put(clip.translation + 3 * frame, Vec3{place.x, way[2], place.z});
    place = place + facing * Vec3{way[0] / GENMO_FPS, 0, way[1] / GENMO_FPS};
  }
  return clip;
}

}  // namespace genmo
