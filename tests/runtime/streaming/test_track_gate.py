"""Who was followed is followed on, and nothing else is taken for them; a stream that saw rubbish becomes as new."""

import numpy as np
import pytest

from genmo.runtime import MotionModel, MotionStream
from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.streaming.track_gate import LOST, TrackGate

LONG = 35


@pytest.fixture(scope="module")
def walk():
    """[140, 17, 3] pixels of somebody 400 px tall who crosses the image, limbs swinging."""
    random, time = np.random.default_rng(0), np.arange(140)[:, None, None] / 30
    rest = random.uniform(0, 1, (17, 2)) * [120, 400] + [150, 50]
    swing = 10 * np.sin(2 * np.pi * random.uniform(0.3, 1, (17, 2)) * time + random.uniform(0, 6, (17, 2)))
    return np.concatenate([rest + swing + time * [60, 5], np.ones((140, 17, 1))], axis=-1)


def false_detections(points):
    """Kinds of rubbish [kinds, frames, 17, 3] in place of points [frames, 17, 3]."""
    random, bad = np.random.default_rng(1), np.repeat(points[None], 6, axis=0)
    middle = points[..., :2].mean(axis=1, keepdims=True)
    bad[0, ..., :2] = middle + 0.1 * (points[..., :2] - middle)
    bad[1] = [500, 500, 1]
    bad[2, ..., :2] = random.uniform(0, 1, points[..., :2].shape) * [1280, 720]
    bad[3, ..., :2] = random.choice([-1e8, 1e8], points[..., :2].shape)
    bad[4] = 0
    bad[5, ::2, :, :2] = points[::2, :, :2] + [600, 100]
    return bad


def test_rubbish_is_refused_and_the_person_taken_up_again(walk):
    gate, detections = TrackGate(6, 17), np.repeat(walk[None], 6, axis=0)
    detections[:, 40:100] = false_detections(walk[40:100])
    accepted = np.array([gate.push(detections[:, frame]) for frame in range(140)])
    assert accepted[:40].all() and accepted[103:].all()
    assert not accepted[40:100, :5].any()
    assert accepted[41:100:2, 5].all() and not accepted[40:100:2, 5].any()


def test_fast_people_and_single_glitches_pass(walk):
    gate = TrackGate(1, 17)
    sprint = walk[:60] + np.arange(60)[:, None, None] * [60.0, 0, 0]  # 8 m/s at this size
    assert all(gate.push(sprint[[frame]])[0] for frame in range(60))
    gate = TrackGate(1, 17)
    glitch = walk[:40].copy()
    glitch[20] = false_detections(walk[20:21])[2]
    assert [frame for frame in range(40) if not gate.push(glitch[[frame]])[0]] == [20]


def test_somebody_else_is_taken_when_the_first_is_lost(walk):
    gate = TrackGate(1, 17)
    other = np.concatenate([walk[:30], walk[30:] * [0.3, 0.3, 1] + [3000, 0, 0]])
    other = np.concatenate([other, other[-60:]])
    accepted = np.array([gate.push(other[[frame]])[0] for frame in range(len(other))])
    assert accepted[:30].all() and not accepted[30 : 30 + LOST].any() and accepted[30 + LOST + 1 : 140].all()


def test_a_stream_after_rubbish_is_as_new(tiny_engine, walk):
    """Six people, each with a kind of rubbish of their own for longer than a second; then as a stream that begins."""
    model, detections = MotionModel.load(tiny_engine, threads=1), np.repeat(walk[None, :80], 6, axis=0)
    detections[:, 15 : 15 + LONG] = false_detections(walk[15 : 15 + LONG])
    options = {"people": 6, "look_ahead": 2, "intrinsics": default_intrinsics(1280, 720), "clean_feet": False}
    stream, fresh = (MotionStream(model, fit_reach=None, **options) for _ in range(2))
    answers = [stream.step(detections[:, frame]) for frame in range(70)]
    assert all(np.isfinite(answer.joints_world()).all() for answer in answers)
    new = [fresh.step(detections[:, frame]) for frame in range(15 + LONG + 2, 70)]
    for answer, expected in zip(answers[-10:], new[-10:], strict=True):
        np.testing.assert_allclose(answer.joints_camera[:5], expected.joints_camera[:5], atol=1e-5)
