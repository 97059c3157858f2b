"""Cross-attention fusion: conditions reach the motion, nothing else changes its place, and it is never exported."""

from dataclasses import replace

import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.loop.trainer import Trainer
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, save_checkpoint
from genmo.train.network.denoiser import Denoiser
from genmo.train.network.fusion import CROSS_ATTENTION, CrossAttentionDenoiser
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.config import read_config

CONFIG = replace(read_config("tiny").model, depth=2)


@pytest.fixture(scope="module")
def inputs():
    example = pytest.importorskip("genmo.export.onnx.graphs").example_inputs
    import numpy as np

    arrays = example(CONFIG, np.random.default_rng(0), batch=2, frames=12, texts=1)
    for name in arrays:
        if name.endswith("_mask"):
            arrays[name][:] = 1
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


@torch.no_grad()
def test_conditions_reach_the_motion_by_their_frame(inputs):
    torch.manual_seed(0)
    model = CrossAttentionDenoiser(CONFIG).eval()
    made = model(inputs)["x_0"]
    assert made.shape == inputs["x_t"].shape and made.isfinite().all()
    changed = dict(inputs, keypoints=inputs["keypoints"].clone())
    changed["keypoints"][0, 3] += 1.0
    again = model(changed)["x_0"]
    assert not torch.allclose(made[0], again[0]) and torch.equal(made[1], again[1])
    turned = dict(inputs, keypoints=inputs["keypoints"].flip(1))
    assert not torch.allclose(made, model(turned)["x_0"])  # without positions the order would be lost


def test_it_has_the_parts_of_the_usual_network_but_one():
    usual, other = (set(dict(net(CONFIG).named_parameters())) for net in (Denoiser, CrossAttentionDenoiser))
    assert usual - other == {"condition_in.weight", "condition_in.bias"}
    assert all(name.startswith("condition_attention.") for name in other - usual)


def test_its_checkpoint_comes_back_and_is_not_exported(tmp_path, capsys):
    torch.manual_seed(0)
    model = Model(CONFIG, CROSS_ATTENTION)
    width = CONFIG.motion_layout.width
    save_checkpoint(tmp_path / "c", Checkpoint(model, Normalisation(torch.zeros(width), torch.ones(width)), {}))
    back = load_checkpoint(tmp_path / "c").model
    assert isinstance(back.denoiser, CrossAttentionDenoiser)
    pytest.importorskip("onnxscript")
    from genmo.export.options import ExportOptions
    from genmo.export.pipeline import export

    with pytest.raises(InputError, match="fusion is cross_attention, for experiments only; train with fusion=mlp"):
        export(ExportOptions(tmp_path / "c", tmp_path / "e", "none"))
    assert not (tmp_path / "e").exists()


def test_it_trains_and_resumes(motion_set, tmp_path, monkeypatch):
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 2)
    overrides = ["estimation=2", "generation=2", "frames=[30]", "threads=1", "fusion=cross_attention"]
    config = replace(read_config("tiny", overrides), data=(str(motion_set),))
    trainer = Trainer(config, tmp_path / "run")
    first = trainer.train_step()["loss"]
    trainer.save()
    again = Trainer(config, tmp_path / "run")
    assert again.step == 1 and isinstance(again.model.denoiser, CrossAttentionDenoiser)
    assert again.train_step()["loss"] == trainer.train_step()["loss"] != first
    with pytest.raises(InputError, match="init is another network .*fusion"):
        Trainer(replace(config, fusion="mlp", init=str(tmp_path / "run")), tmp_path / "other")
