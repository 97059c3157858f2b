"""Frames of a video file or a camera, upright, at the clip's 30 a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.video.libraries import library

WANTED = "a video that FFmpeg can read, such as .mp4, .mov, .mkv or .webm"
MAX_SECONDS = MAX_FRAMES / FPS
MAX_SIDE = 8192
"""Longest side of a frame in pixels."""
CUT_SHORT = 0.5
"""Seconds (or a twentieth of the video, where that is more) that may be missing at the end before it counts as cut."""
WIDEST_PIXEL = 4.0
"""times as wide as high, or as high as wide; anamorphic lenses and DV stay below 2"""
DIAGONAL_35MM = float(np.hypot(36, 24))
_FOCAL_KEYS = ("com.apple.quicktime.camera.focal_length.35mm_equivalent", "focal_length_35mm_equivalent")


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """What a video's header says."""

    path: Path
    width: int
    """pixels, after the rotation that the header asks for"""
    height: int
    seconds: float | None
    """length by the header; None: it does not say"""
    intrinsics: Array
    """[3, 3] pixels"""
    intrinsics_source: str
    """where the focal length comes from, for the user to see"""


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """One frame of the source and the frames of the clip, 30 a second, that it is the nearest one to."""

    time: float
    """seconds after the first frame"""
    image: Image
    clip: range
    """numbers of the clip's frames"""


def frames(
    source: str | Path | int, fps: float | None = FPS, notes: list[str] | None = None
) -> Iterator[tuple[float, Image]]:
    """Time in seconds and image (RGB uint8 [height, width, 3], upright) of each frame of a file or a camera.

    A path: the times are k / `fps` from the first frame on, each with the frame nearest in time, so that a variable
    rate and 24, 25 or 60 a second all come out at `fps`; None gives every frame at its own time.  An integer is the
    number of a camera of this machine: its frames come as they are taken, without end, timed by the clock, and at most
    `fps` a second.  What a file had damaged and was passed over is added to `notes` at the end, a line each.
    Raises InputError for what cannot be read, and at its end for a file that was cut short.
    """
    if isinstance(source, int):
        yield from _camera(source, fps)
    elif fps is None:
        yield from source_frames(source, notes)
    else:
        for frame in clip_frames(source, fps, notes):
            for number in frame.clip:
                yield number / fps, frame.image


def clip_frames(path: str | Path, fps: float = FPS, notes: list[str] | None = None) -> Iterator[ClipFrame]:
    """The frames of a file that are nearest to some time k / `fps`, each once, in order; `notes` and errors as for
    `frames`."""
    last: tuple[float, Image] | None = None
    begun = 0
    for moment, image in source_frames(path, notes):
        if last is not None:
            end = max(begun, int(np.ceil((last[0] + moment) / 2 * fps - 1e-9)))  # its half of the way to the next
            if end > begun:
                yield ClipFrame(*last, range(begun, end))
            begun = end
        last = moment, image
    if last is not None:
        end = max(begun + (begun == 0), int(np.floor(last[0] * fps + 1e-6)) + 1)
        if end > begun:
            yield ClipFrame(*last, range(begun, end))


def source_frames(path: str | Path, notes: list[str] | None = None) -> Iterator[tuple[float, Image]]:
    """Every frame of a file at its own time (seconds after the first one, rising); `notes` and errors as for
    `frames`."""
    av = library("av")
    path = Path(path)
    with _opened(av, path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        packets = _Packets(av, path, container, stream)
        step = _step(stream)
        first: float | None = None
        last = -1.0
        for frame in packets.frames():
            moment = last + step if frame.time is None else float(frame.time) - (first or 0.0)
            if first is None:
                first, moment = float(frame.time or 0.0), 0.0
            if moment <= last:
                continue  # two frames of one time: the second is never shown
            if moment > MAX_SECONDS:
                raise InputError(f"{path}: over {MAX_SECONDS / 60:.0f} minutes; wanted a shorter video: cut it")
            last = moment
            yield moment, _upright(frame, _pixel_aspect(stream, path))
        if last < 0:
            raise InputError(f"{path}: not one frame in it{packets.damage}; wanted {WANTED}")
        packets.check_end(last + step)
        if packets.damaged and notes is not None:
            notes.append(f"{path}: {packets.damaged} damaged packets were skipped; the frames around stand in for them")


class _Packets:
    """The packets of a file's video stream: decoded, the damaged ones counted, and how far they reach."""

    def __init__(self, av: Any, path: Path, container: Any, stream: Any) -> None:
        self.av, self.path, self.container, self.stream = av, path, container, stream
        self.damaged = 0
        self.damage = ""
        """what the decoder said of the first damaged packet, in brackets"""
        self._count = 0
        self._start, self._end = np.inf, -np.inf  # seconds of the stream's clock

    def frames(self) -> Iterator[Any]:
        """Decoded frames.  A packet that does not decode is skipped, as players do.  Raises InputError."""
        errors = (self.av.FFmpegError, OSError, ValueError)
        try:
            for packet in self.container.demux(self.stream):
                self._reach(packet)
                try:
                    decoded = packet.decode()
                except errors as error:
                    self.damaged += 1
                    self.damage = self.damage or f" ({first_line(error)})"
                    continue
                yield from decoded
        except errors as error:
            after = max(self._end - self._start, 0) if self._count else 0
            raise InputError(
                f"{self.path}: cannot be read after {after:.2f} s ({first_line(error)}); wanted {WANTED}"
            ) from None

    def _reach(self, packet: Any) -> None:
        if packet.pts is None:
            return
        start = float(packet.pts * packet.time_base)
        self._count += 1
        self._start = min(self._start, start)
        self._end = max(self._end, start + float((packet.duration or 0) * packet.time_base))

    def check_end(self, seconds: float) -> None:
        """Raise InputError for a file that was cut short: its header states a longer stream than its packets make.

        Only this stream counts, and with how long its last frame is shown: screen recorders hold it for seconds.
        A header that counts the frames (.mp4) knows best.
        """
        stated = _stated_seconds(self.stream)
        if stated is None or (self.stream.frames and self._count >= self.stream.frames):
            return
        reached = max(seconds, self._end - self._start)
        if stated - reached > max(CUT_SHORT, 0.05 * stated):
            raise InputError(
                f"{self.path}: ends after {reached:.2f} of {stated:.2f} s: it was cut short; wanted the whole file: "
                "copy it again"
            )


def read_info(path: str | Path) -> VideoInfo:
    """Size, length and focal length of a video.  Raises InputError for what cannot be read.

    The focal length is that of the header (35 mm equivalent, by the diagonal, as phones write it), else the diagonal
    of the image in pixels.
    """
    av = library("av")
    path = Path(path)
    with _opened(av, path) as container:
        stream = container.streams.video[0]
        packets = _Packets(av, path, container, stream)
        frame = next(packets.frames(), None)
        if frame is None:
            raise InputError(f"{path}: not one frame in it{packets.damage}; wanted {WANTED}")
        height, width = _upright(frame, _pixel_aspect(stream, path)).shape[:2]
        intrinsics, source = _intrinsics(width, height, {**container.metadata, **stream.metadata})
        return VideoInfo(path, width, height, _stated_seconds(stream), intrinsics, source)


def _opened(av: Any, path: Path) -> Any:
    """The container with at least one video stream.  Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted {WANTED}")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a video, or one that was cut short ({first_line(error)}); wanted {WANTED}"
        ) from None
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise InputError(f"{path}: no video in it, or it was cut short; wanted {WANTED}")
    stream = container.streams.video[0]
    if max(stream.width, stream.height) > MAX_SIDE:
        container.close()
        raise InputError(f"{path}: {stream.width} x {stream.height}; wanted sides of at most {MAX_SIDE} pixels")
    return container


def _pixel_aspect(stream: Any, path: Path) -> float:
    """Width of a pixel over its height, which is not 1 in DV, HDV and anamorphic files.  Raises InputError."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL or stream.width * aspect > MAX_SIDE:
        raise InputError(f"{path}: pixels {aspect:g} times as wide as high; wanted {WANTED} with nearly square ones")
    return aspect


def _upright(frame: Any, pixel_aspect: float) -> Image:
    """The image with square pixels, turned and mirrored as the header asks: players do, decoders do not."""
    width = max(1, round(frame.width * pixel_aspect))
    square = frame if width == frame.width else frame.reformat(width=width, height=frame.height, format="rgb24")
    return oriented(square.to_ndarray(format="rgb24"), _display_matrix(frame))


def _display_matrix(frame: Any) -> npt.NDArray[np.int64] | None:
    """The 2 x 2 part of the header's display matrix: (x, y) of the picture times it is the way on the display."""
    for side in frame.side_data:
        if side.type.name == "DISPLAYMATRIX":
            # 9 numbers a, b, u, c, d, v, x, y, w of FFmpeg's libavutil/display.h: x' = a x + c y, y' = b x + d y
            values = np.frombuffer(bytes(side), np.int32)
            return values[[0, 1, 3, 4]].reshape(2, 2).astype(np.int64)
    return None


def oriented(image: Image, matrix: npt.NDArray[np.int64] | None) -> Image:
    """The image [height, width, 3] turned by quarters and mirrored, whichever of the eight ways `matrix` is nearest."""
    if matrix is None or not matrix.any():
        return image
    (a, b), (c, d) = matrix
    across, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, across, down = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def _stated_seconds(stream: Any) -> float | None:
    """Length of the video stream by its header (Matroska writes, as text, when it ends)."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    clock = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (float(part) for part in clock)
    except ValueError:
        return None
    begins = float((stream.start_time or 0) * stream.time_base) if stream.time_base is not None else 0.0
    return max(3600 * hours + 60 * minutes + seconds - begins, 0.0)


def _step(stream: Any) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return 1 / float(rate) if rate else 1 / FPS


def _intrinsics(width: int, height: int, metadata: dict[str, str]) -> tuple[Array, str]:
    for key in _FOCAL_KEYS:
        try:
            millimetres = float(metadata.get(key, ""))
        except ValueError:
            continue
        if 5 <= millimetres <= 2000:
            return intrinsics_of_35mm(
                millimetres, width, height
            ), f"{millimetres:g} mm (35 mm equivalent) by its header"
    return default_intrinsics(width, height), "taken for the diagonal of the image (a 53 degree view across it)"


def intrinsics_of_35mm(millimetres: float, width: float, height: float) -> Array:
    """[3, 3] pixels of a lens by its 35 mm equivalent focal length, the diagonals of film and image being equal."""
    intrinsics = default_intrinsics(width, height)
    intrinsics[[0, 1], [0, 1]] *= millimetres / DIAGONAL_35MM
    return intrinsics


def _camera(number: int, fps: float | None) -> Iterator[tuple[float, Image]]:
    cv2 = library("cv2")
    log = cv2.utils.logging  # it would say in its own lines what we say in one
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise InputError(f"camera {number}: cannot be opened; wanted the number of a camera that no one else uses")
        begun = time.monotonic()
        due = 0.0
        while True:
            good, image = capture.read()
            if not good:
                raise InputError(f"camera {number}: gives no more images; wanted one that stays connected")
            moment = time.monotonic() - begun
            if fps is None or moment >= due:
                due = max(due + 1 / fps, moment - 1 / fps) if fps else 0.0
                yield moment, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
