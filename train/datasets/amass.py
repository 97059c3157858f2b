"""AMASS (Mahmood et al. 2019): `<data set>/<subject>/<motion>_poses.npz` (SMPL-H) or `_stageii.npz` (SMPL-X).

Arrays of a file: `poses` [n, 156] or [n, 165] axis-angle, `trans` [n, 3] metres, `betas` [16], `gender`, and
`mocap_framerate` (SMPL-H) or `mocap_frame_rate` (SMPL-X).  z up.  Files without poses (shape.npz) are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.smpl import BODY_JOINTS, Z_UP, checked, gender_of, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "AMASS: each sub-dataset's own, research only; nothing trained on it may be sold without asking"
_NAMES = ("poses", "trans", "betas", "gender", "mocap_framerate", "mocap_frame_rate")
_WANTED = "an AMASS motion (.npz with poses, trans, betas, gender and mocap_framerate or mocap_frame_rate)"


@dataclass(frozen=True, eq=False)
class Motion:
    """The arrays of one AMASS file."""

    poses: Array
    """[frames, 66] axis-angle of the root and 21 body joints"""
    trans: Array
    """[frames, 3] metres, z up"""
    betas: Array
    gender: str
    fps: float

    def clip(self, bodies: Bodies, start: float = 0.0, stop: float | None = None) -> dict[str, Any]:
        """`rotations`, `translation` and `offsets` of a Clip, from `start` to `stop` in frames of the file."""
        span = slice(int(round(start)), None if stop is None else int(round(stop)))
        return smpl_clip(self.poses[span], self.trans[span], self.betas, self.gender, bodies, fps=self.fps, world=Z_UP)


def read_motion(path: str | Path) -> Motion | None:
    """One AMASS file; None for a file of shapes without poses.  Raises InputError when it is neither."""
    path = Path(path)
    stored = read_npz(path, _WANTED, MAX_TABLE_BYTES, _NAMES)
    try:
        if "poses" not in stored:
            if {"betas", "gender"} & set(stored):
                return None
            raise KeyError("poses")
        rate = "mocap_framerate" if "mocap_framerate" in stored else "mocap_frame_rate"
        poses = checked(stored["poses"], (None, None), f"{path}: poses")
        return Motion(
            checked(poses[:, : 3 * BODY_JOINTS], (len(poses), 3 * BODY_JOINTS), f"{path}: poses"),
            checked(stored["trans"], (len(poses), 3), f"{path}: trans"),
            checked(stored["betas"], (None,), f"{path}: betas"),
            gender_of(stored["gender"], str(path)),
            float(stored[rate]),
        )
    except KeyError as error:
        name = "mocap_framerate" if "mocap" in str(error) else error.args[0]
        raise InputError(f"{path}: has no {name!r}; wanted {_WANTED}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not read ({first_line(error)}); wanted {_WANTED}") from None


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every motion below a folder of AMASS.  Raises InputError that names the file or says what was not there."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*.npz") if path.name[0] != ".")
    count = 0
    for path in files:
        motion = read_motion(path)
        if motion is None:
            continue
        count += 1
        inside = path.relative_to(folder)
        yield Recording(
            name=inside.with_suffix("").as_posix(), subject=inside.parent.as_posix(), captions=(), **motion.clip(bodies)
        )
    if not count:
        raise InputError(
            f"{folder}: no motion in {len(files)} .npz files; wanted DATASET/SUBJECT/NAME_poses.npz of AMASS"
        )
