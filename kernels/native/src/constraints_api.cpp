// Keyframes, targets and headings alone: a stage of the C interface.
#include <algorithm>

#include "error.h"
#include "motion/constraint_solver.h"

extern "C" genmo_status genmo_solve_constraints(const genmo_generation* wanted, const double* offsets, const uint8_t* anchored, double* rotations,
                                                double* translation, genmo_error* error) {
  using namespace genmo;
  if (!wanted || wanted->size != sizeof *wanted || !offsets || !rotations || !translation)
    return fail(error, GENMO_BAD_ARGUMENT, "wanted or an array is NULL, or wanted.size is not %u", static_cast<unsigned>(sizeof *wanted));
  genmo_status status = check_counts(wanted->keyframe_count, wanted->target_count, wanted->heading_count, wanted->frames, error);
  Pool pool;
  Constraints constraints;
  if (status == GENMO_OK) status = read_constraints(*wanted, pool, constraints, error);
  if (status != GENMO_OK) return status;
  Clip clip;
  clip.frames = wanted->frames;
  clip.rotations = rotations;
  clip.translation = translation;
  std::copy_n(offsets, 3 * kJoints, clip.offsets);
  solve_constraints(clip, constraints, anchored, pool);
  return GENMO_OK;
}
