"""A whole video: who is in it, their keypoints at 30 frames a second, and what the camera did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.readers.keypoints import People
from genmo.runtime.readers.tracks import Detections, Indices, tracks
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import ProgressCallback, no_progress
from genmo.runtime.video.frames import VideoInfo, clip_frames, read_info
from genmo.runtime.video.odometry import Odometer, Odometry
from genmo.runtime.video.poses import Poses
from genmo.runtime.video.tracker import Tracker

BRIDGED = 0.1
"""Seconds without a detection of a point that are filled in; longer ones stay empty."""
OUTSIDE = 0.02
"""Points further outside than this fraction of the image's width are guesses of the network: dropped."""
SHORTEST = 0.5
"""Seconds that a person must be detected for to be kept."""


class PeopleFinder(Protocol):
    """Finds people in one frame after another: `PoseEstimator`, `BlazePose`."""

    def people(self, image: Image) -> Poses:
        """Everybody in an RGB image."""


@dataclass(frozen=True, eq=False)
class VideoPeople:
    """What a video shows."""

    info: VideoInfo
    people: People
    """everybody at 30 frames a second"""
    odometry: Odometry


def extract_people(
    path: str | Path,
    estimator: PeopleFinder,
    *,
    intrinsics: Array | None = None,
    start: float = 0.0,
    end: float | None = None,
    longest: float | None = None,
    progress: ProgressCallback = no_progress,
) -> VideoPeople:
    """Find, follow and pose everybody in a video, and follow its background.

    Only what lies from `start` to `end` (seconds; None: its end) is looked at, and `longest` seconds of it at most.
    `intrinsics` [3, 3] in pixels replace those of the header or the guess.  `progress` gets the share that is done,
    where the header says how long the video is.  Raises InputError for what cannot be read or is longer than
    `longest`, and for nobody in it.
    """
    info = read_info(path)
    lens = info.intrinsics if intrinsics is None else intrinsics
    odometer, tracker = Odometer(lens, info.width, info.height), Tracker()
    times: list[float] = []
    detected: dict[int, list[tuple[int, Array]]] = {}
    first = round(start * FPS)
    count, total = 0, round((info.seconds or 0) * FPS) - first
    notes: list[str] = []
    for frame in clip_frames(path, notes=notes):
        if frame.clip.stop <= first:
            continue
        if end is not None and frame.time >= end:
            break
        moment = frame.time - start
        if longest is not None and moment > longest:
            raise InputError(f"{path}: goes on for more than {longest:g} s; wanted less of it: a shorter stretch")
        poses = inside(estimator.people(frame.image), info.width, info.height)
        odometer.add(moment, frame.image, poses.boxes)
        for one, points in zip(tracker.update(moment, poses), poses.points, strict=True):
            detected.setdefault(int(one), []).append((len(times), points))
        times.append(moment)
        count = frame.clip.stop - first
        if total > count:
            progress(count / total)
    progress(1.0)
    if not times:
        raise InputError(f"{path}: nothing of it lies after {start:g} s; wanted a stretch within it")
    people = gather(detected, np.array(times), count, str(path), lens)
    return VideoPeople(info, replace(people, notes=(*notes, *people.notes)), odometer.finish())


def inside(poses: Poses, width: int, height: int) -> Poses:
    """The poses with confidence 0 for points outside of the image: a top-down network guesses them from nothing."""
    edge = OUTSIDE * width
    x, y = poses.points[..., 0], poses.points[..., 1]
    within = (x >= -edge) & (y >= -edge) & (x <= width + edge) & (y <= height + edge)
    return Poses(poses.points * within[..., None], poses.boxes, poses.scores)


def gather(
    detected: dict[int, list[tuple[int, Array]]], times: Array, frames: int, source: str, intrinsics: Array
) -> People:
    """Everybody at 30 frames a second, from the detections (number of the source frame, points [21, 3]) of each.

    `times` [M]: seconds of the source's frames; `frames`: of the clip.  Raises InputError when there is nobody.
    """
    if not detected:
        raise InputError(f"{source}: the detector finds nobody in {frames} frames; wanted at least one person in view")
    frame_times = np.arange(frames) / FPS
    parts: list[tuple[Indices, Array, Indices]] = []
    short = 0
    for one, sightings in detected.items():
        if len(sightings) / len(times) * frames / FPS < min(SHORTEST, frames / FPS / 2) and len(detected) > 1:
            short += 1
            continue
        points = points_at(
            np.array([points for _, points in sightings]),
            times[[number for number, _ in sightings]],
            frame_times,
            step_of(times),
        )
        visible_frames = np.flatnonzero((points[..., 2] > 0).any(axis=-1))
        parts.append((visible_frames, points[visible_frames], np.full(len(visible_frames), one)))
    if not parts:
        raise InputError(f"{source}: nobody is in view for {SHORTEST:g} s; wanted a person that stays in view")
    visible_frames, points, ids = (np.concatenate([part[column] for part in parts]) for column in range(3))
    order = np.argsort(visible_frames, kind="stable")
    detections = Detections(visible_frames[order], points[order], ids[order])
    person_tracks = tracks(detections, FPS, source)
    notes = []
    if len(person_tracks) > 1:
        listed = ", ".join(map(str, list(person_tracks)[:10]))
        notes.append(f"{source}: {len(person_tracks)} people, ids {listed} (the largest first)")
    if short:
        notes.append(f"{source}: {short} more were seen for less than {SHORTEST:g} s and are left out")
    return People(source, detections, person_tracks, frames, FPS, intrinsics, 0, tuple(notes))


def step_of(times: Array) -> float:
    """Usual time between frames, seconds."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / FPS


def points_at(points: Array, times: Array, frame_times: Array, step: float) -> Array:
    """Points [M, 21, 3] detected at `times` [M] as [N, 21, 3] at `frame_times` [N], linear between detections.

    Each neighbour counts by its confidence (normalised convolution), so undetected points pull nothing towards them;
    the confidence is the weighted mean of both.  Gaps over `BRIDGED` seconds (or 1.5 of the source's `step`, where
    that is more) stay empty.
    """
    after = np.searchsorted(times, frame_times - 1e-6)
    left, right = np.clip(after - 1, 0, len(times) - 1), np.clip(after, 0, len(times) - 1)
    gap = times[right] - times[left]
    fraction = np.where(gap > 0, (frame_times - times[left]) / np.where(gap > 0, gap, 1), 0)
    most = max(BRIDGED, 1.5 * step) + 1e-6
    nearest = np.where(np.abs(frame_times - times[left]) <= np.abs(frame_times - times[right]), left, right)
    lone = (gap > most) | (after == 0) | (after == len(times))  # no neighbour on the other side
    close = np.abs(frame_times - times[nearest]) <= step / 2 + 1e-6
    share = np.stack([np.where(lone, 0, 1 - fraction), np.where(lone, 0, fraction), lone & close], axis=-1)
    index = np.stack([left, right, nearest], axis=-1)  # [N, 3]
    neighbours = points[index]  # [N, 3, 21, 3]
    weight = share[..., None] * neighbours[..., 2]
    mass = weight.sum(axis=1)
    position = (weight[..., None] * neighbours[..., :2]).sum(axis=1) / np.where(mass > 0, mass, 1)[..., None]
    return np.concatenate([position * (mass > 0)[..., None], mass[..., None]], axis=-1)
