"""3DPW (von Marcard et al. 2018): `sequenceFiles/{train,validation,test}/NAME.pkl`, pickles of Python 2.

Of each sequence: `poses` (a list of people, [n, 72] axis-angle), `trans` ([n, 3]), `betas`, `genders` ("m", "f"),
`cam_poses` [n, 4, 4] (world to camera), `cam_intrinsics` [3, 3], `campose_valid` ([n] a person), `poses2d`
([n, 3, 18] a person: x, y, confidence in OpenPose's order).  30 fps.  Positions are of a world that drifts and whose
axes are not gravity's, so clips are marked `truth = "local"`: poses and camera-space positions hold, the path does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.pickles import read_pickle
from genmo.train.datasets.smpl import checked, gender_of, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "3DPW: non-commercial scientific research"
# COCO-17 in OpenPose's 18: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, left before right
OPENPOSE_18 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
_WANTED = "a 3DPW sequence (.pkl with poses, trans, betas, genders, cam_poses, cam_intrinsics, campose_valid, poses2d)"


def camera_of(extrinsics: Array) -> Camera:
    """The camera of world-to-camera matrices [frames, 4, 4]."""
    rotation = np.swapaxes(extrinsics[:, :3, :3], -1, -2)
    return Camera(rotation, -(rotation @ extrinsics[:, :3, 3:])[..., 0])


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every person of every sequence.  Raises InputError that names the file or says what was not there."""
    bodies.demand("3DPW")
    folder = Path(folder)
    files = sorted((folder / "sequenceFiles").glob("*/[!.]*.pkl"))
    if not files:
        raise InputError(f"{folder}: no sequenceFiles/*/*.pkl; wanted the folder of 3DPW (sequenceFiles/, imageFiles/)")
    for path in files:
        stored = read_pickle(path, _WANTED)
        try:
            for person in range(len(stored["poses"])):
                yield _person(path, stored, person, bodies)
        except (KeyError, IndexError) as error:
            raise InputError(f"{path}: has no {error}; wanted {_WANTED}") from None


def _person(path: Path, stored: dict[str, Any], person: int, bodies: Bodies) -> Recording:
    name = f"{path}: person {person}"
    poses = checked(stored["poses"][person], (None, 72), f"{name}: poses")
    frames = len(poses)
    clip = smpl_clip(
        poses,
        checked(stored["trans"][person], (frames, 3), f"{name}: trans"),
        checked(stored["betas"][person], (None,), f"{name}: betas"),
        gender_of(stored["genders"][person], name),
        bodies,
        fps=FPS,
    )
    points = checked(stored["poses2d"][person], (frames, 3, 18), f"{name}: poses2d")
    return Recording(
        name=f"{path.stem}_{person}",
        subject=path.stem,
        captions=(),
        keypoints=np.swapaxes(points, 1, 2)[:, OPENPOSE_18].astype(np.float32),
        camera=camera_of(checked(stored["cam_poses"], (frames, 4, 4), f"{path}: cam_poses")),
        intrinsics=checked(stored["cam_intrinsics"], (3, 3), f"{path}: cam_intrinsics"),
        valid=np.asarray(stored["campose_valid"][person]).astype(bool),
        truth="local",
        extra={"split": path.parent.name},
        **clip,
    )
