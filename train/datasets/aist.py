"""AIST++ (Li et al. 2021): `motions/NAME.pkl` with `smpl_poses` [n, 72], `smpl_trans` [n, 3] and `smpl_scaling` [1].

60 fps, y up.  Translation counts in units of which `smpl_scaling` make a metre.  A name such as
gBR_sBM_cAll_d04_mBR0_ch01 holds genre, situation, camera, dancer, music and choreography.  Sequences in
`ignore_list.txt`, which the authors found to be badly reconstructed, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_text
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.pickles import read_pickle
from genmo.train.datasets.smpl import checked, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "AIST++: CC BY 4.0 for annotations; the AIST Dance Video Database's own terms for music and video"
RATE = 60.0
_NAME = re.compile(
    r"g(?P<genre>\w{2})_s(?P<situation>\w{2})_c\w+_(?P<dancer>d\d+)_(?P<music>m\w{2}\d)_(?P<dance>ch\d+)"
)
_WANTED = "an AIST++ motion (.pkl with smpl_poses, smpl_trans and smpl_scaling)"


def read_motion(path: Path) -> dict[str, Any]:
    """`poses` [n, 72], `trans` [n, 3] in metres.  Raises InputError when the file is not an AIST++ motion."""
    stored = read_pickle(path, _WANTED)
    missing = [name for name in ("smpl_poses", "smpl_trans", "smpl_scaling") if name not in stored]
    if missing:
        raise InputError(f"{path}: has no {missing[0]!r}; wanted {_WANTED}")
    poses = checked(stored["smpl_poses"], (None, 72), f"{path}: smpl_poses")
    scaling = checked(stored["smpl_scaling"], (1,), f"{path}: smpl_scaling")
    if scaling[0] <= 0:
        raise InputError(f"{path}: smpl_scaling is {scaling[0]}; wanted units a metre, about 90")
    trans = checked(stored["smpl_trans"], (len(poses), 3), f"{path}: smpl_trans")
    return {"poses": poses, "trans": trans / scaling[0]}


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every motion of AIST++.  `folder` holds `motions/` and perhaps `ignore_list.txt`.

    Raises InputError that names the file or says what was not there.
    """
    folder = Path(folder)
    files = sorted((folder / "motions").glob("[!.]*.pkl"))
    if not files:
        raise InputError(f"{folder}: no motions/*.pkl; wanted the folder of AIST++ (motions/, ignore_list.txt)")
    listed = folder / "ignore_list.txt"
    ignored = set(read_text(listed, "names of motions").split()) if listed.is_file() else set()
    for path in files:
        if path.stem in ignored:
            continue
        motion = read_motion(path)
        match = _NAME.fullmatch(path.stem)
        yield Recording(
            name=path.stem,
            subject=match["dancer"] if match else "unknown",
            captions=(),
            extra={field: match[field] for field in ("genre", "situation", "music", "dance")} if match else {},
            # one neutral template, scaled: AIST++ has no betas
            **smpl_clip(motion["poses"], motion["trans"], np.zeros(10), "neutral", bodies, fps=RATE),
        )
