// The network's part of the C interface.

#include "error.h"
#include "network/network.h"
#include "sized.h"

extern "C" {

genmo_status genmo_network_open(const genmo_network_options* options, const genmo_tensor* tensors, int32_t count,
                                genmo_network** network, genmo_error* error) {
  using namespace genmo;
  if (!options || options->size != sizeof *options || (!tensors && count) || count < 0 || !network)
    return fail(error, GENMO_BAD_ARGUMENT, "options, tensors or network is NULL, or options.size is not this ABI's");
  auto* opened = make<Network>();
  if (!opened) return fail(error, GENMO_NO_MEMORY, "no memory for a network");
  opened->options = *options;
  const genmo_status status = open_network(*opened, tensors, count, error);
  if (status != GENMO_OK) {
    unmake(opened);
    return status;
  }
  opened->options.conditions = nullptr;  // the caller's
  *network = reinterpret_cast<genmo_network*>(opened);
  return GENMO_OK;
}

void genmo_network_close(genmo_network* network) { genmo::unmake(reinterpret_cast<genmo::Network*>(network)); }

genmo_status genmo_network_conditions(genmo_network* network, const genmo_conditions* conditions, genmo_error* error) {
  if (!network || !conditions || conditions->size != sizeof *conditions)
    return genmo::fail(error, GENMO_BAD_ARGUMENT, "network or conditions is NULL, or conditions.size is not this ABI's");
  return genmo::run_conditions(*reinterpret_cast<genmo::Network*>(network), *conditions, error);
}

genmo_status genmo_network_texts(genmo_network* network, const genmo_texts* texts, genmo_error* error) {
  if (!network || !texts || texts->size != sizeof *texts)
    return genmo::fail(error, GENMO_BAD_ARGUMENT, "network or texts is NULL, or texts.size is not this ABI's");
  return genmo::run_texts(*reinterpret_cast<genmo::Network*>(network), *texts, error);
}

genmo_status genmo_network_step(genmo_network* network, const genmo_step* step, genmo_error* error) {
  genmo_step s;
  if (!network || !genmo::read_sized(step, offsetof(genmo_step, weak_perspective), s))
    return genmo::fail(error, GENMO_BAD_ARGUMENT, "network or step is NULL, or step.size is not this ABI's");
  return genmo::run_step(*reinterpret_cast<genmo::Network*>(network), s, error);
}
}
