"""How long texts take by themselves: timing that is said, actions in order, spans, what goes on."""

from types import SimpleNamespace

import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.engine.natural_length import NaturalLength, natural_length
from genmo.runtime.engine.text_lengths import LengthReading
from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.support.errors import InputError


def read(prompt):
    """A head that knows jumps (45 frames), blinks (4) and takes all else for endless."""
    if "jump" in prompt:
        return LengthReading(0.1, 45)
    return LengthReading(0.1, 4) if "blink" in prompt else LengthReading(0.9, 60)


HEAD = SimpleNamespace(read=read)


@pytest.mark.parametrize(
    ("prompt", "frames", "goes_on"),
    [
        ("a person jumps", 45, False),
        ("a person walks", 120, True),
        ("a person walks for 6 seconds", 180, False),
        ("a person jumps for 2 seconds", 60, False),
        ("a person jumps, then walks for 3 seconds", 135, False),
        ("a person walks, then jumps", 165, False),
        ("a person blinks", 20, False),  # an action in fewer is a twitch
    ],
)
def test_a_text(prompt, frames, goes_on):
    assert natural_length((Text(prompt),), HEAD) == NaturalLength(frames, goes_on)


@pytest.mark.parametrize(
    ("prompt", "frames"), [("a person jumps", 60), ("a person walks", 120), ("a person zorbs", 90)]
)
def test_without_a_head_kinds_of_actions_tell(prompt, frames):
    assert natural_length((Text(prompt),), None) == NaturalLength(frames, False)


def test_several_texts():
    """As long as the longest of those that begin together, from where a text begins, to where it ends."""
    assert natural_length((Text("a person jumps"), Text("a person walks")), HEAD) == NaturalLength(120, False)
    assert natural_length((Text("a person walks", 0, 30), Text("a person jumps", 30)), HEAD) == NaturalLength(75, False)
    assert natural_length((Text("a person jumps", 0, 200),), HEAD) == NaturalLength(200, False)
    assert natural_length((Text("a person walks", MAX_FRAMES - 5),), HEAD).frames == MAX_FRAMES
    with pytest.raises(InputError, match="no text to take a length from"):
        natural_length((), HEAD)


def test_notes_say_the_length_and_why():
    texts = (Text("a person jumps"), Text("a person waves"))
    assert NaturalLength(45, False).note(texts) == "1.5 s long: as long as 'a person jumps' / 'a person waves' takes"
    assert NaturalLength(120, True).note(texts[:1]) == "4 s long: nothing in 'a person jumps' says when it ends"
    assert NaturalLength(365, False).note(texts[:1]).startswith("12.2 s long")
