"""What pose libraries return in Python, as keypoints: rtmlib, Ultralytics, MediaPipe.

Objects are known by their attributes; none of the libraries is imported.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.readers.keypoint_formats import FramePeople, ImageSize, ParsedDocument, checked_size
from genmo.runtime.readers.keypoint_layouts import body_points
from genmo.runtime.readers.keypoints import MAX_SOURCE_FRAMES, gather
from genmo.runtime.readers.subjects import LARGEST, choose
from genmo.runtime.readers.tracks import MAX_PEOPLE
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

WANTED = (
    "one result a frame: rtmlib's (keypoints [n, K, 2], scores [n, K]), Ultralytics' Results with keypoints, or "
    "MediaPipe's with pose_landmarks"
)


def keypoints_from_results(
    results: Iterable[Any],
    *,
    image_size: ImageSize | None = None,
    fps: float = 30.0,
    person: str = LARGEST,
) -> dict[int, Keypoints]:
    """The chosen people at 30 frames a second by id, from what a pose library returned for each frame of a video.

    `results`: one a frame, in order, also for frames without people: the pair (keypoints [n, K, 2], scores [n, K]) of
    rtmlib, `Results` of an Ultralytics pose model, or MediaPipe's results of Pose or of PoseLandmarker.  `image_size`:
    width and height in pixels, which Ultralytics alone says itself.  `fps`: of the video.  `person`: "largest", "all"
    (the largest first) or an id; ids are the tracker's where every person has one.
    Raises InputError for anything else, and when there is nobody.
    """
    size = None if image_size is None else checked_size(image_size, "image size")
    frames: list[FramePeople] = []
    for number, result in enumerate(itertools.islice(results, MAX_SOURCE_FRAMES + 1)):
        source = f"result {number}"
        if size is None and hasattr(result, "orig_shape"):
            height, width = result.orig_shape[:2]
            size = checked_size((float(width), float(height)), f"{source}: orig_shape")
        people = tuple(_people(result, size, source))
        if len(people) > MAX_PEOPLE:
            raise InputError(f"{source}: {len(people)} people; wanted at most {MAX_PEOPLE}")
        frames.append(FramePeople(None, people))
    if not frames or len(frames) > MAX_SOURCE_FRAMES:
        count = "over " * (len(frames) > MAX_SOURCE_FRAMES) + str(min(len(frames), MAX_SOURCE_FRAMES))
        raise InputError(f"results: {count} frames; wanted 1 to {MAX_SOURCE_FRAMES}, {WANTED}")
    found = gather(ParsedDocument(frames, size, fps, every_frame=True), "results", size, fps=fps)
    return {one: found.keypoints(one) for one in choose(found, person)}


def _people(result: Any, size: ImageSize | None, source: str) -> list[tuple[Array, int]]:
    """The bodies [21, 3] in one result, each with its id or -1."""
    if hasattr(result, "pose_landmarks"):
        return [(body, -1) for body in _mediapipe(result.pose_landmarks, size, source)]
    if hasattr(result, "keypoints"):
        return _ultralytics(result, source)
    if isinstance(result, (tuple, list)) and len(result) == 2:
        points, scores = (_numbers(part, source) for part in result)
        if points.size == 0:
            return []
        if points.ndim == 3 and points.shape[2] == 2 and scores.shape == points.shape[:2]:
            return [(body_points(one, source), -1) for one in np.concatenate([points, scores[..., None]], axis=-1)]
        raise InputError(f"{source}: arrays {list(points.shape)} and {list(scores.shape)}; wanted {WANTED}")
    raise InputError(f"{source}: a {type(result).__name__}; wanted {WANTED}")


def _ultralytics(result: Any, source: str) -> list[tuple[Array, int]]:
    data = getattr(result.keypoints, "data", None)
    points = np.zeros((0, 17, 3)) if data is None else _numbers(data, source)
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise InputError(f"{source}: keypoints {list(points.shape)}; wanted [people, K, 2 or 3] of a pose model")
    if points.shape[2] == 2:
        # a model without confidences puts points that it does not find at 0, 0
        points = np.concatenate([points, points.any(axis=-1, keepdims=True)], axis=-1)
    ids = getattr(getattr(result, "boxes", None), "id", None)
    numbers = np.full(len(points), -1) if ids is None else _numbers(ids, source).astype(np.int64).reshape(-1)
    if len(numbers) != len(points):
        raise InputError(f"{source}: {len(numbers)} ids for {len(points)} people; wanted one each")
    return [(body_points(one, source), int(number)) for one, number in zip(points, numbers, strict=True)]


def _mediapipe(found: Any, size: ImageSize | None, source: str) -> list[Array]:
    """Of `Pose` None or one person with `landmark`, of `PoseLandmarker` a list of people."""
    if not found and not hasattr(found, "landmark"):
        return []
    if size is None:
        raise InputError(f"{source}: landmarks are parts of the image; wanted image_size, its width and height")
    people = [found.landmark] if hasattr(found, "landmark") else list(found)
    bodies = []
    for person in people:
        rows = [[getattr(mark, name, None) for name in ("x", "y", "visibility")] for mark in person]
        bodies.append(body_points(_numbers(rows, source).reshape(-1, 3) * [*size, 1.0], source))
    return bodies


def _numbers(value: Any, source: str) -> Array:
    """A float array of an array, a tensor on any device, or nested lists.  Raises InputError."""
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{source}: holds what is no numbers; wanted {WANTED}") from None
