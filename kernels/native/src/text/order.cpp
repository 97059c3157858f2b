#include "text/order.h"

#include <algorithm>
#include <cmath>

#include "once.h"
#include "text/arms.h"
#include "text/changes.h"
#include "text/pattern.h"

namespace genmo {
namespace {

constexpr int kShortest = 20, kMostRepeats = 10;
constexpr double kImpliedShare = 0.4;  // of a span, at most, for a part of a change whose time is known
constexpr double kShort = 2, kUsual = 3, kLong = 4, kLongestStated = 600;
constexpr const char* kNumbers[] = {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};

#define GENMO_PEOPLE                                                                                                      \
  "person|people|man|woman|men|women|boy|girl|kid|child|guy|lady|human|figure|character|actor|actress|dancer|someone"    \
  "|somebody|he|she|they|it|athlete|player|boxer|soldier|zombie|robot|subject|individual|performer|adult|toddler|avatar"

struct Patterns {
  Pattern order{
      "(?:(?<=[\\w)\"'])|[,;.])\\s*(?:,|;|\\.)?\\s*(?:\\band\\s+|\\bbut\\s+)?"
      "(?<!\\bnow and )(?<!\\bby )(?<!\\bsince )(?<!\\beven )"
      "\\b(?:then(?:\\s+(?:finally|again|afterwards))?|after\\s+(?:that|which|this)|afterwards?|subsequently|finally|lastly"
      "|next(?!\\s+to\\b)|before\\s+(?=(?!\\w*thing\\b)\\w+ing\\b))\\b\\s*,?\\s*"};
  Pattern now_and_then{"\\bnow and then\\b|\\bnow and again\\b|\\bone after the other\\b"};
  Pattern first{"^\\s*(?:at first|first(?:ly| of all)?|to begin with|initially|next|then)\\b\\s*,?\\s*"};
  Pattern reversed{"^(.+?),?\\s+after\\s+((?!\\w*thing\\b)\\w+ing\\b.*)$", Pattern::kDotAll};
  Pattern subject{"^(?:(?:a|an|the|one|this|that|some)\\s+)?(?:[\\w-]+\\s+){0,3}?(?:" GENMO_PEOPLE ")\\b"};
  Pattern pronoun{"^(?:(?:the|this|that)\\s+)?(?:" GENMO_PEOPLE ")\\b\\s*"};
  Pattern be{"^(?:is|are|was|were)\\b"};
  Pattern without_verb{
      "^(?:the|a|an|his|her|their|its|both|to|left|right|forwards?|backwards?|back|sideways|up|down|again|once|twice|thrice"
      "|slowly|slower|quickly|faster|fast|in|on|around|clockwise|counterclockwise|with|at|two|three|four|five|\\d+)\\b"};
  Pattern adverb{"^\\w+ly\\b,?\\s+(?=\\w)"};
  Pattern goes_on{
      "\\b(?:walk|run|jog|danc|swim|crawl|march|strid|stroll|sprint|wander|pac(?:e|es|ing)\\b|skip|idl|wait|rest|climb|row|ski"
      "|skat|juggl|exercis|box|fight|train|sneak|creep|limp|stand(?:s|ing)? (?:still|idle|there)|moonwalk|waltz|play)"};
  Pattern soon_over{
      "\\b(?:jump|hop|leap|kick|punch|throw|catch|sit|stand|get|turn|bend|bow|crouch|kneel|squat|pick|start|fall|trip"
      "|rais|lower|lift|put|point|nod|shrug|wav|clap|step|duck|dodg|lung|spin|somersault|cartwheel|salut|reach|stumbl|ris"
      "|lie|lying)"};
  Pattern seconds{"\\bfor\\s+(?:about\\s+|around\\s+)?(\\d+(?:\\.\\d+)?)\\s*(?:s|sec|secs|seconds?)\\b"};
  Pattern times{
      "\\b(?:(twice|two|thrice|three|four|five|six|seven|eight|nine|ten)|(\\d+))"
      "(?:\\s+(?:times|jumps|hops|kicks|punches|steps)\\b|(?<=ice)\\b)"};
  Pattern ing{"\\w+ing\\b", Pattern::kCased};
  Pattern letter{"\\w"};
};

const Patterns& patterns() { return made_once<Patterns>(); }

class Order {
 public:
  explicit Order(Pool& pool) : pool_(pool), p_(patterns()) {}

  // The actions of a prompt in the order of time; 1 where it does not say an order or says too many.
  int parts_of(Codes prompt, Codes* parts) {
    int count = pieces_of(prompt, parts);
    if (count == 0 || count > kMostParts) return alone(prompt, parts);
    if (const Match match = p_.reversed.match(parts[0])) {
      if (count == kMostParts) return alone(prompt, parts);
      std::memmove(parts + 2, parts + 1, static_cast<size_t>(count - 1) * sizeof *parts);
      reorder(parts[0], match, parts);
      ++count;
    }
    if (count < 2) return alone(prompt, parts);
    const Match subject = p_.subject.match(parts[0]);
    with_subject(parts, count, subject ? cut(parts[0], 0, subject.end[0]) : Codes{});
    return count;
  }

  // The actions of a prompt in the order of time, those that it states as a change included; 0: too many.
  int actions_of(Codes prompt, bool first, bool last, Doing* actions) {
    auto* parts = pool_.get<Codes>(kMostParts + 1);
    const int pieces = parts_of(prompt, parts);
    int count = 0;
    for (int i = 0; i < pieces; ++i) {
      const Match subject = p_.subject.match(parts[i]);
      const Codes said = subject ? cut(parts[i], 0, subject.end[0]) : Codes{};
      const Codes clause = from(parts[i], said.count);
      const bool ends = last && i + 1 == pieces;
      const int found = changes_of(said, clause, first && !count, ends, pool_, actions + count, kMostParts - count);
      if (!found && count == kMostParts) return 0;
      if (!found) actions[count] = {parts[i], 0};
      count += found ? found : 1;
    }
    return count;
  }

  // Frames of each action: of those whose time is known as many, up to a share of all; the others share the rest by
  // how long they take.
  void lengths_of(const Doing* actions, int count, int64_t frames, int64_t* lengths) const {
    const int64_t free = frames - int64_t{kShortest} * count;
    double given[kMostParts], wanted[kMostParts], total = 0, taken = 0, reached = 0;
    for (int i = 0; i < count; ++i) {
      const double stated = actions[i].seconds ? std::fmin(actions[i].seconds * GENMO_FPS, kImpliedShare * static_cast<double>(frames)) : 0;
      given[i] = std::fmax(stated - kShortest, 0.0);
      wanted[i] = actions[i].seconds ? 0 : std::fmax(seconds_of(actions[i].prompt) - static_cast<double>(kShortest) / GENMO_FPS, 0.0);
      total += wanted[i];
      taken += given[i];
    }
    if (total == 0) total = 1;
    const double rest = std::fmax(static_cast<double>(free) - taken, 0.0);
    int64_t before = 0;
    for (int i = 0; i < count; ++i) {
      reached += given[i] + rest * wanted[i] / total;
      // halves to even, as Python rounds
      const int64_t end = i + 1 < count ? std::min(static_cast<int64_t>(std::nearbyint(reached)), free) : free;
      lengths[i] = kShortest + end - before;
      before = end;
    }
  }

  double seconds_of(Codes prompt) const {
    if (const Match stated = p_.seconds.search(prompt)) {
      const double seconds = decimal(cut(prompt, stated.start[1], stated.end[1]));
      return std::fmax(static_cast<double>(kShortest) / GENMO_FPS, std::fmin(seconds, kLongestStated));
    }
    const double repeats = 0.5 + 0.5 * number_of_times(prompt);
    const Match on = p_.goes_on.search(prompt), over = p_.soon_over.search(prompt);
    if (!on && !over) return kUsual;
    const bool short_first = over && (!on || over.start[0] <= on.start[0]);
    return (short_first ? kShort : kLong) * repeats;
  }

 private:
  static int alone(Codes prompt, Codes* parts) {
    parts[0] = prompt;
    return 1;
  }

  // What is between the words that say an order; kMostParts + 1: too many.
  int pieces_of(Codes prompt, Codes* pieces) {
    auto* masked = pool_.get<uint32_t>(prompt.count + 1);
    std::memcpy(masked, prompt.at, static_cast<size_t>(prompt.count) * sizeof *masked);
    const Codes whole{masked, prompt.count};
    for (Match m; (m = p_.now_and_then.search(whole));)
      std::memset(masked + m.start[0], 0, static_cast<size_t>(m.end[0] - m.start[0]) * sizeof *masked);
    int count = 0, from = 0;
    for (Match m;; from = m.end[0]) {
      m = p_.order.search(whole, from);
      const Codes piece = trimmed(cut(prompt, from, m ? m.start[0] : prompt.count));
      if (p_.letter.search(piece)) {
        if (count == kMostParts) return kMostParts + 1;
        pieces[count++] = piece;
      }
      if (!m) return count;
    }
  }

  Codes trimmed(Codes piece) const {
    piece = stripped(piece, " \t\n,;.");
    if (const Match m = p_.first.match(piece)) piece = cut(piece, m.end[0], piece.count);
    return stripped(piece, " \t\n,;.");
  }

  // "sits down after walking": walking, sits down; the subject goes with the first.
  void reorder(Codes piece, const Match& match, Codes* parts) {
    const Codes second = cut(piece, match.start[1], match.end[1]), first = cut(piece, match.start[2], match.end[2]);
    const Match subject = p_.subject.match(second);
    parts[0] = subject ? joined(cut(second, 0, subject.end[0]), " is ", first, pool_) : first;
    parts[1] = second;
  }

  // Every piece as a clause of its own: subject and, where a piece has none ("then backwards"), the verb before.
  void with_subject(Codes* parts, int count, Codes subject) {
    Codes verb = verb_of(cut(parts[0], subject.count, parts[0].count));
    for (int i = 1; i < count; ++i) {
      const Match own = p_.subject.match(parts[i]), pronoun = p_.pronoun.match(parts[i]);
      if (own && !(pronoun && subject.count)) continue;
      Codes rest = own && pronoun ? cut(parts[i], pronoun.end[0], parts[i].count) : parts[i];
      if (own && equals(cut(parts[i], 0, own.end[0]), "they")) subject = letters("they", pool_);
      const Match adverb = p_.adverb.match(rest);
      if (!own && p_.without_verb.match(adverb ? cut(rest, adverb.end[0], rest.count) : rest)) {
        rest = joined(verb, " ", rest, pool_);
      } else if (subject.count && p_.ing.match(rest)) {
        rest = joined({}, "is ", rest, pool_);
      }
      verb = verb_of(rest);
      parts[i] = without_spaces(joined(subject, " ", rest, pool_));
    }
  }

  // The first word, or two of "is walking".
  Codes verb_of(Codes clause) {
    int start = 0, words = 0, end = 0;
    Codes verb;
    while (words < 2) {
      start = end;
      while (start < clause.count && is_space_code(clause.at[start])) ++start;
      for (end = start; end < clause.count && !is_space_code(clause.at[end]);) ++end;
      if (end == start) break;
      const Codes word = cut(clause, start, end);
      verb = words++ ? joined(verb, " ", word, pool_) : word;
      if (!p_.be.match(word)) break;
    }
    while (verb.count && verb.at[verb.count - 1] == ',') --verb.count;
    return verb;
  }

  int number_of_times(Codes prompt) const {
    const Match counted = p_.times.search(prompt);
    if (!counted) return 1;
    int number = 0;
    if (counted.start[2] >= 0) {
      for (int i = counted.start[2]; i < counted.end[2]; ++i)
        number = number > kMostRepeats ? number : number * 10 + static_cast<int>(prompt.at[i] - '0');
    } else {
      const Codes word = cut(prompt, counted.start[1], counted.end[1]);
      for (int i = 0; i < 9; ++i) number = equals(word, kNumbers[i]) ? i + 2 : number;
      number = equals(word, "twice") ? 2 : equals(word, "thrice") ? 3 : number;
    }
    return number < 1 ? 1 : number > kMostRepeats ? kMostRepeats : number;
  }

  Pool& pool_;
  const Patterns& p_;
};

const char* utf8_of(Codes text, Pool& pool) {
  auto* made = pool.get<char>(4 * int64_t{text.count} + 1);
  char* out = made;
  for (int i = 0; i < text.count; ++i) {
    const uint32_t code = text.at[i];
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = static_cast<char>(kLead[more] | code >> (6 * more));
    for (int k = more - 1; k >= 0; --k) *out++ = static_cast<char>(0x80 | (code >> (6 * k) & 0x3f));
  }
  *out = 0;
  return made;
}

}  // namespace

int texts_in_order(const Span& text, int64_t frames, Pool& pool, Span* parts) {
  Order order(pool);
  auto* actions = pool.get<Doing>(kMostParts);
  const int count = order.actions_of(codes_of(text.prompt, pool), text.start == 0, text.end == frames, actions);
  const int64_t length = text.end - text.start;
  parts[0] = text;
  if (count < 2 || length < int64_t{kShortest} * count) return 1;
  int64_t lengths[kMostParts], from_here = text.start;
  order.lengths_of(actions, count, length, lengths);
  for (int i = 0; i < count; ++i) {
    parts[i] = {utf8_of(actions[i].prompt, pool), from_here, from_here + lengths[i]};
    from_here += lengths[i];
  }
  return count;
}

bool arms_apart(Span& text, Pool& pool, Span& arms) {
  const Codes prompt = codes_of(text.prompt, pool);
  const Match subject = patterns().subject.match(prompt);
  Codes of_body, of_arms;
  if (!body_and_arms(prompt, subject ? cut(prompt, 0, subject.end[0]) : Codes{}, pool, of_body, of_arms)) return false;
  arms = {utf8_of(of_arms, pool), text.start, text.end};
  text.prompt = utf8_of(of_body, pool);
  return true;
}

}  // namespace genmo
