"""Body files of the SMPL family (`SMPLX_NEUTRAL.npz` and its like): numbers only, nothing is unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genmo.runtime.motion.smpl_body import SMPLX_JOINTS, SmplBody
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npz

ARRAYS = ("v_template", "shapedirs", "J_regressor")
WANTED = (
    "a body of SMPL-X as its owners ship it, SMPLX_NEUTRAL.npz (v_template, shapedirs and J_regressor of 55 joints)"
)


def read_smplx_body(path: str | Path) -> SmplBody:
    """The SMPL-X body of an .npz, of which three arrays are read and the rest is passed over.

    Raises InputError, one line, for a file that is none, a body of other joints, or numbers that are not finite.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path}: is no .npz; wanted {WANTED}")
    stored = read_npz(path, WANTED, names=ARRAYS)
    missing = [name for name in ARRAYS if name not in stored]
    if missing:
        raise InputError(f"{path}: has no {missing[0]}; wanted {WANTED}")
    if any(stored[name].dtype.kind not in "fiu" or not np.isfinite(stored[name]).all() for name in ARRAYS):
        raise InputError(f"{path}: holds other than finite numbers; wanted {WANTED}")
    vertices, shapes, regressor = (stored[name].astype(np.float64) for name in ARRAYS)
    if regressor.ndim != 2 or len(regressor) != SMPLX_JOINTS:
        raise InputError(f"{path}: has J_regressor {regressor.shape}; wanted {WANTED}")
    try:
        return SmplBody.of(vertices, shapes, regressor)
    except ValueError as error:
        raise InputError(f"{path}: has {error}; wanted {WANTED}") from None
