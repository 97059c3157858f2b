"""Camera files of other tools, and genmo's own, as `Camera`: OpenCV axes in a y-up world in metres.

COLMAP's text and binary models, nerfstudio's transforms.json, TUM trajectories, Blender cameras as the JSON that the
script in `docs/inputs.md` writes, and genmo's `.npz` with `camera_to_world` [N, 4, 4].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.rotation import (
    heading,
    matrix_from_quaternion,
    matrix_from_yaw,
    normalize,
    quaternion_from_matrix,
    rotate,
    slerp,
    transpose,
)
from genmo.runtime.readers.colmap import MAX_POSES, Image, Lens, read_colmap
from genmo.runtime.readers.frame_rates import HIGHEST_FPS, LOWEST_FPS, same_rate
from genmo.runtime.readers.trajectories import Trajectory, is_tum, parse_nerfstudio, parse_tum
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import (
    LARGEST,
    first_number,
    frame_numbers,
    number,
    numbers,
    quoted,
    read_bytes,
    read_json,
    read_npz,
    timestamps,
)

WANTED = "a camera: genmo's .npz, a COLMAP model (folder, .txt or .bin), transforms.json, a TUM .txt or Blender .json"
LONG_GAP = 0.5
"""Seconds from any pose that are worth a word."""
_BLENDER_AXES = np.diag([1.0, -1.0, -1.0])  # Blender's camera looks along -z with y up
_BLENDER_WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Blender's z is up


@dataclass(frozen=True, eq=False)
class CameraFile:
    """Camera poses as a file has them: some frames, by number."""

    source: str
    numbers: Array
    """[M] frame of each pose in the file's own counting, rising"""
    camera: Camera
    """[M] poses"""
    first_frame: int
    """number of the video's first frame unless the keypoints know better"""
    every_frame: bool
    """the numbers are positions in the file, or seconds: they say nothing about the names of images"""
    fps: float | None = None
    intrinsics: Array | None = None
    """[3, 3] pixels"""
    notes: tuple[str, ...] = ()
    """what was taken for granted, one line each, for the user to see"""

    def at_frames(
        self, frames: int, fps: float | None = None, first_frame: int | None = None
    ) -> tuple[Camera, tuple[str, ...]]:
        """The camera at `frames` frames of 30 a second, and notes on frames that the file does not have.

        `fps` counts the file's numbers where it does not say so itself (default 30).  Between poses rotations turn on
        the shortest arc and positions move straight; before the first and after the last the camera stands still.
        Raises InputError when no pose falls into the frames.
        """
        rate = self.fps or (FPS if fps is None else number(fps, "fps", LOWEST_FPS, HIGHEST_FPS))
        rate = FPS if same_rate(rate) else rate
        first = self.first_frame if first_frame is None else first_frame
        times, frame_times = (self.numbers - first) / rate, np.arange(frames) / FPS
        half = 0.5 / rate
        if times[-1] < -half or times[0] > frame_times[-1] + half:
            raise InputError(
                f"{self.source}: poses of frames {self.numbers[0]:g} to {self.numbers[-1]:g}, none within the {frames} "
                f"frames that start at {first}; wanted the number of the first frame"
            )
        quaternions = quaternion_from_matrix(self.camera.rotation)
        position = np.stack(
            [np.interp(frame_times, times, self.camera.position[:, axis]) for axis in range(3)], axis=-1
        )
        camera = Camera(
            matrix_from_quaternion(slerp(quaternions, times, frame_times)), position, self.camera.ground_known
        )
        return camera, self.notes + _gap_notes(self.source, times, frame_times)


def _gap_notes(source: str, times: Array, frame_times: Array) -> tuple[str, ...]:
    """What to say about frames that are far from any pose."""
    after = np.searchsorted(times, frame_times)
    gap = np.minimum(
        np.abs(times[np.minimum(after, len(times) - 1)] - frame_times),
        np.abs(frame_times - times[np.maximum(after - 1, 0)]),
    )
    missing = int((gap > LONG_GAP).sum())
    if not missing:
        return ()
    return (
        f"{source}: {missing} of {len(frame_times)} frames are over half a second from any pose; the camera is guessed",
    )


def read_camera(path: str | Path, scale: float | None = None) -> CameraFile:
    """Camera poses from a file of any known kind.

    `scale`: metres in a unit of a COLMAP model or another file without a size (transforms.json, TUM).  Without it
    only its rotations are used and the camera turns on the spot.  Such a world stands anyhow: +y becomes the mean of
    the cameras' up directions, +z the first camera's view along the ground, the origin the first camera.
    Raises InputError for a file of no known kind, fisheye lenses, and everything that is not as it should be.
    """
    path = Path(path)
    if scale is not None:
        scale = number(scale, "scale", 1e-6, 1e6)
    if path.is_dir():
        return from_colmap(*read_colmap(path), scale)
    if path.suffix.lower() == ".npz":
        return _read_npz(path)
    if path.suffix.lower() == ".json":
        document = read_json(path, WANTED)
        if isinstance(document, dict) and "format" not in document and "frames" in document:
            return from_trajectory(parse_nerfstudio(document, str(path)), str(path), scale)
        return parse_blender(document, str(path))
    if (
        path.suffix.lower() == ".txt"
        and path.stem not in ("cameras", "images")
        and is_tum(data := read_bytes(path, WANTED))
    ):
        return from_trajectory(parse_tum(data, str(path)), str(path), scale)
    if path.suffix.lower() in (".txt", ".bin"):
        return from_colmap(*read_colmap(path.parent, path.suffix.lower()), scale)
    raise InputError(f"{path}: a file of no known kind; wanted {WANTED}")


def _poses(rotation: Array, position: Array, frames: Array, source: str) -> tuple[Array, Camera]:
    """Checked poses in the order of their frames.  Raises InputError for two of one frame, or no rotation."""
    if not 0 < len(frames) <= MAX_POSES:
        raise InputError(f"{source}: {len(frames)} poses; wanted 1 to {MAX_POSES}")
    orthonormal = np.abs(rotation @ transpose(rotation) - np.eye(3)) < 1e-3
    if not orthonormal.all() or np.linalg.det(rotation).min() < 0:
        raise InputError(f"{source}: camera poses hold no rotations; wanted rigid poses, without scale or mirror")
    order = np.argsort(frames, kind="stable")
    if (np.diff(frames[order]) == 0).any():
        raise InputError(f"{source}: two poses of one frame; wanted one, with another frame number in each name")
    return frames[order].astype(np.float64), Camera(rotation[order], position[order])


def _read_npz(path: Path) -> CameraFile:
    """genmo's own: every frame in order, in our world already."""
    arrays = read_npz(path, "a camera as .npz")
    if "camera_to_world" not in arrays:
        raise InputError(f"{path}: has {sorted(arrays)}; wanted camera_to_world [N, 4, 4]")
    poses = numbers(arrays["camera_to_world"], f"{path}: camera_to_world")
    if poses.shape[1:] != (4, 4):
        raise InputError(f"{path}: camera_to_world is {list(poses.shape)}; wanted [N, 4, 4]")
    frames, camera = _poses(poses[:, :3, :3], poses[:, :3, 3], np.arange(len(poses), dtype=np.float64), str(path))
    intrinsics = None
    if "intrinsics" in arrays:
        intrinsics = numbers(arrays["intrinsics"], f"{path}: intrinsics")
        if intrinsics.shape != (3, 3) or min(intrinsics[0, 0], intrinsics[1, 1]) <= 0:
            raise InputError(f"{path}: intrinsics {list(intrinsics.shape)}; wanted [3, 3] with focal lengths over 0")
    fps = None
    if "fps" in arrays:
        stored = numbers(arrays["fps"], f"{path}: fps")
        if stored.size != 1:
            raise InputError(f"{path}: fps has {stored.size} values; wanted one")
        fps = number(float(stored.reshape(-1)[0]), f"{path}: fps", LOWEST_FPS, HIGHEST_FPS)
    ground_known = numbers(arrays.get("ground_known", np.ones(1)), f"{path}: ground_known").all()
    return CameraFile(str(path), frames, replace(camera, ground_known=bool(ground_known)), 0, True, fps, intrinsics)


# --- Blender -----------------------------------------------------------------------------------------------------


def parse_blender(document: Any, source: str) -> CameraFile:
    """The camera in a document that the script in `docs/inputs.md` wrote: z-up world in metres.

    Raises InputError for another document.
    """
    if not isinstance(document, dict) or document.get("format") != "genmo-blender-camera":
        raise InputError(f"{source}: JSON of no known kind; wanted format genmo-blender-camera (docs/inputs.md)")
    entries = document.get("frames")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{source}: frames is no list of objects; wanted frame, matrix_world and lens_mm of each")
    fps = number(document.get("fps"), f"{source}: fps", LOWEST_FPS, HIGHEST_FPS)
    metres = number(document.get("metres_per_unit", 1.0), f"{source}: metres_per_unit", 1e-6, 1e6)
    frames = np.array([number(entry.get("frame"), f"{source}: frame", -LARGEST, LARGEST) for entry in entries])
    matrices = numbers([entry.get("matrix_world") for entry in entries], f"{source}: matrix_world")
    lenses = numbers([entry.get("lens_mm") for entry in entries], f"{source}: lens_mm")
    if matrices.shape[1:] != (4, 4) or lenses.ndim != 1 or not (lenses > 0).all():
        raise InputError(f"{source}: matrix_world {list(matrices.shape)}; wanted [frames, 4, 4], and lens_mm over 0")
    # an object's scale does not change what its camera sees
    axes = matrices[:, :3, :3] / np.maximum(np.linalg.norm(matrices[:, :3, :3], axis=1, keepdims=True), 1e-12)
    rotation = _BLENDER_WORLD @ axes @ _BLENDER_AXES
    position = metres * rotate(_BLENDER_WORLD, matrices[:, :3, 3])
    ordered, camera = _poses(rotation, position, frames, source)
    intrinsics = _blender_intrinsics(document, float(np.median(lenses)), source)
    notes = _zoom_notes(source, lenses)
    return CameraFile(source, ordered, camera, int(ordered[0]), True, fps, intrinsics, notes)


def _blender_intrinsics(document: dict[str, Any], lens: float, source: str) -> Array:
    """[3, 3] pixels from the focal length, sensor and shift of a Blender camera with square pixels."""

    def read(name: str, low: float, high: float) -> float:
        return number(document.get(name), f"{source}: {name}", low, high)

    width, height = read("width", 1, 1e5), read("height", 1, 1e5)
    fit = document.get("sensor_fit")
    if fit not in ("AUTO", "HORIZONTAL", "VERTICAL"):
        raise InputError(f"{source}: sensor_fit is {quoted(fit)}; wanted AUTO, HORIZONTAL or VERTICAL")
    # AUTO lays the sensor's width along the larger side of the image
    fitted = {"AUTO": max(width, height), "HORIZONTAL": width, "VERTICAL": height}[fit]
    sensor = read("sensor_height_mm" if fit == "VERTICAL" else "sensor_width_mm", 1e-3, 1e4)
    focal = lens / sensor * fitted
    x, y = width / 2 - read("shift_x", -10, 10) * fitted, height / 2 + read("shift_y", -10, 10) * fitted
    return np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])


def _zoom_notes(source: str, focal: Array) -> tuple[str, ...]:
    if focal.max() <= 1.01 * focal.min():
        return ()
    return (f"{source}: the focal length varies from {focal.min():g} to {focal.max():g}; its median is used",)


# --- COLMAP ------------------------------------------------------------------------------------------------------


def from_colmap(lenses: dict[int, Lens], images: list[Image], source: str, scale: float | None = None) -> CameraFile:
    """The camera of a COLMAP model; `scale` as in `read_camera`.  Raises InputError for names without a number."""
    if not images:
        raise InputError(f"{source}: no images; wanted at least 1 with a pose")
    unknown = sorted({image.camera for image in images} - set(lenses))
    if unknown:
        raise InputError(f"{source}: images of camera {unknown[0]}, which cameras does not have; wanted one model")
    names = [image.name for image in images]
    seconds, named = timestamps(names), frame_numbers(names)
    if seconds is None and None in named:
        name = names[named.index(None)]
        raise InputError(f"{source}: no frame number in the name {name[:60]!r}; wanted names such as frame_000012.png")
    quaternions = np.array([image.quaternion for image in images])
    translations = np.array([image.translation for image in images])
    finite = (np.abs(quaternions) < LARGEST).all() and (np.abs(translations) < LARGEST).all()
    if not finite or np.linalg.norm(quaternions, axis=-1).min() < 1e-6:
        raise InputError(f"{source}: holds quaternions of length 0, or numbers that are not finite; wanted poses")
    rotation = transpose(matrix_from_quaternion(quaternions))
    stamps = np.array(named, np.float64) if seconds is None else np.array(seconds) - min(seconds)
    used = tuple(lenses[image.camera] for image in images)
    return from_trajectory(
        Trajectory(stamps, seconds is not None, rotation, -rotate(rotation, translations), used), source, scale
    )


def from_trajectory(trajectory: Trajectory, source: str, scale: float | None = None) -> CameraFile:
    """The camera of poses in a world that stands anyhow; `scale` as in `read_camera`.  Raises InputError."""
    stamps, camera = _poses(trajectory.rotation, trajectory.position, trajectory.stamps, source)
    notes = [f"{source}: which way is up comes from the mean of the cameras' up, and where the floor is stays unknown"]
    if scale is None:
        notes.append(f"{source}: its world has no size, so the camera turns on the spot; give its metres per unit")
    if trajectory.timed:
        notes.append(f"{source}: its poses are timed; the first is taken for the video's first frame")
    intrinsics = None
    if trajectory.lenses:
        notes += _lens_notes(source, list(trajectory.lenses))
        intrinsics = np.median([lens.intrinsics for lens in trajectory.lenses], axis=0)
    upright = level(camera, 0.0 if scale is None else scale, source)
    first, fps = (0, 1.0) if trajectory.timed else (first_number(int(stamps[0])), None)
    return CameraFile(source, stamps, upright, first, trajectory.timed, fps, intrinsics, tuple(notes))


def _lens_notes(source: str, lenses: list[Lens]) -> tuple[str, ...]:
    moved = max(lens.distortion() for lens in lenses)
    notes = _zoom_notes(source, np.array([lens.intrinsics[0, 0] for lens in lenses]))
    if moved >= 0.5:
        notes += (f"{source}: lens distortion is left out; it moves the corners of the image by {moved:.0f} pixels",)
    return notes


def level(camera: Camera, scale: float, source: str = "camera") -> Camera:
    """The camera in a y-up world: +y the mean of its up directions, +z its first view along the ground, origin where
    it starts; positions times `scale`.

    People hold cameras upright, so the mean is near gravity (within their mean roll and tilt); a world turned by a
    known gravity needs none of this.  Raises InputError when the up directions cancel out.
    """
    mean = -camera.rotation[:, :, 1].mean(axis=0)
    if np.linalg.norm(mean) < 0.1:
        raise InputError(f"{source}: the cameras have no common up direction; wanted a video held one way up")
    up = normalize(mean)
    # any basis with this up; the turn about it follows
    side = normalize(np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))]))
    upright = np.stack([side, up, np.cross(side, up)])
    view = rotate(upright, camera.rotation[0, :, 2])
    turn = matrix_from_yaw(-heading(view)) @ upright
    position = scale * rotate(turn, camera.position - camera.position[0])
    return Camera(turn @ camera.rotation, position, ground_known=False)
