"""Conditions and the frames of a motion that they hold for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.motion import FPS, Camera, Motion
from genmo.runtime.support.arrays import Array

Unit = Literal["frames", "seconds"]
"""what a time was given in, for errors"""


def time_text(frame: int, unit: Unit) -> str:
    """A moment, "frame 30" or "1 s"."""
    return f"frame {frame}" if unit == "frames" else f"{round(frame / FPS, 2):g} s"


def range_text(start: int, end: int, unit: Unit) -> str:
    """A range of time, "frames 30 to 60" or "1 to 2 s"."""
    return f"frames {start} to {end}" if unit == "frames" else f"{round(start / FPS, 2):g} to {time_text(end, unit)}"


def length_text(frames: int, unit: Unit) -> str:
    """A length of time, "30 frames" or "1 s"."""
    return f"{frames} frames" if unit == "frames" else time_text(frames, unit)


@dataclass(frozen=True)
class Text:
    """A text and the frames [start, end) that it may reach; end None: to the end of the motion."""

    prompt: str
    start: int = 0
    end: int | None = None
    source: str = field(default="", compare=False)
    """where it was written, for errors"""
    unit: Unit = field(default="frames", compare=False)


@dataclass(frozen=True)
class SeedSpan:
    """A seed of its own for the noise of the frames [start, end)."""

    start: int
    end: int
    seed: int


@dataclass(frozen=True, eq=False)
class KeypointSpan:
    """Keypoints that begin at frame `start` of the motion."""

    keypoints: Keypoints
    start: int = 0
    source: str = ""
    """where it was written, for errors"""
    unit: Unit = "frames"

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
    unit: Unit = "frames"

    @property
    def frames(self) -> int:
        return len(self.camera.position)

    @property
    def end(self) -> int:
        return self.start + self.frames


@dataclass(frozen=True, eq=False)
class ReferenceSpan:
    """A motion that the frames from `start` on are to be like: another performance of it."""

    motion: Motion
    """30 frames a second"""
    start: int = 0
    strength: float = 0.5
    """how closely, 0 to 1"""
    free: tuple[int, ...] = ()
    """frames of the motion around which it says nothing: seams"""
    fade: int = 0
    """frames from a border to other frames over which it is followed more and more closely"""

    @property
    def frames(self) -> int:
        return self.motion.frames

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
    unit: Unit = "frames"

    @property
    def frames(self) -> int:
        return len(self.values)

    @property
    def end(self) -> int:
        return self.start + self.frames
