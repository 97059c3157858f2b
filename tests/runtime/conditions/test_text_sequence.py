"""Prompts that say an order become texts in order; others stay as they are."""

import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_sequence import (
    actions_of,
    in_order,
    natural_frames,
    parts_of,
    with_texts_in_order,
)
from genmo.runtime.conditions.text_timing import SHORTEST, seconds_of
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


CHANGES = {
    "a person starts walking": ["a person stands still", "a person walks"],
    "she slowly begins to jog forward": ["she stands still", "she jogs forward"],
    "a person sets off running": ["a person stands still", "a person runs"],
    "a man waits at the door and sets off": ["a man waits at the door", "a man walks"],
    "a person breaks into a sprint": ["a person stands still", "a person sprints"],
    "a person walks slowly and stops": ["a person walks slowly", "a person stops"],
    "a person jogs, but suddenly halts": ["a person jogs", "a person suddenly halts"],
    "the runner comes to a standstill": ["the runner comes to a standstill"],
    "a runner stops running": ["a runner stops running"],
    "a person stops running": ["a person runs", "a person stops"],
    "a person goes from a walk into a run": ["a person walks", "a person runs"],
    "from jogging to walking": ["a person jogs", "a person walks"],
    "a person: walk to run": ["a person walks", "a person runs"],
    "his stroll turns into a sprint": ["a person strolls", "a person sprints"],
    "people go from a standstill to a run": ["people stand still", "people run"],
    "a person walks, stops, jumps": ["a person walks", "a person stops", "a person jumps"],
    "a person sits down on a chair": ["a person stands still", "a person sits down on a chair"],
    "a person gets up from a bench": ["a person sits on a bench", "a person stands up", "a person stands"],
    "she rises from the chair, then walks": ["she sits on a chair", "she stands up", "she walks"],
    "a person walks, then starts running": ["a person walks", "a person runs"],
    "a person walks, then sits down": ["a person walks", "a person sits down"],
}


@pytest.mark.parametrize("prompt", CHANGES)
def test_a_change_is_what_was_and_what_comes(prompt):
    assert [action.prompt for action in actions_of(prompt, first=True)] == CHANGES[prompt]


@pytest.mark.parametrize(
    "prompt",
    [
        "a person sits", "a person takes off a hat", "he sets off fireworks", "a person stops a taxi",
        "a person walks and waves", "a person walks to the bus stop",
        "a person walks from the door to the window", "a person does not stop",
        "a person runs to rest", "a person walks, waving both arms", "a person starts a car", "a person stands",
        "a person walks nonstop", "a person stands on one leg", "a person gets up early", "a person steps to the left",
    ],
)  # fmt: skip
def test_no_change(prompt):
    assert [action.prompt for action in actions_of(prompt, first=True)] == [prompt]


def test_what_a_change_implies_is_said_only_where_nothing_was_before():
    assert [a.prompt for a in actions_of("a person starts walking", first=False)] == ["a person walks"]
    assert [text.prompt for text in in_order(Text("a person starts walking", 30), 150)] == ["a person starts walking"]
    assert len(in_order(Text("a person jogs and stops", 30), 150)) == 2
    rises = in_order(Text("a person gets up from a chair", 0, 90), 150)
    assert [text.prompt for text in rises] == ["a person sits on a chair", "a person stands up"]


def test_getting_up_takes_as_long_as_it_takes():
    sits, rises, stands = in_order(Text("a person gets up from a chair"), 150)
    assert (sits.end, rises.end, stands.end) == (30, 66, None)


@pytest.mark.parametrize("frames", [40, 60, 120, 600])
def test_what_is_implied_takes_little_of_the_time(frames):
    before, after = in_order(Text("a person starts walking"), frames)
    assert before.start == 0 and before.end == after.start and after.end is None
    assert before.end == max(SHORTEST, min(round(1.4 * FPS), round(0.4 * frames)))
