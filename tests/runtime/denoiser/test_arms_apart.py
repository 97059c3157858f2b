"""Arms that follow a text of their own: each joint takes one of two answers, guidance included."""

import numpy as np
import pytest

from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.arms_apart import ARM_JOINTS, EASE, ArmsApart, arm_share
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.layout import LAYOUTS

GENMO = LAYOUTS["genmo"]
FRAMES = 30


def pulled(inputs):
    """A denoiser that is pulled to what its texts say and knows nothing else."""
    text = (inputs["text_tokens"] * inputs["text_token_mask"][..., None]).sum(axis=(1, 2, 3))[:, None, None]
    return {"x_0": np.float32(0.3) * inputs["x_t"] + np.float32(text), "kept": inputs["x_t"][..., :1]}


def texts(value):
    tokens = np.zeros((1, 1, 2, 3), np.float32)
    tokens[..., 0, 0] = value
    mask = np.array([[[1.0, 0.0]]], np.float32)
    return {"text_tokens": tokens, "text_token_mask": mask, "text_spans": np.array([[[0, FRAMES]]])}


def features_of(joints):
    start = GENMO.slices["joint_rotations"].start
    return np.concatenate([np.arange(start + 6 * joint, start + 6 * joint + 6) for joint in joints])


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_arms_have_the_answer_of_their_text_and_the_rest_of_the_body_s(guidance):
    share = arm_share(GENMO, np.array([[0, FRAMES]]), FRAMES)
    noise = np.random.default_rng(0).standard_normal((2, FRAMES, GENMO.width), np.float32)

    def made(denoiser, said):
        conditions = {name: np.repeat(value, 2, axis=0) for name, value in texts(said).items()}
        return sampler.generate(denoiser, conditions, noise, 4, guidance)["x_0"]

    both = made(ArmsApart(pulled, texts(5.0), share), 2.0)
    arms = features_of(ARM_JOINTS)
    rest = np.setdiff1d(np.arange(GENMO.width), arms)
    np.testing.assert_allclose(both[..., arms], made(pulled, 5.0)[..., arms], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(both[..., rest], made(pulled, 2.0)[..., rest])


def test_rows_without_a_text_are_not_asked_twice():
    calls = []

    def counted(inputs):
        calls.append(len(inputs["x_t"]))
        return pulled(inputs)

    apart = ArmsApart(counted, texts(5.0), arm_share(GENMO, np.array([[0, FRAMES]]), FRAMES))
    x_t = np.ones((1, FRAMES, GENMO.width), np.float32)
    answer = apart({"x_t": x_t, "timestep": np.array([500]), **sampler.without_guided(texts(2.0))})
    assert calls == [1] and np.array_equal(answer["x_0"], np.float32(0.3) * x_t)


def test_arms_are_arms_of_every_layout():
    names = {JOINTS[joint].split("_", 1)[1] for joint in ARM_JOINTS}
    assert names == {"collar", "shoulder", "elbow", "wrist", "hand"} and len(ARM_JOINTS) == 10
    for name, count in (("genmo", 10), ("gem", 8)):  # gem has no hands
        layout = LAYOUTS[name]
        assert arm_share(layout, np.array([[0, 5]]), 5)[0].sum() == 6 * count
    assert set(np.flatnonzero(arm_share(GENMO, np.array([[0, 5]]), 5)[0])) == set(features_of(ARM_JOINTS))


def test_arms_ease_into_their_text_where_it_begins_within_the_motion():
    share = arm_share(GENMO, np.array([[40, 120]]), 120).max(axis=1)
    assert not share[:40].any() and (np.diff(share[39 : 40 + EASE]) > 0).all() and (share[40 + EASE :] == 1).all()
