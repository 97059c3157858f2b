"""The reader of texts: its file, its sides, and what the engine that ships has learned."""

import json
import shutil

import numpy as np
import pytest

from genmo.runtime.engine.bundle import SHIPPED, load_engine
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.engine.text_reader import (
    FILE,
    TOKEN,
    Layer,
    TextReader,
    exchanged,
    open_reader,
    reader_file,
)
from genmo.runtime.engine.text_wordpiece import CHANNELS, WordPieceTextEncoder
from genmo.runtime.support.errors import EngineError, InputError

TRAITS = ("kick_left", "kick_right", "speed>1", "turn_left>45", "turn_right>45")


@pytest.fixture(scope="module")
def reader(wordpieces):
    random = np.random.default_rng(0)
    shapes = ((TOKEN, 8), (16 + CHANNELS, 6), (6, len(TRAITS)))
    layers = [Layer.of(random.standard_normal(shape), random.standard_normal(shape[1])) for shape in shapes]
    numbers = random.standard_normal((2, len(TRAITS))).astype(np.float32)
    return TextReader(WordPieceTextEncoder(wordpieces, 32), TRAITS, tuple(layers), numbers[0], np.abs(numbers[1]))


def test_a_file_holds_all_of_it(reader, tmp_path):
    (tmp_path / FILE).write_bytes(reader_file(reader))
    again = open_reader(tmp_path / FILE, reader.encoder)
    assert reader_file(again) == reader_file(reader) and again.traits == TRAITS
    text = "a person kicks with the left leg"
    np.testing.assert_array_equal(again.read(text).weights, reader.read(text).weights)


def test_layers_are_rounded_by_their_largest_weight():
    weights = np.random.default_rng(1).standard_normal((30, 4)) * [1, 10, 0.1, 0]
    values = np.random.default_rng(2).standard_normal((5, 30))
    off = np.abs(Layer.of(weights, np.arange(4.0))(values) - (values @ weights + np.arange(4))).max(axis=0)
    assert (off <= [0.06, 0.6, 0.006, 1e-6]).all()


def test_sides_are_read_alike(reader):
    text = "Turns LEFT, then leftwards and clockwise"
    assert exchanged(text) == "Turns right, then rightwards and counterclockwise"
    assert exchanged("walks right away") == "walks left away"
    there, back = reader.read("a person turns left"), reader.read("a person turns right")
    mirror = [1, 0, 2, 4, 3]
    odds = [reader._both_sides(f"a person turns {side}") for side in ("left", "right")]
    np.testing.assert_allclose(odds[0], odds[1][mirror], atol=1e-6)
    assert odds[0][3] != odds[0][4] and there.amount != back.amount


def test_sides_count_more_than_the_rest(reader):
    """Traits of no side have the weight of their log odds over the usual ones; those of a side differ twice as far."""
    reading = reader.read("a person turns left")
    plain = (reader._both_sides("a person turns left") - reader.usual) * reader.trust
    assert reading.weights[2] == pytest.approx(plain[2], abs=1e-4)
    assert reading.weights[3] - reading.weights[4] == pytest.approx(2 * (plain[3] - plain[4]), abs=1e-4)
    with pytest.raises(InputError, match="at least one word"):
        reader.read("...")


def without(name):
    return lambda arrays: arrays.pop(name)


def changed(name, change):
    return lambda arrays: arrays.update({name: change(arrays[name])})


@pytest.mark.parametrize(
    "damage",
    [
        without("trust"), without("text_bias"), changed("usual", lambda a: a[:-1]),
        changed("trust", lambda a: a * np.nan),
        changed("traits", lambda a: a.astype(np.float32)), changed("tokens", lambda a: a[1:]),
        changed("names", lambda a: a[:-2]), lambda arrays: arrays.update(more=np.zeros(1)),
    ],
)  # fmt: skip
def test_a_damaged_reader_is_refused(reader, tmp_path, damage):
    path = tmp_path / FILE
    path.write_bytes(reader_file(reader))
    arrays = dict(np.load(path))
    damage(arrays)
    np.savez(path, **arrays)
    with pytest.raises(EngineError, match="not a reader of texts; export the engine again"):
        open_reader(path, reader.encoder)


def test_an_engine_names_its_reader(tmp_path):
    folder = tmp_path / "engine"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("training"))
    described = json.loads((folder / "engine.json").read_text())
    assert described["text_reader"] == FILE and described["files"][FILE] == file_hash(folder / FILE)
    assert (folder / FILE).stat().st_size <= 100_000
    (folder / "engine.json").write_text(json.dumps({**described, "text_reader": "../x"}))
    with pytest.raises(EngineError, match="is not among its files"):
        load_engine(folder)
    del described["text_reader"]
    (folder / "engine.json").write_text(json.dumps(described))
    assert load_engine(folder).text_reader is None


@pytest.mark.parametrize(
    ("text", "likely", "unlikely"),
    [
        ("a person walks backwards", "back>0.25", "ahead>0.4"),
        ("somebody turns to the right", "turn_right>45", "turn_left>45"),
        ("raises the left hand", "raised_left>0.2", "raised_right>0.2"),
        ("the man jumps", "jumps>1", "seat>0.4"),
        ("a woman sprints", "speed>2.4", "low_last>0.2"),
    ],
)  # fmt: skip
def test_the_engine_that_ships_reads(text, likely, unlikely):
    reader = load_engine().text_reader
    reading = reader.read(text)
    rows = {name: row for row, name in enumerate(reader.traits)}
    assert reading.weights[rows[likely]] > max(0, reading.weights[rows[unlikely]])
    assert reading.amount > reader.read("a person").amount
