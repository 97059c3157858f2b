"""Sentences from verb phrases: subjects, tenses, order and simultaneity.

A verb phrase marks its verbs: "<turn> left and <stop>" becomes "turns left and stops", "is turning left and stopping",
"turn left and stop".  {p} stands for the possessive ("the", "their", "his", "her").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_VERB = re.compile(r"<(\w[\w-]*)>")
_DOUBLED = frozenset(
    "run jog stop step hop sit squat clap bob pat skip spin trot get put cut hit swap begin strut jab drop sidestep "
    "side-step chop let set plop flop plod grab spar".split()
)
_IRREGULAR = {"be": ("is", "being"), "have": ("has", "having"), "lie": ("lies", "lying"), "do": ("does", "doing")}
_PAST = {
    "run": "ran",
    "go": "went",
    "get": "got",
    "stand": "stood",
    "sit": "sat",
    "make": "made",
    "take": "took",
    "bend": "bent",
    "hold": "held",
    "keep": "kept",
    "kneel": "knelt",
    "lie": "lay",
    "lean": "leaned",
    "do": "did",
    "throw": "threw",
    "put": "put",
    "come": "came",
    "break": "broke",
    "speed": "sped",
    "spring": "sprang",
    "leap": "leaped",
    "rise": "rose",
    "have": "had",
    "spin": "spun",
    "bring": "brought",
    "give": "gave",
    "strike": "struck",
    "be": "was",
    "begin": "began",
    "set": "set",
    "hit": "hit",
    "spread": "spread",
    "let": "let",
    "stay": "stayed",
    "creep": "crept",
    "rest": "rested",
    "swing": "swung",
    "freeze": "froze",
    "sink": "sank",
    "fall": "fell",
    "cut": "cut",
    "arise": "arose",
    "shake": "shook",
    "fight": "fought",
    "stick": "stuck",
    "beat": "beat",
    "tear": "tore",
    "fold": "folded",
    "hang": "hung",
    "bear": "bore",
    "withdraw": "withdrew",
    "sleep": "slept",
    "thrust": "thrust",
    "say": "said",
    "inch": "inched",
}
_DEED = re.compile(r"<(?:do|make|perform|throw|deliver|give)> (?=(?:an?|some|one|two|three|four|five|six) )")
"""verbs that add nothing to the noun that they take: "<do> a squat" is a squat"""
_NAMES = ("a person", "the person", "someone", "a man", "a woman", "somebody", "the man", "the woman", "a human")
_RARE = (
    "he",
    "she",
    "a figure",
    "the character",
    "a guy",
    "this person",
    "a young man",
    "an adult",
    "the subject",
    "a kid",
    "a child",
    "a dancer",
    "an athlete",
    "a guard",
    "an old man",
    "a boy",
    "a girl",
    "a player",
    "a worker",
    "a character",
    "an avatar",
    "the hero",
    "an actor",
    "a soldier",
    "the player",
)
_OWN = {"a man": "his", "the man": "his", "he": "his", "a guy": "his", "a young man": "his", "a woman": "her"}
_OWN |= {"an old man": "his", "a boy": "his", "a girl": "her"}
_OWN |= {"the woman": "her", "she": "her"}


Choice = TypeVar("Choice")


def one_of(random: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    """One of the choices, evenly."""
    return choices[int(random.random() * len(choices))]


def inflected(verb: str, form: str) -> str:
    """A verb as "base", "s" (third person), "ing" or "ed"."""
    if form == "base":
        return verb
    if form == "ed":
        return _PAST.get(verb) or (verb + verb[-1] + "ed" if verb in _DOUBLED else _with_ed(verb))
    if verb in _IRREGULAR:
        return _IRREGULAR[verb][form == "ing"]
    if form == "s":
        if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
            return verb + "es"
        return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"
    if verb in _DOUBLED:
        return verb + verb[-1] + "ing"
    return verb[:-1] + "ing" if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) else verb + "ing"


def _with_ed(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "ed"


def finite(phrase: str, form: str) -> str:
    """The phrase with all its verbs in a form; "is": the first is in the progressive, the others follow it."""
    if form == "is":
        stative = phrase.startswith(("<have>", "<be>"))  # nobody "is having" an arm up
        return finite(phrase, "s") if stative else "is " + finite(phrase, "ing")
    return _VERB.sub(lambda match: inflected(match.group(1), form), phrase)


@dataclass(frozen=True)
class Voice:
    """Who a sentence is about and how it speaks."""

    subject: str
    """"" for a command"""
    form: str
    """"s", "is", "ed", "base", "ing", or "noun": "a left hook" where a phrase has one, else as "ing" """
    own: str
    """the possessive"""

    def clause(self, phrase: str) -> str:
        """The clause of a phrase, with the subject."""
        return f"{self.subject} {self.verb(phrase)}".strip()

    def verb(self, phrase: str) -> str:
        """The clause without its subject."""
        if self.form == "noun":
            return self.ing(_DEED.sub("", phrase, count=1) if _DEED.match(phrase) else phrase)
        return finite(phrase, self.form).replace("{p}", self.own)

    def ing(self, phrase: str) -> str:
        """The gerund of a phrase."""
        return finite(phrase, "ing").replace("{p}", self.own)


def draw_voice(random: np.random.Generator) -> Voice:
    """Mostly "a person walks"; sometimes progressive, a command, a bare gerund, or in the past."""
    style = random.random()
    if style < 0.16:
        return Voice("", "base", one_of(random, ("your", "the", "the")))
    if style < 0.22:
        return Voice("", one_of(random, ("ing", "noun")), one_of(random, ("the", "their")))
    if style < 0.26:
        return Voice("they", "base", "their")
    name = "a person" if random.random() < 0.4 else one_of(random, _RARE if random.random() < 0.25 else _NAMES)
    own = _OWN.get(name, "their") if random.random() < 0.6 else "the"
    form = "s" if style < 0.74 else "is" if style < 0.95 else "ed"
    return Voice(name, form, own)


def in_order(random: np.random.Generator, voice: Voice, first: str, second: str) -> str:
    """One sentence of what is done first and what is done then."""
    clause, verb = voice.clause(first), voice.verb(second)
    if voice.form == "is":
        verb = verb.removeprefix("is ") if random.random() < 0.7 else verb
    style = random.random()
    if style < 0.34:
        return f"{clause}, then {verb}"
    if style < 0.52:
        return f"{clause} and then {verb}"
    if style < 0.62:
        return f"{clause}, and then {verb}"
    if style < 0.70:
        return f"{clause} and {verb}"
    if style < 0.76:
        return f"{clause} before {voice.ing(second)}"
    if style < 0.82:
        return f"after {voice.ing(first)}, {voice.clause(second)}"
    if style < 0.87:
        return f"first {clause}, {one_of(random, ('then', 'afterwards', 'next', 'and after that'))} {verb}"
    if style < 0.92 and voice.subject and voice.form != "ed":
        pronoun = "they" if voice.own in ("their", "the") else "he" if voice.own == "his" else "she"
        return f"{clause}. then {pronoun} {finite(second, 'base' if pronoun == 'they' else 's')}".replace(
            "{p}", voice.own
        )
    return f"{clause}, {verb}" if random.random() < 0.5 else f"{clause}, followed by {voice.ing(second)}"


def at_once(random: np.random.Generator, voice: Voice, main: str, beside: str) -> str:
    """One sentence of two things done at the same time."""
    style = random.random()
    if style < 0.45:
        return f"{voice.clause(main)} while {voice.ing(beside)}"
    if style < 0.6:
        return f"{voice.clause(main)}, {voice.ing(beside)}"
    if style < 0.75:
        return f"{voice.clause(main)} and {voice.verb(beside).removeprefix('is ')}"
    if style < 0.85:
        return f"while {voice.ing(main)}, {voice.clause(beside)}"
    return f"{voice.clause(beside)} while {voice.ing(main)}"
