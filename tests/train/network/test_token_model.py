"""Checkpoints of tokens come back whole, and damaged ones are named."""

import json

import pytest
import torch

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenCheckpoint, TokenModel, load_token_checkpoint, save_token_checkpoint

CONFIG = TokenConfig(codes=6, code_width=4, vq_width=8, vq_experts=2, width=16, heads=2, expert_width=16)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = TokenModel(CONFIG)
    model.vq.codebook.codes.normal_()
    width = TOKEN_LAYOUT.width
    checkpoint = TokenCheckpoint(model, Normalisation(torch.randn(width), torch.rand(width) + 1), {"step": 3})
    save_token_checkpoint(tmp_path / "run", checkpoint)
    return checkpoint, tmp_path / "run"


def test_a_checkpoint_comes_back(saved):
    checkpoint, folder = saved
    loaded = load_token_checkpoint(folder)
    assert loaded.model.stage == 1 and loaded.provenance == {"step": 3} and loaded.model.config == CONFIG
    for name, tensor in checkpoint.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    assert torch.equal(loaded.normalisation.std, checkpoint.normalisation.std)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"family": "genmo"}, "not a checkpoint of motion tokens"),
        ({"model": {"codes": 0}}, "codes is 0"),
        ({"normalisation": {"mean": [1.0], "std": [1.0]}}, "normalisation is not"),
        ({"stage": None}, "not a checkpoint"),
    ],
)
def test_what_is_wrong_is_said(saved, change, said):
    folder = saved[1]
    described = json.loads((folder / "model.json").read_text()) | change
    (folder / "model.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=said):
        load_token_checkpoint(folder)


def test_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="no model.json; wanted the folder of a run of genmo-train tokens"):
        load_token_checkpoint(tmp_path)
