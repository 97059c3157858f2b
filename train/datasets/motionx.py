"""Motion-X (Lin et al. 2023): 2D keypoints and texts; its 3D is a noisy estimate and marked as such.

    motion/keypoints/SUBSET/NAME.json                  COCO style: `annotations` with `file_name` and `body_kpts`
                                                       [at least 17, 3], x, y, confidence; one entry a frame
    motion/motion_generation/smplx322/SUBSET/NAME.npy  [n, 322]: root_orient 3, pose_body 63, hands 90, jaw 3,
                                                       expression 50, face shape 100, trans 3, betas 10
    texts/semantic_labels/SUBSET/NAME.txt              one caption a line

30 fps, SMPL-X, neutral.  Clips are marked `truth = "keypoints"`: train on the 2D only, as the paper does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_json, read_npy_file, read_text
from genmo.train.datasets.bodies import Bodies
from genmo.train.datasets.smpl import checked, smpl_clip
from genmo.train.datasets.store import Recording

LICENCE = "Motion-X: non-commercial research; the videos' own terms"
KEYPOINTS, MOTIONS, TEXTS = "motion/keypoints", "motion/motion_generation/smplx322", "texts/semantic_labels"
WIDTH = 322
_TRANS, _BETAS = slice(309, 312), slice(312, 322)


def read_keypoints(path: Path) -> Array:
    """COCO-17 pixels and confidence [frames, 17, 3], in the order of the frames' file names."""
    expected = "wanted COCO-style JSON with annotations of file_name and body_kpts"
    try:
        entries = read_json(path, expected.removeprefix("wanted "))["annotations"]
        entries = sorted(entries, key=lambda entry: str(entry["file_name"]))
        points = np.asarray([entry["body_kpts"][:COCO_COUNT] for entry in entries])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not read ({first_line(error)}); {expected}") from None
    return checked(points, (None, COCO_COUNT, 3), f"{path}: body_kpts")


def read_folder(folder: str | Path, bodies: Bodies) -> Iterator[Recording]:
    """Every clip with 2D keypoints.  Raises InputError that names the file or says what was not there."""
    folder = Path(folder)
    files = sorted(path for path in (folder / KEYPOINTS).rglob("*.json") if path.name[0] != ".")
    if not files:
        raise InputError(f"{folder}: no {KEYPOINTS}/*/*.json; wanted the folder of Motion-X (motion/, texts/)")
    for path in files:
        inside = path.relative_to(folder / KEYPOINTS).with_suffix("")
        motion = folder / MOTIONS / inside.with_suffix(".npy")
        stored = read_npy_file(motion, f"SMPL-X parameters [n, {WIDTH}]")
        values = checked(stored, (None, WIDTH), str(motion))
        points = read_keypoints(path)
        if len(points) != len(values):
            raise InputError(f"{path}: {len(points)} frames, but {motion.name} has {len(values)}; wanted one a frame")
        yield Recording(
            name=inside.as_posix(),
            subject=inside.as_posix(),
            captions=_captions(folder / TEXTS / inside.with_suffix(".txt")),
            keypoints=points.astype(np.float32),
            truth="keypoints",
            **smpl_clip(values[:, :66], values[:, _TRANS], values[0, _BETAS], "neutral", bodies, fps=FPS),
        )


def _captions(path: Path) -> tuple[str, ...]:
    lines = read_text(path, "a caption a line").splitlines()
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
