// The table of one instruction set; compiled once for each.
#include "isa.h"

#define GENMO_TEXT_(x) #x
#define GENMO_TEXT(x) GENMO_TEXT_(x)

namespace genmo::GENMO_ISA {

extern const IsaTable table;
const IsaTable table = {GENMO_TEXT(GENMO_ISA)};

}  // namespace genmo::GENMO_ISA
