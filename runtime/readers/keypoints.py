"""Keypoint files of other tools, and genmo's own, as `Keypoints`.

Recognised by what is in them: genmo's `.npz`; OpenPose JSON (one file a frame in a folder, one file, or a list of
frames); MMPose predictions with and without `meta_info`; COCO results; AlphaPose; MediaPipe / BlazePose in the form
that `docs/inputs.md` gives.  All are in pixels but MediaPipe's.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics, parse_keypoints
from genmo.runtime.motion.motion import FPS, MAX_FRAMES, Camera
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.readers.frame_rates import HIGHEST_FPS, LOWEST_FPS, frame_count, resample_points
from genmo.runtime.readers.keypoint_layouts import coco_from
from genmo.runtime.readers.tracks import Detections, Indices, tracks
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import (
    MAX_BYTES,
    first_number,
    frame_number,
    number,
    numbers,
    parse_json,
    read_bytes,
    read_npz,
)

WANTED = "keypoints: genmo's .npz, OpenPose, MMPose, COCO-results, AlphaPose or MediaPipe JSON, or a folder of them"
MAX_SOURCE_FRAMES = 4 * MAX_FRAMES
"""Frames of a file before they are brought to 30 a second."""
LARGEST_IMAGE = 100_000
LARGEST_ID = 10**12

ImageSize = tuple[float, float]


@dataclass(frozen=True)
class FramePeople:
    """The people of one frame: its number in the file, their points [17, 3] and ids (-1: none)."""

    number: int | None
    people: tuple[tuple[Array, int], ...]


@dataclass(frozen=True)
class ParsedDocument:
    """What a document says."""

    frames: list[FramePeople]
    image_size: ImageSize | None = None
    fps: float | None = None
    every_frame: bool = False
    """the document has an entry for every frame, also for those without people"""


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
            known = ", ".join(map(str, self.ids[:10])) + (", ..." if len(self.ids) > 10 else "")
            raise InputError(f"{self.source}: no person {chosen}; wanted one of {known} (the largest first)")
        track = self.tracks[chosen]
        points = np.zeros((self.frames, COCO_COUNT, 3))
        points[self.detections.frames[track]] = self.detections.points[track]
        return Keypoints(resample_points(points, self.fps), self.intrinsics)


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
        image_size = _image_size(image_size, "image size")
    if fps is not None:
        fps = number(fps, "fps", LOWEST_FPS, HIGHEST_FPS)
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
    detections = Detections(frames, keypoints.points, np.zeros_like(frames))
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
    _check_pixels(detections.points, source)
    found = tracks(detections, rate, source)
    return People(source, detections, found, frames, rate, intrinsics, first, tuple(notes))


def _counted(parsed: ParsedDocument, first_frame: int | None, source: str) -> tuple[list[int], int | None]:
    """The frame of each entry, from 0, and the number of frame 0; None where entries are not numbered."""
    given = [seen.number for seen in parsed.frames if seen.number is not None]
    if len(given) < len(parsed.frames):
        return list(range(len(parsed.frames))), None
    lowest = min(given)
    first = (lowest if parsed.every_frame else first_number(lowest)) if first_frame is None else first_frame
    if lowest < first:
        raise InputError(f"{source}: has a frame {lowest} before the first frame {first}; wanted a lower first frame")
    return [one - first for one in given], first


def _detections(frames: list[FramePeople], counted: list[int]) -> Detections:
    found = [(frame, *person) for frame, seen in zip(counted, frames, strict=True) for person in seen.people]
    found.sort(key=lambda one: int(one[0]))
    points = np.array([points for _, points, _ in found]).reshape(len(found), COCO_COUNT, 3)
    at = np.array([frame for frame, _, _ in found], np.int64)
    return Detections(at, points, np.array([one for _, _, one in found], np.int64))


def _check_pixels(points: Array, source: str) -> None:
    """Refuse coordinates that were divided by the size of the image."""
    seen = points[points[..., 2] > 0]
    if len(seen) > COCO_COUNT and np.abs(seen[:, :2]).max() <= 1.5:
        raise InputError(f"{source}: all keypoints lie within [0, 1]; wanted pixels (OpenPose: --keypoint_scale 0)")


def _image_size(value: object, source: str) -> ImageSize:
    size = numbers(list(value) if isinstance(value, tuple) else value, source)
    if size.shape != (2,) or not (size > 0).all() or size.max() > LARGEST_IMAGE:
        raise InputError(f"{source} is {reprlib.repr(value)}; wanted width and height of 1 to {LARGEST_IMAGE} pixels")
    return float(size[0]), float(size[1])


def _read_folder(path: Path) -> ParsedDocument:
    """A folder of JSON files, one a frame: numbered by their names, or in the order of the names."""
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".json")
    if not files or len(files) > MAX_SOURCE_FRAMES:
        raise InputError(f"{path}: {len(files)} .json files; wanted 1 to {MAX_SOURCE_FRAMES}, one a frame")
    named = [frame_number(file.name) for file in files]
    if None in named or len(set(named)) < len(named):
        named = list(range(len(files)))
    frames: list[FramePeople] = []
    left = 4 * MAX_BYTES
    for file, at in zip(files, named, strict=True):
        left -= file.stat().st_size
        if left < 0:
            raise InputError(f"{path}: over {4 * MAX_BYTES} bytes of .json files; wanted fewer: cut it in parts")
        parsed = _parse_file(file, None)
        if len(parsed.frames) != 1:
            raise InputError(f"{file}: {len(parsed.frames)} frames in a file of a folder; wanted one file a frame")
        frames.append(replace(parsed.frames[0], number=at))
    return ParsedDocument(frames, every_frame=True)


def _parse_file(path: Path, image_size: ImageSize | None) -> ParsedDocument:
    return parse_document(parse_json(read_bytes(path, WANTED), str(path), WANTED), str(path), image_size)


def parse_document(document: Any, source: str, image_size: ImageSize | None = None) -> ParsedDocument:
    """What a JSON document of any known kind says.  Raises InputError for one of no known kind."""
    if isinstance(document, dict):
        if "people" in document:
            return ParsedDocument([_openpose_frame(document, source)])
        if "instance_info" in document:
            return _mmpose(document["instance_info"], _mmpose_names(document.get("meta_info"), source), source)
        if "frames" in document:
            return _mediapipe(document, source, image_size)
    elif document == []:  # what MMPose writes for an image, and COCO results for a video, without people
        return ParsedDocument([FramePeople(None, ())])
    elif isinstance(document, list) and isinstance(document[0], dict):
        if "people" in document[0]:
            return ParsedDocument([_openpose_frame(entry, source) for entry in document])
        if "instances" in document[0]:
            return _mmpose(document, None, source)
        if "keypoint_scores" in document[0]:
            return ParsedDocument([FramePeople(None, tuple(_mmpose_people(document, None, source)))])
        if "image_id" in document[0]:
            return _coco_results(document, source)
    raise InputError(f"{source}: JSON of no known kind; wanted {WANTED}")


def _entries(value: object, source: str) -> list[dict[str, Any]]:
    """A list of JSON objects."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError(f"{source}: wanted a list of objects")
    return value


def _flat_points(value: object, source: str) -> Array:
    """Points [K, 3] of a flat list x, y, confidence, x, y, confidence, ..."""
    flat = numbers(value, f"{source}: keypoints")
    if flat.ndim != 1 or flat.size % 3:
        raise InputError(f"{source}: keypoints are {list(flat.shape)} numbers; wanted x, y, confidence of each point")
    return flat.reshape(-1, 3)


def _person_id(value: object) -> int:
    """A person's id; AlphaPose and OpenPose put it in a list, and -1, nothing or something else is none."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID
    return int(value) if good and isinstance(value, (int, float)) else -1


def _openpose_frame(entry: object, source: str) -> FramePeople:
    """`{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, c, ...]}, ...]}`."""
    if not isinstance(entry, dict):
        raise InputError(f"{source}: wanted one object a frame with people in it")
    people = []
    for person in _entries(entry.get("people"), f"{source}: people"):
        points = _flat_points(person.get("pose_keypoints_2d", person.get("pose_keypoints")), source)
        if len(points):  # OpenPose keeps somebody whose hands or face alone were seen
            people.append((coco_from(points, source), _person_id(person.get("person_id"))))
    return FramePeople(None, tuple(people))


def _mmpose_names(meta: object, source: str) -> list[str] | None:
    """Names of the keypoints in the order of their ids; None where the file has none."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if names is None:
        return None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{source}: keypoint_id2name is no table of names")
    wanted = [names.get(str(index)) for index in range(len(names))]
    if None in wanted:
        raise InputError(f"{source}: keypoint_id2name is not numbered from 0")
    return [name for name in wanted if name is not None]


def _mmpose(value: object, names: list[str] | None, source: str) -> ParsedDocument:
    """`[{"frame_id": 0, "instances": [...]}, ...]`, an entry for every frame."""
    frames = []
    for index, entry in enumerate(_entries(value, f"{source}: frames")):
        at = number(entry.get("frame_id", index), f"{source}: frame_id", 0, LARGEST_ID)
        frames.append(FramePeople(int(at), tuple(_mmpose_people(entry.get("instances"), names, source))))
    if not frames:
        raise InputError(f"{source}: no frames; wanted at least 1")
    return ParsedDocument(frames, every_frame=True)


def _mmpose_people(value: object, names: list[str] | None, source: str) -> Iterator[tuple[Array, int]]:
    """`[{"keypoints": [[x, y], ...], "keypoint_scores": [c, ...], "track_id": 3}, ...]`; the id may be missing."""
    for person in _entries(value, f"{source}: instances"):
        places = numbers(person.get("keypoints"), f"{source}: keypoints")
        scores = numbers(person.get("keypoint_scores"), f"{source}: keypoint_scores")
        if places.ndim != 2 or places.shape[1:] != (2,) or scores.shape != places.shape[:1]:
            raise InputError(
                f"{source}: keypoints {list(places.shape)} with keypoint_scores {list(scores.shape)}; wanted [K, 2] "
                "and [K]: save 2D predictions"
            )
        points = np.concatenate([places, scores[:, None]], axis=1)
        yield coco_from(points, source, names), _person_id(person.get("track_id"))


def _coco_results(entries: list[Any], source: str) -> ParsedDocument:
    """`[{"image_id": 7, "keypoints": [x, y, c, ...], "score": 0.9}, ...]`, one entry a person.

    AlphaPose's image_id is the image's name, and its idx the person's id.  Frames without people have no entry.
    """
    frames: dict[int, list[tuple[Array, int]]] = {}
    for entry in _entries(entries, source):
        image = entry.get("image_id")
        at = frame_number(image) if isinstance(image, str) else image
        at = int(number(at, f"{source}: number of image_id {reprlib.repr(image)}", 0, LARGEST_ID))
        points = coco_from(_flat_points(entry.get("keypoints"), source), source)
        frames.setdefault(at, []).append((points, _person_id(entry.get("idx", entry.get("track_id")))))
    return ParsedDocument([FramePeople(at, tuple(people)) for at, people in sorted(frames.items())])


def _mediapipe(document: dict[str, Any], source: str, image_size: ImageSize | None) -> ParsedDocument:
    """The form in `docs/inputs.md`: image_width, image_height, fps, and frames of pose_landmarks in [0, 1]."""
    size = image_size
    if size is None:
        size = _image_size([document.get("image_width"), document.get("image_height")], f"{source}: image size")
    rate = document.get("fps")
    fps = None if rate is None else number(rate, f"{source}: fps", LOWEST_FPS, HIGHEST_FPS)
    frames = []
    for index, entry in enumerate(_entries(document["frames"], f"{source}: frames")):
        people = entry.get("pose_landmarks")
        if not isinstance(people, list):
            raise InputError(f"{source}: frame {index} has no pose_landmarks; wanted a list of people, empty for none")
        frames.append(FramePeople(None, tuple((_landmarks(person, size, source), -1) for person in people)))
    if not frames:
        raise InputError(f"{source}: no frames; wanted at least 1")
    return ParsedDocument(frames, size, fps)


def _landmarks(value: object, size: ImageSize, source: str) -> Array:
    """COCO-17 points in pixels of 33 objects with x and y in [0, 1] and visibility."""
    landmarks = _entries(value, f"{source}: pose_landmarks of a person")
    rows = [[landmark.get(name) for name in ("x", "y", "visibility")] for landmark in landmarks]
    points = numbers(rows, f"{source}: landmarks (x, y, visibility)")
    if points.shape[1:] != (3,):
        raise InputError(f"{source}: landmarks are {list(points.shape)}; wanted x, y and visibility of each")
    return coco_from(points * [*size, 1.0], source)
