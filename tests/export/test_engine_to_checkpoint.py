"""An engine taken apart again: the checkpoint that it came from, to the last digit but for the timestep's MLP."""

import functools

import numpy as np
import pytest
import torch

from genmo.export import engine_to_checkpoint as unfolding
from genmo.export import pipeline
from genmo.export.onnx.graphs import example_inputs
from genmo.export.options import ExportOptions
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.support.errors import GenmoError
from genmo.train.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


@pytest.fixture
def trained(tiny_checkpoint, tmp_path):
    """The tiny checkpoint as training leaves one: no two weights alike, but for the biases of the input layers."""
    checkpoint = load_checkpoint(tiny_checkpoint)
    generator = torch.Generator().manual_seed(1)
    for parameter in checkpoint.model.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    denoiser = checkpoint.model.denoiser
    denoiser.condition_in.bias.data.copy_(denoiser.motion_in.bias)
    save_checkpoint(tmp_path / "trained", Checkpoint(checkpoint.model, checkpoint.normalisation, {"step": 7}))
    return checkpoint


@pytest.fixture
def short_fit(monkeypatch):
    """300 iterations of the fit of the timestep's MLP instead of 1000, which are for a smaller error than is asked."""
    monkeypatch.setattr(unfolding, "TIME_ITERATIONS", 300)


def test_a_checkpoint_survives_being_an_engine(trained, tmp_path, monkeypatch, short_fit):
    monkeypatch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1,)))
    pipeline.export(ExportOptions(tmp_path / "trained", tmp_path / "engine", "none: random weights"))
    monkeypatch.setattr(unfolding, "TIME_ERROR", 0.1)  # 32 hidden channels are not found again
    assert unfolding.main([str(tmp_path / "engine"), "--out", str(tmp_path / "after")]) == 0
    after = load_checkpoint(tmp_path / "after")
    assert after.provenance["step"] == 7
    torch.testing.assert_close(after.normalisation.std, trained.normalisation.std)
    found = after.model.state_dict()
    for name, wanted in trained.model.state_dict().items():
        if not name.startswith("denoiser.time."):
            torch.testing.assert_close(found[name], wanted, rtol=1e-6, atol=1e-7, msg=lambda m, n=name: f"{n}: {m}")
    arrays = example_inputs(trained.model.config, np.random.default_rng(0), batch=2, frames=20, texts=2)
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        ours, theirs = (model.denoiser(inputs)["x_0"] for model in (after.model, trained.model.eval()))
    assert (ours - theirs).square().mean().sqrt() < 0.1 * theirs.std()


def test_the_fit_of_the_timestep_says_how_far_it_is_off(trained, short_fit):
    denoiser = trained.model.denoiser
    rows = (denoiser.time(denoiser.timestep_table) @ denoiser.condition_in.weight.mT).detach().double()
    assert unfolding.fit_time(denoiser, rows) < 1e-6, "nothing to do"
    torch.nn.init.normal_(denoiser.time[2].weight, std=0.2)
    left = unfolding.fit_time(denoiser, rows)
    again = denoiser.condition_in(denoiser.time(denoiser.timestep_table)) - denoiser.condition_in.bias
    off = (again.detach() - rows).square().mean().sqrt() / rows.std()
    assert left == pytest.approx(float(off), rel=1e-2, abs=1e-6) and left < 0.1


def test_what_cannot_be_taken_apart_is_one_line(tiny_engine, tmp_path, capsys, short_fit):
    (tmp_path / "there").mkdir()
    for engine, out, words in (
        (tiny_engine, tmp_path / "there", "wanted a new folder"),
        (tiny_engine, tmp_path / "out", "another network"),  # untrained: its zero biases are stored once
        (tmp_path / "nowhere", tmp_path / "out", "no engine.json"),
    ):
        assert unfolding.main([str(engine), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists() and not list((tmp_path / "there").iterdir())


def test_engines_of_other_precisions_are_refused(tiny_engine):
    engine = load_engine(tiny_engine)
    engine.description["precision"] = "int8"
    with pytest.raises(GenmoError, match="int8"):
        unfolding.unfold(engine)
