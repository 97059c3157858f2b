// Regular expressions over code points: what text/order.cpp needs of Python's `re`, and no more.
//
// Letters, classes, . \w \s \d \b ^ $, groups, alternatives, * + ? {m,n} greedy and lazy, and looking ahead and behind by a fixed
// length.  Upper and lower case of ASCII are the same unless asked for; a dot matches everything.  Backtracking, leftmost and first
// alternative first, as in Python.
#pragma once

#include "text/codes.h"

namespace genmo {

struct Match {
  static constexpr int kMostGroups = 4;  // the whole match is group 0
  int start[kMostGroups], end[kMostGroups];  // -1: the group took no part
  bool found = false;
  explicit operator bool() const { return found; }
};

class Pattern {
 public:
  enum Flags { kPlain = 0, kCased = 1, kDotAll = 2 };  // upper case is not lower case; a dot matches ends of lines too

  // `expression` is a constant of this library; one that is wrong traps.
  explicit Pattern(const char* expression, int flags = kPlain);

  Match match(Codes text) const { return at(text, 0); }  // at the start
  Match search(Codes text, int from = 0) const;

 private:
  enum Op : uint8_t { kLetter, kAny, kClass, kSplit, kJump, kSave, kStart, kEnd, kBorder, kAhead, kBehind, kDone };
  struct Step {
    Op op;
    bool negated = false;
    uint16_t first = 0, second = 0;  // of a split: where to go on; of a look: the end and its length
    uint32_t letter = 0;
    const char *from = nullptr, *to = nullptr;  // of a class
  };
  struct Run;

  Match at(Codes text, int start) const;
  bool run(Run& run, int step, int position) const;
  void alternatives(const char*& p);
  void sequence(const char*& p);
  void repeated(const char*& p);
  void atom(const char*& p);
  void group(const char*& p);
  int emit(const Step& step);
  static int width(const char* p);

  static constexpr int kMost = 1000;
  Step steps_[kMost];
  int count_ = 0, groups_ = 1;
  const int flags_;
};

}  // namespace genmo
