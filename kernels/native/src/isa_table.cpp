// The table of one instruction set; compiled once for each.
#include "isa.h"

#define GENMO_TEXT_(x) #x
#define GENMO_TEXT(x) GENMO_TEXT_(x)

namespace genmo::GENMO_ISA {

bool fit_pose(const FitPlan&, const genmo_fit_input&, const double*, int, const FitScratch&, double*, double*);
void fit_residuals(const FitPlan&, const genmo_fit_input&, const double*, const double*, const FitScratch&, double*);
void shape_start(const FitPlan&, const genmo_fit_input&, const FitScratch&);
bool shape_equations(const FitPlan&, const double*, int, const double*, bool, const FitScratch&, ShapeSums*);
void shape_move(const FitPlan&, const double*, int, const double*, const FitScratch&);

extern const NetworkKernels network_kernels;
extern const PieceDigests piece_digests;

extern const IsaTable table;
const IsaTable table = {
    GENMO_TEXT(GENMO_ISA), fit_pose, fit_residuals, shape_start, shape_equations, shape_move, &network_kernels, &piece_digests,
};

}  // namespace genmo::GENMO_ISA
