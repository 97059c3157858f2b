// One table an instruction set. The sources that GENMO_ISA_SOURCES in CMakeLists.txt lists are compiled once for each,
// inside a namespace of that name, with that instruction set's compiler options; isa.cpp chooses a table at run time.
//
// Such a source must not instantiate inline functions of the standard library: the linker keeps one copy of each, and
// it might be the one for the wrong processor. C functions (math.h, string.h) are safe.
#pragma once

#include "fit_stages.h"
#include "genmo/stages.h"

namespace genmo {

struct NetworkKernels;
struct PieceDigests;

struct IsaTable {
  const char* name;
  FitPose fit_pose;
  FitResiduals fit_residuals;
  ShapeStart shape_start;
  ShapeEquations shape_equations;
  ShapeMove shape_move;
  const NetworkKernels* network;
  const PieceDigests* pieces;
};

const IsaTable& isa();  // the one in use

}  // namespace genmo
