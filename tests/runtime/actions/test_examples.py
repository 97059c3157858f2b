"""Example motions of an engine, found by what a text says."""

import dataclasses

import numpy as np
import pytest

from genmo.runtime.actions.examples import LENGTHS, Examples, Stretch
from genmo.runtime.actions.names import Said
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.example_file import examples_file, open_examples
from genmo.runtime.motion.packed import FRAMES, packed
from genmo.runtime.support.errors import EngineError
from tests.train.made_motions import arm, eased, made

TRAITS = ("raised_left>0.5", "raised_right>0.5", "speed>1")
UP = eased(FRAMES, 70, 90)
CLIPS = (made(FRAMES), made(FRAMES, speed=1.2), made(FRAMES, pose=arm("left", 170 * UP)))


@pytest.fixture(scope="module")
def examples():
    """Somebody who stands, who walks, and who raises the left arm in the second half."""
    coefficients = np.stack([packed(clip.rotations, clip.translation, clip.offsets) for clip in CLIPS])
    cuts = [(60, 0), (60, 60), (90, 0), (FRAMES, 0)]
    does = [
        [(example == 2 and start + length > 90, False, example == 1) for length, start in cuts] for example in range(3)
    ]
    lengths, starts = np.tile(np.array(cuts), (3, 1)).T
    return Examples(TRAITS, np.repeat(np.arange(3), 4), starts, lengths, np.array(does).reshape(-1, 3), coefficients)


def said(*weights, frames=FRAMES):
    return [Said(0, frames, TRAITS, np.array(weights, np.float32))]


def test_the_best_comes_first_and_in_the_mirror_where_that_is_better(examples):
    assert examples.nearest(said(0, 0, 1), FRAMES, 3)[0] == Stretch(1, 0, False)
    assert examples.nearest(said(1, -1, 0), FRAMES, 1) == [Stretch(2, 0, False)]
    assert examples.nearest(said(-1, 1, 0), FRAMES, 1) == [Stretch(2, 0, True)]
    assert len(examples.nearest(said(1, -1, 0), FRAMES, 9)) == 3


def test_short_texts_have_the_stretch_that_does_it(examples):
    assert examples.nearest(said(1, -1, 0, frames=50), 50, 1) == [Stretch(2, 60, False)]
    assert examples.motion(Stretch(2, 60, False), 50).frames == 50
    assert examples.motion(Stretch(2, 60, False), 300).frames == 60


def test_traits_are_found_by_their_names(examples):
    other = [Said(0, 60, ("unheard>1", "speed>1"), np.array([9, 1], np.float32))]
    assert examples.nearest(other, 60, 1) == [Stretch(1, 0, False)]


def test_the_mirror_shows_the_other_arm(examples):
    for mirrored, raised in ((False, 20), (True, 21)):
        joints = examples.motion(Stretch(2, 0, mirrored), FRAMES).joints_world()
        assert joints[-1, raised, 1] > joints[-1, 15, 1] > joints[-1, 41 - raised, 1]


def test_a_file_round_trips(examples, tmp_path):
    (tmp_path / "e.npz").write_bytes(examples_file(examples))
    again = open_examples(tmp_path / "e.npz")
    for field in dataclasses.fields(Examples):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(examples, field.name))
    assert examples_file(again) == examples_file(examples)


@pytest.mark.parametrize(
    "damage",
    [
        lambda e: dataclasses.replace(e, example=e.example + 1),
        lambda e: dataclasses.replace(e, start=e.start + 1),
        lambda e: dataclasses.replace(e, length=np.full_like(e.length, FRAMES)),
        lambda e: dataclasses.replace(e, does=e.does[:3]),
        lambda e: dataclasses.replace(e, traits=("unheard>1", "of>1", "x>1")),
        lambda e: dataclasses.replace(e, traits=(*e.traits, *(f"speed>{n}" for n in range(9)))),
        lambda e: dataclasses.replace(e, traits=("a_left", "b", "c")),
        lambda e: dataclasses.replace(e, coefficients=e.coefficients[:0]),
        lambda e: dataclasses.replace(e, coefficients=e.coefficients[:, :5]),
        lambda e: dataclasses.replace(e, coefficients=e.coefficients + np.int16(30000)),
    ],
)
def test_a_damaged_file_is_refused(examples, tmp_path, damage):
    (tmp_path / "e.npz").write_bytes(examples_file(damage(examples)))
    with pytest.raises(EngineError, match="not example motions of an engine; export the engine again"):
        open_examples(tmp_path / "e.npz")
    (tmp_path / "e.npz").write_bytes(b"nothing")
    with pytest.raises(EngineError, match="not example motions"):
        open_examples(tmp_path / "e.npz")


def test_lengths_are_those_of_the_examples():
    assert max(LENGTHS) == FRAMES


@pytest.mark.parametrize(
    "text",
    ["a person stands idle, acting a bit", "a person stands idle, waiting", "stands and chats", "a person is sad"],
)
def test_who_stands_finds_no_runners(text):
    """A reader that had only learned to tell apart what it saw together found people who ran at 3.5 m/s."""
    engine = load_engine()
    reading = engine.text_reader.read(text)
    said = [Said(0, FRAMES, engine.text_reader.traits, reading.weights)]
    for found in engine.examples.nearest(said, FRAMES, 4):
        way = np.diff(engine.examples.motion(found, FRAMES).translation[:, [0, 2]], axis=0)
        assert 30 * np.linalg.norm(way, axis=-1).mean() < 0.3
