"""Crowd: everybody as alone, bodies kept, blocks of a group in one call and groups one after the other."""

from types import SimpleNamespace

import numpy as np
import pytest

from genmo.runtime import Crowd, InputError, MotionGenerator, MotionModel, Stick

SMALL = {"overlap": 8, "block": 12, "steps": 2}


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


def test_everybody_moves_as_they_would_alone(model):
    bodies = np.random.default_rng(0).normal(size=(3, 10))
    crowd = Crowd(model, 3, bodies=bodies, batch=2, seed=5, **SMALL)
    crowd.people[1].command = Stick((0.5, 1.0))
    crowd.people[2].prompt = "a person jumps"
    together = crowd.next(30)
    alone = MotionGenerator(model, seed=6, command=Stick((0.5, 1.0)), body=bodies[1], first_block=6, **SMALL).next(30)
    np.testing.assert_allclose(together[1].translation, alone.translation, atol=2e-3)
    np.testing.assert_allclose(together[1].rotations, alone.rotations, atol=2e-3)
    for motion, body in zip(together, bodies, strict=True):
        np.testing.assert_array_equal(motion.betas, body)
    assert not np.allclose(together[0].translation, together[2].translation)


def test_groups_share_calls_and_come_one_after_the_other(model):
    calls = []

    def denoiser(arrays):
        calls.append(len(arrays["x_t"]) // 2)  # with and without the text
        return model.denoiser(arrays)

    crowd = Crowd(SimpleNamespace(engine=model.engine, denoiser=denoiser), 4, batch=2, **SMALL)
    per_frame = []
    for _ in range(30):
        calls.clear()
        crowd.next(1)
        per_frame.append(sum(calls) // SMALL["steps"])
    assert per_frame[0] == 4 and per_frame[1:] == [2 if frame in (6, 12, 18, 24) else 0 for frame in range(1, 30)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "count and batch are 0"),
        ({"count": 2, "batch": 0}, "count and batch are 2 and 0"),
        ({"count": 2, "bodies": np.zeros((3, 10))}, "wanted one for each"),
        ({"count": 1, "bodies": np.zeros((1, 9))}, "body is"),
    ],
)
def test_crowds_that_cannot_be(model, options, said):
    with pytest.raises(InputError, match=said):
        Crowd(model, **options, **SMALL)
    with pytest.raises(InputError, match="wanted 1 to 65536"):
        Crowd(model, 1, **SMALL).next(0)
