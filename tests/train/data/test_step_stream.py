"""A step's data depend on its number only; processes share them; many processes train as one does."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genmo.runtime.denoiser.sampler import Inpainting, inpainted
from genmo.runtime.denoiser.schedule import alphas_cumprod
from genmo.runtime.support.errors import InputError
from genmo.train.data import step_stream as feeds
from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.step_stream import FILES, Feed, draw_timesteps, noised, signal_of
from genmo.train.datasets.read import read_clips
from genmo.train.loop.trainer import Trainer
from genmo.train.network.checkpoint import load_checkpoint
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.config import read_config


@pytest.fixture(scope="module")
def config(motion_set):
    overrides = ["steps=3", "estimation=2", "generation=2", "frames=[30, 40]", "threads=1", "shards=4", "warmup=1"]
    return replace(read_config("tiny", overrides), data=(str(motion_set),), text_dropout=0.3)


@pytest.fixture(autouse=True, scope="module")
def few_statistics():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
        yield


def feed(config, rank=0, count=1):
    return Feed(BatchSampler(list(read_clips(config.data[0])), config.variety, config.seed), config, rank, count)


def same(one, other):
    return (
        torch.equal(one.batch.features, other.batch.features)
        and torch.equal(one.noise, other.noise)
        and torch.equal(one.timestep, other.timestep)
        and one.batch.prompts == other.batch.prompts
        and one.seed == other.seed
    )


def test_processes_share_a_step(config):
    """The shards of one process are those of two and of four, each once."""
    whole = feed(config)[7]
    assert len(whole) == 4 and not same(whole[0], whole[1])
    for count in (2, 4):
        parts = {rank: feed(config, rank, count)[7] for rank in range(count)}
        for shard, wanted in enumerate(whole):
            assert same(parts[shard % count][shard // count], wanted)


def write_program(folder):
    """genmo-train with few batches of statistics, as `few_statistics` gives them to the tests' own process."""
    program = folder / "program.py"
    program.write_text(
        "import sys\n"
        "import genmo.train.loop.trainer as trainer\n"
        "from genmo.train.__main__ import main\n"
        "trainer.STATISTICS_BATCHES = 4\n"
        'if __name__ == "__main__":\n'
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    return program


def test_workers_change_nothing_but_who_works(motion_set, tmp_path):
    """Three steps with two workers leave the weights of three steps without, to the last bit.

    The one with workers in a process of its own, as genmo-train is: this one holds libraries of other tests, whose
    threads a worker that is forked from it would miss.
    """
    settings = [f"data=[{json.dumps(str(motion_set))}]", "steps=3", "estimation=2", "generation=2", "frames=[30]"]
    settings += ["threads=1", "device=cpu"]
    Trainer(read_config("tiny", [*settings, "workers=0"]), tmp_path / "0").run()
    command = [sys.executable, str(write_program(tmp_path)), "tiny", *settings, "workers=2", "--out", tmp_path / "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("0", "2")]
    assert weights[0] == weights[1]


def test_steps_come_in_order(config):
    source = feed(replace(config, shards=1))
    made = list(source.steps(3, 6))
    assert len(made) == 3
    for step, shards in enumerate(made, 3):
        assert same(shards[0], source[step][0])


def test_a_step_of_four_shards_is_their_mean_gradient(config, tmp_path):
    """Gradient accumulation against one backward pass through the mean of the four losses."""
    trainer = Trainer(replace(config, clip_norm=1e9, bf16=False), tmp_path / "run")
    shards = trainer.feed[0]
    alone = []
    for shard in shards:
        trainer.model.zero_grad(set_to_none=True)
        trainer._backward(shard)
        alone.append([p.grad.clone() for p in trainer.model.parameters()])
    trainer.model.zero_grad(set_to_none=True)
    for shard in shards:
        trainer._backward(shard)
    for index, parameter in enumerate(trainer.model.parameters()):
        wanted = sum(gradients[index] for gradients in alone)  # each is already a quarter: the loss is over 4 shards
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-7)


def test_two_processes_train_as_one(config, motion_set, tmp_path):
    """Three steps under torchrun with two gloo processes against one process: the same weights to rounding."""
    settings = [f"data=[{json.dumps(str(motion_set))}]", "steps=3", "estimation=2", "generation=2", "frames=[30]"]
    settings += ["threads=1", "shards=2", "bf16=false", "device=cpu"]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*run, str(write_program(tmp_path)), "tiny", *settings, "--out", str(tmp_path / "two")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    Trainer(read_config("tiny", settings), tmp_path / "one").run()
    one, two = (load_checkpoint(tmp_path / name).model.state_dict() for name in ("one", "two"))
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-4, atol=1e-6, msg=name)
    logs = [json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[0]) for name in ("one", "two")]
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-4)


def test_2d_only_clips_are_learned_from_what_the_model_sees_in_them(config, motion_set, tmp_path):
    """Equation 6: their target is the model's own estimate from all keypoints; what is hidden has no influence."""
    Trainer(replace(config, shards=1), tmp_path / "first").save()
    config = replace(config, subjects_2d=(motion_set.name,), shards=1, bf16=False)
    with pytest.raises(InputError, match="nothing tells how large motions are; wanted some, or init=DIR"):
        Trainer(config, tmp_path / "run")
    trainer = Trainer(replace(config, init=str(tmp_path / "first")), tmp_path / "run")
    shard = trainer.feed[0][0]
    assert shard.batch.only_2d.all()
    target = trainer._target(shard)
    conditions = shard.batch.keypoints_2d.conditions
    prompts = [p for row in shard.batch.prompts for p in row]
    tokens, mask = trainer.model.text_encoder(prompts)
    with torch.no_grad():
        wanted = trainer.model.denoiser(
            {
                "x_t": torch.zeros_like(target),
                "timestep": torch.full((len(target),), 999),
                **conditions,
                "text_tokens": tokens.unflatten(0, (len(target), -1)),
                "text_token_mask": mask.unflatten(0, (len(target), -1)),
                "text_spans": shard.batch.spans,
            }
        )["x_0"]
    torch.testing.assert_close(target, wanted)
    before = trainer._backward(shard)
    hidden = replace(shard.batch, features=shard.batch.features + 1, joints=shard.batch.joints + 1)
    assert trainer._backward(replace(shard, batch=hidden)) == before
    assert before["reprojection_2d"] > 0 and before["features"] == 0
    report = [trainer.train_step()["reprojection_2d"] for _ in range(2)]
    assert all(value > 0 for value in report)


def test_estimation_and_noise_only_where_they_belong():
    target, noise = torch.ones(3, 4, 2), torch.full((3, 4, 2), 2.0)
    x_t = noised(target, torch.tensor([999, 0, 999]), noise, 1)
    assert not x_t[0].any()
    torch.testing.assert_close(x_t[1], target[1], atol=0.1, rtol=0)
    torch.testing.assert_close(x_t[2], noise[2], atol=1e-3, rtol=0)


def test_the_share_of_the_motion_that_is_shown():
    """All of it to estimation, whatever its timestep; cos^2 of the schedule to the others (equation 4)."""
    signal = signal_of(torch.tensor([999, 0, 500, 999]), 1)
    assert signal[0] == 1 and signal[1] > 0.999 and signal[3] < 1e-4
    quarter = torch.cos(torch.tensor((501 / 1000 + 0.008) / 1.008 * math.pi / 2)) ** 2
    assert signal[2].item() == pytest.approx(quarter.item(), rel=2e-3)


@pytest.mark.parametrize(("now", "most", "expected"), [(64, 128, 128), (64, 10**9, FILES), (64, -1, FILES)])
def test_as_many_files_may_be_open_as_workers_need(monkeypatch, now, most, expected):
    """-1 is no limit; what the system allows at most stays."""
    found = []
    limits = SimpleNamespace(RLIMIT_NOFILE=7, RLIM_INFINITY=-1, getrlimit=lambda kind: (now, most))
    limits.setrlimit = lambda *told: found.append(told)
    monkeypatch.setattr(feeds, "resource", limits)
    feeds._allow_many_files()
    assert found == [(7, (expected, most))]
    monkeypatch.setattr(feeds, "resource", None)  # Windows has no such limits
    feeds._allow_many_files()


PLAIN = AugmentationConfig(mirror=0, speed=0, shape=0, mix=0, perturb=0, tilt=0, no_text=0)


FRAMES = 40


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


def draw(clips, step=0, seed=0, variety=PLAIN, estimation=3, generation=3, frames=FRAMES):
    return BatchSampler(clips, variety, seed).draw(step, estimation, generation, frames)


def test_estimation_comes_first_and_starts_from_zeros(clips):
    batch = draw(clips, estimation=4, generation=2)
    assert batch.estimation == 4 and len(batch.features) == 6
    generator = torch.Generator().manual_seed(0)
    timestep = draw_timesteps(6, batch.estimation, generator)
    x_t = noised(batch.features, timestep, torch.randn(batch.features.shape, generator=generator), batch.estimation)
    assert (timestep[:4] == 999).all() and not x_t[:4].any()
    assert x_t[4:].abs().min(dim=-1).values.max() > 0 and (timestep[4:] < 1000).all()
    assert batch.conditions["keypoints_mask"][:4].any(dim=1).all()


def test_noising_is_the_schedule():
    """The standard deviation around the target is sqrt(1 - level), by equation 4."""
    generator = torch.Generator().manual_seed(0)
    target = torch.full((200, 50, 20), 3.0)
    timestep = draw_timesteps(200, 0, generator)
    x_t = noised(target, timestep, torch.randn(target.shape, generator=generator), 0)
    level = torch.tensor(alphas_cumprod()[timestep.numpy()])
    np.testing.assert_allclose(x_t.mean(dim=(1, 2)), 3 * level.sqrt(), atol=0.15)
    np.testing.assert_allclose(x_t.std(dim=(1, 2)), (1 - level).sqrt(), atol=0.1)
    assert timestep.min() < 100 and timestep.max() > 900


def test_late_timesteps_are_seen_more():
    """Density ~ t^(2/3), so the share below t is (t / 1000)^(5/3)."""
    timestep = draw_timesteps(40_000, 0, torch.Generator().manual_seed(0)).numpy()
    for t in (100, 300, 500, 800):
        assert (timestep < t).mean() == pytest.approx((t / 1000) ** (5 / 3), abs=0.01)
    assert timestep.max() == 999


def test_given_frames_enter_x_t_as_the_sampler_puts_them_there():
    """The clean motion with the noise of the timestep is what `inpainted` makes of it, so given frames need no more."""
    target, noise = (torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    timestep = torch.tensor([999, 400])
    x_t = noised(target, timestep, noise, estimation=1)
    known = np.ones((5, 7), bool)
    level = float(alphas_cumprod()[400])
    expected = inpainted(
        np.zeros((1, 5, 7)), Inpainting(target[1].numpy(), known, lambda x_0: x_0), noise[1:].numpy(), level
    )
    np.testing.assert_allclose(x_t[1:], expected, atol=1e-6)
