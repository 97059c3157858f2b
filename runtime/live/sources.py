"""Where live keypoints come from: a keypoint file at the speed of life, a video file likewise, or a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.conditions.keypoints import POINT_COUNT, VISIBLE, Keypoints
from genmo.runtime.live.frame_clock import TimedKeypoints
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array

Source = Callable[[threading.Event], Iterator[TimedKeypoints]]
Estimate = Callable[[Any], Array]
"""An image to the keypoints [people, 21, 3] in it, the surest person first."""
LATE = 0.1
"""seconds after which a frame of a video is passed over"""


def keypoint_source(keypoints: Keypoints) -> Source:
    """The frames of keypoints, 30 a second from the moment it is begun."""

    def run(stop: threading.Event) -> Iterator[TimedKeypoints]:
        start = time.monotonic()
        for frame, points in enumerate(keypoints.all_points):
            due = start + frame / FPS
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            yield TimedKeypoints(due, points, _pose(keypoints, frame))

    return run


def _pose(keypoints: Keypoints, frame: int) -> Array | None:
    if keypoints.camera is None:
        return None
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = keypoints.camera.rotation[frame], keypoints.camera.position[frame]
    return pose


def image_source(images: Iterable[tuple[float, Any]], estimate: Estimate, *, live: bool) -> Source:
    """The surest person of images (seconds, image), and once there is one whoever is nearest to where they were.

    `live`: the images come when they are taken; else they are shown at their times, and late ones are passed over.
    """

    def run(stop: threading.Event) -> Iterator[TimedKeypoints]:
        start, followed = time.monotonic(), None
        for seconds, image in images:
            taken = time.monotonic() if live else start + seconds
            if stop.is_set() or (not live and stop.wait(max(0.0, taken - time.monotonic()))):
                return
            if not live and time.monotonic() > taken + LATE:
                continue
            points = nearest_person(estimate(image), followed)
            followed = points if points is not None else followed
            yield TimedKeypoints(taken, np.zeros((POINT_COUNT, 3)) if points is None else points)

    return run


def nearest_person(people: Array, followed: Array | None) -> Array | None:
    """Of [people, 21, 3] the one with the visible points nearest to those of `followed` [21, 3]; the first without one,
    None where there is nobody."""
    if len(people) == 0:
        return None
    if followed is None:
        return np.asarray(people[0])
    both = np.minimum(people[..., 2], followed[:, 2]) > VISIBLE
    gaps = np.linalg.norm(people[..., :2] - followed[:, :2], axis=-1)
    mean = np.where(both, gaps, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    return np.asarray(people[np.where(both.any(axis=1), mean, np.inf).argmin()])


def opened_video(source: str) -> tuple[Iterator[tuple[float, Any]], bool]:
    """Frames (seconds, image) of a video file or, for a number, a camera; and whether they are live.

    Raises InputError for what cannot be read, BackendError without the extra `video`.
    """
    from genmo.runtime.video.frames import frames

    camera = source.isascii() and source.isdecimal()
    return frames(int(source) if camera else Path(source)), camera
