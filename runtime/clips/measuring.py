"""What a clip is, in numbers, and where it misses what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.clips.spec import ActionSpec, Limits, LoopSpec, TransitionSpec
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_motion import repeated
from genmo.runtime.motion.root_track import RootTrack
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, transpose, yaw_of
from genmo.runtime.motion.skeleton import BALL_HEIGHT, CONTACT_JOINTS, FOOT_JOINTS, JOINTS
from genmo.runtime.refine.floor_clearance import sole_points
from genmo.runtime.support.arrays import Array, Flags

LOW = 0.02
"""metres over where it stands in which a ball of a foot is on the ground"""
RUNNING = 2.0
"""m/s from which on slide is judged as that of a run"""
SEAM = 8
"""frames on either side of a loop's seam"""
SEEN = 3.0
"""how much a seam that is sharper than the rest of a loop counts"""
_CHEST = (0, *(JOINTS.index(name) for name in ("spine1", "spine2", "spine3")))


@dataclass(frozen=True)
class Measures:
    """Of a clip, from its first frame to its last."""

    speed: float
    """m/s of the root over the ground"""
    distance: float
    """metres from the first frame to the last, over the ground"""
    direction: float | None
    """degrees to the left of where the person looks on average; None: it goes nowhere"""
    turn: float
    """degrees to the left"""
    slide: float
    """cm/s of balls of the feet that are on the ground, but for the frames in which they land and leave"""
    sharpness: float
    """m/s^2, the largest acceleration of a joint"""
    rise: float
    """metres that the lower one of both feet gets off the ground"""
    sunk: float
    """mm that a sole is under the ground at most"""
    seam: float | None = None
    """of a loop: the largest change of a joint's velocity near the seam over the 99th percentile elsewhere"""


def looking(motion: Motion) -> Array:
    """Where the person looks [frames]: the heading of the chest, radians, without jumps."""
    chest = motion.rotations[:, _CHEST[0]]
    for joint in _CHEST[1:]:
        chest = chest @ motion.rotations[:, joint]
    return np.unwrap(yaw_of(chest))


def root_of(motion: Motion) -> RootTrack:
    """The root under a clip: it faces where the chest does, for hips point elsewhere in a sidestep."""
    return motion.root_track(looking(motion))


def from_origin(motion: Motion) -> Motion:
    """The motion turned and moved over the ground so that its root begins at the origin, facing +z."""
    root = root_of(motion)
    turn = matrix_from_yaw(np.asarray(-root.yaw[0]))
    return motion.moved(turn, -rotate(turn, root.position[0]))


def on_ground(motion: Motion) -> Flags:
    """Whether the balls of the left and the right foot are on the ground y = 0 [frames, 2]."""
    return motion.joints_world()[:, FOOT_JOINTS, 1] < BALL_HEIGHT + LOW


def stands(motion: Motion) -> Flags:
    """The same without the frame in which a foot lands and the one in which it leaves [frames, 2]."""
    low = on_ground(motion)
    inner = low.copy()
    inner[1:] &= low[:-1]
    inner[:-1] &= low[1:]
    return inner


def with_contacts(motion: Motion) -> Motion:
    """The motion whose feet are in contact where they stand; hands as they were."""
    standing = stands(motion).astype(np.float64)
    contacts = np.zeros((motion.frames, len(CONTACT_JOINTS))) if motion.contacts is None else motion.contacts.copy()
    contacts[:, :4] = np.repeat(standing, 2, axis=1)
    return replace(motion, contacts=contacts)


def measured(motion: Motion) -> Measures:
    """The measures of a clip; of a loop as it plays again and again."""
    root = root_of(motion)
    seconds = max(motion.frames - 1, 1) / motion.fps
    way = root.position[-1] - root.position[0]
    speed = float(np.hypot(way[0], way[2])) / seconds
    ahead = rotate(transpose(root.rotation), way).mean(axis=0)
    played = repeated(motion, 3) if motion.loops else motion
    joints = played.joints_world()
    sharp = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max(axis=1) * motion.fps**2
    balls = joints[:, FOOT_JOINTS]
    speeds = np.linalg.norm(np.gradient(balls, axis=0)[..., [0, 2]], axis=-1) * motion.fps
    standing = stands(played)
    if motion.loops:  # the middle one
        inner = slice(motion.frames - 1, 2 * motion.frames - 2)
        sharp, speeds, standing, balls = sharp[inner], speeds[inner], standing[inner], balls[inner]
    return Measures(
        speed=speed,
        distance=speed * seconds,
        direction=float(np.degrees(np.arctan2(ahead[0], ahead[2]))) if speed > 0.1 else None,
        turn=float(np.degrees(root.yaw[-1] - root.yaw[0])),
        slide=100 * float(speeds[standing].mean()) if standing.any() else 0.0,
        sharpness=float(sharp.max(initial=0.0)),
        rise=float(max(balls[..., 1].min(axis=1).max() - BALL_HEIGHT, 0.0)),
        sunk=1000 * float(max(-sole_points(motion)[..., 1].min(), 0.0)),
        seam=_seam(played, motion.frames - 1) if motion.loops else None,
    )


def _seam(played: Motion, period: int) -> float:
    """The largest change of velocity around the seams over the 99th percentile elsewhere."""
    jump = np.linalg.norm(np.diff(played.joints_world(), 2, axis=0), axis=-1).max(axis=1)
    phase = (np.arange(len(jump)) + 1) % period
    reach = min(SEAM, period // 4)
    near = (phase < reach) | (phase >= period - reach)
    return float(jump[near].max() / max(np.percentile(jump[~near], 99), 1e-9))


def misses(what: LoopSpec | ActionSpec | TransitionSpec, found: Measures, limits: Limits) -> list[str]:
    """Where a clip is not what was asked for, a few words each."""
    said = []
    if isinstance(what, LoopSpec):
        if abs(found.speed - what.speed) > limits.speed * (1 + what.speed):
            said.append(f"goes at {found.speed:.2f} m/s, wanted {what.speed:.2f}")
        off = 0.0 if found.direction is None else abs(_between(found.direction, what.direction))
        if what.speed and off > limits.direction:
            said.append(f"goes {off:.0f} degrees off its direction")
        if what.speed == 0 and abs(found.turn) > limits.turn:
            said.append(f"turns by {found.turn:.0f} degrees")
    if isinstance(what, ActionSpec):
        if abs(found.turn - what.turn) > limits.turn:
            said.append(f"turns by {found.turn:.0f} degrees, wanted {what.turn:.0f}")
        if what.ahead is not None and abs(found.distance - abs(what.ahead)) > limits.ahead:
            said.append(f"goes {found.distance:.2f} m, wanted {what.ahead:.2f}")
        if what.rise is not None and found.rise < limits.rise * what.rise:
            said.append(f"feet rise by {100 * found.rise:.0f} cm, wanted {100 * what.rise:.0f}")
    most = limits.slide * (1.5 if found.speed > RUNNING else 1.0)
    if found.slide > most:
        said.append(f"feet slide at {found.slide:.0f} cm/s, wanted at most {most:.0f}")
    if found.sharpness > limits.sharpness:
        said.append(f"a joint accelerates by {found.sharpness:.0f} m/s^2, wanted at most {limits.sharpness:.0f}")
    return said


def badness(what: LoopSpec | ActionSpec | TransitionSpec, found: Measures, limits: Limits) -> float:
    """What the best of several tries has least of."""
    cost = found.slide / limits.slide + found.sharpness / limits.sharpness + found.sunk / 20
    if found.seam is not None:
        cost += SEEN * max(found.seam - 1, 0)
    if isinstance(what, ActionSpec):
        cost += abs(found.turn - what.turn) / limits.turn / 4
        if what.ahead is not None:
            cost += abs(found.distance - abs(what.ahead)) / limits.ahead / 4
        if what.rise is not None:
            cost += 5 * max(1 - found.rise / max(what.rise, 1e-3), 0)
    return cost


def _between(one: float, other: float) -> float:
    """Degrees from one direction to another, -180 to 180."""
    return (one - other + 180) % 360 - 180
