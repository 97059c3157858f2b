"""The video with the estimate drawn on it: detected keypoints and the estimated skeleton."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.conditions.keypoints import VISIBLE, Keypoints
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import JOINTS, PARENTS
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.frames import frames
from genmo.runtime.video.libraries import library

SUFFIXES = (".mp4", ".png", ".jpg")
LIMBS = (
    (5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (11, 12), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16),
    (0, 1), (0, 2), (1, 3), (2, 4),
)  # fmt: skip
"""Pairs of COCO-17 points."""
LEFT, RIGHT, BODY, DETECTED = (40, 150, 255), (255, 90, 40), (250, 220, 60), (90, 255, 120)
"""Colours of the estimated skeleton's sides and middle, and of the keypoints."""
LONGEST = 1280
"""Longest side of the overlay video, pixels."""
SHEET = 12
"""Pictures of a contact sheet."""
SHEET_COLUMNS, SHEET_WIDTH = 4, 480
NEAR = 0.1  # metres; nothing nearer is drawn


@dataclass(frozen=True, eq=False)
class Drawn:
    """One person to draw."""

    keypoints: Keypoints
    joints: Array | None = None
    """[frames, 24, 3] the estimated skeleton in the camera frame, metres"""


def check_overlay(path: str | Path) -> None:
    """Raise InputError before any work for a file that could not be written."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"--overlay {path}: unknown format {path.suffix!r}; wanted one of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"--overlay {path}: cannot be written there; wanted a file name in a folder open to writing")


def save_overlay(path: str | Path, video: str | Path, people: list[Drawn]) -> None:
    """The video with the people drawn on it as `.mp4`, or `SHEET` pictures of it, evenly spread, as `.png` or `.jpg`.

    Raises InputError for a video that cannot be read and a file that cannot be written; nothing half-written stays.
    """
    check_overlay(path)
    path = Path(path)
    if path.suffix.lower() == ".mp4":
        write_aside(path, _encoded(drawn_frames(video, people, LONGEST)))
        return
    cv2 = library("cv2")
    sheet = contact_sheet(video, people)
    options = [cv2.IMWRITE_JPEG_QUALITY, 80] if path.suffix.lower() == ".jpg" else []
    good, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), options)
    if not good:
        raise InputError(f"{path}: OpenCV cannot write it; wanted one of {', '.join(SUFFIXES)}")
    write_aside(path, data.tobytes())


def drawn_frames(video: str | Path, people: list[Drawn], longest: int) -> Iterator[Image]:
    """The frames of the clip, 30 a second, at most `longest` pixels a side, drawn on."""
    cv2 = library("cv2")
    length = max(one.keypoints.frames for one in people)
    for number, (_, image) in enumerate(frames(video)):
        if number >= length:
            break
        scale = min(1.0, longest / max(image.shape[:2]))
        size = [max(2, round(side * scale / 2) * 2) for side in image.shape[1::-1]]  # codecs want even sides
        small = (
            image.copy() if size == list(image.shape[1::-1]) else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        )
        for one in people:
            draw(small, one, number, np.array(size) / image.shape[1::-1])
        yield small


def draw(image: Image, person: Drawn, number: int, scale: Array) -> None:
    """Draw a person's frame `number` into the image, pixels of the video times `scale` [2]."""
    cv2 = library("cv2")
    thick = max(1, round(max(image.shape) / 500))
    if person.joints is not None and number < len(person.joints):
        joints = person.joints[number]
        depth = np.maximum(joints[:, 2:], NEAR)
        pixels = (joints[:, :2] / depth * np.diag(person.keypoints.intrinsics)[:2]) + person.keypoints.intrinsics[:2, 2]
        pixels = _pixels(pixels * scale)
        for joint, parent in enumerate(PARENTS):
            if parent >= 0 and min(joints[joint, 2], joints[parent, 2]) > NEAR:
                cv2.line(image, pixels[joint], pixels[parent], _side(joint), 2 * thick, cv2.LINE_AA)
    if number >= person.keypoints.frames:
        return
    points = person.keypoints.points[number]
    pixels, visible = _pixels(points[:, :2] * scale), points[:, 2] > VISIBLE
    for first, second in LIMBS:
        if visible[first] and visible[second]:
            cv2.line(image, pixels[first], pixels[second], DETECTED, thick, cv2.LINE_AA)
    for pixel in (pixel for pixel, is_visible in zip(pixels, visible, strict=True) if is_visible):
        cv2.circle(image, pixel, 2 * thick, DETECTED, -1, cv2.LINE_AA)


def _side(joint: int) -> tuple[int, int, int]:
    return LEFT if JOINTS[joint].startswith("left") else RIGHT if JOINTS[joint].startswith("right") else BODY


def _pixels(points: Array) -> list[tuple[int, int]]:
    limit = 30_000  # OpenCV's drawing overflows far outside
    return [(int(x), int(y)) for x, y in np.clip(np.round(points), -limit, limit)]


def contact_sheet(video: str | Path, people: list[Drawn]) -> Image:
    """`SHEET` pictures of the clip in rows of `SHEET_COLUMNS`, evenly spread over its length."""
    length = max(one.keypoints.frames for one in people)
    chosen = np.unique(np.linspace(0, length - 1, min(SHEET, length)).round().astype(int)).tolist()
    pictures = [image for number, image in enumerate(drawn_frames(video, people, SHEET_WIDTH)) if number in chosen]
    columns = min(SHEET_COLUMNS, len(pictures))
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[start : start + columns], axis=1) for start in range(0, len(pictures), columns)]
    return np.concatenate(rows)


def _encoded(images: Iterator[Image]) -> bytes:
    """An .mp4: H.264 where this FFmpeg has an encoder for it, else MPEG-4."""
    av = library("av")
    packed = io.BytesIO()
    with av.open(packed, "w", format="mp4") as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264" if _has(av, "libx264") else "mpeg4", rate=Fraction(round(FPS)))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)
    return packed.getvalue()


def _has(av: Any, codec: str) -> bool:
    try:
        av.codec.Codec(codec, "w")
    except Exception:  # PyAV's own type for it moved between versions
        return False
    return True
