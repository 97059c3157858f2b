#include "actions/packed_actions.h"

namespace genmo {
namespace {

Bytes copy_of(Bytes file, Arena& arena) {
  auto* copy = arena.get<char>(static_cast<int64_t>(file.size));
  if (copy && file.size) std::memcpy(copy, file.data, file.size);
  return {copy, file.size};
}

}  // namespace

bool PackedActions::keep(Bytes reader, Bytes examples) {
  kept_.reserve(reader.size + examples.size + 2 * kAlignment);
  packed_reader_ = copy_of(reader, kept_);
  packed_examples_ = copy_of(examples, kept_);
  return !kept_.failed();
}

genmo_status PackedActions::unpack(genmo_error* error) {
  pthread_mutex_lock(&lock_);
  genmo_status status = GENMO_OK;
  if (!unpacked_) {
    status = open(error);
    unpacked_ = status == GENMO_OK;
    if (unpacked_) kept_.clear();
  }
  pthread_mutex_unlock(&lock_);
  return status;
}

genmo_status PackedActions::open(genmo_error* error) {
  genmo_status status = has_reader() ? reader_.open(packed_reader_, error) : GENMO_OK;
  if (status == GENMO_OK && has_examples()) status = examples_.open(packed_examples_, reader_.names(), error);
  if (status == GENMO_OK) return GENMO_OK;
  reader_.close();
  examples_.close();
  return status;
}

}  // namespace genmo
