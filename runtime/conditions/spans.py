"""Conditions and the frames of a motion that they hold for."""

from __future__ import annotations

from dataclasses import dataclass, field

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.motion import Camera
from genmo.runtime.support.arrays import Array


@dataclass(frozen=True)
class Text:
    """A text and the frames [start, end) that it may reach; end None: to the end of the motion."""

    prompt: str
    start: int = 0
    end: int | None = None
    source: str = field(default="", compare=False)
    """where it was written, for errors"""


@dataclass(frozen=True, eq=False)
class KeypointSpan:
    """Keypoints that begin at frame `start` of the motion."""

    keypoints: Keypoints
    start: int = 0
    source: str = ""
    """where it was written, for errors"""

    @property
    def frames(self) -> int:
        return self.keypoints.frames

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def camera(self) -> Camera | None:
        return self.keypoints.camera


@dataclass(frozen=True, eq=False)
class CameraSpan:
    """The poses of a camera that begin at frame `start` of the motion, where no keypoints are known."""

    camera: Camera
    start: int = 0
    source: str = ""

    @property
    def frames(self) -> int:
        return len(self.camera.position)

    @property
    def end(self) -> int:
        return self.start + self.frames


@dataclass(frozen=True, eq=False)
class FeatureSpan:
    """Features of music or video that begin at frame `start` of the motion."""

    name: str
    """"music" or "video\""""
    values: Array
    """[frames, width], 30 a second"""
    start: int = 0
    source: str = ""

    @property
    def frames(self) -> int:
        return len(self.values)

    @property
    def end(self) -> int:
        return self.start + self.frames
