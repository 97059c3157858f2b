// Attention of a thread's rows: to their window, and to texts.
#pragma once

#include "network/step_rows.h"

namespace genmo {

// Keys (turned by their frame's angle) and values of the rows into the workspace; `turn` 0 or 1: which buffers.
void keys_values(const StepRows& rows, const SelfAttention& attention, int turn);
// The residual stream += what the rows find in their window; keys and values of all rows are there, and what the layers read of
// these rows is still where `keys_values` of whichever thread left it.
void self_attention(const StepRows& rows, const SelfAttention& attention, int turn);
// The same in the texts of module `index`.
void text_attention(const StepRows& rows, const TextAttention& attention, int index);
// Every module's keys and values of texts into the workspace, in whole panels.
void pack_texts(const Network& network, Workspace& space, const genmo_step& step);

}  // namespace genmo
