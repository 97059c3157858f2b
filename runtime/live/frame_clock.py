"""Keypoints that arrive at irregular times, resampled to the steady 30 frames a second of a stream."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array

WAITING = 4
"""detections that may wait for the estimation; the oldest gives way"""
LONGEST_GAP = 15
"""frames that are filled in between two detections; after a longer gap time jumps"""


@dataclass(frozen=True, eq=False)
class TimedKeypoints:
    """The keypoints of one person in one picture."""

    time: float
    """seconds of `time.monotonic` when the picture was taken"""
    points: Array
    """[17, 3] x, y in pixels and confidence, COCO-17"""
    camera_to_world: Array | None = None
    """[4, 4] pose of the camera, where it is known"""


@dataclass
class FrameClock:
    """Resamples detections to 30 frames a second, each frame between the two detections around it."""

    skipped: int = 0
    """frames that were left out so far because they came too late"""
    _last: TimedKeypoints | None = None
    _next: float = 0.0

    def frames(self, detection: TimedKeypoints) -> list[TimedKeypoints]:
        """The frames that are due with this detection, oldest first; their times are those of the pictures behind
        them.

        A point is interpolated where both detections are confident of it, and taken from the nearer one else.
        """
        before, self._last = self._last, detection
        if before is None:
            self._next = detection.time + 1 / FPS
            return [detection]
        due = int(np.floor((detection.time - self._next) * FPS + 1e-6)) + 1
        if due > LONGEST_GAP:
            self.skipped += due - 1
            self._next = detection.time + 1 / FPS
            return [detection]
        due_frames = [_between(before, detection, self._next + number / FPS) for number in range(due)]
        self._next += max(due, 0) / FPS
        return due_frames


def _between(before: TimedKeypoints, after: TimedKeypoints, time: float) -> TimedKeypoints:
    share = np.clip((time - before.time) / max(after.time - before.time, 1e-9), 0.0, 1.0)
    nearer = after if share > 0.5 else before
    both = np.minimum(before.points[:, 2:], after.points[:, 2:]) > 0.5
    mixed = (1 - share) * before.points + share * after.points
    # the newer picture is what the frame had to wait for: latency is counted from it
    return TimedKeypoints(after.time, np.where(both, mixed, nearer.points), nearer.camera_to_world)


class LatestQueue:
    """Runs a source in a thread of its own; what is not taken in time is replaced by what is newer."""

    def __init__(self, source: Callable[[threading.Event], Iterator[TimedKeypoints]]) -> None:
        self.dropped = 0
        """detections that were not used"""
        self._stop = threading.Event()
        self._waiting: queue.Queue[TimedKeypoints | BaseException | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, args=(source,), name="genmo-live-source", daemon=True)
        self._thread.start()

    def _run(self, source: Callable[[threading.Event], Iterator[TimedKeypoints]]) -> None:
        try:
            for detection in source(self._stop):
                while self._waiting.qsize() >= WAITING:
                    try:
                        self._waiting.get_nowait()
                        self.dropped += 1
                    except queue.Empty:  # taken in this moment
                        break
                self._waiting.put(detection)
                if self._stop.is_set():
                    return
        except BaseException as error:  # for the thread that takes the detections
            self._waiting.put(error)
        else:
            self._waiting.put(None)

    def __iter__(self) -> Iterator[TimedKeypoints]:
        """The detections as they come, to the end of the source.  Raises what the source raised."""
        while True:
            try:
                detection = self._waiting.get(timeout=0.2)  # a wait without end would miss Ctrl-C on every system
            except queue.Empty:
                continue
            if isinstance(detection, BaseException):
                raise detection
            if detection is None:
                return
            yield detection

    def stop(self) -> None:
        """End the source; returns when its thread has, or after two seconds."""
        self._stop.set()
        self._thread.join(timeout=2)
