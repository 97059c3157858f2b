"""Keypoint files of other tools, and genmo's own, as `Keypoints`.

JSON of every kind in `keypoint_formats`, a file or a folder with one file a frame, and genmo's `.npz`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.keypoint_cleaning import noise_level, person_height
from genmo.runtime.conditions.keypoints import (
    POINT_COUNT,
    Keypoints,
    default_intrinsics,
    keypoints_from,
    parse_keypoints,
)
from genmo.runtime.motion.motion import FPS, MAX_FRAMES, Camera
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.readers.frame_rates import HIGHEST_FPS, LOWEST_FPS, frame_count, resample_points, same_rate
from genmo.runtime.readers.keypoint_formats import (
    WANTED,
    FramePeople,
    ImageSize,
    ParsedDocument,
    checked_size,
    parse_document,
)
from genmo.runtime.readers.tracks import Detections, Indices, tracks
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import (
    MAX_BYTES,
    check_file,
    first_number,
    frame_numbers,
    number,
    numbers,
    read_json,
    read_npz,
)

MAX_SOURCE_FRAMES = 4 * MAX_FRAMES
"""Frames of a file before they are brought to 30 a second."""
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".3gp", ".mts", ".wmv")
NORMALISED = 1.5
"""Keypoints that all lie below this are no pixels."""


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in a keypoint file."""

    source: str
    detections: Detections
    tracks: dict[int, Indices]
    """the detections of each person by id, the largest person first"""
    frames: int
    """of the file, at `fps`"""
    fps: float
    intrinsics: Array
    """[3, 3] pixels"""
    first_frame: int | None
    """number of frame 0 in the file's own counting; None: it does not count"""
    notes: tuple[str, ...] = ()
    """what was taken for granted, one line each, for the user to see"""
    camera: Camera | None = None
    """poses [frames] at `fps` that an `.npz` holds beside the keypoints"""

    @property
    def ids(self) -> list[int]:
        """Ids of the people, the largest first."""
        return list(self.tracks)

    def keypoints(self, person: int | None = None) -> Keypoints:
        """One person at 30 fps, the largest unless an id is given; frames without them have confidence 0.

        Without a camera: `subjects.read_subjects` adds it.
        Raises InputError for an id that is not there, and when there is nobody.
        """
        if not self.tracks:
            raise InputError(f"{self.source}: nobody in {self.frames} frames; wanted at least one person")
        chosen = self.ids[0] if person is None else person
        if chosen not in self.tracks:
            listed = ", ".join(map(str, self.ids[:10])) + (", ..." if len(self.ids) > 10 else "")
            raise InputError(f"{self.source}: no person {chosen}; wanted one of {listed} (the largest first)")
        track = self.tracks[chosen]
        points = np.zeros((self.frames, POINT_COUNT, 3))
        points[self.detections.frames[track]] = self.detections.points[track]
        body = points[:, :COCO_COUNT]
        noise = None if same_rate(self.fps) else noise_level(body, person_height(body))
        return replace(keypoints_from(resample_points(points, self.fps), self.intrinsics), noise=noise)


def read_people(
    path: str | Path,
    *,
    image_size: ImageSize | None = None,
    intrinsics: Array | None = None,
    fps: float | None = None,
    first_frame: int | None = None,
) -> People:
    """Everybody in a keypoint file or a folder of JSON files, one a frame.

    `image_size` (width, height) and `fps` go before what the file says; without either the rate is 30.  `intrinsics`
    [3, 3] in pixels replace the guess from the image size.  `first_frame` is the number of the video's first frame:
    by default the lowest number where the file has every frame, and 0 or 1 where it has only those with people.
    Raises InputError for a file of no known kind, a missing image size, and everything that is not as it should be.
    """
    path = Path(path)
    if image_size is not None:
        image_size = checked_size(image_size, "image size")
    if fps is not None:
        fps = number(fps, "fps", LOWEST_FPS, HIGHEST_FPS)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{path}: a video; wanted {WANTED}: for the people in a video, use --video {path}")
    if path.suffix.lower() == ".npz":
        return _from_npz(path, image_size, intrinsics, fps)
    parsed = _read_folder(path) if path.is_dir() else _parse_file(path, image_size)
    return gather(parsed, str(path), image_size, intrinsics, fps, first_frame)


def _from_npz(path: Path, image_size: ImageSize | None, intrinsics: Array | None, fps: float | None) -> People:
    """genmo's own file: one person, every frame."""
    arrays = read_npz(path, "keypoints as .npz")
    stored = numbers(arrays.pop("fps", np.array(FPS)), f"{path}: fps")
    if stored.size != 1:
        raise InputError(f"{path}: fps has {stored.size} values; wanted one")
    rate = fps or number(float(stored.reshape(-1)[0]), f"{path}: fps", LOWEST_FPS, HIGHEST_FPS)
    if image_size is not None:
        arrays["image_size"] = np.array(image_size)
        arrays.pop("intrinsics", None)
    if intrinsics is not None:
        arrays["intrinsics"] = intrinsics
    keypoints = parse_keypoints(arrays, str(path))
    frames = np.arange(keypoints.frames)
    frame_count(keypoints.frames, rate)
    detections = Detections(frames, keypoints.all_points, np.zeros_like(frames))
    return People(
        str(path), detections, {0: frames}, len(frames), rate, keypoints.intrinsics, None, camera=keypoints.camera
    )


def gather(
    parsed: ParsedDocument,
    source: str,
    image_size: ImageSize | None,
    intrinsics: Array | None = None,
    fps: float | None = None,
    first_frame: int | None = None,
) -> People:
    """Everybody in a parsed document; the options and errors are those of `read_people`."""
    notes = []
    rate = fps or parsed.fps
    if rate is None:
        rate = FPS
        notes.append(f"{source} does not say its frame rate; taken for {FPS:g} frames a second")
    size = image_size or parsed.image_size
    if intrinsics is None:
        if size is None:
            raise InputError(
                f"{source}: does not say the size of the image; wanted its width and height in pixels: "
                "give the image size, or a camera file with intrinsics"
            )
        intrinsics = default_intrinsics(*size)
    counted, first = _counted(parsed, first_frame, source)
    lowest = min(counted)
    if lowest > 0:
        notes.append(
            f"{source}: nobody in its first {lowest} frames; a first frame of {lowest + (first or 0)} cuts them"
        )
    frames = max(counted) + 1
    if frames > MAX_SOURCE_FRAMES:
        raise InputError(f"{source}: frame numbers span {frames} frames; wanted at most {MAX_SOURCE_FRAMES}")
    frame_count(frames, rate)
    detections = _detections(parsed.frames, counted)
    points, more = _in_pixels(detections.points, size, source)
    detections = replace(detections, points=points)
    notes += more
    person_tracks = tracks(detections, rate, source)
    return People(source, detections, person_tracks, frames, rate, intrinsics, first, tuple(notes))


def _counted(parsed: ParsedDocument, first_frame: int | None, source: str) -> tuple[list[int], int | None]:
    """The frame of each entry, from 0, and the number of frame 0; None where entries are not numbered."""
    stated = [entry.number for entry in parsed.frames if entry.number is not None]
    if len(stated) < len(parsed.frames):
        return list(range(len(parsed.frames))), None
    lowest = min(stated)
    first = (lowest if parsed.every_frame else first_number(lowest)) if first_frame is None else first_frame
    if lowest < first:
        raise InputError(f"{source}: has a frame {lowest} before the first frame {first}; wanted a lower first frame")
    return [one - first for one in stated], first


def _detections(frames: list[FramePeople], counted: list[int]) -> Detections:
    rows = [(frame, *person) for frame, entry in zip(counted, frames, strict=True) for person in entry.people]
    rows.sort(key=lambda one: int(one[0]))
    points = np.array([points for _, points, _ in rows]).reshape(len(rows), POINT_COUNT, 3)
    indices = np.array([frame for frame, _, _ in rows], np.int64)
    return Detections(indices, points, np.array([one for _, _, one in rows], np.int64))


def _in_pixels(points: Array, size: ImageSize | None, source: str) -> tuple[Array, tuple[str, ...]]:
    """Points [D, 21, 3] in pixels, and a note where they were parts of the image's width and height."""
    visible = points[points[..., 2] > 0]
    if len(visible) <= COCO_COUNT or np.abs(visible[:, :2]).max() > NORMALISED:
        return points, ()
    if size is None or visible[:, :2].min() < 1 - NORMALISED:  # OpenPose's other form reaches from -1 to 1
        raise InputError(f"{source}: all keypoints lie within [-1, 1]; wanted pixels (OpenPose: --keypoint_scale 0)")
    note = f"{source}: all keypoints lie within [0, 1]; taken for parts of an image of {size[0]:g} x {size[1]:g} pixels"
    return points * [*size, 1.0], (note,)


def _read_folder(path: Path) -> ParsedDocument:
    """A folder of JSON files, one a frame: numbered by their names, or in the order of the names."""
    # macOS puts a ._NAME beside each file on foreign disks
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json" and file.name[0] != ".")
    if not files or len(files) > MAX_SOURCE_FRAMES:
        raise InputError(f"{path}: {len(files)} .json files; wanted 1 to {MAX_SOURCE_FRAMES}, one a frame")
    named = frame_numbers([file.name for file in files])
    if None in named or len(set(named)) < len(named):
        named = list(range(len(files)))
    frames: list[FramePeople] = []
    sizes: set[ImageSize] = set()
    left = 4 * MAX_BYTES
    for file, frame_number in zip(files, named, strict=True):
        left -= check_file(file, WANTED)
        if left < 0:
            raise InputError(f"{path}: over {4 * MAX_BYTES} bytes of .json files; wanted fewer: cut it in parts")
        parsed = _parse_file(file, None)
        if len(parsed.frames) != 1:
            raise InputError(f"{file}: {len(parsed.frames)} frames in a file of a folder; wanted one file a frame")
        frames.append(replace(parsed.frames[0], number=frame_number))
        if parsed.image_size is not None:
            sizes.add(parsed.image_size)
    if len(sizes) > 1:
        raise InputError(f"{path}: images of {len(sizes)} sizes; wanted the frames of one video")
    return ParsedDocument(frames, next(iter(sizes), None), every_frame=True)


def _parse_file(path: Path, image_size: ImageSize | None) -> ParsedDocument:
    return parse_document(read_json(path, WANTED, gaps=True), str(path), image_size)
