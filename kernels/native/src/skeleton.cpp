// Forward kinematics of one frame after the other.
#include <cstring>

#include "error.h"

namespace genmo {
namespace {

constexpr int kMostJoints = 64;

// out = a @ b of 3 x 3 matrices.
inline void product(const double* a, const double* b, double* out) {
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) out[3 * r + c] = a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c];
  }
}

void pose(int32_t joints, const int32_t* parents, const double* rotations, const double* root, const double* offsets,
          double* globals, double* positions) {
  std::memcpy(globals, rotations, 9 * sizeof(double));
  std::memcpy(positions, root, 3 * sizeof(double));
  for (int32_t joint = 1; joint < joints; ++joint) {
    const double *above = globals + 9 * parents[joint], *bone = offsets + 3 * joint;
    const double* from = positions + 3 * parents[joint];
    product(above, rotations + 9 * joint, globals + 9 * joint);
    for (int r = 0; r < 3; ++r) {
      positions[3 * joint + r] =
          from[r] + (above[3 * r] * bone[0] + above[3 * r + 1] * bone[1] + above[3 * r + 2] * bone[2]);
    }
  }
}

}  // namespace
}  // namespace genmo

extern "C" genmo_status genmo_forward_kinematics(int64_t frames, int32_t joints, const int32_t* parents,
                                                 const double* rotations, const double* root, const double* offsets,
                                                 int32_t own_offsets, double* globals, double* positions,
                                                 genmo_error* error) {
  using genmo::fail;
  if (frames < 0 || joints < 1 || joints > genmo::kMostJoints) {
    return fail(error, GENMO_BAD_ARGUMENT, "%lld frames of %d joints; wanted 0 or more of 1 to %d",
                static_cast<long long>(frames), joints, genmo::kMostJoints);
  }
  if (parents == nullptr || rotations == nullptr || root == nullptr || offsets == nullptr || globals == nullptr ||
      positions == nullptr) {
    return fail(error, GENMO_BAD_ARGUMENT, "an array is NULL");
  }
  for (int32_t joint = 1; joint < joints; ++joint) {
    if (parents[joint] < 0 || parents[joint] >= joint) {
      return fail(error, GENMO_BAD_ARGUMENT, "parents[%d] is %d; wanted a lower joint", joint, parents[joint]);
    }
  }
  for (int64_t frame = 0; frame < frames; ++frame) {
    genmo::pose(joints, parents, rotations + frame * 9 * joints, root + frame * 3,
                offsets + (own_offsets != 0 ? frame * 3 * joints : 0), globals + frame * 9 * joints,
                positions + frame * 3 * joints);
  }
  return GENMO_OK;
}
