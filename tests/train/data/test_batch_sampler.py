"""Which windows make a batch: the same for a step whatever came before, of clips long enough, as the clips are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.motion.skeleton import MIRROR_JOINTS, shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.data.batch_sampler import BatchSampler, clip_weights
from genmo.train.datasets.clips import Clip, leg_length
from genmo.train.datasets.read import read_clips
from genmo.train.settings.augmentation import AugmentationConfig

PLAIN = AugmentationConfig(
    mirror=0, speed=0, shape=0, mix=0, perturb=0, tilt=0, no_text=0, proportions=0, straight_legs=0
)


FRAMES = 40


@pytest.fixture(scope="module")
def clips(motion_set):
    return list(read_clips(motion_set))


def draw(clips, step=0, seed=0, variety=PLAIN, estimation=3, generation=3, frames=FRAMES):
    return BatchSampler(clips, variety, seed).draw(step, estimation, generation, frames)


def equal(a, b):
    tensors = [(a.features, b.features), (a.joints, b.joints), (a.spans, b.spans)]
    tensors += [(a.conditions[name], b.conditions[name]) for name in a.conditions]
    return all(torch.equal(*pair) for pair in tensors) and a.prompts == b.prompts


def test_a_step_decides_its_batch(clips):
    """Whatever was drawn before, and whatever the global generators say."""
    variety = AugmentationConfig()
    first = draw(clips, 5, variety=variety)
    torch.manual_seed(99)
    sampler = BatchSampler(clips, variety, 0)
    sampler.draw(4, 3, 3, FRAMES)
    assert equal(sampler.draw(5, 3, 3, FRAMES), first)
    assert not equal(draw(clips, 6, variety=variety), first)
    assert not equal(draw(clips, 5, seed=1, variety=variety), first)


def test_actions_share_by_the_root_of_their_frames():
    """Four clips of one action (400 frames) are drawn twice as often as one of another (100), the long ones more."""
    lengths = {"walk": (100, 100, 150, 50), "run": (100,)}
    still = [np.zeros(3, np.float32)]
    clips = [
        Clip("a", "a", (name, name.upper()), *still, np.zeros((n, 3)), *still)
        for name, ns in lengths.items()
        for n in ns
    ]
    weights = clip_weights([*clips, Clip("untitled", "a", (), *still, np.zeros((5000, 3)), *still)])
    assert weights[:4].sum() == pytest.approx(2 * weights[4])
    assert weights[2] == pytest.approx(3 * weights[3]) and weights[4] == pytest.approx(10)
    assert weights[5] == pytest.approx(30)  # beyond 900 frames a recording counts no more


def test_generation_without_text_is_trained_too(clips):
    batch = draw(clips, estimation=0, generation=8, variety=replace(PLAIN, no_text=1))
    assert batch.prompts == [["", ""]] * 8 and not batch.spans.any()


def test_windows_are_stretches_of_clips(clips):
    batch = draw(clips, estimation=4, generation=4)
    for joints in batch.joints.numpy():
        assert any(lies_in(joints, clip) for clip in clips)


def lies_in(joints, clip):
    """The joints' shape over time is somewhere in the clip; bodies may have another size."""
    path = joints[:, 0] - joints[0, 0]
    scale = leg_length(shape_space().offsets(shape_space().betas(clip.offsets))) / leg_length(clip.offsets)
    for start in range(clip.frames - len(path) + 1):
        stretch = clip.translation[start : start + len(path)] * scale
        if np.allclose(stretch - stretch[0], path, atol=1e-4):
            return True
    return False


def test_mirrored_windows_are_mirrored(clips):
    """Left and right change in captions and in joints alike."""
    one = [replace(clips[0], captions=("a person waves the left hand",))]
    plain, mirrored = (
        draw(one, variety=replace(PLAIN, mirror=share), estimation=0, generation=1, frames=100) for share in (0, 1)
    )
    assert "left" in plain.prompts[0][0] and "right" in mirrored.prompts[0][0]
    wanted = plain.joints[0][:, list(MIRROR_JOINTS)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored.joints[0], wanted, atol=2e-3, rtol=0)  # betas are fitted, to rounding


def test_short_clips_are_never_padded(clips, random_motion):
    short = replace(clips[0], rotations=clips[0].rotations[:20], translation=clips[0].translation[:20])
    assert BatchSampler([short, clips[1]], PLAIN, 0).eligible(FRAMES).tolist() == [0, 1]
    with pytest.raises(InputError, match="no clip has 40 frames"):
        draw([short])
    with pytest.raises(InputError, match="no clip to train on"):
        BatchSampler([], PLAIN, 0)
