"""Keyframes out of motion files: single frames of a .bvh, .glb, .gltf, .vrm, .npz or .npy as poses of genmo's body."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes, joined_keyframes
from genmo.runtime.formats.bvh_motion import read_bvh_motion
from genmo.runtime.formats.npz import load_npz
from genmo.runtime.motion.bodies import on_own_body
from genmo.runtime.motion.motion import FPS, MAX_FRAMES, Motion
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.readers.constraints import WANTED_KEYFRAMES, parse_keyframes
from genmo.runtime.readers.joint_positions import read_joint_positions
from genmo.runtime.retarget.gltf_motion import read_gltf_motion
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npz

GLTF_SUFFIXES = (".glb", ".gltf", ".vrm")
SUFFIXES = (".bvh", *GLTF_SUFFIXES, ".npz", ".npy")
"""What `keyframes_from_file` reads."""


def keyframes_from_file(
    path: str | Path, picks: Sequence[tuple[int, int]], *, names: dict[str, str] | None = None
) -> Keyframes:
    """Frames of a motion file as keyframes: `picks` are (frame of the file, frame of the motion), both from 0.

    Frames of the file count at its own rate (of a .glb: its keys, see `gltf_motion.read_gltf_motion`).  Bones of
    .bvh and glTF files are found by name; `names` is a table, SMPL joint -> bone of the file, for those that are not.
    The pelvis is where the file has it (world: y up, metres), of .bvh and glTF files times the ratio of a mean
    person's legs to the skeleton's, so that feet on the ground stay there.  `.npz`: motions and keyframes as
    `read_keyframes` takes them, at any rate; `.npy`: what other text-to-motion models answer, at 20 fps
    (`readers.joint_positions`).  Raises InputError that names the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: got the suffix {suffix!r}; wanted a motion as {' '.join(SUFFIXES)}: export it so")
    if suffix == ".npz":
        poses = _npz_poses(path)
    else:
        poses = _poses(_foreign_motion(path, names))
    chosen = []
    for frame, at in picks:
        pose = poses.only(poses.frames == frame)
        if not len(pose.frames):
            raise InputError(
                f"{path}: no pose at frame {frame}; wanted one from {poses.frames[0]} to {poses.frames[-1]}"
            )
        chosen.append(pose.shifted(at - frame))
    return joined_keyframes(chosen)


def motion_from_file(path: str | Path, *, names: dict[str, str] | None = None) -> Motion:
    """The motion of a .bvh, .glb, .gltf, .vrm, .npy or of genmo's own .npz on genmo's body, 30 frames a second: what
    `MotionGenerator` takes as its `start`.

    `names` and where the pelvis is: as in `keyframes_from_file`.  Raises InputError that names the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: got the suffix {suffix!r}; wanted a motion as {' '.join(SUFFIXES)}: export it so")
    motion = load_npz(path) if suffix == ".npz" else _foreign_motion(path, names)
    return at_rate(on_own_body(motion), FPS)


def _foreign_motion(path: str | Path, names: dict[str, str] | None) -> Motion:
    """The motion of a file that is not genmo's own, on its own body, at its own rate."""
    suffix = Path(path).suffix.lower()
    if suffix == ".npy":
        return read_joint_positions(path)
    return (read_bvh_motion if suffix == ".bvh" else read_gltf_motion)(path, names=names)


def keyframes_npz(keyframes: Keyframes, *, with_place: bool = True) -> bytes:
    """The bytes of a keyframe file, which `read_keyframes` reads: `frames`, `rotations` and, `with_place`, `trans`.

    Raises InputError for places where only some poses have one.
    """
    if with_place and keyframes.has_root.any() and not keyframes.has_root.all():
        raise InputError("some of these poses have a place and some have none; wanted one kind, or --anywhere")
    buffer = io.BytesIO()
    if with_place and keyframes.has_root.all():
        np.savez(buffer, frames=keyframes.frames, rotations=keyframes.rotations, trans=keyframes.root)
    else:
        np.savez(buffer, frames=keyframes.frames, rotations=keyframes.rotations)
    return buffer.getvalue()


def _npz_poses(path: str | Path) -> Keyframes:
    arrays = read_npz(path, WANTED_KEYFRAMES)
    rows = arrays.get("rotations", arrays.get("poses"))
    if rows is not None and rows.ndim and "frames" not in arrays and len(rows) <= MAX_FRAMES:
        arrays["frames"] = np.arange(len(rows))  # a single pose has no rate
    return parse_keyframes(arrays, str(path))


def _poses(motion: Motion) -> Keyframes:
    """Every frame as a keyframe, the root scaled to a mean person's legs."""
    own = on_own_body(motion)
    return Keyframes(np.arange(own.frames), own.rotations, own.translation)
