"""Engine folders of motion tokens are checked before anything is opened."""

import json

import pytest

from genmo.runtime.engine.bundle import family_of, load_engine
from genmo.runtime.engine.text_lengths import FILE
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.errors import EngineError


@pytest.fixture
def spoiled(token_engine, tmp_path):
    """`spoiled(changes)`: a copy of the engine whose engine.json has them."""

    def copy(**changes):
        for path in token_engine.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        described = json.loads((tmp_path / "engine.json").read_text()) | changes
        (tmp_path / "engine.json").write_text(json.dumps(described))
        return tmp_path

    return copy


def test_families(token_engine):
    assert family_of(token_engine) == "tokens" and family_of(None) == "diffusion"
    with pytest.raises(EngineError, match="family .*tokens.*wanted one of GENMO here"):
        load_engine(token_engine)
    assert load_token_engine(token_engine).longest == 8


def test_what_says_how_long_texts_take_is_the_checkpoints(token_engine, token_checkpoint):
    assert load_token_engine(token_engine).text_lengths is not None
    assert (token_engine / FILE).read_bytes() == (token_checkpoint / FILE).read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": "music"}, "its family is"),
        ({"format": 99}, "format is"),
        ({"model": {"codes": 10**9}}, "codes is 1000000000"),
        ({"model": [1]}, "wanted a table"),
        ({"normalisation": {"mean": [0.0], "std": [1.0]}}, "normalisation is not"),
        ({"normalisation": "none"}, "missing or wrong"),
        ({"longest": -3}, "longest or text_encoder is wrong"),
        ({"longest": True}, "longest or text_encoder is wrong"),
        ({"signature": {}}, "another signature"),
        ({"graphs": {"encoder": "encoder.onnx"}}, "missing or wrong"),
        (
            {"graphs": {"encoder": "../x.onnx", "decoder": "decoder.onnx", "tokens": "tokens.onnx"}},
            "not among its files",
        ),
        ({"graphs": {"encoder": 3, "decoder": "decoder.onnx", "tokens": "tokens.onnx"}}, "not among its files"),
        ({"files": {"encoder.onnx": "0" * 64}}, "SHA-256"),
        ({"files": None}, "no table of names"),
        ({"text_encoder": [1]}, "longest or text_encoder is wrong"),
        ({"text_encoder": {"kind": "telepathy", "file": "x"}}, "telepathy"),
    ],
)
def test_what_is_wrong_is_said(spoiled, changes, said):
    with pytest.raises(EngineError, match=said):
        load_token_engine(spoiled(**changes))


def test_every_entry_is_needed_or_harmless(spoiled, token_engine):
    described = json.loads((token_engine / "engine.json").read_text())
    for name in described:
        folder = spoiled()
        left = {key: value for key, value in described.items() if key != name}
        (folder / "engine.json").write_text(json.dumps(left))
        try:
            load_token_engine(folder)
        except EngineError:
            continue
        assert name in {"layout", "precision", "provenance", "licence", "parity", "text_lengths"}
