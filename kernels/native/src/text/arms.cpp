#include "text/arms.h"

#include "once.h"
#include "text/pattern.h"

namespace genmo {
namespace {

// The form of captions, where it is known.
constexpr struct {
  const char *gerund, *finite;
} kFinite[] = {
    {"waving", "waves"}, {"clapping", "claps"}, {"applauding", "applauds"}, {"pointing", "points"}, {"saluting",
    "salutes"}, {"greeting", "greets"}, {"carrying", "carries"}, {"holding", "holds"}, {"raising", "raises"},
    {"lifting", "lifts"}, {"stretching", "stretches"}, {"spreading", "spreads"}, {"keeping", "keeps"}, {"putting",
    "puts"}, {"swinging", "swings"}, {"walking", "walks"}, {"running", "runs"}, {"jogging", "jogs"}, {"strolling",
    "strolls"}, {"standing", "stands"}};

struct Patterns {
  Pattern of_arms{
      "^(?:is\\s+|are\\s+)?(?:\\w+ly\\s+)?(?:wav(?:es?|ing)|clap(?:s|ping)?|applaud(?:s|ing)?|point(?:s|ing)?|s"
      "alut(?:es?|ing)|greet(?:s|ing)?|beckon(?:s|ing)?|carr(?:y|ies|ying)|shrug(?:s|ging)?|(?:hold|rais|li"
      "ft|stretch|spread|keep|put|fold|cross|swing|shak)(?:es|s|e|ing|ting)?\\b.*\\b(?:arms?|hands?|fists?|pa"
      "lms?)|(?:both\\s+)?(?:arms?|hands?|fists?|palms?))\\b"};
  Pattern of_legs{
      "\\b(?:walk|run|jog|sprint|strol|strid|march|wander|pac(?:e|es|ing)\\b|strut|step|sidestep|sneak|skip|j"
      "ump|hop|turn|rotat|spin|circl|sit|stand|kneel|crouch|squat|stroll|mov(?:es?|ing)\\b|go(?:es|ing)?\\b)"};
  Pattern cuts[3] = {  // "while", a gerund, "with" a limb
      Pattern(",?\\s+(?:while|whilst|as\\s+(?=(?:he|she|they)\\b))\\s*"),
      Pattern("(?:,\\s+(?=(?:\\w+ly\\s+)?\\w+ing\\b)|\\s+(?=(?:waving|clapping|carrying|holding|pointing|raising|swinging"
              "|stretching)\\b))"),
      Pattern("(?:,?\\s+with\\s+|,\\s+)(?=(?:(?:his|her|their|its|the|both|two|one|left|right|outstretched|raised|lift"
              "ed|folded|crossed)\\s+)*(?:arms?|hands?|fists?|palms?)\\b(?!\\s+and\\s+(?:knee|f[eo]+t)))")};
  Pattern pronoun{"^(?:he|she|they|it)\\s+(?:is\\s+|are\\s+)?"};
  Pattern gerund_first{"^(\\w+ly\\s+)?(\\w+ing)\\b"};
};

const Patterns& patterns() { return made_once<Patterns>(); }

Codes clause_of(Codes who, Codes said, Pool& pool) {
  const Match match = patterns().gerund_first.match(said);
  if (!match) return joined(who, " ", said, pool);
  const Codes manner = match.start[1] < 0 ? Codes{} : cut(said, match.start[1], match.end[1]);
  for (const auto& word : kFinite)
    if (equals(cut(said, match.start[2], match.end[2]), word.gerund))
      return joined(joined(who, " ", manner, pool), word.finite, from(said, match.end[0]), pool);
  return joined(who, " is ", said, pool);
}

Codes without_pronoun(Codes piece) {
  const Match match = patterns().pronoun.match(piece);
  return match ? from(piece, match.end[0]) : piece;
}

}  // namespace

bool body_and_arms(Codes prompt, Codes subject, Pool& pool, Codes& body, Codes& arms) {
  constexpr int kWith = 2;
  const Patterns& p = patterns();
  const Codes said = stripped(from(prompt, subject.count), " \t\n,;.:");
  const Codes who = subject.count ? subject : letters("a person", pool);
  for (int way = 0; way < 3; ++way) {
    const Match between = p.cuts[way].search(said);
    if (!between || p.cuts[way].search(said, between.end[0])) continue;  // two pieces, no more
    Codes first = stripped(cut(said, 0, between.start[0]), " ,"), second = stripped(from(said, between.end[0]), " ,");
    if (!first.count || !second.count) continue;
    first = without_pronoun(first);
    second = without_pronoun(second);
    if (way == kWith) second = joined({}, "has ", second, pool);
    const bool first_of_arms = way != kWith && p.of_arms.match(first), second_of_arms = way == kWith || p.of_arms.match(second);
    body = first_of_arms ? second : first;
    arms = first_of_arms ? first : second;
    if (first_of_arms == second_of_arms || !p.of_legs.search(body)) continue;
    body = clause_of(who, body, pool);
    arms = clause_of(who, arms, pool);
    return true;
  }
  return false;
}

}  // namespace genmo
