"""What each joint does against the ground and the person's own facing: curves over the frames of a motion.

The facing is the horizontal normal of hips and shoulders together, so that their counter-rotation in a gait cancels.
A person's left is +x of that frame, up is +y, ahead is +z.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array, Flags

PELVIS, NECK, HEAD = (JOINTS.index(name) for name in ("pelvis", "neck", "head"))
HIPS, KNEES, ANKLES, FEET, SHOULDERS, ELBOWS, WRISTS = (
    [JOINTS.index(f"left_{name}"), JOINTS.index(f"right_{name}")]
    for name in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")
)
UPRIGHT = 30
"""degrees of the trunk from the vertical that count as upright"""
FACING_WIDTH, PATH_WIDTH, JOINT_WIDTH = 11, 9, 3
"""frames of the box filters over the facing, the root's path, and joints before they are differentiated"""


@dataclass(frozen=True, eq=False)
class MotionSignals:
    """Curves of a motion; arrays over [frames], of pairs [frames, 2] (left, right)."""

    heading: Array
    """[frames] radians, continuous; grows when the person turns left"""
    path: Array
    """[frames, 2] pelvis on the ground (x, z), metres, smoothed"""
    along: Array
    """[frames] m/s of the pelvis towards the facing"""
    across: Array
    """[frames] m/s of the pelvis towards the person's left"""
    speed: Array
    """[frames] m/s of the pelvis along the ground"""
    joints: Array
    """[frames, 24, 3] metres in the facing frame: left and ahead of the pelvis, and height in the world"""
    wrist_speed: Array
    """[frames, 2] m/s against the pelvis, in the facing frame"""
    foot_speed: Array
    """[frames, 2] m/s of the ankles against the pelvis, in the facing frame"""
    bustle: Array
    """[frames] m/s, mean speed of head, wrists, knees and ankles in the world: 0 for a person who is quite still"""
    knees: Array
    """[frames, 2] degrees of flexion, 0 for a straight leg"""
    elbows: Array
    """[frames, 2] degrees of flexion"""
    tilt: Array
    """[frames] degrees of the trunk (pelvis to neck) from upright"""
    bend: Array
    """[frames] degrees of the trunk forward of upright (backward below zero)"""
    leg: float
    """metres, hip to ankle along the bones"""
    arm: float
    """metres, shoulder to wrist along the bones"""

    @property
    def frames(self) -> int:
        return len(self.heading)

    def span(self, start: int, end: int) -> MotionSignals:
        """The frames start (inclusive) to end (exclusive)."""
        curves = (f.name for f in fields(self) if f.name not in ("leg", "arm"))
        return replace(self, **{name: getattr(self, name)[start:end] for name in curves})


def box_filtered(values: Array, width: int) -> Array:
    """Moving average over `width` (odd) frames of values [frames, ...]; the ends are repeated."""
    half = width // 2
    padded = np.concatenate([values[:1]] * (half + 1) + [values] + [values[-1:]] * half)
    total = np.cumsum(padded, axis=0, dtype=np.float64)
    return np.asarray((total[width:] - total[:-width]) / width)


def quantile(values: Array, below: float) -> float:
    """The value that the share `below` of the values [frames] is under: np.quantile's "lower", sooner."""
    return float(np.sort(values)[int(below * (len(values) - 1))])


def share(true: Flags) -> float:
    """The share of true values: mean() of flags, at a tenth of its cost."""
    return np.count_nonzero(true) / true.size


def recent_maximum(values: Array, frames: int) -> Array:
    """The largest of each frame and the `frames` - 1 before it."""
    latest = values.copy()
    for back in range(1, frames):
        np.maximum(latest[back:], values[:-back], out=latest[back:])
    return latest


def velocity(values: Array, width: int = JOINT_WIDTH) -> Array:
    """Change a second of values [frames, ...], smoothed over `width` frames; the ends are one-sided."""
    smooth = box_filtered(values, width)
    if len(smooth) < 3:
        return np.zeros_like(smooth)
    change = np.empty_like(smooth)
    change[1:-1] = (smooth[2:] - smooth[:-2]) * (FPS / 2)
    # the repeated ends of the filter slow the outermost frames down
    edge = min(width // 2 + 1, (len(smooth) - 1) // 2)
    change[:edge], change[-edge:] = change[edge], change[-edge - 1]
    return change


def flexion(joints: Array, above: list[int], middle: list[int], below: list[int]) -> Array:
    """Degrees [frames, 2] by which the chains above-middle-below of joints [frames, 24, 3] are bent."""
    upper, lower = joints[:, middle] - joints[:, above], joints[:, below] - joints[:, middle]
    lengths = np.sqrt((upper**2).sum(-1) * (lower**2).sum(-1))
    cosine = (upper * lower).sum(-1) / np.maximum(lengths, 1e-9)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _chain(joints: Array, chain: tuple[list[int], ...]) -> float:
    """Metres along the first frame's bones of the left and right chain, their mean."""
    first = joints[0]
    parts = (np.linalg.norm(first[a] - first[b], axis=-1).mean() for a, b in zip(chain, chain[1:], strict=False))
    return float(sum(parts))


def motion_signals(joints: Array) -> MotionSignals:
    """Curves of world joints [frames, 24, 3] (metres, y up, 30 fps)."""
    joints = np.asarray(joints, np.float64)
    side = (joints[:, HIPS[0]] - joints[:, HIPS[1]]) + (joints[:, SHOULDERS[0]] - joints[:, SHOULDERS[1]])
    yaw = np.unwrap(np.arctan2(-side[:, 2], side[:, 0]))
    heading = box_filtered(yaw, FACING_WIDTH) if len(yaw) > FACING_WIDTH else yaw
    pelvis = joints[:, PELVIS]
    path = box_filtered(pelvis[:, [0, 2]], PATH_WIDTH)
    motion = velocity(pelvis[:, [0, 2]], PATH_WIDTH)
    cosine, sine = np.cos(heading), np.sin(heading)
    # from the world to the facing frame: turned by -heading about y
    offset = joints - pelvis[:, None] * [1, 0, 1]
    local = np.empty_like(joints)
    local[..., 0] = offset[..., 0] * cosine[:, None] - offset[..., 2] * sine[:, None]
    local[..., 1] = joints[..., 1]
    local[..., 2] = offset[..., 0] * sine[:, None] + offset[..., 2] * cosine[:, None]
    moving = [*WRISTS, *ANKLES]
    against = velocity(local[:, moving] - [0, 1, 0] * pelvis[:, None])
    speeds = np.sqrt((against**2).sum(-1))
    world = velocity(joints[:, [HEAD, *WRISTS, *KNEES, *ANKLES]])
    trunk = local[:, NECK] - local[:, PELVIS]
    return MotionSignals(
        heading=heading,
        path=path,
        along=motion[:, 0] * sine + motion[:, 1] * cosine,
        across=motion[:, 0] * cosine - motion[:, 1] * sine,
        speed=np.hypot(motion[:, 0], motion[:, 1]),
        joints=local,
        wrist_speed=speeds[:, :2],
        foot_speed=speeds[:, 2:],
        bustle=np.sqrt((world**2).sum(-1)).mean(-1),
        knees=flexion(joints, HIPS, KNEES, ANKLES),
        elbows=flexion(joints, SHOULDERS, ELBOWS, WRISTS),
        tilt=np.degrees(np.arccos(np.clip(trunk[:, 1] / np.maximum(np.linalg.norm(trunk, axis=-1), 1e-9), -1, 1))),
        bend=np.degrees(np.arctan2(trunk[:, 2], trunk[:, 1])),
        leg=_chain(joints, (HIPS, KNEES, ANKLES)),
        arm=_chain(joints, (SHOULDERS, ELBOWS, WRISTS)),
    )


def swings(values: Array, least: float) -> int:
    """Reversals of a curve [frames] that goes up and down by at least `least` between them."""
    count, direction, extreme = 0, 0, float(values[0])
    for value in values.tolist():
        if direction >= 0 and value > extreme or direction <= 0 and value < extreme:
            if direction == 0 and abs(value - float(values[0])) >= least:
                direction = 1 if value > values[0] else -1
            if direction != 0:
                extreme = value
        elif direction != 0 and abs(value - extreme) >= least:
            count, direction, extreme = count + 1, -direction, value
    return count


def forearm_sway(signals: MotionSignals, side: int) -> Array:
    """[frames] metres of a wrist to the left of its elbow: goes to and fro when the hand waves."""
    return np.asarray(signals.joints[:, WRISTS[side], 0] - signals.joints[:, ELBOWS[side], 0])
