"""Estimation as a user would run it: clips are filmed by simulated cameras, the runtime makes motions of the pixels.

Truth is the actor's own skeleton, not a fitted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.conditions.keypoints import parse_keypoints
from genmo.runtime.conditions.spans import KeypointSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation.detector_faults import Fault, as_projected
from genmo.train.metrics.paper_tables import Estimate
from genmo.train.tools.simulate_keypoints import film, film_as, keypoint_arrays

Item = TypeVar("Item")


def true_joints(clip: Clip) -> Array:
    """World joints [frames, 24, 3] in metres of the actor."""
    return forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1]


def camera_truth(clip: Clip, seed: int) -> Array:
    """True joints [frames, 24, 3] in the frame of the clip's simulated camera."""
    return film(clip, seed)[1].to_camera(true_joints(clip))


def spread_out(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the clips, or of whatever is listed, evenly taken; 0: all."""
    if not count or len(items) <= count:
        return list(items)
    return [items[round(index)] for index in np.linspace(0, len(items) - 1, count)]


def estimates(
    model: MotionModel,
    clips: Iterable[Clip],
    *,
    hidden: float = 0.0,
    noise: float = 0.0,
    fault: Fault = as_projected,
    with_camera: bool = True,
    moving: bool | None = None,
    steps: int | None = None,
    captioned: bool = False,
    fit: bool = True,
    clean_feet: bool = True,
) -> Iterator[Estimate]:
    """What the model makes of every clip under its own camera (seeded by its place in the list), and the truth.

    `hidden` share, `noise` in pixels and a `fault` of a detector spoil the keypoints.  `moving`: only cameras that
    move, or that do not; None: as they come.  `steps`: sampled in so many; None: one step from zeros.  `captioned`: the
    clip's caption is given too, so that the motion is one of a text and keypoints.  The world is that of the camera if
    given.
    """
    for seed, clip in enumerate(clips):
        cameras, camera = film(clip, seed) if moving is None else film_as(clip, seed, moving)
        arrays = keypoint_arrays(clip, cameras, camera, noise, hidden, seed)
        if not with_camera:
            del arrays["camera_to_world"]
        arrays["keypoints"] = fault(arrays["keypoints"], np.random.default_rng(100 + seed))
        keypoints = parse_keypoints(arrays)
        with_text = captioned and clip.captions and model.engine.text_encoder is not None
        texts = (Text(clip.captions[0]),) if with_text else ()
        timeline = Timeline(keypoints.frames, texts, (KeypointSpan(keypoints),), steps=steps, seed=seed)
        (motion,) = model.follow(timeline, fit=fit, clean_feet=clean_feet).motions
        truth = true_joints(clip)
        assert motion.joints_camera is not None  # what keypoints show has a camera
        yield Estimate(
            camera=motion.joints_camera,
            true_camera=camera.to_camera(truth),
            world=motion.joints_world() if with_camera else None,
            true_world=truth if with_camera else None,
        )


def real_row(clips: Iterable[Clip]) -> list[Estimate]:
    """The truth measured against itself: its jitter, and how far its own feet move while in contact."""
    return [Estimate(joints, joints, joints, joints) for joints in map(true_joints, clips)]
