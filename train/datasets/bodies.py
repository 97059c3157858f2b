"""Rest joints of SMPL, SMPL-H and SMPL-X bodies: what turns a data set's `betas` and `trans` into genmo's skeleton.

The licensed body files (.npz or .pkl, as their owners ship them) are the user's own.  Without them the default
skeleton stands in, which must be asked for by name: lengths are then those of a mean person, and each clip is set on
the floor, because `trans` in SMPL's sense is not the pelvis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINTS, forward_kinematics, shape_space
from genmo.runtime.motion.smpl_body import SmplBody, rest_offsets
from genmo.runtime.readers.body_file import ARRAYS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz

DEFAULT = "default"
WANTED = "an SMPL, SMPL-H or SMPL-X body (.npz or .pkl with v_template, shapedirs and J_regressor)"
_FEET = tuple(JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot"))


def read_body(path: str | Path) -> SmplBody:
    """A body file of SMPL (24 joints), SMPL-H (52) or SMPL-X (55).  Raises InputError when it is none."""
    path = Path(path)
    try:
        return SmplBody.of(*entries(path, ARRAYS, WANTED))
    except ValueError as error:
        raise InputError(f"{path}: has {error}; wanted {WANTED}, of 24, 52 or 55 joints") from None


def entries(path: Path, names: Sequence[str], expected: str) -> list[Array]:
    """The named arrays of a body file, float64.  Raises InputError, which says what is `expected`, else."""
    if path.suffix == ".pkl":
        from genmo.train.datasets.pickles import read_pickle

        values: dict[str, Any] = read_pickle(path, expected)
    else:
        values = dict(read_npz(path, expected, MAX_TABLE_BYTES, names))
    missing = [name for name in names if name not in values]
    if missing:
        raise InputError(f"{path}: has no {missing[0]}; wanted {expected}")
    return [np.array(values[name], np.float64) for name in names]


class Bodies:
    """Bodies by gender: of a folder, of one file for everybody, or the default skeleton."""

    def __init__(self, source: str | Path) -> None:
        self.source = Path(source)
        self.is_default = str(source) == DEFAULT
        self._read: dict[str, SmplBody] = {}
        if not self.is_default and not self.source.exists():
            raise InputError(f"--body {source}: no such file or folder; wanted {WANTED}, a folder of them, or default")

    def demand(self, dataset: str) -> None:
        """Raises InputError for the default skeleton: a filmed person must be where the camera saw it."""
        if self.is_default:
            raise InputError(f"--body default: {dataset} comes with cameras; wanted {WANTED} or a folder of them")

    def body(self, gender: str) -> SmplBody:
        """The body of "male", "female" or "neutral".  Raises InputError when the folder has none or several."""
        if gender not in self._read:
            self._read[gender] = read_body(self._path(gender))
        return self._read[gender]

    def _path(self, gender: str) -> Path:
        if self.source.is_file():
            return self.source
        word = re.compile(rf"(^|[^a-z])({gender}|{gender[0]})([^a-z]|$)")
        files = [p for p in sorted(self.source.rglob("*")) if p.suffix in (".npz", ".pkl") and p.name[0] != "."]
        matches = [p for p in files if word.search(p.relative_to(self.source).as_posix().lower())]
        if len(matches) != 1:
            names = ", ".join(p.name for p in matches) or "none"
            raise InputError(
                f"{self.source}: bodies for {gender}: {names}; wanted exactly one file, "
                f"such as SMPLH_{gender.upper()}.pkl or {gender}/model.npz"
            )
        return matches[0]

    def skeleton(self, gender: str, betas: Array) -> tuple[Array, Array | None]:
        """Rest offsets [24, 3] and the pelvis [3] that SMPL adds to `trans`; None: unknown, use the floor."""
        if self.is_default:
            return shape_space().mean, None
        rest = self.body(gender).rest(betas)
        return rest_offsets(rest), rest[0]


def floor_height(rotations: Array, translation: Array, offsets: Array) -> float:
    """Height in metres of the floor under a clip: a sole below the lowest ankle or toe, but for 1 % of the frames."""
    joints = forward_kinematics(rotations, translation, offsets)[1]
    return float(np.percentile(joints[:, _FEET, 1].min(axis=1), 1)) - BALL_HEIGHT


def grounded(rotations: Array, translation: Array, offsets: Array) -> Array:
    """The translation [frames, 3], raised or lowered so that the floor is at y = 0."""
    return np.asarray(translation - np.array([0.0, floor_height(rotations, translation, offsets), 0.0]))
