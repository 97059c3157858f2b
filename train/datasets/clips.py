"""Clips, and the `*30` motion sets: 30 fps, y up, metres, SMPL-24 order, packed as 16-bit quaternions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.motion.joints import JOINT_COUNT, joint_indices
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_json, read_npz

_LEG = list(joint_indices("left_knee", "left_ankle"))
"""the lengths of their offsets make a leg"""


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
    truth: str = "world"
    """what may be trained on: "world" all, "local" poses but neither gravity nor path, "keypoints" only the 2D"""
    coarse: bool = False
    """whether the recording has few degrees of freedom (fingers, feet or wrists that do not turn)"""

    @property
    def frames(self) -> int:
        return len(self.translation)


def middle(clip: Clip, longest: int) -> Clip:
    """The middle of a clip, at most `longest` frames of it."""
    frames = min(clip.frames, longest)
    span = slice((clip.frames - frames) // 2, (clip.frames - frames) // 2 + frames)
    return replace(clip, rotations=clip.rotations[span], translation=clip.translation[span])


def leg_length(offsets: Array) -> float:
    """Length in metres of the left leg, hip to ankle, of rest offsets [24, 3]."""
    return float(np.linalg.norm(offsets[_LEG], axis=-1).sum())


def _captions(record: dict[str, str]) -> tuple[str, ...]:
    """The sentence of the index first, then the database's own words where they differ and are no file's name."""
    text = record.get("text", "")
    words = [record.get("caption", ""), "" if text == record["id"] else text]
    return tuple(dict.fromkeys(w.strip() for w in words if w and w.strip()))


def without_replaced(clips: Sequence[Clip]) -> list[Clip]:
    """The clips without those that are coarse and that another set has as a finer recording of the same name."""
    fine = {clip.name.split("/")[-1] for clip in clips if not clip.coarse}
    return [clip for clip in clips if not (clip.coarse and clip.name.split("/")[-1] in fine)]


def read_set(folder: Path, index: Path) -> Iterator[Clip]:
    """Clips of a `*30` set; a record's `in_place` and `low_dof` are its clip's `truth` and `coarse`."""
    records = {record["id"]: record for record in read_json(index, "a list of clips")}
    for file in sorted({record["file"] for record in records.values()}):
        packed = read_npz(folder / file, "a file of clips", MAX_TABLE_BYTES)
        quaternions, translation = packed["quat_i16"], packed["trans"]
        rows = zip(packed["clip_id"], packed["clip_start"], packed["clip_len"], packed["offsets"], strict=True)
        for name, start, length, offsets in rows:
            record = records[str(name)]
            span = slice(int(start), int(start) + int(length))
            local = matrix_from_quaternion(quaternions[span].astype(np.float32))
            rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (len(local), JOINT_COUNT, 3, 3)).copy()
            rotations[:, : local.shape[1]] = local
            yield Clip(
                name=f"{folder.name}/{name}",
                subject=f"{folder.name}/{record.get('subject', 'all')}",
                captions=_captions(record),
                rotations=rotations,
                translation=translation[span].astype(np.float32),
                offsets=offsets.astype(np.float32),
                # someone who walks on the spot has poses to learn from, and no path
                truth="local" if record.get("in_place") else "world",
                coarse=bool(record.get("low_dof")),
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
