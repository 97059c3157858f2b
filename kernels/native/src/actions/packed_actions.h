// What takes are chosen by, an engine's reader of texts and its examples: unpacked when the first takes are made, so that streams, estimates and
// single takes do not wait for it.
#pragma once

#include <pthread.h>

#include "actions/examples.h"

namespace genmo {

class PackedActions {
 public:
  // Keeps copies of the engine's files; false: no memory.  Empty bytes: the engine has none.
  bool keep(Bytes reader, Bytes examples);

  bool has_reader() const { return packed_reader_.size > 0; }
  bool has_examples() const { return packed_examples_.size > 0; }

  // Of several threads the first unpacks.  What could not be is refused again by every call.
  genmo_status unpack(genmo_error* error);

  // Once unpacked.
  const TextReader& reader() const { return reader_; }
  const Examples& examples() const { return examples_; }

 private:
  genmo_status open(genmo_error* error);

  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  bool unpacked_ = false;
  Arena kept_;  // the copies, until they are unpacked
  Bytes packed_reader_, packed_examples_;
  TextReader reader_;
  Examples examples_;
};

}  // namespace genmo
