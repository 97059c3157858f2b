"""How long texts take, as an engine reads it: the file, the softmax, and what the engines that ship have learned."""

import json
import shutil

import numpy as np
import pytest

from genmo.runtime.engine.bundle import ENGINES, family_of, load_engine
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.engine.text_lengths import FILE, KINDS, LENGTHS, TextLengths, lengths_file, open_lengths
from genmo.runtime.engine.text_reader import Layer
from genmo.runtime.engine.text_wordpiece import CHANNELS, WordPieceTextEncoder
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.errors import EngineError, InputError


def head(wordpieces, bias=None):
    """With weights of zero the answer is the bias, whatever the text."""
    random = np.random.default_rng(0)
    shapes = ((CHANNELS + KINDS, 6), (6, len(LENGTHS) + 1))
    spread = 0.0 if bias is not None else 0.3
    biases = random.standard_normal(6), random.standard_normal(len(LENGTHS) + 1) if bias is None else bias
    layers = [Layer.of(spread * random.standard_normal(shape), b) for shape, b in zip(shapes, biases, strict=True)]
    return TextLengths(WordPieceTextEncoder(wordpieces, 32), tuple(layers))


def shares(**of):
    """Logits of a softmax: frames (or `on`) -> share."""
    logits = np.full(len(LENGTHS) + 1, -40.0)
    for name, share in of.items():
        logits[-1 if name == "on" else LENGTHS.index(int(name[1:]))] = np.log(share)
    return logits


@pytest.mark.parametrize(
    ("logits", "goes_on", "frames"),
    [
        (shares(f40=1.0), 0.0, 40),
        (shares(f40=0.4, f120=0.6), 0.0, 120),
        (shares(f40=0.3, f48=0.15, f120=0.25, on=0.3), 0.3, 48),
        (shares(f300=0.1, on=0.9), 0.9, 300),
    ],
)
def test_the_median_of_texts_that_end(wordpieces, logits, goes_on, frames):
    reading = head(wordpieces, logits).read("a person jumps")
    assert reading.goes_on == pytest.approx(goes_on, abs=1e-3) and reading.frames == frames


def test_a_file_holds_all_of_it(wordpieces, tmp_path):
    made = head(wordpieces)
    (tmp_path / FILE).write_bytes(lengths_file(made))
    again = open_lengths(tmp_path / FILE, made.encoder)
    assert lengths_file(again) == lengths_file(made)
    np.testing.assert_array_equal(again.shares("a person jumps"), made.shares("a person jumps"))
    assert made.shares("a person jumps").sum() == pytest.approx(1)
    assert not np.allclose(made.shares("a person jumps"), made.shares("somebody sits down"))
    with pytest.raises(InputError, match="at least one word"):
        made.read("...")


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays: arrays.pop("shares"),
        lambda arrays: arrays.update(more=np.zeros(2)),
        lambda arrays: arrays.update(hidden=arrays["hidden"][:, :-1]),
        lambda arrays: arrays.update(hidden=arrays["hidden"].astype(np.float32)),
        lambda arrays: arrays.update(shares=arrays["shares"][0]),
        lambda arrays: arrays.update(shares_floats=arrays["shares_floats"] * np.nan),
        lambda arrays: arrays.update(shares_floats=arrays["shares_floats"][:1]),
    ],
)
def test_a_damaged_file_is_refused(wordpieces, tmp_path, damage):
    made = head(wordpieces)
    (tmp_path / FILE).write_bytes(lengths_file(made))
    arrays = dict(np.load(tmp_path / FILE))
    damage(arrays)
    np.savez(tmp_path / FILE, **arrays)
    with pytest.raises(EngineError, match="not a table of how long texts take"):
        open_lengths(tmp_path / FILE, made.encoder)


@pytest.mark.parametrize("name", ["small", "tokens"])
def test_engines_name_it(name, tmp_path):
    folder = tmp_path / "engine"
    shutil.copytree(ENGINES / name, folder, ignore=shutil.ignore_patterns("training"))
    load = load_token_engine if family_of(folder) == "tokens" else load_engine
    described = json.loads((folder / "engine.json").read_text())
    assert described["text_lengths"] == FILE and described["files"][FILE] == file_hash(folder / FILE)
    assert (folder / FILE).stat().st_size <= 6_000
    (folder / "engine.json").write_text(json.dumps({**described, "text_lengths": "../x"}))
    with pytest.raises(EngineError, match="is not among its files"):
        load(folder)
    del described["text_lengths"]
    (folder / "engine.json").write_text(json.dumps(described))
    assert load(folder).text_lengths is None


@pytest.mark.parametrize("name", ["small", "tokens"])
def test_what_the_engines_that_ship_read(name):
    """Jumps take longer the more there are, an action is over and a walk is not."""
    lengths = (load_token_engine if name == "tokens" else load_engine)(name).text_lengths
    jumps = [lengths.read(f"a person jumps {times}") for times in ("once", "twice", "three times")]
    assert jumps[0].frames < jumps[1].frames < jumps[2].frames and max(jump.goes_on for jump in jumps) < 0.5
    assert all(lengths.read(f"a person {does}").goes_on < 0.5 for does in ("sits down", "kicks", "squats", "bows"))
    assert all(lengths.read(f"a person {does}").goes_on > 0.5 for does in ("walks", "is walking", "stands still"))
