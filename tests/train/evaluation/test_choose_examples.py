"""Choosing the example motions of an engine."""

import numpy as np
import pytest

from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.actions.traits import STEPS
from genmo.runtime.engine.bundle import SHIPPED, load_engine
from genmo.runtime.engine.example_file import FILE, open_examples
from genmo.runtime.motion.packed import FRAMES
from genmo.train.evaluation import choose_examples
from genmo.train.evaluation.choose_examples import ASKED, CUTS, Recordings, chosen, readings, recordings
from tests.train.made_motions import arm, eased, made

NAMES = list(STEPS)


def column(name):
    return NAMES.index(name)


@pytest.fixture(scope="module")
def found():
    """A walker, and somebody who raises the left arm in the second half."""
    raises = made(FRAMES + 30, pose=arm("left", 170 * eased(FRAMES + 30, 70, 90)))
    return recordings([made(FRAMES + 30, speed=1.2), made(FRAMES - 1), raises])


def test_windows_are_measured_with_their_stretches(found):
    assert found.clip.tolist() == [0, 0, 0, 2, 2, 2] and found.start.tolist() == [0, 12, 24] * 2
    assert "walk_forward" in found.tags[0] and "raise_left" in found.tags[3]
    raised = found.does[60][3][:, column("raised_left>0.5")]
    assert raised.tolist() == [start + 60 > 100 for length, start in CUTS if length == 60]
    assert found.does[FRAMES].shape == (6, 1, len(STEPS))


def test_a_text_adds_what_does_it_unless_that_is_there(found):
    weights = np.zeros((3, len(STEPS)), np.float32)
    weights[0, column("speed>1")] = 5
    weights[1, column("raised_right>0.5")] = 5  # in the mirror
    weights[2, column("speed>0.7")] = 5
    rows = chosen(found, weights, np.full(3, 10.0), most=9)
    assert sorted({int(found.clip[row]) for row in rows}) == [0, 2]
    # the second best of a text is of another clip, and nobody else walks or raises an arm
    assert len(rows) == 2
    assert len(chosen(found, weights, np.full(3, 10.0), most=1)) == 1


def test_two_recordings_a_text_where_there_are_two():
    does = np.zeros((4, 1, len(STEPS)), np.bool_)
    does[:3, 0, column("speed>1")] = True
    windows = Recordings(np.array([0, 0, 1, 2]), np.zeros(4, int), (frozenset(),) * 4, dict.fromkeys(ASKED, does))
    weights = np.zeros((1, len(STEPS)), np.float32)
    weights[0, column("speed>1")] = 5
    rows = chosen(windows, weights, np.array([10.0]), most=9)
    assert sorted(windows.clip[rows].tolist()) == [0, 1]


def test_readings_are_of_texts_that_say_something():
    reader = load_engine().text_reader
    weights, amounts = readings(reader, ["a person walks backwards", "a person", "a person walks backwards"])
    assert weights.shape == (1, len(STEPS)) and amounts[0] > 3
    assert weights[0, column("back>0.25")] > 0
    assert all(mirrored_trait(name) in NAMES for name in NAMES)


def test_from_the_command_line(write_set, tmp_path, capsys):
    data = write_set(tmp_path / "data", clips=3, frames=150)
    out = tmp_path / "examples"
    options = [str(SHIPPED), "--data", str(data), "--texts", "40", "--out", str(out)]
    assert choose_examples.main([*options, "--most", "0"]) == 2
    assert choose_examples.main([str(tmp_path), *options[1:]]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "wanted at least 1 of each" in lines[0] and "no engine.json" in lines[1]
    assert not out.exists()
    assert choose_examples.main([*options, "--most", "2"]) == 0
    examples = open_examples(out / FILE)
    assert f"{len(examples.coefficients)} of" in capsys.readouterr().out
    assert examples.traits == tuple(STEPS) and len(examples.does) == len(CUTS) * len(examples.coefficients)
