"""A folder of BVH files of any common skeleton, as clips of SMPL-24 (see `genmo.runtime.formats.bvh_motion`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.formats.bvh import Bvh, read_bvh
from genmo.runtime.formats.bvh_motion import bvh_motion, joint_map, read_names
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_bytes
from genmo.train.datasets.bodies import grounded
from genmo.train.datasets.resampling import frame_times, interpolated, interpolated_rotations
from genmo.train.datasets.store import Recording

__all__ = ["LICENCE", "bvh_clip", "joint_map", "read_folder", "read_names"]

LICENCE = "as the owner of the files says"


def bvh_clip(
    bvh: Bvh,
    *,
    names: dict[str, str] | None = None,
    scale: float | None = None,
    up: str | None = None,
    rest_frame: int | None = None,
) -> dict[str, Any]:
    """`rotations`, `translation` and `offsets` of a Clip from a parsed file, at 30 fps, y up, metres.

    The options are those of `genmo.runtime.formats.bvh_motion.bvh_motion`.
    """
    motion = bvh_motion(bvh, names=names, scale=scale, up=up, rest_frame=rest_frame)
    times = frame_times(bvh.frames, motion.fps)
    return {
        "rotations": interpolated_rotations(motion.rotations, times).astype(np.float32),
        "translation": interpolated(motion.translation, times).astype(np.float32),
        "offsets": motion.rest_offsets.astype(np.float32),
    }


def _captions(path: Path) -> tuple[str, ...]:
    """Lines of the text file of the same name, if there is one."""
    text = path.with_suffix(".txt")
    if not text.is_file():
        return ()
    lines = read_bytes(text, "captions").decode("utf-8-sig", errors="replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def read_folder(
    folder: str | Path,
    *,
    names: dict[str, str] | None = None,
    scale: float | None = None,
    up: str | None = None,
    rest_frame: int | None = None,
    floor: bool = False,
) -> Iterator[Recording]:
    """Every `.bvh` below a folder.  A `.txt` of the same name holds captions, a line each.

    The subject is the folder that a file is in; files right in `folder` are a subject each.  `floor` sets every clip
    on y = 0.  Raises InputError that names the file.
    """
    folder = Path(folder)
    files = sorted(p for p in folder.rglob("*.[bB][vV][hH]") if p.name[0] != ".")
    if not files:
        raise InputError(f"{folder}: no .bvh file in it; wanted a folder of BVH files")
    for path in files:
        inside = path.relative_to(folder).with_suffix("")
        bvh = read_bvh(path)
        if not bvh.frames:
            raise InputError(f"{path}: has no frame; remove it or export it again")
        try:
            clip = bvh_clip(bvh, names=names, scale=scale, up=up, rest_frame=rest_frame)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if floor:
            clip["translation"] = grounded(clip["rotations"], clip["translation"], clip["offsets"]).astype(np.float32)
        yield Recording(
            name=inside.as_posix(),
            subject=(inside.parent if len(inside.parts) > 1 else inside).as_posix(),
            captions=_captions(path),
            **clip,
        )
