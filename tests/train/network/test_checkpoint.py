"""Checkpoints from elsewhere: what model.json says is compared with the weights before anything is made of it."""

import json

import pytest
import torch

from genmo.runtime.denoiser.config import LARGEST, ModelConfig
from genmo.runtime.support.errors import InputError
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, save_checkpoint
from genmo.train.network.normalisation import Normalisation

CONFIG = ModelConfig(
    width=16, depth=1, heads=2, mlp_width=8, text_width=4, video_width=0, music_width=0, text_encoder="ngram",
    text_buckets=8,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    statistics = Normalisation(torch.zeros(181), torch.ones(181))
    save_checkpoint(tmp_path / "run", Checkpoint(Model(CONFIG), statistics, {}))
    return tmp_path / "run"


def spoil(folder, change):
    described = json.loads((folder / "model.json").read_text())
    change(described)
    (folder / "model.json").write_text(json.dumps(described))


def test_what_was_saved_is_loaded(folder):
    assert load_checkpoint(folder).model.config == CONFIG


@pytest.mark.parametrize("name", ["width", "depth", "mlp_width", "text_width", "text_buckets", "video_width"])
@pytest.mark.parametrize("size", ["largest", 10**9, 10**18, -(10**18), True, 1.5])
def test_a_size_is_compared_before_a_model_of_it_is_made(folder, name, size, monkeypatch):
    real = Model.__init__
    made = []

    def noted(self, *arguments):
        real(self, *arguments)
        made.extend(tensor.device.type for tensor in self.parameters())

    monkeypatch.setattr(Model, "__init__", noted)
    value = min(LARGEST[name], 2**14) if size == "largest" else size
    spoil(folder, lambda described: described["model"].update({name: value}))
    with pytest.raises(InputError, match="does not fit the model|not a checkpoint description") as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value) and set(made) <= {"meta"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["normalisation"].update(mean=[10**200] * 181), "not a checkpoint description"),
        (lambda d: d["normalisation"].update(mean=[[0] * 181]), "normalisation is not 181"),
        (lambda d: d["normalisation"].update(mean="x"), "not a checkpoint description"),
        (lambda d: d.update(family=["genmo"]), "family"),
        (lambda d: d.update(family="x" * 10**6), "family"),
        (lambda d: d.update(model=[]), "model config is"),
        (lambda d: d.pop("provenance"), "provenance"),
    ],
)
def test_a_wrong_description_is_one_line(folder, change, words):
    spoil(folder, change)
    with pytest.raises(InputError, match=words) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["[" * 10**5, '{"model": ' + "9" * 400 + "}", "[1]", "null", "{", ""])
def test_no_json_at_all_is_one_line(folder, text):
    (folder / "model.json").write_text(text)
    with pytest.raises(InputError, match="model.json"):
        load_checkpoint(folder)
