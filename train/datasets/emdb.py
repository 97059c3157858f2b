"""EMDB (Kaufmann et al. 2023): `P*/NAME/P*_NAME_data.pkl`.

A dictionary with `name`, `gender`, `n_frames`, `emdb1`, `emdb2`, `good_frames_mask` [n], `camera` (`intrinsics`
[3, 3], `extrinsics` [n, 4, 4] world to camera, `width`, `height`) and `smpl` (`poses_root` [n, 3], `poses_body`
[n, 69], `trans` [n, 3], `betas` [10]).  30 fps.  The world is taken to have y up, which is checked: the dataset's page
does not say.  For evaluation: EMDB 1 and 2 are told apart by the `extra` of a clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import JOINTS, forward_kinematics
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.pickles import read_pickle
from genmo.train.datasets.smpl import checked, gender_of, smpl_clip
from genmo.train.datasets.store import Recording
from genmo.train.datasets.threedpw import camera_of

LICENCE = "EMDB: non-commercial academic research"
_WANTED = "an EMDB sequence (*_data.pkl with smpl, camera, gender and good_frames_mask)"


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every sequence of EMDB.  Raises InputError that names the file or says what was not there."""
    bodies.demand("EMDB")
    folder = Path(folder)
    files = sorted(folder.glob("P*/*/[!.]*_data.pkl"))
    if not files:
        raise InputError(f"{folder}: no P*/*/*_data.pkl; wanted the folder of EMDB (P0/ to P9/)")
    for path in files:
        try:
            yield _sequence(path, folder, read_pickle(path, _WANTED), bodies)
        except KeyError as error:
            raise InputError(f"{path}: has no {error}; wanted {_WANTED}") from None


def _sequence(path: Path, folder: Path, stored: dict[str, Any], bodies: Bodies) -> Recording:
    smpl, camera = stored["smpl"], stored["camera"]
    root = checked(smpl["poses_root"], (None, 3), f"{path}: poses_root")
    frames = len(root)
    clip = smpl_clip(
        np.concatenate([root, checked(smpl["poses_body"], (frames, 69), f"{path}: poses_body")], axis=1),
        checked(smpl["trans"], (frames, 3), f"{path}: trans"),
        checked(smpl["betas"], (None,), f"{path}: betas"),
        gender_of(stored["gender"], str(path)),
        bodies,
        fps=FPS,
    )
    joints = forward_kinematics(clip["rotations"], clip["translation"], clip["offsets"])[1]
    ankles = joints[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]].mean(axis=1)
    upright = np.median(joints[:, JOINTS.index("neck")] - ankles, axis=0)
    if upright.argmax() != 1:
        raise InputError(f"{path}: the person stands along {'xyz'[upright.argmax()]}; wanted a world with y up")
    return Recording(
        name=str(stored["name"]),
        subject=path.relative_to(folder).parts[0],
        captions=(),
        camera=camera_of(checked(camera["extrinsics"], (frames, 4, 4), f"{path}: extrinsics")),
        intrinsics=checked(camera["intrinsics"], (3, 3), f"{path}: intrinsics"),
        image_size=(int(camera["width"]), int(camera["height"])),
        valid=np.asarray(stored["good_frames_mask"]).astype(bool).reshape(frames),
        extra={"emdb1": bool(stored["emdb1"]), "emdb2": bool(stored["emdb2"])},
        **clip,
    )
