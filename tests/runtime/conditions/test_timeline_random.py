"""Random timelines, right and wrong: finite motions of the right length, or a clear error."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genmo.runtime import (
    CameraSpan,
    FeatureSpan,
    InputError,
    JointTargets,
    Keyframes,
    Keypoints,
    KeypointSpan,
    MotionModel,
    Text,
    Timeline,
)
from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import matrix_from_axis_angle

MOST = 130
"""frames; two windows meet"""
NO_KEYFRAMES = Keyframes(np.zeros(0, np.int64), np.zeros((0, 24, 3, 3)), np.zeros((0, 3)))
NO_JOINT_TARGETS = JointTargets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)))
PROMPTS = ["a person walks", "jump", "\u03a9\u221a\u65e5\u672c\u8a9e \x00", "kick " * 40, "@1-2"]
seeds = st.integers(0, 99)


def span_in(draw, frames):
    """Start and end of frames within a motion."""
    start = draw(st.integers(0, frames - 1))
    return start, draw(st.integers(start + 1, frames))


def cameras(random, frames):
    rotation = matrix_from_axis_angle(random.normal(0, 0.2, (frames, 3)))
    return Camera(np.diag([-1.0, -1.0, 1.0]) @ rotation, random.normal(0, 1, (frames, 3)))


def seen_from(draw, start, end):
    """Keypoints of noise: some unseen, some far outside of the image, some all in one point."""
    random, frames = np.random.default_rng(draw(seeds)), end - start
    points = random.normal(300, draw(st.sampled_from([0.0, 1.0, 100.0, 1e5])), (frames, 17, 3))
    points[..., 2] = random.random((frames, 17)) < draw(st.sampled_from([0.0, 0.1, 0.9, 1.0]))
    camera = cameras(random, frames) if draw(st.booleans()) else None
    return KeypointSpan(Keypoints(points, default_intrinsics(640, 480), camera), start)


def some_keyframes(draw, frames):
    at = np.unique(draw(st.lists(st.integers(0, frames - 1), max_size=5))).astype(np.int64)
    random = np.random.default_rng(draw(seeds))
    root = random.normal(0, draw(st.sampled_from([0.1, 2.0, 50.0])), (len(at), 3))
    root[random.random(len(at)) < 0.3] = np.nan
    return Keyframes(at, matrix_from_axis_angle(random.normal(0, 0.7, (len(at), 24, 3))), root)


def some_places(draw, frames):
    at = np.unique(draw(st.lists(st.integers(0, frames - 1), max_size=5))).astype(np.int64)
    random = np.random.default_rng(draw(seeds))
    positions = random.normal(0, draw(st.sampled_from([0.1, 2.0, 50.0])), (len(at), 3))
    positions[random.random(positions.shape) < 0.2] = np.nan
    return JointTargets(at, random.integers(0, 24, len(at)), positions)


@st.composite
def right_arguments(draw):
    """What a Timeline is made of, and the options of `follow`, all as they may be."""
    frames = draw(st.integers(1, MOST))
    texts = [Text(draw(st.sampled_from(PROMPTS)), *span_in(draw, frames)) for _ in range(draw(st.integers(0, 3)))]
    cut = sorted({0, frames, draw(st.integers(0, frames)), draw(st.integers(0, frames))})
    shots = [draw(st.sampled_from([None, "person", "person", "camera"])) for _ in cut[1:]]
    parts = list(zip(shots, cut[:-1], cut[1:], strict=True))
    persons = [seen_from(draw, start, end) for kind, start, end in parts if kind == "person"]
    films = [
        CameraSpan(cameras(np.random.default_rng(start), end - start), start)
        for kind, start, end in parts
        if kind == "camera"
    ]
    timeline = {
        "frames": frames,
        "texts": tuple(texts),
        "keypoints": tuple(persons),
        "cameras": tuple(films),
        "keyframes": some_keyframes(draw, frames) if draw(seeds) % 3 == 0 else NO_KEYFRAMES,
        "places": some_places(draw, frames) if draw(seeds) % 3 == 0 else NO_JOINT_TARGETS,
        "steps": draw(st.sampled_from([None, None, 1, 2])),
        "guidance": draw(st.sampled_from([0.0, 1.0, 1.5])),
        "seed": draw(st.sampled_from([0, 1, 2**40])),
    }
    options = {"samples": 1, "fit": draw(st.booleans()), "clean_feet": draw(st.booleans())}
    return timeline, options


@st.composite
def arguments(draw):
    """The same; one in three spoilt in one place."""
    timeline, options = draw(right_arguments())
    if draw(st.integers(0, 2)) == 0:
        frames = timeline["frames"]
        name, value = draw(
            st.sampled_from(
                [
                    ("frames", 0),
                    ("frames", 10**7),
                    ("texts", (Text("walk", -3),)),
                    ("texts", (Text(""),)),
                    ("texts", (Text("  "),)),
                    ("texts", (Text("walk", frames),)),
                    ("texts", (Text("walk", 5, 5),)),
                    ("keypoints", (seen_from(draw, frames - 1, frames + 9),)),
                    ("keypoints", (seen_from(draw, 0, 1), seen_from(draw, 0, 1))),
                    ("features", (FeatureSpan("music", np.ones((1, 35))),)),
                    ("keyframes", some_keyframes(draw, 1).shifted(frames)),
                    ("places", some_places(draw, 1).shifted(-1)),
                    ("steps", 0),
                    ("steps", 2000),
                    ("guidance", float("nan")),
                    ("seed", -1),
                    ("samples", 0),
                    ("samples", 2),
                ]
            )
        )
        (options if name in options else timeline)[name] = value
    return timeline, options


@functools.cache
def tiny(folder):
    return MotionModel.load(folder, threads=1)


def outcome(model, timeline, options):
    """ "made" or "refused"; anything else is an error of ours."""
    try:
        asked = Timeline(**timeline)
        result = model.follow(asked, **options)
    except InputError as error:
        message = str(error)
        assert "wanted" in message and "\n" not in message and len(message) < 400, message
        return "refused"
    assert len(result.motions) == options["samples"]
    for motion in result.motions:
        assert motion.frames == timeline["frames"] and motion.contacts.shape == (motion.frames, 6)
        for part in (motion.rotations, motion.translation, motion.betas, motion.contacts, motion.joints_world()):
            assert np.isfinite(part).all()
        size = motion.rotations @ motion.rotations.swapaxes(-1, -2)
        np.testing.assert_allclose(size, np.broadcast_to(np.eye(3), size.shape), atol=1e-5)
    return "made"


CHECKS = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
)


@pytest.mark.end_to_end
@settings(CHECKS, max_examples=40)
@given(asked=arguments())
def test_random_timelines(tiny_engine, asked):
    outcome(tiny(tiny_engine), *asked)


@pytest.mark.slow
def test_a_thousand_random_timelines(tiny_engine):
    """More of the same, and enough of them right that the engine has work."""
    outcomes = []

    @settings(CHECKS, max_examples=1000)
    @given(asked=arguments())
    def run(asked):
        outcomes.append(outcome(tiny(tiny_engine), *asked))

    run()
    print(f"{outcomes.count('made')} made, {outcomes.count('refused')} refused")
    assert len(outcomes) >= 1000 and outcomes.count("made") > 300 and outcomes.count("refused") > 200
