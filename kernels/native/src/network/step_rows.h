// The rows of one thread in one step, and what is done to them without looking at others.
#pragma once

#include "network/network.h"
#include "network/workspace.h"

namespace genmo {

struct StepRows {
  StepRows(const Network& net, Workspace& workspace, const genmo_step& arguments, int first, int past, int thread)
      : network(net), space(workspace), step(arguments), begin(first), end(past), stride(stride_of(net.options.width)) {
    const int64_t tile = net.kernels->rows;
    scores = workspace.scores + thread * tile * workspace.score_stride;
    mixed = workspace.mixed + thread * tile * workspace.mixed_stride;
    scratch = workspace.turns + int64_t{thread} * stride_of(6 * net.options.turning_joints);
  }

  // The same thread's, fewer.
  StepRows(const StepRows& rows, int first, int past)
      : network(rows.network),
        space(rows.space),
        step(rows.step),
        begin(first),
        end(past),
        stride(rows.stride),
        scores(rows.scores),
        mixed(rows.mixed),
        scratch(rows.scratch) {}

  // Rows of c = or += a [rows from the first, depth] through a layer.  nullptr for a layer in fixed point: what the call
  // before read.
  void multiply(const Layer& layer, const float* a, ptrdiff_t a_stride, float* c, ptrdiff_t c_stride, Store store) const;
  // space.normed = the residual stream, normalised
  void normalise() const;
  // the residual stream += the MLP of it
  void mlp(const Mlp& mlp) const;
  // c = the head of `space.normed`
  void head(const Head& head, float* c, ptrdiff_t c_stride) const;

  float* row(float* matrix, ptrdiff_t row_stride) const { return matrix + begin * row_stride; }

  const Network& network;
  Workspace& space;
  const genmo_step& step;
  const int begin, end;  // rows
  const int stride;      // of `space.x`, `space.normed` and the values
  float *scores, *mixed, *scratch;
};

}  // namespace genmo
