"""Prompts of two things at once become a text of the body and one of the arms; others stay as they are."""

import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_arms import body_and_arms, with_arms_apart
from genmo.runtime.conditions.timeline import Timeline

AT_ONCE = {
    "a person walks forward while waving with the right hand": (
        "a person walks forward", "a person waves with the right hand"
    ),
    "an old man waves as he walks": ("an old man walks", "an old man waves"),
    "a person claps while jogging in place": ("a person jogs in place", "a person claps"),
    "a woman runs with both arms up": ("a woman runs", "a woman has both arms up"),
    "a person struts with the hands on the hips": ("a person struts", "a person has the hands on the hips"),
    "he turns left with outstretched arms": ("he turns left", "he has outstretched arms"),
    "a person walks, clapping": ("a person walks", "a person claps"),
    "a person walks carrying a heavy box": ("a person walks", "a person carries a heavy box"),
    "walks while holding one hand to the ear": ("a person walks", "a person holds one hand to the ear"),
    "a person is sitting, waving both arms": ("a person is sitting", "a person waves both arms"),
    "wanders about, both arms held high": ("a person wanders about", "a person has both arms held high"),
    "on a walk, greeting all with the left hand": ("a person on a walk", "a person greets all with the left hand"),
    "a person hops on one leg with arms out": ("a person hops on one leg", "a person has arms out"),
}  # fmt: skip


@pytest.mark.parametrize("prompt", AT_ONCE)
def test_two_things_at_once(prompt):
    assert body_and_arms(prompt) == AT_ONCE[prompt]


@pytest.mark.parametrize(
    "prompt",
    [
        "a person walks", "a person waves with both hands", "a person walks while talking",
        "a person walks while limping",
        "a person claps while smiling", "a person waves while clapping", "a person jumps with both feet", "",
        "a person walks with a friend", "a person walks for a while", "a person is boxing, kicking", "while walking",
        "a person walks with", "two people hold hands", "a person runs, walks",
        "a person moves like a bear, hands and feet on the floor",
    ],
)  # fmt: skip
def test_one_thing(prompt):
    assert body_and_arms(prompt) is None


def test_a_timeline_and_its_notes():
    walks = Text("a person walks while waving", 30, 90, "file:3")
    timeline, arms, notes = with_arms_apart(Timeline(150, (Text("a person sits"), walks), seed=7))
    assert [(t.prompt, t.start, t.end) for t in timeline.texts] == [
        ("a person sits", 0, None),
        ("a person walks", 30, 90),
    ]
    assert [(t.prompt, t.start, t.end, t.source) for t in arms] == [("a person waves", 30, 90, "file:3")]
    assert timeline.seed == 7 and len(notes) == 1
    assert "from 1.0 s: the body follows 'a person walks', the arms 'a person waves'" in notes[0]
