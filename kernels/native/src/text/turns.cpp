#include "text/turns.h"

#include "once.h"
#include "text/codes.h"
#include "text/order.h"
#include "text/pattern.h"

namespace genmo {
namespace {

constexpr double kMostDegrees = 720, kDegree = 0.017453292519943295;
constexpr uint32_t kDegreeSign = 0xb0;
constexpr struct {
  const char* words;
  double degrees;
} kDegrees[] = {{"thirty", 30}, {"forty-five", 45}, {"sixty", 60}, {"ninety", 90}, {"a hundred and eighty", 180},
                {"one hundred eighty", 180}, {"one hundred and eighty", 180}, {"two hundred seventy", 270},
                {"two hundred and seventy", 270}, {"three hundred sixty", 360}, {"three hundred and sixty", 360}};

struct Patterns {
  Pattern turns{"\\b(?:turn|rotat|pivot|spin|swivel|swing|twirl|whirl|revolv|veer|about-face|about face|u-turn)"};
  Pattern of_a_part{
      "\\b(?:head|(?<!about-)(?<!about )face|neck|chin|eyes?|torso|trunk|waist|chest|hips?"
      "|shoulders?|arms?|forearms?|elbows?|wrists?|hands?|palms?|fingers?|legs?|knees?|ankles?|(?<!on )foot|feet|toes?)\\b(?!\\s+(?:back|the\\s+(?:other|opposite))\\b)"};
  Pattern angle{  // ~ is the sign of a degree
      "\\b(?:(\\d\\d?\\d?(?:\\.\\d+)?)|(thirty|forty-five|sixty|ninety|a hundred and eighty|one hundred eighty"
      "|one hundred and eighty|two hundred seventy|two hundred and seventy|three hundred sixty|three hundred and sixty))"
      "\\s*-?\\s*(?:degrees?\\b|deg\\b|~)"};
  struct {
    Pattern pattern;
    double degrees;
  } named[3] = {
      {Pattern("\\bquarter(?:\\s+(?:of\\s+a\\s+)?turn|[\\s-]turn|\\s+to\\s+the\\s+(?:left|right))"), 90},
      {Pattern("\\bhalf(?:\\s+a\\s+turn|[\\s-]turn)|\\bturns?\\s+(?:right\\s+)?(?:around|about)(?=$|\\s+(?:and|to|once|on)\\b|[,.;])"
               "|\\babout[\\s-]face\\b|\\bu-turn\\b|\\bto\\s+face\\s+(?:back(?:wards?)?|the\\s+(?:other|opposite)\\s+(?:way|direction))\\b"),
       180},
      {Pattern("\\bfull[\\s-](?:turn|circle)|\\b(?:whole|complete)\\s+turn|\\ball\\s+the\\s+way\\s+(?:around|round)\\b"), 360}};
  Pattern bends{
      "\\b(?:turn|veer|swerv|curv|bear(?:s|ing)?\\b|(?:(?:tak|mak)(?:es?|ing)|hang(?:s|ing)?)\\s+an?\\s+(?:\\w+\\s+)?(?:left|right)\\b)"};
  Pattern gently{"\\b(?:veer|curv|bear(?:s|ing)?\\b|slight|gentl)"};
  Pattern goes_on{
      "\\b(?:circ|ring|loop|laps?\\b|round|around|about|orbit|spin|twirl|whirl|revolv|pirouet|keep|again|several|times|twice"
      "|back|degree|deg\\b|half|full|whole|complete|one\\s+way)"};
  Pattern left{"\\b(?:left|leftwards?|counter-?clockwise|anti-?clockwise)\\b"};
  Pattern right{"\\b(?:right|rightwards?|(?<!-)clockwise)\\b(?!\\s+(?:around|about)\\b)"};
};

const Patterns& patterns() { return made_once<Patterns>(); }

double degrees_of(Codes text, const Match& match) {
  if (match.start[1] >= 0) return decimal(cut(text, match.start[1], match.end[1]));
  for (const auto& known : kDegrees)
    if (equals(cut(text, match.start[2], match.end[2]), known.words)) return known.degrees;
  return 0;
}

// How often a pattern is found, and the last match.
int count_of(const Pattern& pattern, Codes text, Match& last) {
  int count = 0;
  for (Match match = pattern.search(text); match; match = pattern.search(text, match.end[0])) {
    last = match;
    ++count;
  }
  return count;
}

SaidTurn said_turn(const char* prompt, Pool& pool) {
  const Pool::Scope scope(pool);
  const Patterns& p = patterns();
  const Codes given = codes_of(prompt, pool);
  auto* letters = pool.get<uint32_t>(given.count + 1);
  for (int i = 0; i < given.count; ++i)
    letters[i] = given.at[i] == kDegreeSign ? '~' : given.at[i] == '~' ? '!' : given.at[i];
  const Codes text{letters, given.count};
  Match match;
  int angles = count_of(p.angle, text, match);
  double degrees = angles == 1 ? degrees_of(text, match) : 0;
  if (!angles) {
    for (const auto& known : p.named) {
      const int found = count_of(known.pattern, text, match);
      angles += found;
      if (found) degrees = known.degrees;
    }
  }
  const bool turns = p.turns.search(text) || p.named[1].pattern.search(text);
  if (angles != 1 || !turns || p.of_a_part.search(text) || !(degrees > 0 && degrees <= kMostDegrees)) return {};
  const bool left = static_cast<bool>(p.left.search(text)), right = static_cast<bool>(p.right.search(text));
  if (left && right) return {};
  return {degrees * kDegree, int{left} - int{right}};
}

SaidTurn usual_turn(const char* prompt, Pool& pool) {
  const Pool::Scope scope(pool);
  const Patterns& p = patterns();
  const Codes text = codes_of(prompt, pool);
  if (!p.bends.search(text) || p.goes_on.search(text) || p.of_a_part.search(text)) return {};
  const bool left = static_cast<bool>(p.left.search(text)), right = static_cast<bool>(p.right.search(text));
  if (left == right) return {};
  const bool gently = static_cast<bool>(p.gently.search(text));
  return {(gently ? 45 : 90) * kDegree, int{left} - int{right}, (gently ? 75 : 110) * kDegree};
}

}  // namespace

SaidTurn turn_of(const char* prompt, Pool& pool) {
  const SaidTurn said = said_turn(prompt, pool);
  return said.angle > 0 ? said : usual_turn(prompt, pool);
}

}  // namespace genmo
