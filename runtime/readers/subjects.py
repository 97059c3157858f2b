"""Keypoints and camera together: who is to be animated, through which camera."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.keypoint_cleaning import framing_notes
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.readers.cameras import CameraFile, read_camera
from genmo.runtime.readers.keypoint_formats import ImageSize
from genmo.runtime.readers.keypoints import People, read_people
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError

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
    chosen = {one: people.keypoints(one) for one in choose(people, person)}
    if file is None and people.camera is not None:
        frame_numbers = np.arange(people.frames, dtype=np.float64)
        file = CameraFile(people.source, frame_numbers, people.camera, 0, True, people.fps)
    people_notes = people.notes + tuple(
        note for subject in chosen.values() for note in framing_notes(subject.points, people.source)
    )
    if file is None:
        return chosen, people_notes
    frames = next(iter(chosen.values())).frames
    poses, notes = file.at_frames(frames, people.fps, _first_image(people, file, first_frame))
    return with_camera(chosen, poses), people_notes + notes


def with_camera(people: dict[int, Keypoints], camera: Camera) -> dict[int, Keypoints]:
    """The people as `camera` [frames] sees them."""
    return {one: replace(keypoints, camera=camera) for one, keypoints in people.items()}


def save_keypoints(path: str | Path, keypoints: Keypoints, size: ImageSize | None = None) -> None:
    """Write one person's keypoints as the `.npz` that `read_keypoints` and `--keypoints` read, whole or not at all.

    `size`: width and height of the image in pixels, where they are known.  Raises InputError for no writable place.
    """
    arrays = {"keypoints": keypoints.points, "intrinsics": keypoints.intrinsics, "fps": np.array(FPS)}
    if keypoints.feet is not None:
        arrays["feet_keypoints"] = keypoints.feet
    if size is not None:
        arrays["image_size"] = np.array(size)
    if keypoints.camera is not None:
        poses = np.tile(np.eye(4), (keypoints.frames, 1, 1))
        poses[:, :3, :3], poses[:, :3, 3] = keypoints.camera.rotation, keypoints.camera.position
        arrays["camera_to_world"] = poses
        arrays["ground_known"] = np.array(int(keypoints.camera.ground_known))
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    write_aside(path, packed.getvalue())


def choose(people: People, person: str) -> list[int]:
    """Ids of the people that `person` names: "largest", "all" (the largest first) or an id.  Raises InputError."""
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
