"""BlazePose over a video, as MediaPipe runs it, for several people: detected once, then followed by their landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.keypoints import POINT_COUNT
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.readers.keypoint_layouts import body_points
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.video.blazepose_networks import (
    BODY_POINTS,
    PRESENCE,
    LandmarkNetwork,
    Landmarks,
    PersonDetector,
    Region,
    region_of,
)
from genmo.runtime.video.poses import Poses
from genmo.runtime.video.tracker import similarity

MAX_PEOPLE = 8
"""Followed at once."""
DETECT_EVERY = 15
"""Frames from one look for new people to the next; while nobody is followed, every frame is looked at."""
SAME_PERSON = 0.5
"""Landmarks of higher similarity (OKS) are of one person."""
SAME_PLACE = 0.1
"""Nor is a detection looked at whose hips are nearer to those of somebody followed than this part of the region."""
BOX_MARGIN = 0.1
"""The box around a person is the landmarks' grown by this part of its larger side: heads and hands reach beyond."""
MIN_CUTOFF, BETA, DERIVATIVE_CUTOFF = 0.01, 10.0, 1.0
"""of the filter of the region's two points (Casiez et al., CHI 2012), hertz; MediaPipe's"""
RATE = 30.0
"""frames a second that the filter counts, whatever the video's rate is; MediaPipe's"""


class OneEuroFilter:
    """Low pass whose cutoff rises with speed (Casiez et al., CHI 2012), for values [...] a frame at a time."""

    def __init__(self) -> None:
        self._value: Array | None = None
        self._raw: Array = np.zeros(0)
        self._slope: Array = np.zeros(0)

    def __call__(self, value: Array, size: float) -> Array:
        """The filtered value; its speed counts in units of `size`."""
        if self._value is None:
            self._value, self._raw, self._slope = value, value, np.zeros_like(value)
            return value
        slope = (value - self._raw) / size * RATE
        self._slope = self._slope + _share(DERIVATIVE_CUTOFF) * (slope - self._slope)
        cutoff = MIN_CUTOFF + BETA * np.abs(self._slope)
        self._value, self._raw = self._value + _share(cutoff) * (value - self._value), value
        return self._value


def _share(cutoff: Array | float) -> Array:
    """Part of a new value that passes at a cutoff in hertz."""
    return np.asarray(1 / (1 + RATE / (2 * np.pi * cutoff)))


@dataclass(eq=False)
class _Person:
    """Somebody who is followed."""

    region: Region
    filter: OneEuroFilter
    landmarks: Landmarks | None = None

    @property
    def points(self) -> Array:
        """[39, 3]"""
        assert self.landmarks is not None
        return self.landmarks.points


class BlazePose:
    """Keypoints of everybody in one frame after another of a video.

    `landmarks`, `detector`: BlazePose as ONNX (`blazepose_files.installed`).  `device`: "cpu" or "cuda"; `threads`: 0
    leaves the number to ONNX Runtime.  Raises InputError for other networks, BackendError for a missing library.
    """

    def __init__(self, landmarks: str | Path, detector: str | Path, *, device: str = "cpu", threads: int = 0) -> None:
        self._landmarks = LandmarkNetwork(landmarks, device, threads)
        self._detector = PersonDetector(detector, device, threads)
        self._people: list[_Person] = []
        self._since_detection = 0

    def people(self, image: Image) -> Poses:
        """Everybody in the next RGB image [height, width, 3] uint8 of the video."""
        followed = [one for one in self._people if self._follow(one, image)]
        self._people = distinct(followed)
        self._since_detection += 1
        if not self._people or self._since_detection >= DETECT_EVERY:
            self._since_detection = 0
            self._find(image)
        return poses_of([one.landmarks for one in self._people if one.landmarks is not None])

    def _find(self, image: Image) -> None:
        """Begin to follow those who are not yet."""
        for region in self._detector(image):
            gaps = [np.hypot(*(one.region.centre - region.centre)) / one.region.side for one in self._people]
            if len(self._people) >= MAX_PEOPLE or min(gaps, default=1.0) < SAME_PLACE:
                continue
            person = _Person(region, OneEuroFilter())
            if self._follow(person, image):
                self._people = distinct([*self._people, person])

    def _follow(self, person: _Person, image: Image) -> bool:
        """Find somebody where the frame before says; False where nobody is.  The region becomes the next frame's."""
        found = self._landmarks(image, person.region)
        if found.presence < PRESENCE:
            return False
        ends = found.points[BODY_POINTS : BODY_POINTS + 2, :2]
        size = 2 * float(np.hypot(*(ends[1] - ends[0])))
        if not size > 2:
            return False
        person.landmarks = found
        person.region = region_of(*person.filter(ends, size))
        return True


def distinct(people: list[_Person]) -> list[_Person]:
    """Without those who have come to lie on somebody who is followed for longer."""
    kept: list[_Person] = []
    for person in people:
        others, one = (poses_of([each.landmarks for each in group if each.landmarks]) for group in (kept, [person]))
        likeness = similarity(others.points[:, :COCO_COUNT], others.boxes, one.points[:, :COCO_COUNT])
        if likeness.max(initial=0.0) < SAME_PERSON:
            kept.append(person)
    return kept


def poses_of(found: list[Landmarks]) -> Poses:
    """People by their landmarks."""
    bodies = np.array([body_points(one.points[:BODY_POINTS], "BlazePose") for one in found]).reshape(-1, POINT_COUNT, 3)
    landmarks = np.array([one.points[:BODY_POINTS, :2] for one in found]).reshape(-1, BODY_POINTS, 2)
    low, high = landmarks.min(axis=1, initial=np.inf), landmarks.max(axis=1, initial=-np.inf)
    margin = BOX_MARGIN * (high - low).max(axis=1, keepdims=True, initial=0)
    boxes = np.concatenate([low - margin, high + margin], axis=1)
    return Poses(bodies, boxes, np.array([one.presence for one in found]))
