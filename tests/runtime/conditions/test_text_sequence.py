"""Prompts that say an order become texts in order; others stay as they are."""

import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_sequence import (
    SHORTEST,
    in_order,
    natural_frames,
    parts_of,
    seconds_of,
    with_texts_in_order,
)
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS

IN_ORDER = {
    "a person walks, then sits": ["a person walks", "a person sits"],
    "a person walks and then sits down": ["a person walks", "a person sits down"],
    "A person walks forward. Then he sits down.": ["A person walks forward", "A person sits down"],
    "first a man jumps, then he waves, finally he bows": ["a man jumps", "a man waves", "a man bows"],
    "First, a person walks; after that, they kick; then punch": ["a person walks", "they kick", "they punch"],
    "a person walks before sitting down": ["a person walks", "a person is sitting down"],
    "a person sits down after walking": ["a person is walking", "a person sits down"],
    "a woman is walking, then running": ["a woman is walking", "a woman is running"],
    "walk forward, then sit": ["walk forward", "sit"],
    "a person turns left, then right": ["a person turns left", "a person turns right"],
    "someone is walking forward, then backwards": ["someone is walking forward", "someone is walking backwards"],
    "a person raises the left arm, then the right arm": [
        "a person raises the left arm", "a person raises the right arm"
    ],
    "a tired old man limps, then quickly sits": ["a tired old man limps", "a tired old man quickly sits"],
    "a person walks, stops, then turns around": ["a person walks, stops", "a person turns around"],
    "people dance, and afterwards bow": ["people dance", "people bow"],
}  # fmt: skip


@pytest.mark.parametrize("prompt", IN_ORDER)
def test_actions_in_order(prompt):
    assert parts_of(prompt) == IN_ORDER[prompt]


@pytest.mark.parametrize(
    "prompt",
    [
        "a person walks",
        "a person walks while waving",
        "a person walks and waves",
        "a person walks, waving both arms",
        "a person now and then hops",
        "a person stands next to a wall",
        "someone stands before the building",
        "a person waves after everything",
        "a person walks, then",
        "then a person walks",
        "strengthens the arms",
        "then",
        "",
    ],
)
def test_no_order(prompt):
    assert parts_of(prompt) == [prompt] and natural_frames(prompt) is None
    assert in_order(Text(prompt, 3, 90), 120) == [Text(prompt, 3, 90)]


def test_how_long_actions_take():
    assert seconds_of("a person jumps") == seconds_of("a man sits down") < seconds_of("a person walks")
    assert seconds_of("a person jumps") < seconds_of("a person jumps twice") < seconds_of("a person jumps 5 times")
    assert seconds_of("a person jumps 1000000 times") <= 30
    assert seconds_of("a person walks for 2.5 seconds") == 2.5
    assert natural_frames("a person walks for 5 seconds, then jumps") == 7 * FPS


def test_spans_follow_one_another_and_share_the_time():
    walks, jumps, sits = in_order(Text("a person walks, then jumps, then sits", 30, 180, "file:3"), 240)
    assert [walks.start, walks.end, jumps.end, sits.end] == [30, jumps.start, sits.start, 180]
    lengths = [text.end - text.start for text in (walks, jumps, sits)]
    assert lengths[0] > lengths[1] == pytest.approx(lengths[2], abs=1) and min(lengths) >= SHORTEST
    assert walks.source == "file:3"


def test_a_text_to_the_end_stays_one():
    assert in_order(Text("a person walks, then sits"), 120)[-1].end is None
    assert in_order(Text("a person walks, then sits", 0, 500), 120)[-1].end == 500


def test_too_short_a_span_keeps_the_text_whole():
    text = Text("a person walks, then jumps, then sits", 0, 3 * SHORTEST - 1)
    assert in_order(text, 200) == [text]
    assert [part.end - part.start for part in in_order(Text(text.prompt, 0, 3 * SHORTEST), 200)] == [SHORTEST] * 3


def test_a_timeline_and_its_notes():
    timeline = Timeline(150, (Text("a person waves"), Text("a person walks, then sits", 30)), seed=7)
    divided, notes = with_texts_in_order(timeline)
    assert [text.prompt for text in divided.texts] == ["a person waves", "a person walks", "a person sits"]
    assert divided.seed == 7 and divided.frames == 150
    assert len(notes) == 1 and "is 2 texts in order: 'a person walks' from 1.0 s, 'a person sits' from" in notes[0]
