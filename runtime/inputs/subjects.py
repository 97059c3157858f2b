"""Keypoints and camera together: who is to be animated, seen by what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.runtime.conditions import Keypoints
from genmo.runtime.errors import InputError
from genmo.runtime.inputs.camera_files import CameraFile, read_camera
from genmo.runtime.inputs.keypoint_files import ImageSize, People, read_people

LARGEST, ALL = "largest", "all"


def read_subjects(
    keypoints: str | Path,
    camera: str | Path | None = None,
    *,
    person: str = LARGEST,
    image_size: ImageSize | None = None,
    fps: float | None = None,
    first_frame: int | None = None,
    scale: float | None = None,
) -> tuple[dict[int, Keypoints], tuple[str, ...]]:
    """The chosen people at 30 fps by id, and notes for the user: one line each on what was taken for granted.

    `person`: "largest", "all" (the largest first), or an id.  `camera`: a camera file; None: poses in the keypoint
    file, if it is an `.npz` with them.  The other options are those of `read_people` and `read_camera`.
    Raises InputError for files or options that cannot be used.
    """
    file = None if camera is None else read_camera(camera, scale)
    intrinsics = None if file is None or image_size is not None else file.intrinsics
    people = read_people(keypoints, image_size=image_size, intrinsics=intrinsics, fps=fps, first_frame=first_frame)
    chosen = {one: people.keypoints(one) for one in _choose(people, person)}
    if file is None and people.camera is not None:
        at = np.arange(people.frames, dtype=np.float64)
        file = CameraFile(people.source, at, people.camera, 0, True, people.fps)
    if file is None:
        return chosen, people.notes
    frames = next(iter(chosen.values())).frames
    poses, notes = file.at_frames(frames, people.fps, _first_image(people, file, first_frame))
    return {one: replace(seen, camera=poses) for one, seen in chosen.items()}, people.notes + notes


def _choose(people: People, person: str) -> list[int]:
    if person == LARGEST:
        return people.ids[:1] or [0]
    if person == ALL:
        return people.ids or [0]
    if not (person.isascii() and person.isdigit() and len(person) <= 12):
        raise InputError(f"person is {person[:40]!r}; wanted {LARGEST}, {ALL} or the id of one")
    return [int(person)]


def _first_image(people: People, file: CameraFile, first_frame: int | None) -> int | None:
    """Number in the camera file of the keypoints' first frame; None: the file's own rule.

    Keypoints that start at 1001 are numbered by the images; that some tools count from 0 and some from 1 says nothing.
    """
    if file.every_frame:
        return None
    if first_frame is not None:
        return first_frame
    return people.first_frame if people.first_frame is not None and people.first_frame > 1 else None
