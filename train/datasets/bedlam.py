"""BEDLAM (Black et al. 2023): people in rendered scenes, with the cameras that saw them.

    images/SCENE/be_seq.csv                                   who stands where in each sequence, from which frame
    images/SCENE/ground_truth/camera/SEQUENCE_camera.csv      x, y, z, yaw, pitch, roll, focal_length; a row a frame
    smplx_gt/neutral_ground_truth_motioninfo/PERSON/MOTION/motion_seq.npz
                                                              poses [n, 165], trans [n, 3], betas, gender

30 fps, SMPL-X; the images themselves are not needed.  Positions and angles are Unreal's: centimetres, x forward, y
right, z up, left-handed, degrees; in BEDLAM's own scripts a body faces its yaw less 90 degrees, and pitch, yaw and roll
turn a camera in this order.  Close-up scenes were rendered on their side: their cameras are turned by 90 degrees.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw, transpose
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz, read_text
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.smpl import checked, gender_of, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "BEDLAM: non-commercial scientific research"
BODIES = "smplx_gt/neutral_ground_truth_motioninfo"
SENSOR = 36.0, 20.25
"""millimetres, width and height of an image of 1280 x 720"""
SIZE = 1280, 720
_WANTED = f"the folder of BEDLAM (images/SCENE/be_seq.csv and ground_truth/camera/, {BODIES}/)"
_COMMENT = re.compile(r"(\w+)=([^;]*)")
FLIP = np.diag([1.0, -1.0, -1.0])
"""between axes with y up and the camera's (y down), either way"""


@dataclass(frozen=True)
class Placed:
    """A row of be_seq.csv: a motion put into a sequence."""

    sequence: str
    person: str
    motion: str
    start: int
    """frame of the motion at the sequence's first frame"""
    place: tuple[float, float, float]
    """Unreal, centimetres"""
    yaw: float
    """degrees"""


def from_unreal(points: Array) -> Array:
    """Points [..., 3] of Unreal in metres, y up, right-handed: its y, z and -x."""
    return np.asarray(np.stack([points[..., 1], points[..., 2], -points[..., 0]], axis=-1) / 100)


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, _WANTED), newline="")))
    except csv.Error as error:
        raise InputError(f"{path}: not read ({first_line(error)}); wanted {_WANTED}") from None
    if not rows or any(column not in rows[0] for column in columns):
        raise InputError(f"{path}: wanted rows with the columns {', '.join(columns)}")
    return rows


def _numbers(path: Path, row: dict[str, str], columns: tuple[str, ...]) -> list[float]:
    try:
        values = [float(row[column]) for column in columns]
    except (TypeError, ValueError):
        raise InputError(f"{path}: {row}; wanted numbers in {', '.join(columns)}") from None
    if not np.isfinite(values).all():
        raise InputError(f"{path}: {row}; wanted finite numbers in {', '.join(columns)}")
    return values


def read_sequences(path: Path) -> list[Placed]:
    """The bodies of be_seq.csv, in order.  Raises InputError with what is wrong."""
    bodies, sequence = [], ""
    for row in _table(path, ("Body", "X", "Y", "Z", "Yaw", "Comment")):
        comment = dict(_COMMENT.findall(row["Comment"] or ""))
        if "sequence_name" in comment:
            sequence = comment["sequence_name"]
        elif "start_frame" in comment:
            person, _, motion = row["Body"].rpartition("_")
            if not (sequence and person and comment["start_frame"].isdigit()):
                raise InputError(f"{path}: body {row['Body']!r}; wanted PERSON_MOTION and a start_frame in a sequence")
            x, y, z, yaw = _numbers(path, row, ("X", "Y", "Z", "Yaw"))
            bodies.append(Placed(sequence, person, motion, int(comment["start_frame"]), (x, y, z), yaw))
    if not bodies:
        raise InputError(f"{path}: no row with a start_frame; wanted BEDLAM's be_seq.csv")
    return bodies


def read_camera(path: Path, on_its_side: bool) -> tuple[Camera, Array, tuple[int, int]]:
    """The camera of a sequence, intrinsics [3, 3] of its first frame, and the image's width and height."""
    columns = ("x", "y", "z", "yaw", "pitch", "roll", "focal_length")
    rows = np.array([_numbers(path, row, columns) for row in _table(path, columns)])
    yaw, pitch, roll = -np.radians(rows[:, 3:6]).T
    if on_its_side:
        roll = roll + np.pi / 2
    axes = np.eye(3)

    def turn(axis: int, angle: Array) -> Array:
        return matrix_from_axis_angle(angle[:, None] * axes[axis])

    to_camera = turn(2, roll) @ turn(0, pitch) @ turn(1, yaw)  # of BEDLAM's world with y down
    (width, height), (wide, high) = (SIZE[::-1], SENSOR[::-1]) if on_its_side else (SIZE, SENSOR)
    focal = rows[0, 6]
    intrinsics = np.array([[focal / wide * width, 0, width / 2], [0, focal / high * height, height / 2], [0, 0, 1]])
    return Camera(FLIP @ transpose(to_camera), from_unreal(rows[:, :3])), intrinsics, (width, height)


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every person of every sequence.  Raises InputError that names the file or says what was not there."""
    bodies.demand("BEDLAM")
    folder = Path(folder)
    scenes = sorted((folder / "images").glob("*/be_seq.csv"))
    if not scenes:
        raise InputError(f"{folder}: no images/*/be_seq.csv; wanted {_WANTED}")
    for scene in scenes:
        for number, placed in enumerate(read_sequences(scene)):
            yield _recording(folder, scene.parent, placed, number, bodies)


def _recording(folder: Path, scene: Path, placed: Placed, number: int, bodies: Bodies) -> Recording:
    path = folder / BODIES / placed.person / placed.motion / "motion_seq.npz"
    stored = read_npz(path, _WANTED, MAX_TABLE_BYTES, ("poses", "trans", "betas", "gender"))
    try:
        poses, trans, betas = (stored[name] for name in ("poses", "trans", "betas"))
        gender = gender_of(stored["gender"], str(path))
    except KeyError as error:
        raise InputError(f"{path}: not read (no {error}); wanted {_WANTED}") from None
    poses = checked(poses, (None, 165), f"{path}: poses")
    trans = checked(trans, (len(poses), 3), f"{path}: trans")
    camera, intrinsics, size = read_camera(
        scene / "ground_truth" / "camera" / f"{placed.sequence}_camera.csv", "closeup" in scene.name
    )
    span = slice(placed.start, placed.start + len(camera.position))
    frames = len(poses[span])
    if not frames:
        raise InputError(f"{path}: {len(poses)} frames; be_seq.csv wants it from frame {placed.start} on")
    # BEDLAM turns bodies about an axis that points down
    heading = matrix_from_yaw(np.array(-np.radians(placed.yaw - 90)))
    clip = smpl_clip(
        poses[span, :66], trans[span], checked(betas, (None,), f"{path}: betas"), gender, bodies, fps=FPS, world=heading
    )
    clip["translation"] = (clip["translation"] + from_unreal(np.array(placed.place))).astype(np.float32)
    return Recording(
        name=f"{scene.name}/{placed.sequence}-{number}-{placed.person}",
        subject=placed.person,
        captions=(),
        camera=Camera(camera.rotation[:frames], camera.position[:frames]),
        intrinsics=intrinsics,
        image_size=size,
        extra={"scene": scene.name, "sequence": placed.sequence, "motion": placed.motion},
        **clip,
    )
