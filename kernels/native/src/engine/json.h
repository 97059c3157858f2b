// A reader of JSON (RFC 8259): values in an arena, numbers without the locale, nothing deeper than a description is.
#pragma once

#include "memory.h"

namespace genmo {

struct Json {
  enum Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

  Kind kind = kNull;
  double number = 0;
  const char* text = nullptr;  // of a string: UTF-8 with a 0 behind it
  const char* key = nullptr;   // of a member of an object
  int64_t count = 0;           // elements; of a string: bytes
  const Json* first = nullptr;  // elements in order
  const Json* next = nullptr;

  // The member of this name; a null where there is none, so that a chain of names needs no checks.
  const Json& operator[](const char* name) const;
  bool is(const char* expected) const;
  // A whole number from low to high, or `otherwise`.
  int64_t whole(int64_t low, int64_t high, int64_t otherwise) const;
};

// nullptr for what is no JSON, is nested deeper than 64 values, or needs memory that there is not.
const Json* read_json(const char* text, size_t bytes, Arena& arena);

}  // namespace genmo
