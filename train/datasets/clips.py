"""Clips, and the `*30` motion sets: 30 fps, y up, metres, SMPL-24 order, packed as 16-bit quaternions."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.errors import InputError
from genmo.runtime.rotation import Array, matrix_from_quaternion
from genmo.runtime.skeleton import JOINT_COUNT


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording of one person."""

    name: str
    subject: str
    captions: tuple[str, ...]
    rotations: Array
    """[frames, 24, 3, 3] local, joint 0 = root in the world, float32"""
    translation: Array
    """[frames, 3] pelvis in the world, metres, float32"""
    offsets: Array
    """[24, 3] the actor's rest offsets, metres, float32"""

    @property
    def frames(self) -> int:
        return len(self.translation)


def _captions(record: dict[str, str]) -> tuple[str, ...]:
    """The sentence of the index first, then the database's own words where they differ."""
    words = [record.get("caption", ""), record.get("text", "")]
    return tuple(dict.fromkeys(w.strip() for w in words if w and w.strip()))


def read_clips(folder: str | Path) -> Iterator[Clip]:
    """Clips of one folder: what `genmo-prepare` wrote, a `*30` set (`index.json` beside the `.npz` files it names), or
    a folder of `.bvh` files (set on the floor; other choices are `genmo-prepare bvh`'s).

    Raises InputError when the folder is none of these.
    """
    from genmo.train.datasets.store import is_store, read_store  # its recordings are clips with more to them

    folder = Path(folder)
    if is_store(folder):
        yield from read_store(folder)
        return
    index = folder / "index.json"
    if not index.is_file() and any(path.suffix.lower() == ".bvh" for path in folder.rglob("*")):
        from genmo.train.datasets.bvh import read_folder

        for clip in read_folder(folder, floor=True):
            yield replace(clip, name=f"{folder.name}/{clip.name}", subject=f"{folder.name}/{clip.subject}")
        return
    if not index.is_file():
        raise InputError(
            f"{folder}: no index.json; wanted a motion set: one that genmo-prepare wrote, a *30 set, or .bvh files"
        )
    try:
        yield from _read_set(folder, index)
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(f"{folder}: not a *30 motion set ({reason}); wanted index.json and its .npz files") from None


def _read_set(folder: Path, index: Path) -> Iterator[Clip]:
    records = {record["id"]: record for record in json.loads(index.read_text())}
    for file in sorted({record["file"] for record in records.values()}):
        with np.load(folder / file) as packed:
            quaternions, translation = packed["quat_i16"], packed["trans"]
            rows = zip(packed["clip_id"], packed["clip_start"], packed["clip_len"], packed["offsets"], strict=True)
            for name, start, length, offsets in rows:
                record = records[str(name)]
                span = slice(int(start), int(start) + int(length))
                rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (int(length), JOINT_COUNT, 3, 3)).copy()
                local = matrix_from_quaternion(quaternions[span].astype(np.float32))
                rotations[:, : local.shape[1]] = local
                yield Clip(
                    name=f"{folder.name}/{name}",
                    subject=f"{folder.name}/{record['subject']}",
                    captions=_captions(record),
                    rotations=rotations,
                    translation=translation[span].astype(np.float32),
                    offsets=offsets.astype(np.float32),
                )


def split_clips(clips: list[Clip], validation_subjects: list[str]) -> tuple[list[Clip], list[Clip]]:
    """(training clips, validation clips) by subject, `set/subject` names such as `cmu30/07`.

    Raises InputError for a validation subject that no clip has.
    """
    subjects = {clip.subject for clip in clips}
    unknown = sorted(set(validation_subjects) - subjects)
    if unknown:
        raise InputError(f"validation subjects {unknown} are in no clip; the data has {sorted(subjects)}")
    held_out = set(validation_subjects)
    return [c for c in clips if c.subject not in held_out], [c for c in clips if c.subject in held_out]
