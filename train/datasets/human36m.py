"""Human3.6M (Ionescu et al. 2014): `S*/MyPoseFeatures/D3_Angles/ACTION.cdf` and `D3_Positions/ACTION.cdf`.

A CDF file holds a variable `Pose`: of the positions [1, n, 96], 32 joints in millimetres, z up; of the angles
[1, n, 78], the root's position and three Euler angles in degrees of each of the 25 joints that turn.  50 fps.

The files do not say in which order the angles turn, nor the lengths of the bones.  Both come from the positions: the
order is the one of six whose joints, on bones as long as those of the positions, fall on the positions after one turn
and shift of the whole recording, and a file in which none does within NEAR is refused.  Cameras are not read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.formats.bvh import Bvh
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bvh import bvh_clip
from genmo.train.datasets.smpl import checked
from genmo.train.datasets.store import Recording
from genmo.train.metrics.pose import similarity

LICENCE = "Human3.6M: academic use, by personal agreement"
RATE = 50.0
NEAR = 30.0
"""millimetres, mean distance of joints"""
LOOKED_AT = 40
"""frames by which the order of the angles is found"""
_JOINTS = (
    # name, parent, direction of its bone where all angles are zero
    ("Hips", -1, "0"), ("RightUpLeg", 0, "-x"), ("RightLeg", 1, "-y"), ("RightFoot", 2, "-y"),
    ("RightToeBase", 3, "z"), ("RightToe_Site", 4, "z"), ("LeftUpLeg", 0, "x"), ("LeftLeg", 6, "-y"),
    ("LeftFoot", 7, "-y"), ("LeftToeBase", 8, "z"), ("LeftToe_Site", 9, "z"), ("Spine", 0, "y"),
    ("Spine1", 11, "y"), ("Neck", 12, "y"), ("Head", 13, "y"), ("Head_Site", 14, "y"),
    ("LeftShoulder", 12, "y"), ("LeftArm", 16, "y"), ("LeftForeArm", 17, "y"), ("LeftHand", 18, "y"),
    ("LeftHandThumb", 19, "0"), ("LeftThumb_Site", 20, "z"), ("LeftHandEnd", 19, "y"), ("LeftHandEnd_Site", 22, "0"),
    ("RightShoulder", 12, "y"), ("RightArm", 24, "y"), ("RightForeArm", 25, "y"), ("RightHand", 26, "y"),
    ("RightHandThumb", 27, "0"), ("RightThumb_Site", 28, "z"), ("RightHandEnd", 27, "y"),
    ("RightHandEnd_Site", 30, "0"),
)  # fmt: skip
NAMES = tuple(name for name, _, _ in _JOINTS)
PARENTS = tuple(parent for _, parent, _ in _JOINTS)
TURNING = tuple(joint for joint, name in enumerate(NAMES) if not name.endswith("_Site"))
_AXES = {"0": (0, 0, 0), "x": (1, 0, 0), "-x": (-1, 0, 0), "y": (0, 1, 0), "-y": (0, -1, 0), "z": (0, 0, 1)}
DIRECTIONS = np.array([_AXES[axis] for _, _, axis in _JOINTS], np.float64)


def read_pose(path: Path, width: int) -> Array:
    """The variable `Pose` [n, width] of a CDF file.  Raises InputError when it has none, or cdflib is missing."""
    try:
        import cdflib
    except ImportError:
        raise InputError('Human3.6M wants cdflib to read CDF files: pip install "genmo-motion[datasets]"') from None
    expected = f"wanted a CDF file of Human3.6M with Pose [1, n, {width}]"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {expected}")
    try:
        values = np.asarray(cdflib.CDF(path).varget("Pose"))
    except Exception as error:  # noqa: BLE001  cdflib raises what comes
        raise InputError(f"{path}: not read ({' '.join(str(error).split())[:120]}); {expected}") from None
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    return checked(values, (None, width), f"{path}: Pose")


def euler(angles: Array, axes: str) -> Array:
    """Rotations [..., 3, 3] of degrees [..., 3]: the product, from the left, of turns about `axes` in this order."""
    turns = [
        matrix_from_axis_angle(np.radians(angles[..., i : i + 1]) * np.eye(3)["xyz".index(axis)])
        for i, axis in enumerate(axes)
    ]
    return np.asarray(turns[0] @ turns[1] @ turns[2])


def bone_lengths(positions: Array) -> Array:
    """[32] median distance of each joint of [n, 32, 3] from its parent; the root's is zero."""
    lengths = np.linalg.norm(positions - positions[:, list(PARENTS)], axis=-1)
    lengths[:, 0] = 0
    return np.asarray(np.median(lengths, axis=0))


def _skeleton(angles: Array, positions: Array, axes: str) -> Bvh:
    """The recording as a skeleton, in millimetres, the root where the positions have it."""
    rotations = np.tile(np.eye(3), (len(angles), len(NAMES), 1, 1))
    rotations[:, TURNING] = euler(angles[:, 3:].reshape(len(angles), len(TURNING), 3), axes)
    offsets = bone_lengths(positions)[:, None] * DIRECTIONS
    translations = np.tile(offsets, (len(angles), 1, 1))
    translations[:, 0] = angles[:, :3]
    return Bvh(
        names=NAMES,
        parents=PARENTS,
        offsets=offsets,
        end_sites={},
        channels=tuple(() for _ in NAMES),
        frame_time=1 / RATE,
        rotations=rotations,
        positions=translations,
    )


def _misfit(skeleton: Bvh, positions: Array) -> tuple[float, Array]:
    """Mean distance in millimetres of the joints after the best turn and shift, and that turn [3, 3] of columns."""
    modelled = skeleton.kinematics()[1].reshape(-1, 3)
    truth = positions.reshape(-1, 3)
    turn, _, shift = similarity(modelled, truth, scaled=False)
    return float(np.linalg.norm(modelled @ turn + shift - truth, axis=-1).mean()), turn.T


def read_recording(angles: Array, positions: Array, name: str) -> dict[str, Any]:
    """`rotations`, `translation` and `offsets` of a Clip from angles [n, 78] and positions [n, 32, 3].

    Raises InputError when no order of the angles explains the positions.
    """
    some = np.unique(np.linspace(0, len(angles) - 1, min(LOOKED_AT, len(angles))).round().astype(int))
    fits = {
        "".join(axes): _misfit(_skeleton(angles[some], positions[some], "".join(axes)), positions[some])
        for axes in itertools.permutations("xyz")
    }
    axes = min(fits, key=lambda order: fits[order][0])
    error, turn = fits[axes]
    if error > NEAR:
        raise InputError(f"{name}: angles and positions are {error:.0f} mm apart at best; wanted two files of one take")
    skeleton = _skeleton(angles, positions, axes)
    skeleton.rotations[:, 0] = turn @ skeleton.rotations[:, 0]
    skeleton.positions[:, 0] = positions[:, 0]
    return bvh_clip(skeleton, scale=0.001, up="z")


def read_folder(folder: str | Path) -> Iterator[Recording]:
    """Every recording of every subject.  Raises InputError that names the file or says what was not there."""
    folder = Path(folder)
    files = sorted(folder.glob("S*/MyPoseFeatures/D3_Angles/[!.]*.cdf"))
    if not files:
        raise InputError(
            f"{folder}: no S*/MyPoseFeatures/D3_Angles/*.cdf; wanted the folder of Human3.6M (S1/, S5/ ...)"
        )
    for path in files:
        angles = read_pose(path, 78)
        positions = read_pose(path.parents[1] / "D3_Positions" / path.name, 96)
        if len(positions) != len(angles):
            raise InputError(f"{path}: {len(angles)} frames, its positions have {len(positions)}; wanted as many")
        subject = path.parents[2].name
        yield Recording(
            name=f"{subject}/{path.stem}",
            subject=subject,
            captions=(),
            extra={"action": path.stem.split(" ")[0]},
            **read_recording(angles, positions.reshape(len(positions), 32, 3), str(path)),
        )
