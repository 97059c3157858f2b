"""genmo-export of motion tokens: an engine with its parity, or one line and nothing."""

import json
from dataclasses import replace

import pytest
import torch

from genmo.export.__main__ import main
from genmo.export.token_pipeline import LOGIT_GATES
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.known_prompts import KnownPrompts
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.token_model import TokenModel
from genmo.train.network import token_model
from genmo.train.network.token_model import TokenCheckpoint, load_token_checkpoint, save_token_checkpoint


def test_an_engine_says_what_it_is(token_checkpoint, tmp_path, capsys):
    out = tmp_path / "engine"
    assert main([str(token_checkpoint), "--out", str(out), "--licence", "none"]) == 0
    printed = capsys.readouterr().out
    assert "same_ids 1" in printed and "genmo-run --engine" in printed
    described = json.loads((out / "engine.json").read_text())
    assert described["family"] == "tokens" and described["licence"] == "none" and described["longest"] == 8
    (row,) = described["parity"]["rows"]
    assert row["same_ids"] == 1 and row["mean_mm"] < 0.05 and row["logits"] < 1e-3
    engine = load_token_engine(out)
    assert engine.config == load_token_checkpoint(token_checkpoint).model.config and engine.text_encoder is not None
    card = (out / "MODEL_CARD.md").read_text()
    assert "16 codes for each of: path, trunk" in card and "| tokens | output | `codes` |" in card and "100.0 %" in card
    assert set(described["files"]) == {path.name for path in out.iterdir()} - {"engine.json"}


def test_what_it_was_trained_on_in_words_goes_along(token_checkpoint, tmp_path, capsys):
    """From the checkpoint into the engine, which notes other words."""
    known = KnownPrompts(("a person walks",), frozenset({"a", "person", "walks"}))
    checkpoint = replace(load_token_checkpoint(token_checkpoint), known_prompts=known)
    save_token_checkpoint(tmp_path / "run", checkpoint)
    assert load_token_checkpoint(tmp_path / "run").known_prompts == known
    assert main([str(tmp_path / "run"), "--out", str(tmp_path / "engine")]) == 0
    model = TokenModel.load(tmp_path / "engine", threads=1)
    assert model.engine.known_prompts == known
    notes = [model.follow(Timeline(8, (Text(words),))).notes for words in ("a person walks", "a person qwertyzxcv")]
    assert notes[0] == () and "was not trained on ('qwertyzxcv')" in notes[1][0]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "bf16"], "--precision bf16 is for denoisers; wanted fp32, fp16, int8"),
        (["--fuse-steps", "3"], "--fuse-steps is for denoisers"),
        (["--triton", "DIR"], "--triton is for denoisers"),
    ],
)
def test_what_tokens_do_not_take_is_one_line(token_checkpoint, tmp_path, capsys, options, said):
    options = [str(tmp_path / "triton") if option == "DIR" else option for option in options]
    assert main([str(token_checkpoint), "--out", str(tmp_path / "engine"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "engine").exists()


def test_an_engine_in_fewer_bytes(token_checkpoint, token_engine, tmp_path):
    """Halved and quartered, and the answers as near as their gates want."""
    sizes = {"fp32": (token_engine / "tokens.onnx").stat().st_size}
    for precision in ("fp16", "int8"):
        out = tmp_path / precision
        assert main([str(token_checkpoint), "--out", str(out), "--precision", precision]) == 0
        (row,) = load_token_engine(out).description["parity"]["rows"]
        assert 0 < row["mean_mm"] < 0.5 and 0 < row["mean_logits"] < LOGIT_GATES[precision]
        sizes[precision] = (out / "tokens.onnx").stat().st_size
    assert sizes["int8"] < sizes["fp16"] < sizes["fp32"]


def test_an_engine_over_its_gate_is_not_written(token_checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(LOGIT_GATES, "fp32", 0.0)
    assert main([str(token_checkpoint), "--out", str(tmp_path / "engine")]) == 1
    assert "the engine is over its gates" in capsys.readouterr().err and not (tmp_path / "engine").exists()


def test_a_run_of_stage_1_is_no_engine(token_checkpoint, tmp_path, capsys):
    checkpoint = load_token_checkpoint(token_checkpoint)
    first = token_model.TokenModel(checkpoint.model.config)
    first.vq.load_state_dict(checkpoint.model.vq.state_dict())
    assert torch.equal(first.vq.codebook.codes, checkpoint.model.vq.codebook.codes)
    save_token_checkpoint(tmp_path / "vq", TokenCheckpoint(first, checkpoint.normalisation, {}))
    assert main([str(tmp_path / "vq"), "--out", str(tmp_path / "engine")]) == 2
    assert "a checkpoint of stage 1, which makes tokens and fills in none" in capsys.readouterr().err
