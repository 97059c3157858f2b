"""Timelines from YAML files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import numpy as np

from genmo.runtime.conditions.constraints import Frames, JointTargets, Keyframes, joined_joint_targets, joined_keyframes
from genmo.runtime.conditions.spans import (
    CameraSpan,
    FeatureSpan,
    KeypointSpan,
    Text,
    Unit,
    length_text,
    time_text,
)
from genmo.runtime.conditions.timeline import MAX_GUIDANCE, Loop, Span, Timeline, check_frames
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.readers.cameras import read_camera
from genmo.runtime.readers.constraints import joint_number, read_joint_targets, read_keyframes
from genmo.runtime.readers.keypoint_formats import ImageSize
from genmo.runtime.readers.music import read_features, read_music
from genmo.runtime.readers.subjects import LARGEST as LARGEST_PERSON
from genmo.runtime.readers.subjects import read_subjects
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

UNITS = {"seconds": FPS, "frames": 1.0}
_TIME = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([sf]?)")
_Read = TypeVar("_Read")


def read_timeline(path: str | Path) -> Timeline:
    """The timeline in a YAML file; paths in it start from its folder.

    Raises InputError with file and line for everything that is not as in `docs/timeline.md`.
    """
    from genmo.runtime.support.safe_yaml import compose_yaml  # so that `import genmo.runtime` is content with numpy

    path = Path(path)
    root = compose_yaml(path, "a timeline")
    if root is None:
        raise InputError(f"{path}: empty; wanted a timeline, as docs/timeline.md shows one")
    return _TimelineReader(path, _Node(root, str(path))).timeline()


class _Node:
    """A YAML node with the checks that the schema needs; every error names file and line."""

    def __init__(self, node: Any, file: str) -> None:
        self._node, self._file = node, file
        self.where = f"{file}:{node.start_mark.line + 1}"

    def fail(self, message: str) -> NoReturn:
        raise InputError(f"{self.where}: {message}")

    def _quoted(self) -> str:
        value = self._node.value
        return repr(value if len(value) <= 40 else value[:40] + "...") if isinstance(value, str) else "a list or map"

    def entries(self, *names: str) -> dict[str, _Node]:
        """The map's entries; an unknown or repeated name is an error."""
        if self._node.id != "mapping":
            self.fail(f"got {self._quoted()}; wanted entries: {', '.join(names)}")
        by_name: dict[str, _Node] = {}
        for key, value in self._node.value:
            key_node = _Node(key, self._file)
            if key.value not in names:
                key_node.fail(f"unknown entry {key_node._quoted()}; wanted one of {', '.join(names)}")
            if key.value in by_name:
                key_node.fail(f"entry {key_node._quoted()} is there twice; wanted it once")
            by_name[key.value] = _Node(value, self._file)
        return by_name

    def items(self) -> list[_Node]:
        """The list's items."""
        if self._node.id != "sequence":
            self.fail(f"got {self._quoted()}; wanted a list, each item after a dash")
        return [_Node(item, self._file) for item in self._node.value]

    def text(self) -> str:
        """A scalar as it stands in the file."""
        if self._node.id != "scalar" or self._node.tag.endswith(":null"):
            self.fail(f"got {self._quoted()}; wanted text")
        return str(self._node.value)

    def number(self, low: float = -1e9, high: float = 1e9) -> float:
        """A number from `low` to `high`."""
        try:
            value = float(self.text())
        except ValueError:
            self.fail(f"got {self._quoted()}; wanted a number")
        if not low <= value <= high:
            self.fail(f"got {self._quoted()}; wanted a number from {low:g} to {high:g}")
        return value

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.number(low, high)
        if value != int(value):
            self.fail(f"got {self._quoted()}; wanted a whole number")
        return int(value)

    def coordinate(self) -> float:
        """Metres; null, `~` or `free`: NaN."""
        scalar = self._node.id == "scalar"
        if scalar and (self._node.tag.endswith(":null") or self._node.value == "free"):
            return math.nan
        return self.number()

    def frame(self, unit: float) -> int:
        """A time in frames: `12.5s`, `375f`, or a number of `unit` frames each."""
        match = _TIME.fullmatch(self.text())
        if match is None:
            self.fail(f"time is {self._quoted()}; wanted seconds like 12.5s or frames like 375f")
        factor = {"s": FPS, "f": 1.0, "": unit}[match[2]]
        value = min(float(match[1]), 1e6)  # 400 digits are infinity
        if factor == 1 and not value.is_integer():
            self.fail(f"time is {self._quoted()}; wanted a whole frame, or seconds like 12.5s")
        frame = round(value * factor)
        if frame > MAX_FRAMES:
            self.fail(f"time is {self._quoted()}; wanted at most {MAX_FRAMES} frames, {MAX_FRAMES / FPS:.0f}s")
        return frame

    def unit(self, default: Unit) -> Unit:
        """What a time is given in."""
        units: dict[str, Unit] = {"s": "seconds", "f": "frames"}
        return units.get(self.text()[-1:], default)

    def call(self, read: Callable[[], _Read]) -> _Read:
        """What `read` returns; an InputError gets this line in front."""
        try:
            return read()
        except InputError as error:
            self.fail(str(error))


class _TimelineReader:
    """The schema of `timeline.yaml`, one method a section."""

    def __init__(self, path: Path, root: _Node) -> None:
        self._folder, self._root = path.parent, root
        self._entries = root.entries(
            "unit", "length", "seed", "steps", "guidance", "loop", "velocity",
            "keypoints", "cameras", "texts", "music", "video", "keyframes", "constraints",
        )  # fmt: skip
        unit = self._entries["unit"].text() if "unit" in self._entries else "seconds"
        if unit not in UNITS:
            self._entries["unit"].fail(f"unit is {unit!r}; wanted {' or '.join(UNITS)}")
        self._typed: Unit = "frames" if unit == "frames" else "seconds"
        self._unit = UNITS[unit]
        self._notes: list[str] = []

    def timeline(self) -> Timeline:
        """The whole file."""
        entries = self._entries
        keypoints = [self._keypoints(node) for node in self._items("keypoints")]
        cameras = [self._camera(node) for node in self._items("cameras")]
        features = [self._features(node, name) for name in ("music", "video") for node in self._items(name)]
        texts = [self._text(node) for node in self._items("texts")]
        poses = [(node, self._pose(node)) for node in self._items("keyframes")]
        joint_targets = [(node, self._joint_targets(node)) for node in self._items("constraints")]
        spans: list[Span] = [*keypoints, *cameras, *features]
        ends = [span.end for span in spans] + [text.end or 0 for text in texts]
        constraints: list[tuple[_Node, Keyframes | JointTargets]] = [*poses, *joint_targets]
        ends += [int(constraint.frames.max()) + 1 for _, constraint in constraints]
        frames = entries["length"].frame(self._unit) if "length" in entries else max(ends, default=0)
        if frames < 1:
            length = length_text(frames, self._unit_of(entries, "length"))
            (entries.get("length") or self._root).fail(f"the motion has {length}; wanted a length over 0")
        for node, constraint in constraints:
            check_frames(constraint.frames, "keyframe or constraint", frames, node.where, self._typed)
        whole = entries.get("keyframes", self._root)
        timeline = self._root.call(
            lambda: Timeline(
                seed=entries["seed"].whole(0, 2**63) if "seed" in entries else 0,
                steps=entries["steps"].whole(1, 1000) if "steps" in entries else None,
                guidance=entries["guidance"].number(-MAX_GUIDANCE, MAX_GUIDANCE) if "guidance" in entries else None,
                frames=frames,
                texts=tuple(texts),
                keypoints=tuple(keypoints),
                cameras=tuple(cameras),
                features=tuple(features),
                keyframes=whole.call(lambda: joined_keyframes([pose for _, pose in poses])),
                places=entries.get("constraints", self._root).call(
                    lambda: joined_joint_targets([target for _, target in joint_targets])
                ),
                notes=tuple(self._notes),
                unit=self._unit_of(entries, "length"),
                loop=self._loop(entries["loop"]) if "loop" in entries else None,
                velocity=self._velocity(entries["velocity"]) if "velocity" in entries else None,
            )
        )
        return timeline

    def _loop(self, node: _Node) -> Loop:
        loops: tuple[Loop, ...] = get_args(Loop)
        stated = node.text()
        for loop in loops:
            if stated == loop:
                return loop
        node.fail(f"loop is {stated[:40]!r}; wanted {' or '.join(loops)}")

    def _velocity(self, node: _Node) -> tuple[float, float]:
        left, ahead = self._numbers(node, 2, "velocity: [left, ahead] in m/s")
        return left, ahead

    def _items(self, name: str) -> list[_Node]:
        return self._entries[name].items() if name in self._entries else []

    def _file(self, node: _Node) -> Path:
        return self._folder / node.text()

    def _start(self, entries: dict[str, _Node]) -> int:
        return entries["start"].frame(self._unit) if "start" in entries else 0

    def _unit_of(self, entries: dict[str, _Node], *names: str) -> Unit:
        """What the first of these entries that is there is given in."""
        return next((entries[name].unit(self._typed) for name in names if name in entries), self._typed)

    def _end(self, entries: dict[str, _Node], start: int, frames: int | None, what: str) -> int:
        """Where a span ends: as it says, not behind the end of its file of `frames` frames."""
        if "end" not in entries:
            assert frames is not None
            return start + frames
        end = entries["end"].frame(self._unit)
        if end <= start:
            times = [time_text(frame, self._unit_of(entries, "end")) for frame in (end, start)]
            entries["end"].fail(f"ends at {times[0]}, starts at {times[1]}; wanted an end behind the start")
        if frames is not None and end - start > frames:
            own, file = (length_text(count, self._unit_of(entries, "end")) for count in (end - start, frames))
            entries["end"].fail(f"spans {own}, the {what} have {file}; wanted no more: end it sooner")
        return end

    def _keypoints(self, node: _Node) -> KeypointSpan:
        entries = node.entries("file", "start", "end", "camera", "image_size", "intrinsics", "person")
        file = self._required(entries, "file", node)
        camera = self._file(entries["camera"]) if "camera" in entries else None
        size = self._size(entries["image_size"]) if "image_size" in entries else None
        person = entries["person"].text() if "person" in entries else LARGEST_PERSON
        people, notes = file.call(lambda: read_subjects(self._file(file), camera, person=person, image_size=size))
        self._notes += notes
        if len(people) > 1:
            entries["person"].fail(f"person is {person!r}; wanted one, for a motion is one person's")
        keypoints = next(iter(people.values()))
        if "intrinsics" in entries:
            keypoints = replace(keypoints, intrinsics=self._intrinsics(entries["intrinsics"]))
        start = self._start(entries)
        count = self._end(entries, start, keypoints.frames, "keypoints") - start
        return KeypointSpan(keypoints.first(count), start, node.where, self._unit_of(entries, "start"))

    def _size(self, node: _Node) -> ImageSize:
        width, height = self._numbers(node, 2, "image_size: [width, height]")
        if not (width > 0 and height > 0):
            node.fail(f"image_size is {width:g} x {height:g}; wanted width and height over 0")
        return width, height

    def _intrinsics(self, node: _Node) -> Array:
        fx, fy, cx, cy = self._numbers(node, 4, "intrinsics: [fx, fy, cx, cy] in pixels")
        if not (fx > 0 and fy > 0):
            node.fail(f"intrinsics have focal lengths {fx:g} and {fy:g}; wanted more than 0 pixels")
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    def _numbers(self, node: _Node, count: int, expected: str) -> list[float]:
        items = node.items()
        if len(items) != count:
            node.fail(f"got {len(items)} numbers; wanted {expected}")
        return [item.number() for item in items]

    def _camera(self, node: _Node) -> CameraSpan:
        entries = node.entries("file", "start", "end")
        file, _ = self._required(entries, "file", node), self._required(entries, "end", node)
        start = self._start(entries)
        count = self._end(entries, start, None, "") - start
        camera, notes = file.call(lambda: read_camera(self._file(file)).at_frames(count))
        self._notes += notes
        return CameraSpan(camera, start, node.where, self._unit_of(entries, "start", "end"))

    def _features(self, node: _Node, name: str) -> FeatureSpan:
        entries = node.entries("file", "start", "end")
        file = self._required(entries, "file", node)
        read = read_music if name == "music" else read_features
        values = file.call(lambda: read(self._file(file)))
        start = self._start(entries)
        values = values[: self._end(entries, start, len(values), name) - start]
        return FeatureSpan(name, values, start, node.where, self._unit_of(entries, "start"))

    def _text(self, node: _Node) -> Text:
        entries = node.entries("text", "start", "end")
        text, start = self._required(entries, "text", node), self._start(entries)
        end = self._end(entries, start, None, "") if "end" in entries else None
        return Text(text.text(), start, end, node.where, self._unit_of(entries, "start", "end"))

    def _pose(self, node: _Node) -> Keyframes:
        entries = node.entries("file", "start", "pick", "at")
        file = self._required(entries, "file", node)
        poses = file.call(lambda: read_keyframes(self._file(file)))
        if "pick" not in entries and "at" not in entries:
            return poses.shifted(self._start(entries))
        if "start" in entries:
            entries["start"].fail("start together with pick and at; wanted start for a whole file, or pick and at")
        pick, at = (self._required(entries, name, node) for name in ("pick", "at"))
        frame = pick.frame(self._unit)
        chosen = poses.only(poses.frames == frame)
        if not len(chosen.frames):
            moment = time_text(frame, pick.unit(self._typed))
            pick.fail(f"no pose at {moment} of the file; it has frames {_some(poses.frames)}")
        return chosen.shifted(at.frame(self._unit) - frame)

    def _joint_targets(self, node: _Node) -> JointTargets:
        entries = node.entries("file", "start", "joint", "points")
        if "file" in entries:
            for name in {"joint", "points"} & set(entries):
                entries[name].fail(f"{name} together with file; wanted a file, or joint and points")
            file = entries["file"]
            return file.call(lambda: read_joint_targets(self._file(file))).shifted(self._start(entries))
        joint, points = (self._required(entries, name, node) for name in ("joint", "points"))
        stated = joint.text()
        number = joint.call(lambda: joint_number(int(stated) if stated.isascii() and stated.isdecimal() else stated))
        rows = [(row, row.items()) for row in points.items()]
        for row, items in rows:
            if len(items) != 4:
                row.fail(f"got {len(items)} values; wanted [time, x, y, z] in metres, free where anything will do")
        if not rows:
            points.fail("no points; wanted at least one [time, x, y, z]")
        frames = np.array([items[0].frame(self._unit) for _, items in rows]) + self._start(entries)
        positions = np.array([[item.coordinate() for item in items[1:]] for _, items in rows])
        return points.call(lambda: joined_joint_targets([JointTargets(frames, np.full(len(rows), number), positions)]))

    def _required(self, entries: dict[str, _Node], name: str, node: _Node) -> _Node:
        if name not in entries:
            node.fail(f"no {name}; wanted an entry {name}")
        return entries[name]


def _some(frames: Frames) -> str:
    """A few of many frames, for an error."""
    listed = ", ".join(map(str, frames[:5]))
    return f"{listed}, ... {frames[-1]}" if len(frames) > 5 else listed
