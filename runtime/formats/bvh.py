"""BVH out, and BVH of any kind in.

What is written: the 24 named joints in T-pose rest, y up, CENTIMETRES (the unit that BVH tools assume: import with
scale 0.01 for metres), root with six channels, all others with three rotations, order Z X Y.  The root's OFFSET is
zero, because programs disagree on whether its position channels add to the OFFSET or replace it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.formats.bvh_words import BvhWords
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_track import ROOT_BONE, RootTrack
from genmo.runtime.motion.rotation import matrix_from_quaternion, quaternion_from_matrix, rotate
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_bytes

CENTIMETRES = 100.0
DIGITS = 6  # of degrees and centimetres: joints of a body come back within 1e-7 m
ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")
ROOT_CHANNELS = ("Xposition", "Yposition", "Zposition", *ROTATIONS)
_AXES = {"X": 0, "Y": 1, "Z": 2}
MAX_BYTES = 2**27  # 36 minutes of 78 joints take half of it
MAX_JOINTS = 5000
SHORTEST_FRAME, LONGEST_FRAME = 1e-3, 60.0
"""seconds; filters are as many frames long as a span of time has"""
END_SITE = 0.08  # metres; length given to the last bone of each limb, which has no child to point at


@dataclass(frozen=True, eq=False)
class Bvh:
    """A parsed BVH file, in the file's own unit of length."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """parent of each joint, -1 for a root (the first joint is one); parents come before their children"""
    offsets: Array
    """[joints, 3] rest position relative to the parent"""
    end_sites: dict[int, Array]
    """[3] end of the bone, for joints that have an End Site"""
    channels: tuple[tuple[str, ...], ...]
    """channel names of each joint, in file order, such as ("Zrotation", "Xrotation", "Yrotation")"""
    frame_time: float
    """seconds"""
    rotations: Array
    """[frames, joints, 3, 3] local"""
    positions: Array
    """[frames, joints, 3] local: the position channels where a joint has them, else its offset"""

    @property
    def frames(self) -> int:
        return len(self.rotations)

    def kinematics(self) -> tuple[Array, Array]:
        """World rotations [frames, joints, 3, 3] and joint positions [frames, joints, 3]."""
        world_rotations, world_positions = self.rotations.copy(), self.positions.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                world_rotations[:, joint] = world_rotations[:, parent] @ self.rotations[:, joint]
                world_positions[:, joint] = world_positions[:, parent] + rotate(
                    world_rotations[:, parent], self.positions[:, joint]
                )
        return world_rotations, world_positions


def euler(rotations: Array, order: str = "ZXY") -> Array:
    """Angles [frames, ..., 3] in radians about the axes of `order`, with R the product of the three turns in that
    order, from rotations [frames, ..., 3, 3].

    One angle after the other, each from what the ones before leave over: at gimbal lock the outer two trade freely,
    and the last makes up for whatever the first came out as, so the product is exact everywhere.  Turns are unwrapped
    over frames, so that no channel jumps by a full circle.
    """
    i, j, k = (_AXES[letter] for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    first = np.arctan2(-sign * rotations[..., j, k], rotations[..., k, k])
    left = np.swapaxes(_turn(i, first), -1, -2) @ rotations
    second = np.arctan2(sign * left[..., i, k], left[..., k, k])
    third = np.arctan2(sign * left[..., j, i], left[..., j, j])
    unwrapped: Array = np.unwrap(np.stack([first, second, third], axis=-1), axis=0)
    return unwrapped


def to_bvh(motion: Motion, *, root_bone: bool | RootTrack = False) -> bytes:
    """The motion as BVH text: centimetres, y up, T-pose rest, root motion kept.

    `root_bone`: with a joint over the pelvis that carries the way over the ground; then both have six channels.
    """
    # float32 matrices are a little off from rotations; angles want exact ones.
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(motion.rotations, np.float64)))
    offsets = CENTIMETRES * np.asarray(motion.rest_offsets, np.float64)
    offsets[0] = 0.0
    positions = np.tile(offsets, (motion.frames, 1, 1))
    positions[:, 0] = CENTIMETRES * np.asarray(motion.translation, np.float64)
    tips = [joint for joint in range(JOINT_COUNT) if joint not in PARENTS]
    lengths = {joint: max(float(np.linalg.norm(offsets[joint])), 1e-6) for joint in tips}
    bvh = Bvh(
        names=JOINTS,
        parents=PARENTS,
        offsets=offsets,
        end_sites={joint: CENTIMETRES * END_SITE * offsets[joint] / lengths[joint] for joint in tips},
        channels=(ROOT_CHANNELS, *[ROTATIONS] * (JOINT_COUNT - 1)),
        frame_time=1 / motion.fps,
        rotations=exact,
        positions=positions,
    )
    root = motion.root_bone(root_bone)
    return bvh_bytes(bvh if root is None else _under_root(bvh, root))


def _under_root(bvh: Bvh, root: RootTrack) -> Bvh:
    """The skeleton under a root bone with this track; its own root moves relative to it."""
    rotations, positions = bvh.rotations.copy(), bvh.positions.copy()
    way = RootTrack(CENTIMETRES * root.position, root.yaw)
    rotations[:, 0], positions[:, 0] = way.inside(rotations[:, 0], positions[:, 0])
    return Bvh(
        names=(ROOT_BONE, *bvh.names),
        parents=(-1, *(parent + 1 for parent in bvh.parents)),
        offsets=np.concatenate([np.zeros((1, 3)), bvh.offsets]),
        end_sites={joint + 1: end for joint, end in bvh.end_sites.items()},
        channels=(ROOT_CHANNELS, *bvh.channels),
        frame_time=bvh.frame_time,
        rotations=np.concatenate([way.rotation[:, None], rotations], axis=1),
        positions=np.concatenate([way.position[:, None], positions], axis=1),
    )


def bvh_bytes(bvh: Bvh) -> bytes:
    """The text of a BVH file.  Joints without channels, or with position channels alone, stay as they rest.

    Raises InputError for a joint that turns but has no three different rotation channels.
    """
    roots = [joint for joint, parent in enumerate(bvh.parents) if parent < 0]
    columns = [_columns(bvh, joint) for root in roots for joint in _depth_first(bvh.parents, root)]
    values = np.concatenate([column for column in columns if column.shape[1]], axis=1)
    lines = ["HIERARCHY", *(line for root in roots for line in _hierarchy(bvh, root))]
    lines += ["MOTION", f"Frames: {bvh.frames}", f"Frame Time: {bvh.frame_time:.9f}"]
    row = " ".join([f"%.{DIGITS}f"] * values.shape[1])
    lines += [row % tuple(frame) for frame in values + 0.0]
    return ("\n".join(lines) + "\n").encode()


def _columns(bvh: Bvh, joint: int) -> Array:
    """Channel values [frames, channels] of a joint: the file's unit, and degrees."""
    channels = bvh.channels[joint]
    turns = "".join(channel[0] for channel in channels if channel.endswith("rotation"))
    if sorted(turns) == ["X", "Y", "Z"]:
        angles = np.degrees(euler(bvh.rotations[:, joint], turns))
    elif np.allclose(bvh.rotations[:, joint], np.eye(3), atol=1e-9):
        angles = np.zeros((bvh.frames, len(turns)))
    else:
        raise InputError(
            f"joint {bvh.names[joint]!r} has the rotation channels {turns or 'none'}; wanted one each about X, Y and "
            "Z: export the character with three rotations a joint"
        )
    column = iter(angles.T)
    columns: list[Array] = []
    for channel in channels:
        if channel.endswith("rotation"):
            columns.append(next(column))
        elif channel.endswith("position"):
            columns.append(bvh.positions[:, joint, _AXES[channel[0]]])
        else:  # a scale, which nothing here changes
            columns.append(np.ones(bvh.frames))
    return np.stack(columns, axis=1) if columns else np.zeros((bvh.frames, 0))


def _depth_first(parents: tuple[int, ...], joint: int) -> list[int]:
    """Joints in the order in which HIERARCHY lists them, which is the order of the channels."""
    order, waiting = [], [joint]
    while waiting:
        order.append(waiting.pop())
        waiting += [child for child in reversed(range(len(parents))) if parents[child] == order[-1]]
    return order


def _hierarchy(bvh: Bvh, joint: int, depth: int = 0) -> list[str]:
    """Lines of the joint's block."""
    pad, inner = "\t" * depth, "\t" * (depth + 1)
    channels = bvh.channels[joint]
    lines = [
        f"{pad}{'ROOT' if bvh.parents[joint] < 0 else 'JOINT'} {bvh.names[joint]}",
        f"{pad}{{",
        f"{inner}OFFSET {_numbers(bvh.offsets[joint])}",
        " ".join([f"{inner}CHANNELS {len(channels)}", *channels]),
    ]
    children = [child for child in range(len(bvh.names)) if bvh.parents[child] == joint]
    for child in children:
        lines += _hierarchy(bvh, child, depth + 1)
    if joint in bvh.end_sites:
        tip = _numbers(bvh.end_sites[joint])
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {tip}", f"{inner}}}"]
    return [*lines, f"{pad}}}"]


def _numbers(values: Array) -> str:
    # Adding zero turns -0.0 into 0.0.
    return " ".join(f"{value:.{DIGITS}f}" for value in values + 0.0)


@dataclass
class _Hierarchy:
    """What the HIERARCHY section says, gathered joint by joint."""

    names: list[str]
    parents: list[int]
    offsets: list[Array]
    channels: list[tuple[str, ...]]
    end_sites: dict[int, Array]


def read_bvh(path: str | Path) -> Bvh:
    """Parse a BVH file: any skeleton, any channel order, as leniently as other programs.

    Scale channels are passed over.  Raises InputError, with the line number, when the file is not BVH or is cut short.
    """
    path = Path(path)
    text = read_bytes(path, "a BVH file", MAX_BYTES).decode("utf-8-sig", errors="replace")
    reader = BvhWords(path, text)
    hierarchy = _read_hierarchy(reader)
    reader.label("Frames")
    frames = reader.count("the number of frames")
    reader.label("Frame", "Time")
    frame_time = reader.number("the seconds of a frame")
    if not SHORTEST_FRAME <= frame_time <= LONGEST_FRAME:
        reader.fail(f"a frame time of {frame_time}", f"{SHORTEST_FRAME:g} to {LONGEST_FRAME:g} seconds")
    width = sum(len(channels) for channels in hierarchy.channels)
    rotations, positions = _poses(hierarchy, reader.rows(frames, width, len(hierarchy.names)))
    return Bvh(
        names=tuple(hierarchy.names),
        parents=tuple(hierarchy.parents),
        offsets=np.stack(hierarchy.offsets),
        end_sites=hierarchy.end_sites,
        channels=tuple(hierarchy.channels),
        frame_time=frame_time,
        rotations=rotations,
        positions=positions,
    )


def _read_hierarchy(reader: BvhWords) -> _Hierarchy:
    """Everything up to and including the word MOTION."""
    tree = _Hierarchy([], [], [], [], {})
    reader.expect("HIERARCHY")
    reader.expect("ROOT")
    while True:
        _read_root(reader, tree)
        if reader.expect("MOTION", "ROOT").upper() == "MOTION":
            return tree


def _read_root(reader: BvhWords, tree: _Hierarchy) -> None:
    """A tree of joints, from its name to its closing brace."""
    open_joints = [_open_joint(reader, tree, -1)]
    while open_joints:
        word = reader.expect("OFFSET", "CHANNELS", "JOINT", "End", "}").upper()
        joint = open_joints[-1]
        if word == "OFFSET":
            tree.offsets[joint] = reader.offset()
        elif word == "CHANNELS":
            tree.channels[joint] = _read_channels(reader)
        elif word == "JOINT":
            open_joints.append(_open_joint(reader, tree, joint))
        elif word == "END":
            reader.expect("Site")
            while reader.word("{") != "{":  # some give it a name
                pass
            reader.expect("OFFSET")
            tree.end_sites[joint] = reader.offset()
            reader.expect("}")
        else:
            open_joints.pop()


def _open_joint(reader: BvhWords, tree: _Hierarchy, parent: int) -> int:
    """Read `name {` and add the joint; its number."""
    name = reader.word("a joint name")
    while (word := reader.word("{")) != "{":  # names with spaces exist
        name += f" {word}"
    if len(tree.names) == MAX_JOINTS:
        reader.fail("one more joint", f"at most {MAX_JOINTS}")
    tree.names.append(name)
    tree.parents.append(parent)
    tree.offsets.append(np.zeros(3))
    tree.channels.append(())
    return len(tree.names) - 1


def _read_channels(reader: BvhWords) -> tuple[str, ...]:
    channels = {
        f"{axis}{kind}".upper(): f"{axis}{kind}" for axis in _AXES for kind in ("position", "rotation", "scale")
    }
    count = reader.count("the number of channels")
    if count > len(channels):
        reader.fail(f"{count} channels", f"at most {len(channels)}")
    return tuple(channels[reader.expect(*channels.values()).upper()] for _ in range(count))


def _poses(tree: _Hierarchy, values: Array) -> tuple[Array, Array]:
    """Local rotations [frames, joints, 3, 3] and positions [frames, joints, 3] of channel values in degrees."""
    frames, joints = len(values), len(tree.names)
    rotations = np.tile(np.eye(3), (frames, joints, 1, 1))
    positions = np.tile(np.stack(tree.offsets), (frames, 1, 1))
    column = 0
    for joint, channels in enumerate(tree.channels):
        for channel in channels:
            axis = _AXES[channel[0]]
            if channel.endswith("position"):
                positions[:, joint, axis] = values[:, column]
            elif channel.endswith("rotation"):
                rotations[:, joint] = rotations[:, joint] @ _turn(axis, np.radians(values[:, column]))
            column += 1
    return rotations, positions


def _turn(axis: int, angle: Array) -> Array:
    """Rotations [n, 3, 3] about one axis (0 x, 1 y, 2 z) by `angle` [n] radians."""
    quaternion = np.zeros((*angle.shape, 4))
    quaternion[..., 0] = np.cos(angle / 2)
    quaternion[..., 1 + axis] = np.sin(angle / 2)
    return matrix_from_quaternion(quaternion)
