"""What a motion was made from, kept beside it in `.npz` and drawn by the `.html` player.

All times are frames of the motion.  Nothing here is needed to play the motion: a file without it has no sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.music_columns import COLUMNS, MUSIC_WIDTH
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import COCO_COUNT, JOINT_COUNT
from genmo.runtime.support.arrays import Array

Integers = npt.NDArray[np.integer]
PREFIX = "given_"
MOST_TEXT = 4096
"""characters of a text that a file may bring"""


def _no_frames() -> Integers:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class View:
    """2D keypoints that the motion follows, and the lens that they were detected through, from frame `start` on."""

    start: int
    points: Array
    """[frames, 17, 3] x, y in pixels and confidence, COCO-17"""
    intrinsics: Array
    """[3, 3] pixels"""

    @property
    def end(self) -> int:
        return self.start + len(self.points)


@dataclass(frozen=True, eq=False)
class MotionSources:
    """The conditions of one motion."""

    texts: tuple[Text, ...] = ()
    views: tuple[View, ...] = ()
    features: tuple[tuple[str, int, int], ...] = ()
    """name ("music", "video" or "camera") and frames [start, end)"""
    beats: Integers = field(default_factory=_no_frames)
    """[beats] frames on which the music has a beat"""
    keyframes: Integers = field(default_factory=_no_frames)
    """[keyframes] frames with a keyframe pose"""
    place_frames: Integers = field(default_factory=_no_frames)
    """[places] frames of joint targets"""
    place_joints: Integers = field(default_factory=_no_frames)
    """[places] index of the joint"""
    place_positions: Array = field(default_factory=lambda: np.zeros((0, 3)))
    """[places, 3] world, metres; a NaN coordinate is free"""

    def at_rate(self, fps: float, frames: int) -> MotionSources:
        """The same of a motion that was brought from 30 to `fps` frames a second and then has `frames` of them."""
        if fps == FPS:
            return self

        def frame_at_rate(frame: Integers) -> Integers:
            return np.asarray(np.clip(np.rint(frame * (fps / FPS)), 0, frames - 1), np.int64)

        def span(start: int, end: int | None) -> tuple[int, int]:
            first = min(round(start * fps / FPS), frames - 1)
            last = frames if end is None else min(round(end * fps / FPS), frames)
            return first, max(last, first + 1)

        views = []
        for view in self.views:
            first, last = span(view.start, view.end)
            nearest = np.rint(np.arange(first, last) * (FPS / fps)).astype(int) - view.start
            views.append(View(first, view.points[np.clip(nearest, 0, len(view.points) - 1)], view.intrinsics))
        return replace(
            self,
            texts=tuple(Text(text.prompt, *span(text.start, text.end)) for text in self.texts),
            views=tuple(views),
            features=tuple((name, *span(start, end)) for name, start, end in self.features),
            beats=frame_at_rate(self.beats),
            keyframes=frame_at_rate(self.keyframes),
            place_frames=frame_at_rate(self.place_frames),
        )


NO_SOURCES = MotionSources()


def sources_of(timeline: Timeline) -> MotionSources:
    """What a timeline asks for, as a motion file keeps it."""
    beats = [
        span.start + np.flatnonzero(span.values[:, COLUMNS["beats"]][:, 0] > 0.5)
        for span in timeline.features
        if span.name == "music" and span.values.shape[1] == MUSIC_WIDTH
    ]
    spans = [(span.name, span.start, span.end) for span in timeline.features]
    spans += [("camera", span.start, span.end) for span in timeline.cameras]
    return MotionSources(
        texts=tuple(
            Text(text.prompt, text.start, timeline.frames if text.end is None else min(text.end, timeline.frames))
            for text in timeline.texts
        ),
        views=tuple(View(span.start, span.keypoints.points, span.keypoints.intrinsics) for span in timeline.keypoints),
        features=tuple(spans),
        beats=np.concatenate([_no_frames(), *beats]),
        keyframes=np.asarray(timeline.keyframes.frames, np.int64),
        place_frames=np.asarray(timeline.places.frames, np.int64),
        place_joints=np.asarray(timeline.places.joints, np.int64),
        place_positions=np.asarray(timeline.places.positions, np.float64),
    )


def sources_to_arrays(sources: MotionSources) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the motion `.npz` that hold it; absent parts have none."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    if sources.texts:
        arrays["texts"] = np.asarray([text.prompt for text in sources.texts])
        arrays["text_spans"] = np.asarray([(text.start, text.end) for text in sources.texts], np.int64)
    if sources.views:
        arrays["keypoints"] = np.concatenate([view.points for view in sources.views])
        arrays["keypoint_spans"] = np.asarray([(view.start, view.end) for view in sources.views], np.int64)
        arrays["intrinsics"] = np.stack([view.intrinsics for view in sources.views])
    if sources.features:
        arrays["features"] = np.asarray([name for name, _, _ in sources.features])
        arrays["feature_spans"] = np.asarray([span[1:] for span in sources.features], np.int64)
    if len(sources.beats):
        arrays["beats"] = sources.beats
    if len(sources.keyframes):
        arrays["keyframes"] = sources.keyframes
    if len(sources.place_frames):
        arrays |= {
            "place_frames": sources.place_frames,
            "place_joints": sources.place_joints,
            "place_positions": sources.place_positions,
        }
    return {PREFIX + name: array for name, array in arrays.items()}


def sources_from_arrays(stored: Mapping[str, npt.NDArray[Any]], frames: int) -> MotionSources:
    """The inverse of `sources_to_arrays`, for a motion of `frames` frames.  Raises ValueError for other arrays."""
    arrays = {name.removeprefix(PREFIX): array for name, array in stored.items() if name.startswith(PREFIX)}
    spans = _spans(arrays, "text_spans", frames)
    prompts = _strings(arrays, "texts", len(spans))
    names = _strings(arrays, "features", len(_spans(arrays, "feature_spans", frames)))
    positions = np.asarray(arrays.get("place_positions", np.zeros((0, 3))), np.float64)
    place_frames, joints = _frames(arrays, "place_frames", frames), _frames(arrays, "place_joints", JOINT_COUNT)
    if not positions.shape == (len(place_frames), 3) or len(joints) != len(place_frames) or np.isinf(positions).any():
        raise ValueError(f"{PREFIX}place_positions has shape {positions.shape}, not ({len(place_frames)}, 3)")
    return MotionSources(
        texts=tuple(Text(prompt, *span) for prompt, span in zip(prompts, spans, strict=True)),
        views=_views(arrays, frames),
        features=tuple(
            (name, *span) for name, span in zip(names, _spans(arrays, "feature_spans", frames), strict=True)
        ),
        beats=_frames(arrays, "beats", frames),
        keyframes=_frames(arrays, "keyframes", frames),
        place_frames=place_frames,
        place_joints=joints,
        place_positions=positions,
    )


def _views(arrays: Mapping[str, npt.NDArray[Any]], frames: int) -> tuple[View, ...]:
    spans = _spans(arrays, "keypoint_spans", frames)
    points = np.asarray(arrays.get("keypoints", np.zeros((0, COCO_COUNT, 3))))
    intrinsics = np.asarray(arrays.get("intrinsics", np.zeros((0, 3, 3))))
    count = sum(end - start for start, end in spans)
    for name, array, shape in (
        ("keypoints", points, (count, COCO_COUNT, 3)),
        ("intrinsics", intrinsics, (len(spans), 3, 3)),
    ):
        if array.shape != shape or array.dtype.kind not in "fiu":
            raise ValueError(f"{PREFIX}{name} has shape {array.shape}, not {shape}")
    if not (np.isfinite(points).all() and np.isfinite(intrinsics).all() and (intrinsics[:, [0, 1], [0, 1]] > 0).all()):
        raise ValueError(f"{PREFIX}keypoints or {PREFIX}intrinsics hold numbers that cannot be")
    ends = np.cumsum([end - start for start, end in spans])
    return tuple(
        View(start, points[stop - (end - start) : stop], lens)
        for (start, end), stop, lens in zip(spans, ends, intrinsics, strict=True)
    )


def _spans(arrays: Mapping[str, npt.NDArray[Any]], name: str, frames: int) -> list[tuple[int, int]]:
    array = arrays.get(name, np.zeros((0, 2), np.int64))
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(f"{PREFIX}{name} has shape {array.shape}, not (spans, 2)")
    spans = [(int(start), int(end)) for start, end in array]
    if not all(0 <= start < end <= frames for start, end in spans):
        raise ValueError(f"{PREFIX}{name} leave the motion's {frames} frames")
    return spans


def _strings(arrays: Mapping[str, npt.NDArray[Any]], name: str, count: int) -> list[str]:
    array = arrays.get(name, np.zeros(0, "U1"))
    if array.shape != (count,) or array.dtype.kind != "U":
        raise ValueError(f"{PREFIX}{name} are not {count} strings")
    return [str(value)[:MOST_TEXT] for value in array]


def _frames(arrays: Mapping[str, npt.NDArray[Any]], name: str, below: int) -> Integers:
    array = arrays.get(name, _no_frames())
    if array.ndim != 1 or array.dtype.kind not in "iu" or not ((array >= 0) & (array < below)).all():
        raise ValueError(f"{PREFIX}{name} are not whole numbers from 0 to {below - 1}")
    return array.astype(np.int64)
