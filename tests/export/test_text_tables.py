"""An engine of a checkpoint with the WordPiece text encoder: its files and its prompts."""

import functools
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.export import pipeline
from genmo.export.onnx import graphs as onnx_graphs
from genmo.export.options import ExportOptions
from genmo.runtime import MotionModel, Text, Timeline
from genmo.runtime.cli import run
from genmo.runtime.engine.bundle import SHIPPED, load_engine
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.engine.known_prompts import KnownPrompts
from genmo.runtime.engine.text_lengths import FILE as TEXT_LENGTHS
from genmo.runtime.engine.text_lengths import lengths_file, open_lengths
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.text_reader import open_reader, reader_file
from genmo.runtime.engine.text_wordpiece import TABLE, VOCABULARY, WIDTH
from genmo.runtime.support.errors import EngineError
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, save_checkpoint

KNOWN = KnownPrompts(("a person walks", "a person jumps"), frozenset({"a", "person", "walks", "jumps"}))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_checkpoint, wordpieces):
    tiny = load_checkpoint(tiny_checkpoint)
    config = replace(tiny.model.config, text_encoder="wordpiece", text_width=WIDTH, text_tokens=12, text_buckets=0)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("wordpiece") / "checkpoint"
    model = Model(config, table=wordpieces).eval()
    own, known = model.state_dict(), tiny.model.state_dict()
    model.load_state_dict(
        own | {name: known[name] for name in own if name in known and known[name].shape == own[name].shape}
    )
    reader = open_reader(SHIPPED / READER, model.text_encoder.encoder)
    lengths = open_lengths(SHIPPED / TEXT_LENGTHS, model.text_encoder.encoder)
    save_checkpoint(folder, Checkpoint(model, tiny.normalisation, {"step": 0}, KNOWN, reader, lengths))
    return folder


@pytest.fixture(scope="module")
def engine(checkpoint, graphs):
    """Its conditions are the tiny engine's, which need not be traced again; parity is measured all the same."""

    def trace(module):
        return graphs["conditions"] if isinstance(module, onnx_graphs.Conditions) else traced(module)

    traced = onnx_graphs.trace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_graphs, "trace", trace)
        patch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1, 121)))
        return pipeline.export(ExportOptions(checkpoint, checkpoint.parent / "engine", "nobody's"))


def test_a_checkpoint_round_trips(checkpoint, wordpieces):
    again = load_checkpoint(checkpoint)
    assert again.known_prompts == KNOWN and reader_file(again.text_reader) == (checkpoint / READER).read_bytes()
    assert lengths_file(again.text_lengths) == (checkpoint / TEXT_LENGTHS).read_bytes()
    assert again.model.text_encoder.encoder.table.vocabulary == wordpieces.vocabulary
    assert not any(name.startswith("text_encoder") for name in again.model.state_dict())


def test_the_engine_has_the_checkpoints_text_encoder(engine, checkpoint):
    for name in (TABLE, VOCABULARY, READER, TEXT_LENGTHS):
        assert (engine / name).read_bytes() == (checkpoint / name).read_bytes()
    prompts, theirs = (json.loads((folder / "prompts.json").read_text()) for folder in (engine, checkpoint))
    assert prompts == theirs  # written without spaces
    opened = load_engine(engine)
    stored = opened.description["text_encoder"]
    assert stored["kind"] == "wordpiece-1" and "all-MiniLM-L6-v2" in stored["teacher"]
    assert {TABLE, VOCABULARY, "prompts.json", READER, TEXT_LENGTHS} <= set(opened.description["files"])
    model = load_checkpoint(checkpoint).model
    rows, mask = model.text_encoder(["a person turns left"])
    theirs = opened.text_encoder.encode("a person turns left")
    np.testing.assert_array_equal(rows[0], theirs[0])
    np.testing.assert_array_equal(mask[0], theirs[1])


def test_the_engine_notes_words_that_it_does_not_know(engine):
    model = MotionModel.load(engine, threads=1)
    assert model.engine.known_prompts == KNOWN
    notes = model.follow(Timeline(60, (Text("a person walks, then plays the violin"),), steps=1)).notes
    assert any("'a person plays the violin' is of words" in note for note in notes)
    assert not any("'a person walks' " in note and "not trained" in note for note in notes)


def test_prompts_are_listed(engine, tiny_engine, capsys):
    assert run.main(["--engine", str(engine), "--prompts"]) == 0
    assert capsys.readouterr().out == "a person walks\na person jumps\n"
    assert run.main(["--engine", str(engine), "--prompts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"prompts": list(KNOWN.prompts)}
    assert run.main(["--engine", str(tiny_engine), "--prompts"]) == 2
    assert "has no list of prompts" in capsys.readouterr().err


def _rehash(folder):
    described = json.loads((folder / "engine.json").read_text())
    described["files"] = {p.name: file_hash(p) for p in folder.iterdir() if p.name != "engine.json"}
    (folder / "engine.json").write_text(json.dumps(described))


def _describe(folder, change):
    described = json.loads((folder / "engine.json").read_text())
    change(described)
    (folder / "engine.json").write_text(json.dumps(described))


BAD = {
    "no vocabulary": (lambda f: ((f / VOCABULARY).unlink(), _rehash(f)), "is not among its files"),
    "short vocabulary": (
        lambda f: ((f / VOCABULARY).write_text("the\n"), _rehash(f)),
        "not the vectors of the 1 tokens",
    ),
    "table altered": (lambda f: (f / TABLE).write_bytes(b"no"), "SHA-256"),
    "table is none": (lambda f: ((f / TABLE).write_bytes(b"no"), _rehash(f)), "not a readable .npz"),
    "prompts elsewhere": (lambda f: _describe(f, lambda d: d.update(prompts="../x")), "is not among its files"),
    "prompts a list": (lambda f: _describe(f, lambda d: d.update(prompts=[])), "is not among its files"),
    "prompts are none": (lambda f: ((f / "prompts.json").write_text("{}"), _rehash(f)), "wanted lists of prompts"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_engines_are_refused(engine, tmp_path, name):
    folder = tmp_path / "engine"
    shutil.copytree(engine, folder)
    spoil, message = BAD[name]
    spoil(folder)
    with pytest.raises(EngineError, match=message):
        load_engine(folder)
