"""How long a motion of texts takes by itself, where nobody says how long it shall be (`--seconds auto`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_changes import Action
from genmo.runtime.conditions.text_sequence import actions_of
from genmo.runtime.conditions.text_timing import SHORTEST, seconds_of, stated_seconds
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES
from genmo.runtime.engine.text_lengths import TextLengths
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.support.errors import InputError

ENDS = 0.5
"""share of texts that go on, from which on a text counts as one of them"""


@dataclass(frozen=True)
class NaturalLength:
    """How long it is, and why."""

    frames: int
    goes_on: bool
    """whether no text says an end, so that the length is the usual one"""

    def note(self, texts: Sequence[Text]) -> str:
        """A line for the user."""
        said = " / ".join(repr(text.prompt) for text in texts)
        why = f"nothing in {said} says when it ends" if self.goes_on else f"as long as {said} takes"
        return f"{round(self.frames / FPS, 1):g} s long: {why}"


def natural_length(texts: Sequence[Text], lengths: TextLengths | None) -> NaturalLength:
    """The length of a motion of these texts, at most MAX_FRAMES: the actions of a text in order, one after the other;
    texts that begin together, as long as the longest; to the end of a text that has one.

    `lengths` is the engine's head; without it actions take what their kind usually does (`text_timing.seconds_of`).
    Raises InputError for no text, and for one without a word.
    """
    if not texts:
        raise InputError("no text to take a length from; wanted one, or a length in seconds or frames")
    ends = []
    goes_on = True
    for text in texts:
        if text.end is not None:
            ends.append(text.end)
            goes_on = False
            continue
        frames, lasts = _of_prompt(text.prompt, lengths)
        ends.append(text.start + frames)
        goes_on = goes_on and lasts
    return NaturalLength(min(max(ends), MAX_FRAMES), goes_on)


def _of_prompt(prompt: str, lengths: TextLengths | None) -> tuple[int, bool]:
    """Frames of a prompt, and whether it is one action that goes on."""
    found = [_of_action(action, lengths) for action in actions_of(prompt, first=True)]
    return sum(frames for frames, _ in found), len(found) == 1 and found[0][1]


def _of_action(action: Action, lengths: TextLengths | None) -> tuple[int, bool]:
    """Frames of an action, and whether it goes on: what the timing of its clause says, else the head, else its kind."""
    known = stated_seconds(action.prompt) if action.seconds is None else action.seconds
    if known is not None:
        return round(known * FPS), False
    if lengths is None:
        return round(seconds_of(action.prompt) * FPS), False
    reading = lengths.read(action.prompt)
    if reading.goes_on >= ENDS:
        return DEFAULT_FRAMES, True
    return max(reading.frames, SHORTEST), False
