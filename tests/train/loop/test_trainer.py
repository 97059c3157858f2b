"""Training: resuming is the same as never stopping, checkpoints come back whole, and it learns."""

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.__main__ import main
from genmo.train.loop.trainer import Trainer
from genmo.train.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from genmo.train.settings.config import OPTIMIZERS, read_config


def weights(trainer):
    return trainer.model.state_dict() | {f"average.{k}": v for k, v in trainer.average.state_dict().items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_six_steps_are_three_and_three(config, tmp_path, optimizer):
    """N-gram dropout, windows, cameras, noise, warm-up, momenta and average included: to the last bit."""
    assert config.text_dropout > 0
    config = replace(config, optimizer=optimizer)
    whole = Trainer(config, tmp_path / "whole")
    losses = [whole.train_step() for _ in range(6)]
    first = Trainer(config, tmp_path / "parts")
    again = [first.train_step() for _ in range(3)]
    first.save()
    torch.manual_seed(12345)
    second = Trainer(config, tmp_path / "parts")
    assert second.step == 3
    again += [second.train_step() for _ in range(3)]
    assert again == losses
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(second)[name]), name
    assert torch.equal(whole.normalisation.std, second.normalisation.std)


def test_long_windows_are_attended_to_in_blocks(config, tmp_path, monkeypatch):
    """The same steps to rounding."""
    config = replace(config, bf16=False, model=replace(config.model, window=12))
    dense = Trainer(config, tmp_path / "dense")
    monkeypatch.setattr("genmo.train.loop.trainer.BLOCKED", 39)
    blocked = Trainer(config, tmp_path / "blocked")
    assert [m.denoiser.rope_blocks[0].attention.blocked for m in (dense.model, blocked.model)] == [False, True]
    for _ in range(3):
        assert blocked.train_step() == pytest.approx(dense.train_step(), rel=1e-3)


def test_a_run_starts_from_another(config, tmp_path):
    """Weights, average and normalisation are the checkpoint's; the step and the optimizer begin anew."""
    first = Trainer(config, tmp_path / "first")
    first.train_step()
    first.save()
    second = Trainer(replace(config, init=str(tmp_path / "first"), seed=3), tmp_path / "second")
    saved = load_checkpoint(tmp_path / "first")
    assert second.step == 0 and not second.optimizer.state_dict()["state"]
    for name, tensor in saved.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], tensor), name
        assert torch.equal(second.average.state_dict()[name], tensor), name
    assert torch.equal(second.normalisation.mean, saved.normalisation.mean)
    second.train_step()
    second.save()
    assert Trainer(second.config, tmp_path / "second").step == 1  # a resumed run does not start again
    described = json.loads((tmp_path / "second" / "model.json").read_text())
    assert described["provenance"]["train"]["init"] == "first"


def test_a_run_cannot_start_from_another_network(config, tmp_path):
    first = Trainer(config, tmp_path / "first")
    first.save()
    wider = replace(config, init=str(tmp_path / "first"), model=replace(config.model, depth=2))
    with pytest.raises(InputError, match="init is another network .*depth.* wanted equal"):
        Trainer(wider, tmp_path / "second")
    with pytest.raises(InputError, match="wanted a checkpoint folder"):
        Trainer(replace(config, init=str(tmp_path / "none")), tmp_path / "second")


def test_an_innovation_is_new_where_init_has_none(config, tmp_path):
    plain = replace(config, model=replace(config.model, innovation=False))
    Trainer(plain, tmp_path / "first").save()
    ours = Trainer(replace(config, init=str(tmp_path / "first"), only=("denoiser.innovation",)), tmp_path / "second")
    before = {name: tensor.clone() for name, tensor in weights(ours).items()}
    first = load_checkpoint(tmp_path / "first").model.state_dict()
    new = {name for name in ours.model.state_dict() if name not in first}
    assert new == {f"denoiser.innovation.log_variance.{n}.{kind}" for n in (0, 2) for kind in ("weight", "bias")}
    assert all(torch.equal(tensor, before[f"average.{name}"]) for name, tensor in first.items())
    for _ in range(2):  # the last layer begins at zero, so the first gets no gradient before it
        ours.train_step()
    for name, tensor in weights(ours).items():
        assert torch.equal(tensor, before[name]) == ("innovation" not in name), name
    with pytest.raises(InputError, match="init is another network .*innovation.* wanted equal"):
        ours.save()
        Trainer(replace(plain, init=str(tmp_path / "second")), tmp_path / "third")


def test_given_frames_are_learned_from_where_init_knew_none(config, tmp_path):
    """Only the condition is new, and the first steps move it."""
    Trainer(config, tmp_path / "first").save()
    variety = replace(config.variety, keyframes=1.0)
    ours = replace(config, init=str(tmp_path / "first"), model=replace(config.model, keyframes=True), variety=variety)
    trainer = Trainer(ours, tmp_path / "second")
    first = load_checkpoint(tmp_path / "first").model.state_dict()
    before = trainer.model.state_dict()
    new = {name for name in before if name not in first}
    assert new and all("keyframes" in name for name in new)
    last = "denoiser.conditions.embed.keyframes.fuse.2.weight"
    assert not before[last].any()
    trainer.train_step()
    assert trainer.model.state_dict()[last].any()


def test_a_run_goes_on_with_its_own_optimizer(config, tmp_path):
    first = Trainer(config, tmp_path / "run")
    first.train_step()
    first.save()
    with pytest.raises(InputError, match="wanted the settings in its model.json"):
        Trainer(replace(config, optimizer="muon"), tmp_path / "run")


def test_another_seed_is_another_run(config, tmp_path):
    one, other = (Trainer(replace(config, seed=seed), tmp_path / str(seed)).train_step() for seed in (0, 1))
    assert one["loss"] != other["loss"]


def test_the_command_trains_logs_validates_and_resumes(config, motion_set, tmp_path, capsys):
    arguments = ["tiny", f"data=[{json.dumps(str(motion_set))}]", "validation_subjects=[made30/02]", "threads=1"]
    arguments += ["estimation=2", "generation=2", "frames=[40]", "save_every=2", "validate_every=2"]
    for steps in (2, 4):
        assert main([*arguments, f"steps={steps}", "--out", str(tmp_path / "run")]) == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"weights.safetensors", "model.json", "state.pt", "log.jsonl", "best", "pictures", "prompts.json"}
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log if "loss" in record] == [2, 4]
    timed = [record for record in log if "loss" in record]
    assert all(record["samples_a_second"] > 0 and 0 <= record["waiting_share"] <= 1 for record in timed)
    pictures = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert [name.split("-")[0] for name in pictures] == ["0000002"] * 3 + ["0000004"] * 3
    assert b"<svg" in (tmp_path / "run" / "pictures" / pictures[0]).read_bytes()[:200]
    scores = [record["validation"] for record in log if "validation" in record]
    assert len(scores) == 2 and all(0 < score["pa_mpjpe"] <= score["mpjpe"] for score in scores)
    told = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in told[::2]] == [f"{tmp_path / 'run'}: {steps} steps" for steps in (2, 4)]
    assert f"loss {timed[-1]['loss']:.3f}" in told[2]
    assert f"PA-MPJPE on held-out people {min(score['pa_mpjpe'] for score in scores):.1f} mm" in told[2]
    assert told[3].startswith(f"next: genmo-export {tmp_path / 'run'} --out {tmp_path / 'run-engine'}")
    described = json.loads((tmp_path / "run" / "model.json").read_text())
    assert described["provenance"]["step"] == 4 and described["provenance"]["train"]["data"] == [motion_set.name]
    assert str(motion_set) not in json.dumps(described)


def test_it_learns(config, tmp_path):
    """Forty steps on one window of one clip bring the loss well below where it began."""
    small = replace(config, steps=40, frames=(30,), warmup=2, learning_rate=5e-3, text_dropout=0.0)
    still = replace(small.variety, mirror=0.0, speed=0.0, shape=0.0, mix=0.0, perturb=0.0, tilt=0.0)
    trainer = Trainer(replace(small, variety=still), tmp_path / "run")
    losses = [trainer.train_step()["loss"] for _ in range(40)]
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:4])


def test_a_loss_that_explodes_stops_the_run(config, tmp_path):
    trainer = Trainer(config, tmp_path / "run")
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="loss is nan at step 0"):
        trainer.train_step()


def test_the_learning_rate_warms_up_and_falls(config, tmp_path):
    trainer = Trainer(replace(config, steps=100, warmup=10, learning_rate=1.0), tmp_path / "run")
    rates = []
    for trainer.step in range(101):
        rates.append(trainer.learning_rate())
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    assert rates[10] == pytest.approx(1) and rates[55] == pytest.approx(0.51) and rates[100] == pytest.approx(0.02)
    assert (np.diff(rates[10:]) < 0).all()


def test_a_checkpoint_comes_back(tiny_checkpoint, tiny_model, tmp_path):
    loaded = load_checkpoint(tiny_checkpoint)
    assert loaded.model.config == tiny_model.config and not loaded.model.training
    for name, tensor in tiny_model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    save_checkpoint(tmp_path, loaded)
    for path in tiny_checkpoint.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert isinstance(loaded, Checkpoint) and loaded.provenance["step"] == 0


def spoil_weights(change):
    def spoil(folder):
        stored = safetensors.torch.load_file(folder / "weights.safetensors")
        change(stored)
        safetensors.torch.save_file(stored, folder / "weights.safetensors")

    return spoil


def spoil_json(change):
    def spoil(folder):
        described = json.loads((folder / "model.json").read_text())
        change(described)
        (folder / "model.json").write_text(json.dumps(described))

    return spoil


NULL = "denoiser.null_text"


BAD_CHECKPOINTS = {
    "no json": (lambda f: (f / "model.json").unlink(), "no model.json"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "no weights.safetensors"),
    "truncated": (
        lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-100]),
        "not a readable safetensors",
    ),
    "empty weights": (lambda f: (f / "weights.safetensors").write_bytes(b""), "not a readable safetensors"),
    "a pickle": (lambda f: torch.save({}, f / "weights.safetensors"), "not a readable safetensors"),
    "renamed tensor": (spoil_weights(lambda w: w.update({"x": w.pop(NULL)})), f"tensor {NULL}"),
    "one tensor more": (spoil_weights(lambda w: w.update(more=torch.zeros(1))), "tensor more"),
    "another shape": (spoil_weights(lambda w: w.update({NULL: torch.zeros(17)})), f"tensor {NULL}"),
    "NaN": (spoil_weights(lambda w: w[NULL].fill_(float("nan"))), f"{NULL} holds NaN"),
    "not json": (lambda f: (f / "model.json").write_text("{"), "not a checkpoint description"),
    "json a list": (lambda f: (f / "model.json").write_text("[]"), "not a checkpoint description"),
    "json of something else": (lambda f: (f / "model.json").write_text("{}"), "not a checkpoint description"),
    "another model": (spoil_json(lambda d: d["model"].update(width=64)), "does not fit the model"),
    "unknown hyperparameter": (spoil_json(lambda d: d["model"].update(dropout=1)), "unknown entries"),
    "short mean": (spoil_json(lambda d: d["normalisation"].update(mean=[0.0])), "normalisation"),
    "negative spread": (spoil_json(lambda d: d["normalisation"].update(std=[-1.0] * 181)), "normalisation"),
    "NaN mean": (spoil_json(lambda d: d["normalisation"].update(mean=[float("nan")] * 181)), "holds NaN"),
}


@pytest.mark.parametrize("name", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_one_clear_line(tiny_checkpoint, tmp_path, name):
    for path in tiny_checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spoil, message = BAD_CHECKPOINTS[name]
    spoil(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def mute_set(motion_set, tmp_path):
    """A copy of the set whose index has no captions."""
    folder = tmp_path / "mute30"
    shutil.copytree(motion_set, folder)
    records = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps([r | {"caption": "", "text": ""} for r in records]))
    return folder


def test_sets_without_captions_are_an_error_before_the_first_step(config, motion_set, tmp_path):
    unmeasured = replace(config.captions, measured=0.0)
    mute = replace(config, data=(str(mute_set(motion_set, tmp_path)),), captions=unmeasured)
    with pytest.raises(InputError, match="no training clip has a caption.*generation=0"):
        Trainer(mute, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    report = Trainer(replace(mute, generation=0), tmp_path / "run").train_step()
    assert np.isfinite(report["loss"])


def test_subjects_that_are_left_out_are_nowhere(config, tmp_path):
    trainer = Trainer(replace(config, leave_out=("made30/01",)), tmp_path / "run")
    assert {clip.subject for clip in trainer.sampler.clips} == {"made30/02"} and trainer.held_out is None


def test_objectives(config, tmp_path):
    """The same clips and conditions; diffusion denoises what dual regresses from zeros."""
    dual = Trainer(config, tmp_path / "dual").feed[0][0]
    denoised = Trainer(replace(config, objective="diffusion"), tmp_path / "diffusion")
    shard = denoised.feed[0][0]
    assert torch.equal(shard.batch.features, dual.batch.features)
    assert dual.batch.estimation == 2 and (dual.timestep[:2] == 999).all()
    assert shard.batch.estimation == 0 and not (shard.timestep[:2] == 999).all()
    assert torch.equal(shard.batch.conditions["keypoints"], dual.batch.conditions["keypoints"])
    assert np.isfinite(denoised.train_step()["loss"])
    regressed = replace(config, objective="regression", estimation=4, generation=0)
    shard = Trainer(regressed, tmp_path / "regression").feed[0][0]
    assert shard.batch.estimation == 4 and (shard.timestep == 999).all()


def test_base_trains_on_a_cpu(motion_set, tmp_path):
    """Eight steps of the paper's width and depth (with our text encoder), two windows of two frames each; the rate is
    whole after the first, so what overflows does so within a few."""
    overrides = [
        "steps=8", "frames=[2]", "estimation=1", "generation=1", "bf16=false", "threads=1", "warmup=1",
        "model.text_encoder=ngram", "model.text_buckets=64", "model.text_width=16", "model.text_tokens=4",
        "model.video_width=0", "model.music_width=0", "learning_rate=2e-4",
    ]  # fmt: skip
    config = replace(read_config("base", overrides), data=(str(motion_set),))
    assert (config.model.width, config.model.depth, config.model.heads) == (512, 16, 8)
    trainer = Trainer(config, tmp_path / "run")
    losses = [trainer.train_step()["loss"] for _ in range(config.steps)]
    assert np.isfinite(losses).all() and trainer.step == 8


def test_a_run_goes_on_from_its_state_alone(config, tmp_path):
    """Killed between two files: weights and description of another step change nothing."""
    folder = tmp_path / "run"
    trainer = Trainer(config, folder)
    trainer.train_step()
    trainer.save()
    expected = {name: value.clone() for name, value in trainer.average.state_dict().items()}
    (folder / "weights.safetensors").unlink()
    (folder / "model.json").write_text("{")
    again = Trainer(config, folder)
    assert again.step == 1
    for name, value in again.average.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)
    assert trainer.train_step() == again.train_step()


def test_a_state_of_another_network_is_one_line(config, tmp_path):
    Trainer(config, tmp_path / "run").save()
    plain = replace(config, model=replace(config.model, innovation=False))
    for other in (plain, replace(config, only=("denoiser.innovation",))):
        with pytest.raises(InputError, match="state.pt is of another network, or .* trained other weights") as caught:
            Trainer(other, tmp_path / "run")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_damaged_state_is_one_line(config, tmp_path, share):
    """One bit in the middle would go on as if nothing were wrong: torch compares no checksums."""
    path = tmp_path / "run" / "state.pt"
    Trainer(config, tmp_path / "run").save()
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        large = [part for part in archive.infolist() if part.file_size > 1000]
    chosen = large[int(share * len(large))]
    data[chosen.header_offset + chosen.file_size // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match="state.pt: .* wanted the state of a run; it is damaged") as caught:
        Trainer(config, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_state_of_an_earlier_version_is_one_line(config, tmp_path):
    folder = tmp_path / "run"
    trainer = Trainer(config, folder)
    trainer.save()
    state = torch.load(folder / "state.pt", weights_only=True)
    del state["average"]
    torch.save(state, folder / "state.pt")
    with pytest.raises(InputError, match="state.pt is of an earlier genmo; to go on from its weights: init="):
        Trainer(config, folder)
