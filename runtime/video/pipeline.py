"""A whole video: who is in it, their keypoints at 30 frames a second, and what the camera did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.readers.keypoints import People
from genmo.runtime.readers.tracks import Detections, Indices, tracks
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import ProgressCallback, no_progress
from genmo.runtime.video.estimator import PoseEstimator
from genmo.runtime.video.frames import VideoInfo, clip_frames, read_info
from genmo.runtime.video.odometry import Odometer, Odometry
from genmo.runtime.video.poses import Poses
from genmo.runtime.video.tracker import Tracker

BRIDGED = 0.1
"""Seconds without a sight of a point that are filled in; longer ones stay empty."""
OUTSIDE = 0.02
"""Points further outside than this part of the image's width are guesses of the network: not seen."""
SHORTEST = 0.5
"""Seconds that somebody must be seen to count among all people."""


@dataclass(frozen=True, eq=False)
class VideoPeople:
    """What a video shows."""

    info: VideoInfo
    people: People
    """everybody at 30 frames a second"""
    odometry: Odometry


def extract_people(
    path: str | Path,
    estimator: PoseEstimator,
    *,
    intrinsics: Array | None = None,
    progress: ProgressCallback = no_progress,
) -> VideoPeople:
    """Find, follow and pose everybody in a video, and follow its background.

    `intrinsics` [3, 3] in pixels replace those of the header or the guess.  `progress` is told the share
    that is done, where the header says how long the video is.  Raises InputError for what cannot be read, and for
    nobody in it.
    """
    info = read_info(path)
    lens = info.intrinsics if intrinsics is None else intrinsics
    odometer, tracker = Odometer(lens, info.width, info.height), Tracker()
    times: list[float] = []
    seen: dict[int, list[tuple[int, Array]]] = {}
    count, total = 0, round((info.seconds or 0) * FPS)
    notes: list[str] = []
    for frame in clip_frames(path, notes=notes):
        poses = inside(estimator.people(frame.image), info.width, info.height)
        odometer.add(frame.time, frame.image, poses.boxes)
        for one, points in zip(tracker.update(frame.time, poses), poses.points, strict=True):
            seen.setdefault(int(one), []).append((len(times), points))
        times.append(frame.time)
        count = frame.clip.stop
        if total > count:
            progress(count / total)
    progress(1.0)
    people = gather(seen, np.array(times), count, str(path), lens)
    return VideoPeople(info, replace(people, notes=(*notes, *people.notes)), odometer.finish())


def inside(poses: Poses, width: int, height: int) -> Poses:
    """The poses with points outside of the image unseen: a top-down network guesses them from nothing."""
    edge = OUTSIDE * width
    x, y = poses.points[..., 0], poses.points[..., 1]
    within = (x >= -edge) & (y >= -edge) & (x <= width + edge) & (y <= height + edge)
    return Poses(poses.points * within[..., None], poses.boxes, poses.scores)


def gather(
    seen: dict[int, list[tuple[int, Array]]], times: Array, frames: int, source: str, intrinsics: Array
) -> People:
    """Everybody at 30 frames a second, from the sightings (number of the source frame, points [17, 3]) of each.

    `times` [M]: seconds of the source's frames; `frames`: of the clip.  Raises InputError when there is nobody.
    """
    if not seen:
        raise InputError(f"{source}: the detector finds nobody in {frames} frames; wanted at least one person in view")
    at = np.arange(frames) / FPS
    parts: list[tuple[Indices, Array, Indices]] = []
    short = 0
    for one, sightings in seen.items():
        if len(sightings) / len(times) * frames / FPS < min(SHORTEST, frames / FPS / 2) and len(seen) > 1:
            short += 1
            continue
        points = points_at(
            np.array([points for _, points in sightings]),
            times[[number for number, _ in sightings]],
            at,
            step_of(times),
        )
        known = np.flatnonzero((points[..., 2] > 0).any(axis=-1))
        parts.append((known, points[known], np.full(len(known), one)))
    if not parts:
        raise InputError(f"{source}: nobody is in view for {SHORTEST:g} s; wanted a person that stays in view")
    known, points, ids = (np.concatenate([part[column] for part in parts]) for column in range(3))
    order = np.argsort(known, kind="stable")
    detections = Detections(known[order], points[order], ids[order])
    found = tracks(detections, FPS, source)
    notes = []
    if len(found) > 1:
        notes.append(f"{source}: {len(found)} people, ids {', '.join(map(str, list(found)[:10]))} (the largest first)")
    if short:
        notes.append(f"{source}: {short} more were seen for less than {SHORTEST:g} s and are left out")
    return People(source, detections, found, frames, FPS, intrinsics, 0, tuple(notes))


def step_of(times: Array) -> float:
    """Usual time between frames, seconds."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / FPS


def points_at(points: Array, times: Array, at: Array, step: float) -> Array:
    """Points [M, 17, 3] seen at `times` [M] as [N, 17, 3] at the times `at` [N], straight between sightings.

    Each neighbour counts by its confidence (normalised convolution), so nothing is drawn to where a point was not seen;
    the confidence is the weighted mean of both.  Gaps over `BRIDGED` seconds (or 1.5 of the source's `step`, where
    that is more) stay empty.
    """
    after = np.searchsorted(times, at - 1e-6)
    left, right = np.clip(after - 1, 0, len(times) - 1), np.clip(after, 0, len(times) - 1)
    gap = times[right] - times[left]
    part = np.where(gap > 0, (at - times[left]) / np.where(gap > 0, gap, 1), 0)
    most = max(BRIDGED, 1.5 * step) + 1e-6
    nearest = np.where(np.abs(at - times[left]) <= np.abs(at - times[right]), left, right)
    lone = (gap > most) | (after == 0) | (after == len(times))  # no neighbour on the other side
    close = np.abs(at - times[nearest]) <= step / 2 + 1e-6
    share = np.stack([np.where(lone, 0, 1 - part), np.where(lone, 0, part), lone & close], axis=-1)
    index = np.stack([left, right, nearest], axis=-1)
    taken = points[index]  # [N, 3, 17, 3]
    weight = share[..., None] * taken[..., 2]
    mass = weight.sum(axis=1)
    place = (weight[..., None] * taken[..., :2]).sum(axis=1) / np.where(mass > 0, mass, 1)[..., None]
    return np.concatenate([place * (mass > 0)[..., None], mass[..., None]], axis=-1).reshape(len(at), COCO_COUNT, 3)
