"""The file that says what a library is to hold."""

import pytest

from genmo.runtime import InputError
from genmo.runtime.clips.spec import DIRECTIONS, EXAMPLE, read_spec

IDLE = "clips:\n  idle: {text: a person stands, seconds: 3}\n"
WALK = "  walk: {text: a person walks, speed: 1.2, speed_back: 0.8, directions: all}\n"


def spec_of(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return read_spec(path)


def test_the_example_holds_24_clips_and_what_leads_from_one_to_another():
    spec = read_spec(EXAMPLE)
    assert len(spec.loops) + len(spec.actions) == 24
    assert {one.name for one in spec.loops} >= {f"{gait}_{where}" for gait in ("walk", "run") for where in DIRECTIONS}
    pairs = {(one.start, one.end) for one in spec.transitions}
    assert {("idle", "walk_left"), ("walk_left", "idle"), ("run_forward", "sprint"), ("idle", "run_backward")} <= pairs


def test_a_gait_in_all_directions(tmp_path):
    spec = spec_of(tmp_path, IDLE + WALK)
    by_name = {one.name: one for one in spec.loops}
    assert len(by_name) == 9
    assert (by_name["walk_left"].direction, by_name["walk_left"].speed) == (90.0, 1.2)
    assert (by_name["walk_backward_right"].direction, by_name["walk_backward_right"].speed) == (-135.0, 0.8)


def test_patterns_of_transitions(tmp_path):
    text = IDLE + WALK + 'transitions:\n  - {from: idle, to: ["walk_f*", walk_left], back: true, seconds: 0.5}\n'
    spec = spec_of(tmp_path, text)
    assert len(spec.transitions) == 8
    assert {one.seconds for one in spec.transitions} == {0.5}
    assert "walk_left-to-idle" in {one.name for one in spec.transitions}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "wanted entries"),
        ("clips: {}", "clips is {}"),
        ("clips:\n  idle: {text: x}", "neither speed nor seconds"),
        ("clips:\n  idle: {text: x, seconds: 900}", "0.6 to 20"),
        ("clips:\n  idle: {text: x, seconds: 2, sped: 3}", "unknown entry 'sped'"),
        ("clips:\n  walk: {text: x, speed: 99}", "0 to 8"),
        ("clips:\n  walk: {text: x, speed: 1, directions: [up]}", "direction 'up'"),
        ("clips:\n  walk: {text: x, speed: 1, direction: 90, directions: all}", "directions with a direction"),
        ("clips:\n  ../x: {text: x, seconds: 2}", "a clip is called"),
        (IDLE + "  jump: {text: x, from: wait}", "no loop 'wait'"),
        (IDLE + "samples: 0", "samples is 0"),
        (IDLE + "samples: 2.5", "whole number"),
        (IDLE + "limits: {slide: .nan}", "wanted a number"),
        (IDLE + "transitions: [{from: idle, to: walk}]", "transitions to 'walk'"),
        (IDLE + "transitions: idle", "wanted a list"),
    ],
)
def test_what_cannot_be(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        spec_of(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_names_differ_by_more_than_capitals(tmp_path):
    with pytest.raises(InputError, match="two clips are called 'idle', capitals or not; wanted every name once"):
        spec_of(tmp_path, IDLE + "  Idle: {text: a person stands, seconds: 2}\n")
