"""A person's motion out of a BVH file of any common skeleton, as SMPL-24 joints.

Joints are found by name (see `genmo.runtime.motion.bone_names`; or a table of the user's).  A joint keeps the movement
of the file's joint; what differs is the rest pose.  SMPL's zero pose is a T-pose that faces +z, so each joint gets the
turn that takes its SMPL bone to where the file's bone points in the file's rest pose (all channels zero, or a frame of
the user's choice).  Joint positions are those of the file exactly, whatever that turn is; it decides which rotation is
called zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.formats.bvh import Bvh, read_bvh
from genmo.runtime.motion.bone_names import JOINT_OF_PART, ancestors, name_parts, neck_bones
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, normalize, rotate, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, rest_joints, shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted, read_json

ROUNDED = 0.01
"""frames a second that a frame time rounded in its file may be off"""
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""takes points of a world with z up to one with y up"""
# what a BVH number may mean, in metres; CMU's classic conversion counts inches of a person 0.45 times as large
UNITS = {"metre": 1.0, "centimetre": 0.01, "millimetre": 0.001, "inch": 0.0254, "CMU unit": 0.0254 / 0.45}
PERSON = 0.7, 1.35
"""times the mean person's legs: what a recorded person's may be"""
LISTED = 60
"""names of a file in a message at most"""
SAME_POSE = np.radians(30)
"""a bone that points nearer to SMPL's than this is a person's own bone and no other rest pose"""

_REQUIRED = (
    "pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip


def joint_map(bvh: Bvh, names: dict[str, str] | None = None) -> dict[int, int]:
    """SMPL joint -> joint of the file.  `names`: SMPL joint name -> name in the file, before all guessing.

    Raises InputError that lists the file's joints when a limb, the pelvis or the neck is not found.
    """
    nodes = name_parts(bvh.names, bvh.parents).nodes
    joints = {JOINT_OF_PART[part]: number for part, number in nodes.items()}
    joints |= _named(bvh, names or {})
    missing = [joint for joint in _REQUIRED if joint not in joints]
    if not {"neck", "head"} & set(joints):
        missing.append("neck")
    if missing:
        listed = ", ".join(name[:40] for name in bvh.names[:LISTED])
        more = f" and {len(bvh.names) - LISTED} more" if len(bvh.names) > LISTED else ""
        raise InputError(
            f"no joint for {', '.join(missing)} among {listed}{more}; name each in a JSON file "
            f'{{"{missing[0]}": "joint of the file", ...}} and pass --names, which genmo-keyframe, genmo-retarget and '
            "genmo-prepare have"
        )
    if "neck" not in joints:
        trunk = ancestors(bvh.parents, joints["left_shoulder"])
        neck = neck_bones(bvh.parents, joints["head"], trunk)
        joints |= {"neck": neck[0]} if neck else {}
    joints |= {joint: number for joint, number in _spine(bvh, joints).items() if joint not in joints}
    return {JOINTS.index(joint): number for joint, number in joints.items()}


def _named(bvh: Bvh, names: dict[str, str]) -> dict[str, int]:
    for joint, name in names.items():
        if joint not in JOINTS or name not in bvh.names:
            unknown = (
                f"{quoted(joint)} is no SMPL joint" if joint not in JOINTS else f"{quoted(name)} is not in the file"
            )
            raise InputError(f"--names: {unknown}; wanted SMPL names ({', '.join(JOINTS)}) -> names of the file")
    return {joint: bvh.names.index(name) for joint, name in names.items()}


def _spine(bvh: Bvh, joints: dict[str, int]) -> dict[str, int]:
    """spine1 to spine3 of the joints between pelvis and neck; spine3 is where neck and arms part."""
    arm = set(ancestors(bvh.parents, joints.get("left_collar", joints["left_shoulder"])))
    upward = ancestors(bvh.parents, joints.get("neck", joints.get("head", joints["left_shoulder"])))[1:]
    between = upward[: upward.index(joints["pelvis"])] if joints["pelvis"] in upward else []
    shared = [joint for joint in reversed(between) if joint in arm]
    if not shared:
        return {}
    if len(shared) == 1:
        return {"spine3": shared[0]}
    middle = {"spine2": shared[len(shared) // 2]} if len(shared) > 2 else {}
    return {"spine1": shared[0], **middle, "spine3": shared[-1]}


def _turn_between(first: Array, second: Array, axis: Array) -> Array:
    """The smallest rotation [3, 3] of unit vector `first` onto `second`.

    Nearly opposite ones first turn half round about `axis`, for there the smallest rotation hangs on noise.
    """
    cosine = float(first @ second)
    if cosine < -np.cos(SAME_POSE):
        half = matrix_from_axis_angle(np.pi * normalize(axis - (axis @ first) * first))
        return np.asarray(_turn_between(half @ first, second, axis) @ half)
    cross = np.cross(first, second)
    sine = float(np.linalg.norm(cross))
    return matrix_from_axis_angle(cross / max(sine, 1e-9) * np.arctan2(sine, cosine))


def _frame(up: Array, left: Array) -> Array:
    """Rotation [3, 3] whose columns are left, up and forward (left made square to up)."""
    up = normalize(up)
    left = normalize(left - (left @ up) * up)
    return np.stack([left, up, np.cross(left, up)], axis=-1)


@dataclass(frozen=True, eq=False)
class Retarget:
    """How one skeleton's joints become SMPL's."""

    joints: dict[int, int]
    """SMPL joint -> joint of the file, or of its nearest ancestor that has one"""
    turns: Array
    """[24, 3, 3] takes SMPL's rest directions to the file's in the file's rest pose"""
    offsets: Array
    """[24, 3] rest offsets in SMPL's rest pose, in the file's unit"""


def retarget(joints: dict[int, int], rest: Array, *, same_rest: bool = False) -> Retarget:
    """The turns and offsets for a map (see joint_map) and the file's joints in its rest pose [joints, 3].

    `same_rest`: the rest pose is SMPL's by convention, wherever this person's bones point.

    A joint that the file lacks moves with its parent.  It lies as far along the way to the next one as in a mean
    person; the end of a limb (a toe, a hand) is a mean person's, as large as the legs are.
    """
    mean = shape_space().mean
    standing = rest_joints(mean)
    source = {**joints}
    for joint in range(JOINT_COUNT):
        source.setdefault(joint, source[PARENTS[joint]] if joint else joints[0])
    positions = _smpl_rest_positions(joints, rest, standing)
    legs = [JOINTS.index(name) for name in ("left_hip", "left_knee", "left_ankle")]
    scale = _length(positions[legs]) / _length(standing[legs])
    hips = (JOINTS.index("left_hip"), JOINTS.index("right_hip"))
    neck = JOINTS.index("neck")
    frames = [_frame(p[neck] - p[0], p[hips[0]] - p[hips[1]]) for p in (standing, positions)]
    turns = np.empty((JOINT_COUNT, 3, 3))
    for joint in range(JOINT_COUNT):
        turn = frames[1] @ frames[0].T if joint == 0 else turns[PARENTS[joint]]
        if joint == 0 and np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)) < SAME_POSE:
            turn = np.eye(3)
        children = [c for c in range(JOINT_COUNT) if PARENTS[c] == joint]
        if joint and len(children) == 1 and joint in joints and not np.isnan(positions[children[0], 0]):
            turn = _swing(turn, mean[children[0]], positions[children[0]] - positions[joint], frames[1][:, 0]) @ turn
        turns[joint] = np.eye(3) if same_rest else turn
    offsets = np.zeros((JOINT_COUNT, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        lacking = np.isnan(positions[joint, 0])
        offsets[joint] = scale * mean[joint] if lacking else turns[parent].T @ (positions[joint] - positions[parent])
    return Retarget(source, turns, offsets)


def _swing(turn: Array, bone: Array, target: Array, axis: Array) -> Array:
    """What is still to turn for SMPL's `bone`, already turned with its parent, to point like the file's `target`."""
    length = float(np.linalg.norm(target))
    if length < 1e-6:
        return np.eye(3)
    now = normalize(turn @ bone)
    close = float(now @ target) / length > np.cos(SAME_POSE)
    return np.eye(3) if close else _turn_between(now, target / length, axis)


def _smpl_rest_positions(joints: dict[int, int], rest: Array, standing: Array) -> Array:
    """Rest positions [24, 3] in the file's frame; joints it lacks are put in between, or are NaN at a limb's end."""
    positions = np.full((JOINT_COUNT, 3), np.nan)
    for joint, number in joints.items():
        positions[joint] = rest[number]
    for joint, parent in enumerate(PARENTS):
        below = next((c for c in range(joint + 1, JOINT_COUNT) if c in joints and _is_above(joint, c)), None)
        if joint not in joints and below is not None:
            whole = np.linalg.norm(standing[below] - standing[parent])
            share = np.linalg.norm(standing[joint] - standing[parent]) / max(float(whole), 1e-6)
            positions[joint] = positions[parent] + min(float(share), 1.0) * (positions[below] - positions[parent])
    return positions


def _is_above(joint: int, other: int) -> bool:
    while other > joint:
        other = PARENTS[other]
    return other == joint


def _length(points: Array) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=-1).sum())


def unit_of(offsets: Array, *, any_size: bool = False) -> float:
    """Metres of the file's unit, such that a person's legs come out: the unit of UNITS nearest to a mean person.

    `any_size`: legs that no unit makes a person's become a mean person's; without it they raise InputError.
    """
    legs = [JOINTS.index(name) for name in ("left_knee", "left_ankle")]
    length = float(np.linalg.norm(offsets[legs], axis=-1).sum())
    mean = float(np.linalg.norm(shape_space().mean[legs], axis=-1).sum())
    ratios = {name: length * scale / mean for name, scale in UNITS.items()}
    best = min(ratios, key=lambda name: abs(np.log(max(ratios[name], 1e-12))))
    if PERSON[0] <= ratios[best] <= PERSON[1]:
        return UNITS[best]
    if any_size and length > 0:
        return mean / length
    raise InputError(f"legs are {length:.4g} units long, a person's in none of {', '.join(UNITS)}; pass --scale")


def _stands_on_z(positions: Array, joints: dict[int, int]) -> bool:
    """True when heads are above ankles along z much more than along y, in the middle of all frames."""
    ankles = positions[:, [joints[JOINTS.index(f"{side}_ankle")] for side in ("left", "right")]].mean(axis=1)
    top = next(joints[joint] for joint in (JOINTS.index("neck"), JOINTS.index("head")) if joint in joints)
    up = np.median(positions[:, top] - ankles, axis=0)
    return bool(up[2] > 2 * abs(up[1]))


def bvh_motion(
    bvh: Bvh,
    *,
    names: dict[str, str] | None = None,
    scale: float | None = None,
    up: str | None = None,
    rest_frame: int | None = None,
    any_size: bool = False,
) -> Motion:
    """The motion of a parsed file at the file's own rate, y up, metres.

    `scale`: metres of the file's unit (None: found from the length of the legs, see `unit_of` for `any_size`); `up`:
    "y" or "z" (None: where the head is); `rest_frame`: the frame, from 0, in which the person stands in a T-pose
    (None: all channels zero).
    Raises InputError for a skeleton that is no person's.
    """
    joints = joint_map(bvh, names)
    rotations, positions = bvh.kinematics()
    if rest_frame is None:
        base, rest = np.tile(np.eye(3), (len(bvh.names), 1, 1)), _rest_positions(bvh)
    elif 0 <= rest_frame < bvh.frames:
        base, rest = rotations[rest_frame], positions[rest_frame]
    else:
        raise InputError(f"--rest-frame {rest_frame}: the file has frames 0 to {bvh.frames - 1}")
    plan = retarget(joints, rest, same_rest=rest_frame is None and set(bvh.names) == set(JOINTS))
    metres = unit_of(plan.offsets, any_size=any_size) if scale is None else scale
    columns = [plan.joints[joint] for joint in range(JOINT_COUNT)]  # joint of the file for each SMPL joint
    world = rotations[:, columns] @ transpose(base[columns]) @ plan.turns  # [frames, 24, 3, 3]
    path = metres * positions[:, joints[0]]
    if up == "z" or (up is None and _stands_on_z(positions, joints)):
        world, path = Z_UP @ world, rotate(Z_UP, path)
    local = world.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        local[:, joint] = transpose(world[:, parent]) @ world[:, joint]
    return Motion(local, path, offsets=metres * plan.offsets, fps=_rate(bvh.frame_time))


def _rate(frame_time: float) -> float:
    """Frames a second; files round 1/30 s to 0.033333."""
    fps = 1 / frame_time
    return float(round(fps)) if abs(fps - round(fps)) < ROUNDED else fps


def read_names(path: str | Path | None) -> dict[str, str] | None:
    """The table of a --names file: SMPL joint -> joint of the file.  Raises InputError when it is not JSON of names."""
    if path is None:
        return None
    expected = "a JSON object: SMPL joint -> joint of the file"
    names = read_json(path, expected)
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InputError(f"{path}: holds something else than names; wanted {expected}")
    return names


def read_bvh_motion(path: str | Path, *, names: dict[str, str] | None = None, scale: float | None = None) -> Motion:
    """The motion of a BVH file of any common skeleton; `names` and `scale` as for `bvh_motion`.

    Legs that are a person's in no known unit (a giant's, a chibi's) count as a mean person's: what is played on another
    skeleton is scaled by the legs anyway.  Raises InputError that names the file.
    """
    bvh = read_bvh(path)
    if not bvh.frames:
        raise InputError(f"{path}: has no frame; wanted a motion: export it again")
    try:
        return bvh_motion(bvh, names=names, scale=scale, any_size=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _rest_positions(bvh: Bvh) -> Array:
    positions = np.array(bvh.offsets, np.float64)
    for joint, parent in enumerate(bvh.parents):
        if parent >= 0:
            positions[joint] += positions[parent]
    return positions
