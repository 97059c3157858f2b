"""RICH (Huang et al. 2022): SMPL-X bodies in scanned scenes, seen by static cameras.

    bodies/{train,val,test}/SEQUENCE/FRAME/SUBJECT.pkl    transl, global_orient, body_pose, betas, each [1, n]
    multicam2world/SCENE_multicam2world.json              R [3, 3], t [3], c: world = c x R + t for rows x
    scan_calibration/SCENE/calibration/CAMERA.xml         OpenCV: CameraMatrix [3, 4], Intrinsics [3, 3]
    gender.json                                           subject -> male or female: `resource/` of the RICH toolkit

30 fps.  Bodies are in the frame of the first camera; where `multicam2world` has the scene they are brought to the
scene's world, which is taken to have z up, and from there to y up; else they are marked `truth = "local"`.  The camera
is the scene's first; its lens distortion is not undone.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_bytes, read_json
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.pickles import read_pickle
from genmo.train.datasets.smpl import Z_UP, checked, gender_of, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "RICH: non-commercial scientific research"
LARGEST_XML = 2**20
_WANTED = "a RICH body (.pkl with transl, global_orient, body_pose and betas)"
_PARTS = {"global_orient": 3, "body_pose": 63, "transl": 3, "betas": None}


def read_body(path: Path) -> dict[str, Array]:
    """The parameters of one frame, each [n]."""
    stored = read_pickle(path, _WANTED)
    missing = [name for name in _PARTS if name not in stored]
    if missing:
        raise InputError(f"{path}: has no {missing[0]!r}; wanted {_WANTED}")
    return {name: checked(stored[name], (1, width), f"{path}: {name}")[0] for name, width in _PARTS.items()}


def read_world(path: Path) -> tuple[Array, Array] | None:
    """Turn [3, 3] (of columns) and shift [3] in metres from the first camera's frame to the scan's; None: no file."""
    if not path.is_file():
        return None
    try:
        stored = read_json(path, "RICH's R, t and c")
        turn, shift = (np.asarray(stored[name], np.float64) for name in ("R", "t"))
        scale = float(np.asarray(stored["c"]))
        right = turn.shape == (3, 3) and shift.size == 3 and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3)
        if not (right and scale > 0 and np.isfinite(shift).all()):
            raise ValueError("R is no rotation, or t and c are no numbers")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: {first_line(error)}; wanted RICH's R, t and c") from None
    return turn.T, shift.ravel() / scale


def read_calibration(path: Path) -> tuple[Array, Array]:
    """World-to-camera [3, 4] and intrinsics [3, 3] of a calibration file."""
    try:
        tree = ElementTree.fromstring(read_bytes(path, "RICH's CameraMatrix and Intrinsics in XML", LARGEST_XML))
        texts = [tree.find(f"./{name}/data") for name in ("CameraMatrix", "Intrinsics")]
        numbers = [np.array([float(word) for word in (text.text or "").split()]) for text in texts if text is not None]
        return numbers[0].reshape(3, 4), numbers[1].reshape(3, 3)
    except (ValueError, IndexError, ElementTree.ParseError) as error:
        raise InputError(f"{path}: {first_line(error)}; wanted RICH's CameraMatrix and Intrinsics in XML") from None


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every person of every sequence, cut where frames are missing.

    Raises InputError that names the file or says what was not there.
    """
    bodies.demand("RICH")
    folder = Path(folder)
    sequences = sorted(path for path in (folder / "bodies").glob("*/*") if path.is_dir())
    if not sequences:
        raise InputError(f"{folder}: no bodies/SPLIT/SEQUENCE; wanted the folder of RICH (bodies/, multicam2world/)")
    genders = _genders(folder / "gender.json")
    for sequence in sequences:
        people: dict[str, dict[int, Path]] = {}
        for path in sorted(sequence.glob("*/[!.]*.pkl")):
            if not path.parent.name.isdigit():
                raise InputError(f"{path}: its folder is no frame number; wanted bodies/SPLIT/SEQUENCE/00001/001.pkl")
            people.setdefault(path.stem, {})[int(path.parent.name)] = path
        for subject, files in people.items():
            for number, run in enumerate(_runs(files)):
                yield _recording(folder, sequence, subject, number, run, genders, bodies)


def _genders(path: Path) -> dict[str, str]:
    try:
        stored = read_json(path, "gender.json")
        return {str(int(subject)): gender_of(gender, str(path)) for subject, gender in stored.items()}
    except (ValueError, AttributeError, InputError) as error:
        raise InputError(
            f"{path}: {first_line(error)}; wanted gender.json of the RICH toolkit (its folder resource)"
        ) from None


def _runs(files: dict[int, Path]) -> list[list[Path]]:
    """The files of unbroken stretches of frames."""
    runs: list[list[Path]] = []
    last = None
    for frame in sorted(files):
        if last is None or frame != last + 1:
            runs.append([])
        runs[-1].append(files[frame])
        last = frame
    return runs


def _recording(
    folder: Path, sequence: Path, subject: str, number: int, files: list[Path], genders: dict[str, str], bodies: Bodies
) -> Recording:
    scene = sequence.name.split("_")[0]
    frames = [read_body(path) for path in files]
    arrays = {name: np.stack([frame[name] for frame in frames]) for name in _PARTS}
    key = str(int(subject)) if subject.isdigit() else subject
    if key not in genders:
        raise InputError(f"{files[0]}: subject {subject} is not in gender.json")
    world = read_world(folder / "multicam2world" / f"{scene}_multicam2world.json")
    turn, shift = (np.eye(3), np.zeros(3)) if world is None else world

    def clip(world_turn: Array) -> dict[str, Any]:
        poses = np.concatenate([arrays["global_orient"], arrays["body_pose"]], axis=1)
        betas = np.median(arrays["betas"], axis=0)
        return smpl_clip(poses, arrays["transl"], betas, genders[key], bodies, fps=FPS, world=world_turn)

    if world is not None:
        turn, shift = Z_UP @ turn, rotate(Z_UP, shift)
    result = clip(turn)
    result["translation"] = (result["translation"] + shift).astype(np.float32)
    camera, name = _camera(folder / "scan_calibration" / scene / "calibration", turn, shift, len(files))
    return Recording(
        name=f"{sequence.name}/{subject}" + (f"-{number}" if number else ""),
        subject=subject,
        captions=(),
        truth="local" if world is None else "world",
        extra={"split": sequence.parent.name, "scene": scene, "camera": name},
        **camera,
        **result,
    )


def _camera(folder: Path, turn: Array, shift: Array, frames: int) -> tuple[dict[str, Any], str]:
    """`camera` and `intrinsics` of the first calibration file, in the clip's world, and its name; empty without one."""
    files = sorted(folder.glob("[!.]*.xml"))
    if not files:
        return {}, ""
    matrix, intrinsics = read_calibration(files[0])
    rotation, position = matrix[:, :3].T, -matrix[:, :3].T @ matrix[:, 3]
    rotation, position = turn @ rotation, turn @ position + shift
    camera = Camera(np.tile(rotation, (frames, 1, 1)), np.tile(position, (frames, 1)))
    return {"camera": camera, "intrinsics": intrinsics}, files[0].stem
