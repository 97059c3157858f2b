#include "text/changes.h"

#include "once.h"
#include "text/pattern.h"

namespace genmo {
namespace {

constexpr double kStandsFirst = 1.4, kSitsFirst = 1.0, kRises = 1.2;  // seconds
constexpr struct {
  const char *name, *verb;
} kGaits[] = {{"walk", "walk"}, {"stroll", "stroll"}, {"march", "march"}, {"jog", "jog"}, {"trot", "jog"}, {"run", "run"}, {"sprint", "sprint"}, {"dash", "dash"}, {"gallop", "gallop"}, {"crawl", "crawl"}, {"skip", "skip"}, {"sneak", "sneak"}, {"limp", "limp"}};

// The gaits, and endings of their gerunds; what somebody may be in.
#define GENMO_GAITS \
  "walk|stroll|march|jog|trot|run|sprint|dash|gallop|crawl|skip|sneak|limp"
#define GENMO_ENDINGS \
  "(?<=walk)k?ing|(?<=stroll)l?ing|(?<=march)h?ing|(?<=jog)g?ing|(?<=trot)t?ing|(?<=run)n?ing|(?<=sprin" \
  "t)t?ing|(?<=dash)h?ing|(?<=gallop)p?ing|(?<=crawl)l?ing|(?<=skip)p?ing|(?<=sneak)k?ing|(?<=limp)p?in" \
  "g"
#define GENMO_STILL \
  "standstill|stand|standing|standing start|standing position|rest|stop|halt|dead stop"
#define GENMO_STATE \
  "walk(?:k?ing)?|stroll(?:l?ing)?|march(?:h?ing)?|jog(?:g?ing)?|trot(?:t?ing)?|run(?:n?ing)?|sprint(?:" \
  "t?ing)?|dash(?:h?ing)?|gallop(?:p?ing)?|crawl(?:l?ing)?|skip(?:p?ing)?|sneak(?:k?ing)?|limp(?:p?ing)" \
  "?|standstill|stand|standing|standing start|standing position|rest|stop|halt|dead stop"
#define GENMO_MANNER "(?:\\w+ly\\s+)?"
#define GENMO_BEGINS "^(?:is\\s+|are\\s+)?" GENMO_MANNER
#define GENMO_SEATS "chair|seat|stool|bench|sofa|couch|armchair|step|box|bed"
#define GENMO_STOP                                                                                                          \
  "(?:stops?|halts?|freezes?|comes?\\s+to\\s+an?\\s+(?:\\w+\\s+)?(?:stop|halt|standstill|rest)|pulls?\\s+up(?:\\s+(?:dead|short))?" \
  "|stops?\\s+(?:dead|short|at\\s+once|abruptly|suddenly)|stands?\\s+still)"

struct Patterns {
  Pattern from_to{
      "\\bfrom\\s+(?:an?\\s+|the\\s+)?(?:(?!to\\b)\\w+\\s+)??" "(" GENMO_STATE ")\\s+(?:up\\s+|down\\s+)?(?:in)?to\\s+(?:an?\\s+|the\\s+)?"
      "(?:\\w+\\s+)??" "(" GENMO_STATE ")\\b"};
  Pattern becomes{
      "^(?:(?:the|an?|his|her|their)\\s+)?(?:\\w+\\s+)??" "(" GENMO_STATE ")\\s+(?:(?:slowly|gradually|suddenly)\\s+)?"
      "(?:becomes|turns\\s+(?:in)?to|changes\\s+(?:in)?to|grows\\s+into|gives\\s+way\\s+to|(?:in)?to)\\s+(?:an?\\s+)?(?:\\w+\\s+)??"
      "(" GENMO_STATE ")$"};
  Pattern starts{GENMO_BEGINS "(?:start(?:s|ing)?|begin(?:s|ning)?)\\s+(?:off\\s+)?(?:to\\s+)?(?:" GENMO_MANNER
                              ")(" GENMO_GAITS ")(" GENMO_ENDINGS ")?\\b(.*)$"};
  Pattern sets_off{
      "^(.*?)(?:^|,?\\s+and\\s+|,\\s*)" GENMO_MANNER "(?:sets?\\s+(?:off|out)|moves?\\s+off|gets?\\s+(?:going|moving))"
      "(?=$|\\s+(?:\\w+ing|on|along|down|for|forwards?|ahead|towards?|at|again|in|to|into)\\b|\\s+\\w+ly\\b)(.*)$"};
  Pattern breaks_into{GENMO_BEGINS
                      "(?:breaks?|bursts?|explodes?|launch(?:es)?)\\s+(?:out\\s+)?into\\s+an?\\s+(" GENMO_GAITS ")\\b"};
  Pattern and_stops{"^(.*\\w)(?:,\\s*(?:and\\s+|but\\s+)?|\\s+(?:and|but)\\s+)(" GENMO_MANNER GENMO_STOP ")$"};
  Pattern stops{GENMO_BEGINS
                "(?:comes?\\s+to\\s+an?\\s+(?:\\w+\\s+)?(?:stop|halt|standstill)|stops?(?:\\s+(" GENMO_GAITS ")\\w?ing)?|halts?)"
                "(?:\\s+(?:after|at|in\\s+front)\\b.*)?$"};
  Pattern sits_down{GENMO_BEGINS
                    "(?:sit(?:s|ting)?\\s+(?:himself\\s+|herself\\s+|themselves\\s+)?down|tak(?:es?|ing)\\s+a\\s+seat"
                    "|(?:lowers?|lets?)\\s+(?:him|her|them)sel(?:f|ves)\\s+(?:down\\s+)?(?:in|on)to\\s+(?:an?|the)\\s+(?:" GENMO_SEATS
                    ")|(?:plops?|drops?|flops?|sinks?)\\s+(?:down\\s+)?(?:in|on)(?:to)?\\s+(?:an?|the)\\s+(?:" GENMO_SEATS "))\\b"};
  Pattern stands_up{GENMO_BEGINS
                    "(?:(?:stand|get)(?:s|ting|ing)?\\s+up|ris(?:es?|ing)|gets?)\\s+(?:again\\s+)?(?:from|off|out\\s+of)\\s+"
                    "(?:an?|the|his|her)\\s+(" GENMO_SEATS ")\\b(.*)$"};
  Pattern finite{
      "^(?:\\w+ly\\s+)?(?:walks|runs|jogs|sprints|dashes|strolls|stands|waits|stops|halts|jumps|hops|leaps|kicks|punches"
      "|throws|catches|sits|turns|spins|bends|bows|crouches|kneels|squats|ducks|waves|claps|steps|falls|rises|lies|crawls"
      "|dances|looks|nods|reaches|picks|stumbles|rolls|dodges|freezes|swims|climbs)\\b"};
  Pattern going{"\\s+(" GENMO_GAITS ")\\w?ing\\b(.*)"};
  Pattern plural{"\\b(?:they|people|men|women)$"};
  Pattern still{"^(?:" GENMO_STILL ")$"};
  Pattern comma{",\\s*(?:and\\s+)?", Pattern::kCased};
  Pattern comma_or_and{",\\s*(?:and\\s+)?|\\s+and\\s+(?=\\w+s\\b)", Pattern::kCased};
};

const Patterns& patterns() { return made_once<Patterns>(); }

Codes group(Codes text, const Match& match, int number) {
  return match.start[number] < 0 ? Codes{} : cut(text, match.start[number], match.end[number]);
}

// Every function answers how many actions it wrote.
class Changes {
 public:
  Changes(Codes subject, Pool& pool, Doing* actions, int most)
      : subject_(subject), pool_(pool), p_(patterns()), actions_(actions), most_(most) {}

  int listed(Codes clause) {  // "stands, dashes, halts": verbs that follow one another without a word between
    int commas = 0, count = 0, from_here = 0;
    for (int i = 0; i < clause.count; ++i) commas += clause.at[i] == ',';
    const Pattern& between = commas > 1 ? p_.comma_or_and : p_.comma;
    for (;;) {
      const Match cut_here = between.search(clause, from_here);
      const Codes piece = cut(clause, from_here, cut_here ? cut_here.start[0] : clause.count);
      if (count == most_ || !p_.finite.match(piece)) return 0;
      actions_[count++] = {said_of(piece), 0};
      if (!cut_here) return count < 2 ? 0 : count;
      from_here = cut_here.end[0];
    }
  }

  int from_to(Codes clause) {
    Match match = p_.from_to.search(clause);
    if (!match) match = p_.becomes.search(clause);
    if (!match) return 0;
    const Codes before = group(clause, match, 1);
    const Doing was = p_.still.match(before) ? Doing{gait_of(before), kStandsFirst, Doing::kBefore} : Doing{gait_of(before), 0};
    return two(was, {gait_of(group(clause, match, 2)), 0});
  }

  int stops(Codes clause) {
    if (const Match match = p_.and_stops.search(clause)) {
      const Codes stop = group(clause, match, 2);
      return two({said_of(group(clause, match, 1)), 0}, {said_of(begins(stop, "pull") ? letters("stops", pool_) : stop), 0});
    }
    const Match match = p_.stops.search(clause);
    if (!match) return 0;
    const Codes gait = group(clause, match, 1);
    return two({gait_of(gait.count ? gait : letters("walk", pool_)), 0}, {said_of(letters("stops", pool_)), 0});
  }

  int starts(Codes clause) {
    if (const Match match = p_.starts.search(clause))
      return two(stands_still(), {joined(gait_of(group(clause, match, 1)), "", group(clause, match, 3), pool_), 0});
    if (const Match match = p_.breaks_into.search(clause))
      return two(stands_still(), {joined(gait_of(group(clause, match, 1)), "", from(clause, match.end[0]), pool_), 0});
    const Match match = p_.sets_off.search(clause);
    if (!match) return 0;
    const Codes wait = group(clause, match, 1), rest = group(clause, match, 2);
    const Doing waits = stripped(wait, " ,").count ? Doing{said_of(wait), 0} : stands_still();
    const Match going = p_.going.match(rest);
    const Codes gait = going ? group(rest, going, 1) : letters("walk", pool_);
    return two(waits, {joined(gait_of(gait), "", going ? group(rest, going, 2) : rest, pool_), 0});
  }

  int sits(Codes clause) {
    if (const Match match = p_.stands_up.search(clause)) {
      const Codes seat = joined({}, "sits on a ", lowered(group(clause, match, 1), pool_), pool_);
      if (most_ < 3) return 0;
      actions_[0] = {said_of(seat), kSitsFirst, Doing::kBefore};
      actions_[1] = {said_of(joined({}, "stands up", group(clause, match, 2), pool_)), kRises};
      actions_[2] = {said_of(letters("stands", pool_)), 0, Doing::kAfter};
      return 3;
    }
    return p_.sits_down.search(clause) ? two(stands_still(), {said_of(clause), 0}) : 0;
  }

 private:
  int two(const Doing& before, const Doing& after) {
    if (most_ < 2) return 0;
    actions_[0] = before;
    actions_[1] = after;
    return 2;
  }

  Codes said_of(Codes rest) {
    return joined(subject_.count ? subject_ : letters("a person", pool_), " ", without_spaces(rest), pool_);
  }

  // A clause of a noun or gerund of the tables: "sprinting" makes "a person sprints".
  Codes gait_of(Codes word) {
    const char* verb = "stand";
    bool named = false;
    for (const auto& gait : kGaits) {
      if (named || !begins(word, gait.name)) continue;
      verb = gait.verb;
      named = true;
    }
    const size_t length = std::strlen(verb);
    const bool hissing = std::strcmp(verb + length - 2, "sh") == 0;
    const char* ending = p_.plural.search(subject_) ? "" : hissing ? "es" : "s";
    const Codes finite = joined(letters(verb, pool_), ending, letters(named ? "" : " still", pool_), pool_);
    return said_of(finite);
  }

  Doing stands_still() { return {gait_of(letters("stand", pool_)), kStandsFirst, Doing::kBefore}; }

  Codes subject_;
  Pool& pool_;
  const Patterns& p_;
  Doing* actions_;
  int most_;
};

}  // namespace

int changes_of(Codes subject, Codes clause, bool first, bool last, Pool& pool, Doing* actions, int most) {
  Changes changes(subject, pool, actions, most);
  clause = stripped(clause, " \t\n,;.:");
  int count = changes.listed(clause);
  if (!count) count = changes.from_to(clause);
  if (!count) count = changes.stops(clause);
  if (!count) count = changes.starts(clause);
  if (!count) count = changes.sits(clause);
  int kept = 0;
  for (int i = 0; i < count; ++i)
    if (actions[i].implied == Doing::kBefore ? first : actions[i].implied == Doing::kAfter ? last : true) actions[kept++] = actions[i];
  return kept;
}

}  // namespace genmo
