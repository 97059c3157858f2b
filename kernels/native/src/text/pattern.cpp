#include "text/pattern.h"

#include <cstring>

#include "text/letters.h"

namespace genmo {
namespace {

uint32_t lower(uint32_t code) { return code >= 'A' && code <= 'Z' ? code | 32 : code; }

// Whether a code is of \w, \s or \d, or the escaped letter itself.
bool escape_holds(char kind, uint32_t code) {
  switch (kind) {
    case 'w': return is_word_code(code);
    case 's': return is_space_code(code);
    case 'd': return code >= '0' && code <= '9';
    default: return code == static_cast<unsigned char>(kind);
  }
}

bool class_holds(const char* from, const char* to, uint32_t code) {
  for (const char* p = from; p < to; ++p) {
    if (*p == '\\') {
      if (escape_holds(*++p, code)) return true;
    } else if (static_cast<unsigned char>(*p) == lower(code)) {
      return true;
    }
  }
  return false;
}

}  // namespace

struct Pattern::Run {
  Codes text;
  Match match;
  int end = 0;
};

Pattern::Pattern(const char* expression, int flags) : flags_(flags) {
  emit({kSave, false, 0});
  alternatives(expression);
  emit({kSave, false, 1});
  emit({kDone});
  if (*expression) __builtin_trap();
}

int Pattern::emit(const Step& step) {
  if (count_ == kMost) __builtin_trap();
  steps_[count_] = step;
  return count_++;
}

// a|b|c: a split before every alternative but the last, and a jump behind it.
void Pattern::alternatives(const char*& p) {
  const char* const from = p;
  const int start = count_, groups = groups_;
  sequence(p);
  if (*p != '|') return;
  count_ = start;
  groups_ = groups;
  p = from;
  const int split = emit({kSplit});
  sequence(p);
  const int jump = emit({kJump});
  steps_[split].first = static_cast<uint16_t>(split + 1);
  steps_[split].second = static_cast<uint16_t>(count_);
  alternatives(++p);
  steps_[jump].first = static_cast<uint16_t>(count_);
}

void Pattern::sequence(const char*& p) {
  while (*p && *p != '|' && *p != ')') repeated(p);
}

// An atom and how often it comes.  It is read again for every copy, so that the steps come out in order.
void Pattern::repeated(const char*& p) {
  const char* const from = p;
  const int start = count_, groups = groups_;
  atom(p);
  int least = 1, most = 1;
  if (*p == '*' || *p == '+' || *p == '?') {
    least = *p == '+';
    most = *p++ == '?' ? 1 : -1;
  } else if (*p == '{') {
    least = p[1] - '0';
    most = p[3] - '0';
    p += 5;
  } else {
    return;
  }
  const bool lazy = *p == '?';
  p += lazy;
  const char* const after = p;
  count_ = start;
  const auto copy = [&] {
    p = from;
    groups_ = groups;
    atom(p);
  };
  for (int i = 0; i < least; ++i) copy();
  int splits[10], optional = most < 0 ? 1 : most - least;
  for (int i = 0; i < optional; ++i) {
    splits[i] = emit({kSplit});
    copy();
  }
  if (most < 0) emit({kJump, false, static_cast<uint16_t>(splits[0])});
  for (int i = 0; i < optional; ++i) {
    const auto into = static_cast<uint16_t>(splits[i] + 1), past = static_cast<uint16_t>(count_);
    steps_[splits[i]].first = lazy ? past : into;
    steps_[splits[i]].second = lazy ? into : past;
  }
  p = after;
}

void Pattern::atom(const char*& p) {
  const char c = *p++;
  switch (c) {
    case '(': group(p); return;
    case '.': emit({kAny}); return;
    case '^': emit({kStart}); return;
    case '$': emit({kEnd}); return;
    case '[': {
      const char* from = p;
      while (*p != ']') p += *p == '\\' ? 2 : 1;
      Step step{kClass};
      step.from = from;
      step.to = p++;
      emit(step);
      return;
    }
    case '\\': {
      if (*p == 'b') {
        ++p;
        emit({kBorder});
        return;
      }
      Step step{kClass};
      step.from = p - 1;
      step.to = ++p;
      emit(step);
      return;
    }
    default: {
      Step step{kLetter};
      step.letter = static_cast<unsigned char>(c);
      emit(step);
    }
  }
}

void Pattern::group(const char*& p) {
  if (*p != '?') {
    const auto number = static_cast<uint16_t>(groups_++);
    if (number >= Match::kMostGroups) __builtin_trap();
    emit({kSave, false, static_cast<uint16_t>(2 * number)});
    alternatives(p);
    emit({kSave, false, static_cast<uint16_t>(2 * number + 1)});
  } else if (p[1] == ':') {
    alternatives(p += 2);
  } else {
    const bool behind = p[1] == '<';
    p += behind ? 2 : 1;
    Step look{behind ? kBehind : kAhead};
    look.negated = *p++ == '!';
    look.second = static_cast<uint16_t>(behind ? width(p) : 0);
    const int step = emit(look);
    alternatives(p);
    emit({kDone});
    steps_[step].first = static_cast<uint16_t>(count_);
  }
  if (*p++ != ')') __builtin_trap();
}

// Characters that an expression without alternatives, groups and repetition matches, up to its parenthesis.
int Pattern::width(const char* p) {
  int count = 0;
  for (; *p != ')'; ++p) {
    if (*p == '[') {
      while (*p != ']') p += *p == '\\' ? 2 : 1;
    } else if (*p == '\\') {
      count -= *++p == 'b';
    }
    ++count;
  }
  return count;
}

Match Pattern::search(Codes text, int from) const {
  for (int start = from; start <= text.count; ++start)
    if (const Match found = at(text, start)) return found;
  return {};
}

Match Pattern::at(Codes text, int start) const {
  Run attempt{text, {}, 0};
  for (int group = 0; group < Match::kMostGroups; ++group) attempt.match.start[group] = attempt.match.end[group] = -1;
  attempt.match.found = run(attempt, 0, start);
  return attempt.match;
}

bool Pattern::run(Run& state, int step, int position) const {
  const Codes& text = state.text;
  for (;;) {
    const Step& s = steps_[step++];
    const bool more = position < text.count;
    switch (s.op) {
      case kLetter:
        if (!more || (flags_ & kCased ? text.at[position] : lower(text.at[position])) != s.letter) return false;
        ++position;
        break;
      case kAny:
        if (!more || (text.at[position] == '\n' && !(flags_ & kDotAll))) return false;
        ++position;
        break;
      case kClass:
        if (!more || !class_holds(s.from, s.to, text.at[position])) return false;
        ++position;
        break;
      case kSplit:
        if (run(state, s.first, position)) return true;
        step = s.second;
        break;
      case kJump: step = s.first; break;
      case kSave: {
        int& kept = (s.first % 2 ? state.match.end : state.match.start)[s.first / 2];
        const int before = kept;
        kept = position;
        if (run(state, step, position)) return true;
        kept = before;
        return false;
      }
      case kStart:
        if (position != 0) return false;
        break;
      case kEnd:
        if (more && !(text.at[position] == '\n' && position + 1 == text.count)) return false;
        break;
      case kBorder: {
        const bool left = position > 0 && is_word_code(text.at[position - 1]), right = more && is_word_code(text.at[position]);
        if (left == right) return false;
        break;
      }
      case kAhead: case kBehind: {
        const int from = position - s.second;
        if ((from >= 0 && run(state, step, from)) == s.negated) return false;
        step = s.first;
        break;
      }
      case kDone: return true;
    }
  }
}

}  // namespace genmo
