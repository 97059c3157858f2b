"""Features at unit scale in training and as they are in a checkpoint: the same function."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.denoiser.config import ModelConfig
from genmo.train.data.feature_scale import FeatureScales
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording, write_store
from genmo.train.loop.trainer import Trainer
from genmo.train.network.checkpoint import Model, load_checkpoint
from genmo.train.settings.config import read_config

CONFIG = ModelConfig(
    width=32, depth=1, heads=2, mlp_width=32, text_width=16, text_tokens=4, video_width=0, music_width=35
)


def dance(frames, seed):
    """A clip of a person who does nothing to music whose features are of all sizes."""
    rng = np.random.default_rng(seed)
    music = 30 + rng.normal(size=(frames, 35)) * 10.0 ** np.linspace(-1, 2, 35)
    music[:, 3] = 7.0  # says nothing
    music[:, -1] = rng.random(frames) < 0.1
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (frames, 24, 3, 3)).copy()
    still = np.zeros((frames, 3), np.float32) + np.float32([0, 0.9, 0])
    offsets = np.zeros((24, 3), np.float32)
    offsets[1:, 1] = 0.1
    return Recording(f"clip{seed}", f"person{seed}", (), rotations, still, offsets, music=music.astype(np.float32))


CLIPS = [dance(60, 0), dance(90, 1)]


def test_they_have_mean_0_and_spread_1():
    scales = FeatureScales.fit([*CLIPS, Clip("a", "a", (), *(np.zeros((5, 3)),) * 3)], ["music", "video"])
    assert set(scales.scales) == {"music"}  # no clip has a video
    every = torch.from_numpy(np.concatenate([clip.music for clip in CLIPS]))
    mask = torch.ones(1, len(every))
    (scaled,) = scales.apply({"music": every[None], "music_mask": mask})["music"]
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(35), atol=2e-3, rtol=0)
    wanted = torch.ones(35)
    wanted[3] = 0
    torch.testing.assert_close(scaled.std(dim=0, correction=0), wanted, atol=2e-3, rtol=0)
    mask[:, 50:] = 0
    masked = scales.apply({"music": every[None] * mask[..., None], "music_mask": mask})["music"]
    assert not masked[:, 50:].any() and torch.equal(masked[0, :50], scaled[:50])
    assert torch.equal(every[None], scales.apply({"keypoints": every[None]})["keypoints"])


def test_a_folded_model_reads_them_as_they_are_and_unfolding_takes_it_back():
    torch.manual_seed(0)
    model = Model(CONFIG)
    scales = FeatureScales.fit(CLIPS, ["music"])
    conditions = {
        "keypoints": torch.zeros(1, 60, 17, 3),
        "bounding_box": torch.zeros(1, 60, 3),
        "camera": torch.zeros(1, 60, 12),
        "music": torch.from_numpy(CLIPS[0].music)[None],
    }
    conditions |= {f"{name}_mask": torch.ones(1, 60) for name in tuple(conditions)}
    wanted = model.denoiser.conditions(scales.apply(conditions))
    folded = scales.folded(model)
    # means of hundreds of spreads cancel in float32
    torch.testing.assert_close(folded.denoiser.conditions(conditions), wanted, atol=1e-3, rtol=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scales.unfold(folded)
    for name, tensor in folded.state_dict().items():
        torch.testing.assert_close(tensor, before[name], atol=1e-4, rtol=1e-4, msg=name)
    assert FeatureScales({}).folded(model) is model


@pytest.fixture
def config(tmp_path):
    write_store(CLIPS, tmp_path / "set", kind="test", licence="none")
    settings = ["steps=2", "estimation=2", "generation=4", "frames=[30]", "threads=1", "bf16=false", "lengthen=false"]
    config = read_config("tiny", [*settings, "model.music_width=35", "learning_rate=1e-12", "warmup=1"])
    return replace(config, data=(str(tmp_path / "set"),))


def test_a_run_goes_on_from_its_checkpoint_as_it_was(config, tmp_path, monkeypatch):
    """`init` unfolds what `checkpoint` folded: weights and losses are those of the run that it came from."""
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
    first = Trainer(config, tmp_path / "first")
    loss = first.train_step()["loss"]
    first.save()
    stored = load_checkpoint(tmp_path / "first").model.state_dict()
    name = "denoiser.conditions.embed.music.fuse.0.weight"
    assert not torch.allclose(stored[name], first.model.state_dict()[name])
    second = Trainer(replace(config, init=str(tmp_path / "first")), tmp_path / "second")
    torch.testing.assert_close(second.model.state_dict()[name], first.average.state_dict()[name], rtol=1e-4, atol=1e-6)
    assert second.train_step()["loss"] == pytest.approx(loss, rel=1e-3)
    scales = first.scales.scales["music"]
    other = FeatureScales({"music": (0 * scales[0], scales[1])})
    monkeypatch.setattr(FeatureScales, "fit", classmethod(lambda *args: other))
    resumed = Trainer(config, tmp_path / "first")  # on other clips: what the weights have learned stays as it was
    assert resumed.step == 1 and all(map(torch.equal, resumed.scales.scales["music"], scales))
