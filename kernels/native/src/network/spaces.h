// Memory of a network that one caller keeps, so that its calls ask for none whatever others do.
#pragma once

#include "network/network.h"
#include "network/scratch.h"
#include "network/workspace.h"

namespace genmo {

class Spaces {
 public:
  Workspace* step = nullptr;  // of motions of one number and length, with so many texts at most
  Scratch* rows = nullptr;    // of conditions and texts

  Spaces() = default;
  Spaces(const Spaces&) = delete;
  Spaces& operator=(const Spaces&) = delete;
  ~Spaces() {
    if (step) give_workspace(*network_, step);
    if (rows) give_scratch(*network_, rows);
  }

  // Of a step's sizes alone; false: no memory.
  bool open(Network& network, const genmo_step& sizes) {
    network_ = &network;
    step = take_workspace(network, sizes);
    rows = take_scratch(network);
    return step && rows;
  }

 private:
  Network* network_ = nullptr;
};

}  // namespace genmo
