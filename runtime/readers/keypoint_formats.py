"""The JSON documents in which tools write keypoints, recognised by what is in them.

OpenPose and what writes its form (ControlNet, DWPose, Sports2D, rtmlib); MMPose predictions with and without
`meta_info`; COCO results and COCO ground truth; AlphaPose in its three forms; Ultralytics; ViTPose as Transformers and
easy_ViTPose write it; MediaPipe / BlazePose as it gives landmarks, and in the form of `docs/inputs.md`.  All are in
pixels but MediaPipe's.  NaN and null stand for an undetected point.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime.readers.frame_rates import HIGHEST_FPS, LOWEST_FPS
from genmo.runtime.readers.keypoint_layouts import body_points
from genmo.runtime.readers.tracks import MAX_PEOPLE
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import frame_numbers, number, numbers, quoted

WANTED = (
    "keypoints: genmo's .npz, OpenPose, ControlNet, MMPose, COCO, AlphaPose, Ultralytics, ViTPose or MediaPipe JSON, "
    "or a folder of them"
)
LARGEST_IMAGE = 100_000
LARGEST_ID = 10**12
_LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks")
_SIZES = (("canvas_width", "canvas_height"), ("image_width", "image_height"), ("width", "height"))

ImageSize = tuple[float, float]


@dataclass(frozen=True)
class FramePeople:
    """The people of one frame: its number in the file, their points [17, 3] and ids (-1: none)."""

    number: int | None
    people: tuple[tuple[Array, int], ...]


def _frame(frame_number: int | None, people: Iterable[tuple[Array, int]], source: str) -> FramePeople:
    """A frame; raises InputError where it has over `MAX_PEOPLE` people, and takes no more of them."""
    kept = tuple(itertools.islice(people, MAX_PEOPLE + 1))
    if len(kept) > MAX_PEOPLE:
        raise InputError(f"{source}: over {MAX_PEOPLE} people in one frame; wanted at most {MAX_PEOPLE}")
    return FramePeople(frame_number, kept)


@dataclass(frozen=True)
class ParsedDocument:
    """What a document says."""

    frames: list[FramePeople]
    image_size: ImageSize | None = None
    fps: float | None = None
    every_frame: bool = False
    """the document has an entry for every frame, also for those without people"""


def parse_document(document: Any, source: str, image_size: ImageSize | None = None) -> ParsedDocument:
    """What a JSON document of any known kind says.  Raises InputError for one of no known kind."""
    if isinstance(document, dict):
        parsed = _of_object(document, source, image_size)
    elif document == []:  # what MMPose writes for an image, and COCO results for a video, without people
        return ParsedDocument([FramePeople(None, ())])
    else:
        parsed = _of_list(document, source, image_size) if isinstance(document, list) else None
    if parsed is None:
        raise InputError(f"{source}: JSON of no known kind; wanted {WANTED}")
    return parsed


def _of_object(document: dict[str, Any], source: str, image_size: ImageSize | None) -> ParsedDocument | None:
    if "people" in document:
        return _openpose([document], source)
    if "instance_info" in document:
        return _mmpose(document["instance_info"], _mmpose_names(document.get("meta_info"), source), source)
    if "annotations" in document and "images" in document:
        return _coco_ground_truth(document, source)
    if "skeleton" in document and isinstance(document.get("keypoints"), list):
        return _easy_vitpose(document, source)
    if "frames" in document:
        return _mediapipe(document["frames"], document, source, image_size)
    if any(name in document for name in _LANDMARKS):
        return _mediapipe([document], document, source, image_size)
    if document and all(isinstance(value, dict) and {"people", "bodies"} & set(value) for value in document.values()):
        return _alphapose_by_image(document, source)
    return None


def _of_list(document: list[Any], source: str, image_size: ImageSize | None) -> ParsedDocument | None:
    first: Any = next((entry for entry in document if entry), {})
    if isinstance(first, list) and all(isinstance(entry, list) for entry in document):
        if isinstance(first[0], dict) and "x" in first[0]:
            return _mediapipe([{"landmarks": entry} for entry in document], {}, source, image_size)
        return ParsedDocument(
            [_frame(None, _people(entry, None, source), source) for entry in document], every_frame=True
        )
    if not isinstance(first, dict):
        return None
    if "people" in first:
        return _openpose(document, source)
    if "instances" in first:
        return _mmpose(document, None, source)
    if "image_id" in first:
        return _coco_results(document, source)
    if any(name in first for name in _LANDMARKS):
        return _mediapipe(document, first, source, image_size)
    if any("keypoints" in entry or "box" in entry for entry in document if isinstance(entry, dict)):
        return ParsedDocument([_frame(None, _people(document, None, source), source)])
    return None


def _entries(value: object, source: str) -> list[dict[str, Any]]:
    """A list of JSON objects."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError(f"{source}: wanted a list of objects")
    return value


def checked_size(value: object, source: str) -> ImageSize:
    """Width and height in pixels of a pair of numbers.  Raises InputError."""
    size = numbers(list(value) if isinstance(value, tuple) else value, source)
    if size.shape != (2,) or not (size > 0).all() or size.max() > LARGEST_IMAGE:
        raise InputError(f"{source} is {quoted(value)}; wanted width and height of 1 to {LARGEST_IMAGE} pixels")
    return float(size[0]), float(size[1])


def _size_of(entries: Sequence[dict[str, Any]], source: str) -> ImageSize | None:
    """The one image size that entries state, None where they state none.  Raises InputError for two."""
    sizes: set[ImageSize] = set()
    for entry in entries:
        for names in _SIZES:
            if all(entry.get(name) is not None for name in names):
                sizes.add(checked_size([entry[name] for name in names], f"{source}: image size"))
                break
    if len(sizes) > 1:
        first, second = sorted(sizes)[:2]
        raise InputError(
            f"{source}: images of {first[0]:g} x {first[1]:g} and {second[0]:g} x {second[1]:g} pixels; wanted one size"
        )
    return next(iter(sizes), None)


def _flat_points(value: object, source: str) -> Array:
    """Points [K, 3] of a list x, y, confidence, x, y, confidence, ..., flat or in threes."""
    flat = numbers(value, f"{source}: keypoints", gaps=True)
    if not (flat.ndim == 1 and flat.size % 3 == 0) and not (flat.ndim == 2 and flat.shape[1] == 3):
        raise InputError(f"{source}: keypoints are {list(flat.shape)} numbers; wanted x, y, confidence of each point")
    return flat.reshape(-1, 3)


def _person_id(value: object) -> int:
    """A person's id; AlphaPose and OpenPose put it in a list, and -1, nothing or something else is none."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID
    return int(value) if good and isinstance(value, (int, float)) else -1


# --- OpenPose, ControlNet ----------------------------------------------------------------------------------------


def _openpose(entries: list[Any], source: str) -> ParsedDocument:
    """`[{"people": [...], "canvas_width": 512, "canvas_height": 768}, ...]`; OpenPose itself writes no size."""
    frames = [_frame(None, _openpose_people(entry, source), source) for entry in entries]
    return ParsedDocument(frames, _size_of(entries, source))


def _openpose_people(entry: object, source: str) -> Iterator[tuple[Array, int]]:
    """`{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, c, ...]}, ...]}`."""
    if not isinstance(entry, dict):
        raise InputError(f"{source}: wanted one object a frame with people in it")
    for person in _entries(entry.get("people"), f"{source}: people"):
        listed = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
        if listed:  # OpenPose keeps somebody of whom only hands or face were detected
            yield body_points(_flat_points(listed, source), source), _person_id(person.get("person_id"))


# --- MMPose, Ultralytics, Transformers ---------------------------------------------------------------------------


def _mmpose_names(meta: object, source: str) -> list[str] | None:
    """Names of the keypoints in the order of their ids; None where the file has none."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    return None if names is None else _names_by_number(names, f"{source}: keypoint_id2name")


def _names_by_number(names: object, source: str) -> list[str]:
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{source} is no table of names")
    ordered = [names.get(str(index)) for index in range(len(names))]
    if None in ordered:
        raise InputError(f"{source} is not numbered from 0")
    return [name for name in ordered if name is not None]


def _mmpose(value: object, names: list[str] | None, source: str) -> ParsedDocument:
    """`[{"frame_id": 0, "instances": [...]}, ...]`, an entry for every frame."""
    frames = []
    for index, entry in enumerate(_entries(value, f"{source}: frames")):
        frame_number = number(entry.get("frame_id", index), f"{source}: frame_id", 0, LARGEST_ID)
        frames.append(_frame(int(frame_number), _people(entry.get("instances"), names, source), source))
    if not frames:
        raise InputError(f"{source}: no frames; wanted at least 1")
    return ParsedDocument(frames, every_frame=True)


def _people(value: object, names: list[str] | None, source: str) -> Iterator[tuple[Array, int]]:
    """The people of one image, each with x and y separate from the confidences.

    MMPose: `{"keypoints": [[x, y], ...], "keypoint_scores": [c, ...], "track_id": 3}`, the id may be missing;
    Transformers' ViTPose calls the latter `scores`; Ultralytics: `{"keypoints": {"x": [], "y": [], "visible": []}}`.
    """
    for person in _entries(value, f"{source}: instances"):
        points = person.get("keypoints")
        if isinstance(points, dict):
            columns = [numbers(points.get(name), f"{source}: {name} of keypoints", gaps=True) for name in ("x", "y")]
            stored = points.get("visible", points.get("conf"))
            positions = np.stack(columns, axis=-1) if columns[0].shape == columns[1].shape else columns[0]
        elif points is None and "class" in person:  # Ultralytics' boxes of things that are no people
            continue
        else:
            positions = numbers(points, f"{source}: keypoints", gaps=True)
            stored = person.get("keypoint_scores", person.get("scores"))
        scores = (
            numbers(stored, f"{source}: keypoint_scores", gaps=True) if stored is not None else np.ones(len(positions))
        )
        if positions.ndim != 2 or positions.shape[1:] != (2,) or scores.shape != positions.shape[:1]:
            raise InputError(
                f"{source}: keypoints {list(positions.shape)} with keypoint_scores {list(scores.shape)}; wanted [K, 2] "
                "and [K]: save 2D predictions"
            )
        points = np.concatenate([positions, scores[:, None]], axis=1)
        yield body_points(points, source, names), _person_id(person.get("track_id"))


def _easy_vitpose(document: dict[str, Any], source: str) -> ParsedDocument:
    """`{"keypoints": [{"0": [[y, x, c], ...]}, ...], "skeleton": {"0": "nose", ...}}`: people by id, y before x."""
    names = _names_by_number(document["skeleton"], f"{source}: skeleton")
    frames = []
    for entry in _entries(document["keypoints"], f"{source}: keypoints"):
        people = (
            (
                body_points(_flat_points(listed, source)[:, [1, 0, 2]], source, names),
                int(one) if one.isdecimal() and len(one) <= 12 else -1,
            )
            for one, listed in entry.items()
        )
        frames.append(_frame(None, people, source))
    if not frames:
        raise InputError(f"{source}: no frames; wanted at least 1")
    return ParsedDocument(frames, every_frame=True)


# --- COCO, AlphaPose ---------------------------------------------------------------------------------------------


def _numbered(images: Sequence[object], source: str) -> dict[object, int]:
    """Frame of each image by its id or name.  Raises InputError for names without a number, or two of one."""
    named = sorted({image for image in images if isinstance(image, str)})
    frame_of: dict[object, int] = {}
    for name, frame in zip(named, frame_numbers(named), strict=True):
        frame_of[name] = int(number(frame, f"{source}: number of image_id {quoted(name)}", 0, LARGEST_ID))
    if len(set(frame_of.values())) < len(frame_of):
        raise InputError(f"{source}: two images of one frame number among {quoted(named)}; wanted one each")
    for image in images:
        if not isinstance(image, str):
            frame_of[image] = int(number(image, f"{source}: number of image_id {quoted(image)}", 0, LARGEST_ID))
    return frame_of


def _coco_results(entries: list[Any], source: str) -> ParsedDocument:
    """`[{"image_id": 7, "keypoints": [x, y, c, ...], "score": 0.9}, ...]`, one entry a person.

    AlphaPose's image_id is the image's name, and its idx the person's id.  Frames without people have no entry.
    """
    listed = _entries(entries, source)
    frame_of = _numbered([_hashable(entry.get("image_id"), source) for entry in listed], source)
    frames: dict[int, list[dict[str, Any]]] = {}
    for entry in listed:
        frames.setdefault(frame_of[entry["image_id"]], []).append(entry)
    return ParsedDocument(
        [_frame(n, _coco_people(people, None, source), source) for n, people in sorted(frames.items())]
    )


def _coco_people(entries: list[dict[str, Any]], names: list[str] | None, source: str) -> Iterator[tuple[Array, int]]:
    """Points and id of each entry; `names` count for those with as many points."""
    for entry in entries:
        points = _flat_points(entry.get("keypoints"), source)
        chosen = names if names is not None and len(names) == len(points) else None
        yield body_points(points, source, chosen), _person_id(entry.get("idx", entry.get("track_id")))


def _hashable(value: object, source: str) -> object:
    if isinstance(value, (list, dict)):
        raise InputError(f"{source}: image_id is {quoted(value)}; wanted a number or a name")
    return value


def _coco_ground_truth(document: dict[str, Any], source: str) -> ParsedDocument:
    """COCO's own annotations: images with file names and sizes, people with visibilities 0, 1 (hidden) and 2."""
    images = _entries(document["images"], f"{source}: images")
    if not images:
        raise InputError(f"{source}: no images; wanted at least 1")
    categories = _entries(document.get("categories", []), f"{source}: categories")
    listed = next((one["keypoints"] for one in categories if isinstance(one.get("keypoints"), list)), None)
    names = None if listed is None else [str(name) for name in listed]
    ids = [_hashable(image.get("id"), source) for image in images]
    files = [str(image.get("file_name", "")) for image in images]
    indices = frame_numbers(files)
    if None in indices or len(set(indices)) < len(indices):
        indices = list(range(len(ids)))
    people: dict[object, list[dict[str, Any]]] = {one: [] for one in ids}
    for entry in _entries(document["annotations"], f"{source}: annotations"):
        image = _hashable(entry.get("image_id"), source)
        if image not in people:
            raise InputError(f"{source}: a person in image {quoted(image)}, which images does not have")
        if entry.get("num_keypoints") != 0 and "keypoints" in entry:
            people[image].append(entry)
    frames = [
        _frame(n, _coco_people(people[one], names, source), source)
        for n, one in sorted(zip(indices, ids, strict=True), key=lambda pair: pair[0] or 0)
    ]
    return ParsedDocument(frames, _size_of(images, source), every_frame=True)


def _alphapose_by_image(document: dict[str, Any], source: str) -> ParsedDocument:
    """AlphaPose with `--format cmu` or `open`: `{"12.jpg": {"bodies": [{"joints": [x, y, c, ...]}]}}`, or people."""
    frame_of = _numbered(list(document), source)
    frames = []
    people: Iterable[tuple[Array, int]]
    for name, image in document.items():
        if "people" in image:
            people = _openpose_people(image, source)
        else:
            bodies = _entries(image["bodies"], f"{source}: bodies")
            people = ((body_points(_flat_points(body.get("joints"), source), source), -1) for body in bodies)
        frames.append(_frame(frame_of[name], people, source))
    return ParsedDocument(sorted(frames, key=lambda frame: frame.number or 0))


# --- MediaPipe ---------------------------------------------------------------------------------------------------


def _mediapipe(value: object, head: dict[str, Any], source: str, image_size: ImageSize | None) -> ParsedDocument:
    """Frames with landmarks in [0, 1]: those of one person (`poseLandmarks`), or of a list of people.

    `head`: the object that may state image_width, image_height and fps, as the form in `docs/inputs.md` does.
    """
    size = image_size or _size_of([head], source)
    if size is None:
        raise InputError(
            f"{source}: MediaPipe's landmarks are parts of the image, and the file does not say the image size; wanted "
            "its width and height in pixels: give the image size"
        )
    rate = head.get("fps")
    fps = None if rate is None else number(rate, f"{source}: fps", LOWEST_FPS, HIGHEST_FPS)
    frames = []
    for index, entry in enumerate(_entries(value, f"{source}: frames")):
        name = next((name for name in _LANDMARKS if name in entry), None)
        if name is None:
            raise InputError(f"{source}: frame {index} has no pose_landmarks; wanted a list of people, empty for none")
        people = ((_landmarks(person, size, source), -1) for person in _persons(entry[name]))
        frames.append(_frame(None, people, source))
    if not frames:
        raise InputError(f"{source}: no frames; wanted at least 1")
    return ParsedDocument(frames, size, fps)


def _persons(value: object) -> list[object]:
    """The people of one frame: none, the one whose landmarks are listed, or each of a list."""
    if not value:
        return []
    if isinstance(value, dict):  # a protocol buffer as JSON
        return [value.get("landmark", [])]
    if isinstance(value, list) and isinstance(value[0], dict) and "x" in value[0]:
        return [value]
    return list(value) if isinstance(value, list) else [value]


def _landmarks(value: object, size: ImageSize, source: str) -> Array:
    """COCO-17 points in pixels of 33 objects with x and y in [0, 1] and visibility."""
    landmarks = _entries(value, f"{source}: pose_landmarks of a person")
    rows = [[landmark.get("x"), landmark.get("y"), landmark.get("visibility", 1.0)] for landmark in landmarks]
    points = numbers(rows, f"{source}: landmarks (x, y, visibility)", gaps=True)
    if points.shape[1:] != (3,):
        raise InputError(f"{source}: landmarks are {list(points.shape)}; wanted x, y and visibility of each")
    return body_points(points * [*size, 1.0], source)
