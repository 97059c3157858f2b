"""The obey report: its prompts, its judgement of made motions, its page and its command."""

import itertools
import json
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.train.captions.describe import STAND, STILL
from genmo.train.captions.grammar import finite
from genmo.train.captions.locomotion import GAITS, gait_phrase
from genmo.train.captions.phrases import PHRASES, phrases_of
from genmo.train.evaluation import obey
from genmo.train.evaluation.__main__ import main
from genmo.train.evaluation.obey_prompts import LEFT_OUT, MEASURED, PREDICATES, TRAINED, Prompt
from genmo.train.evaluation.text_motion_features import wording

EVERY = (*LEFT_OUT, *MEASURED, *TRAINED)
GLIDE = np.array([0, 0, 1.2]) / 30


def motion(frames=120, turn=0.0, step=GLIDE):
    """Someone who glides with hanging arms and turns by so many degrees in all."""
    yaw = matrix_from_yaw(np.radians(np.linspace(0, turn, frames)))
    pose = np.zeros((frames, 24, 3))
    pose[:, 16, 2], pose[:, 17, 2] = -1.35, 1.35
    rotations = matrix_from_axis_angle(pose)
    rotations[:, 0] = yaw
    return Motion(rotations, np.cumsum(yaw @ step, axis=0) + [0, 0.95, 0])


class Made:
    """A model that makes what it is told to, seed by seed."""

    def __init__(self, *turns, text_encoder="words"):
        rules = SimpleNamespace(steps=10, guidance=2.0)
        self.engine = SimpleNamespace(
            text_encoder=text_encoder, config=SimpleNamespace(conventions=rules), description={}
        )
        self.turns = turns

    def generate(self, text, frames, *, steps, guidance, seed, tries):
        return [motion(frames, self.turns[seed % len(self.turns)])]


def test_the_lists_are_as_long_as_promised_and_name_each_prompt_once():
    assert len(LEFT_OUT) >= 60 and min(len(MEASURED), len(TRAINED)) >= 25
    counts = Counter(wording(prompt.text) for prompt in EVERY)
    assert max(counts.values()) == 1
    assert {prompt.predicate for prompt in EVERY} == set(PREDICATES)
    assert {prompt.group for prompt in LEFT_OUT} == {predicate.group for predicate in PREDICATES.values()}


@pytest.fixture(scope="module")
def spoken():
    """The verb phrases of measured captions, in the third person, as gerunds and as commands, without their subject."""
    random = np.random.default_rng(0)
    phrases = {*STAND, *STILL, *("<hop> on {p} left foot", "<jump> twice", "<jump> three times")}
    for key in PHRASES:
        sides = ("left", "right") if "_S" in key else ("",)
        for side, number in itertools.product(sides, range(1, 6) if key.endswith("_N") else (0,)):
            tag = key.replace("_S", f"_{side}")
            phrases.update(phrases_of(tag.removesuffix("N") + str(number) if number else tag))
    ways = ("forward", "back", "left", "right", "diagonal_left", "diagonal_right")
    turns = ((), ("turn_left", "turn_left_90"), ("turn_right", "turn_right_90"), ("turn_left",), ("veer_right",))
    paces = ((), ("walk_slow",), ("walk_brisk",), ("run_fast",))
    for kind, way, turn, pace in itertools.product(GAITS, ways, turns, paces):
        rare = kind != "jog" and way in ("forward", "left", "right") and turn in turns[:3]
        draws = 400 if rare and not (turn and pace) else 10
        phrases.update(gait_phrase(kind, (kind, f"{kind}_{way}", *turn, *pace), random) for _ in range(draws))
    forms = itertools.product(phrases, ("s", "ing", "base"), ("the", "their"))
    return {finite(phrase, form).replace("{p}", own) for phrase, form, own in forms if own == "the" or "{p}" in phrase}


def parts(text):
    """A prompt as its parts, without the subject; and as a whole."""
    whole = re.sub(r"^(a|the) (person|man|woman) |^(he|she|somebody|someone) ", "", text)
    return [whole], [part for part in re.split(r",? then |, (?:afterwards )?| while ", whole) if part]


@pytest.mark.parametrize("prompt", LEFT_OUT, ids=lambda prompt: prompt.text)
def test_what_is_left_out_is_no_phrase_of_the_grammar(prompt, spoken):
    """Not even all its parts, whoever does it."""
    assert not any(spoken.issuperset(found) for found in parts(prompt.text))


@pytest.mark.parametrize("prompt", MEASURED, ids=lambda prompt: prompt.text)
def test_measured_sentences_are_of_the_grammar(prompt, spoken):
    assert any(spoken.issuperset(found) for found in parts(prompt.text))


@pytest.mark.parametrize("prompt", [p for p in EVERY if p.side], ids=lambda prompt: prompt.text)
def test_a_prompt_says_its_side(prompt):
    said = {"left": ("left", "counterclockwise"), "right": ("right", " clockwise")}[prompt.side]
    assert any(word in prompt.text for word in said)


@pytest.mark.parametrize("predicate", PREDICATES)
def test_conditions_can_be_measured(predicate):
    found = obey.values(obey.Signals.of(motion(60).joints_world()), predicate)
    assert found and all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize("text", ["speed", "speed >", "haste > 1", "middle: speed > 1", "speed > 1 m/s", "speed 1-2"])
def test_a_bad_condition_is_refused(text):
    with pytest.raises(ValueError, match="wanted e.g."):
        obey.Condition.parse(text)


def test_conditions_take_parts_and_intervals():
    signals = obey.Signals.of(motion(120, 90).joints_world())
    assert obey.Condition.parse("turn 60..120").holds(signals)
    assert obey.Condition.parse("first: turn 30..60").holds(signals)
    assert not obey.Condition.parse("start: turn > 60").holds(signals)
    assert obey.Condition.parse("end: speed < 1.5").holds(signals)


def obeyed(joints):
    signals = obey.Signals.of(joints)
    return {predicate for predicate in PREDICATES if obey.obeys(signals, predicate)}


def test_who_stands_obeys_nothing_but_to_stand():
    assert obeyed(motion(120, step=np.zeros(3)).joints_world()) == {"stands still", "stays"}


def test_who_glides_ahead_walks_and_no_more():
    assert obeyed(motion(120).joints_world()) == {"walks"}


def test_who_glides_back_walks_backwards_and_no_more():
    assert obeyed(motion(120, step=-GLIDE).joints_world()) == {"walks backwards"}


def test_three_of_four_seeds_make_a_prompt_obeyed_and_the_wrong_side_is_counted_apart():
    prompt = Prompt("turn left at the corner", "turns 90 degrees", "left")
    row = obey.judge(Made(90, 90, -90, 85), prompt, 4, None, None)
    assert (row["passes"], row["obeyed"], row["wrong_side"]) == (3, True, 1)
    row = obey.judge(Made(90, -90, -90, 10), prompt, 4, None, None)
    assert (row["passes"], row["obeyed"], row["wrong_side"]) == (1, False, 2)
    assert obey.summary([row])["side_right"] == pytest.approx(1 / 3)
    to_the_right = Prompt("turn right at the corner", "turns 90 degrees", "right")
    assert obey.judge(Made(-90), to_the_right, 4, None, None)["passes"] == 4


def test_quality_sees_flights_and_a_floor_that_rises():
    joints = motion(120).joints_world()
    joints[40:60, :, 1] += 0.2
    assert obey.quality(joints, may_fly=False)["false_flights"] == 1
    assert obey.quality(joints, may_fly=True)["false_flights"] == 0
    rising = motion(120).joints_world()
    rising[..., 1] += np.linspace(0, 0.5, 120)[:, None]
    assert obey.quality(rising, may_fly=True)["floor"] == pytest.approx(0.5 * 75 / 119, abs=0.01)
    assert obey.quality(motion(120).joints_world(), may_fly=True)["top_speed"] == pytest.approx(1.2, abs=0.01)


def test_the_sweep_has_a_row_a_setting():
    rows = obey.sweep(Made(0), 1, prompts=2, guidances=(1.0, 3.0), steps=(4,))
    assert [(row["guidance"], row["steps"]) for row in rows] == [(1.0, 4), (3.0, 4)]


def test_the_command_writes_a_page_and_numbers(tiny_checkpoint, tmp_path, capsys):
    page, numbers = tmp_path / "obey.md", tmp_path / "obey.json"
    options = ["--prompts", "1", "--samples", "1", "--steps", "1", "--out", str(page), "--out", str(numbers)]
    assert main(["--checkpoint", str(tiny_checkpoint), "--obey", *options]) == 0
    assert page.read_text() == capsys.readouterr().out
    found = json.loads(numbers.read_text())
    assert {name: len(rows) for name, rows in found["prompts"].items()} == dict.fromkeys(obey.LISTS, 1)
    assert found["steps"] == 1 and "| phrasings left out of training |" in page.read_text()


def test_prompts_that_are_captions_of_the_data_are_refused(clip_of):
    clip = clip_of(motion(60), captions=("A polite BOW before the king.",))
    with pytest.raises(obey.InputError, match="a polite bow"):
        obey.check_left_out([clip])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "x", "--sweep"], "without --obey"),
        (["--obey", "--guidance", "99"], "--guidance is 99"),
        (["--obey", "--prompts", "-1"], "--prompts is -1"),
        ([], "no --data"),
    ],
)
def test_bad_options_are_one_line(options, said, capsys):
    assert main(options) == 2
    assert said in (err := capsys.readouterr().err) and err.count("\n") == 1


def test_an_engine_without_texts_is_refused():
    with pytest.raises(obey.InputError, match="no text encoder"):
        obey.report(Made(0, text_encoder=None))
