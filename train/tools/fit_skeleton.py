"""Fit the default body's shape space to real actors and write `runtime/motion/skeleton.json`.

    python -m genmo.train.tools.fit_skeleton --data SET [--leave-out 07 13 ...] --out runtime/motion/skeleton.json

Principal components of the actors' rest offsets.  Every actor enters twice, as is and mirrored, so that the space
is closed under mirroring: the mirror image of a body it can describe is a body it can describe.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genmo.runtime.motion.skeleton import BETA_COUNT, JOINT_COUNT, MIRROR_JOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.train.datasets.read import read_clips

PROGRAM = "python -m genmo.train.tools.fit_skeleton"


def mirrored_offsets(offsets: Array) -> Array:
    """Rest offsets [..., 24, 3] of the mirror image (x -> -x, left and right swapped)."""
    return np.asarray(offsets[..., MIRROR_JOINTS, :] * np.array([-1.0, 1.0, 1.0]))


def fit_shape_space(actors: Array, counts: int = BETA_COUNT) -> tuple[Array, Array, Array]:
    """Mean [24, 3], components [counts, 24, 3] and cumulative explained variance [counts] of actors [n, 24, 3]."""
    both = np.concatenate([actors, mirrored_offsets(actors)]).reshape(2 * len(actors), -1).astype(np.float64)
    mean = both.mean(axis=0)
    _, singular, directions = np.linalg.svd(both - mean, full_matrices=False)
    variance = singular**2 / len(both)
    used = min(counts, len(singular))
    components = np.zeros((counts, mean.size))
    components[:used] = directions[:used] * np.sqrt(variance[:used, None])
    # a direction and its negative are the same component: make the largest entry positive, so that a refit is stable
    signs = np.sign(np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1))
    components *= np.where(signs == 0, 1, signs)
    explained = np.cumsum(variance)[:counts] / variance.sum()
    return mean.reshape(JOINT_COUNT, 3), components.reshape(counts, JOINT_COUNT, 3), explained


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, fit and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="a *30 motion set with several actors")
    parser.add_argument("--leave-out", nargs="*", default=[], help="subjects that the fit must not see")
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args(arguments)
    fitted: dict[bytes, Array] = {}
    held_out: dict[bytes, Array] = {}
    for clip in read_clips(args.data):
        group = held_out if clip.subject.split("/")[1] in args.leave_out else fitted
        group[np.round(clip.offsets, 4).tobytes()] = clip.offsets
    mean, components, explained = fit_shape_space(np.stack(list(fitted.values())))
    basis = components.reshape(len(components), -1)
    report = {}
    for name, group in (("seen", fitted), ("left_out", held_out)):
        if group:
            rest = (np.stack(list(group.values())) - mean).reshape(len(group), -1)
            residual = (rest - rest @ np.linalg.pinv(basis) @ basis).reshape(len(group), JOINT_COUNT, 3)
            report[name] = {
                "actors": len(group),
                "offset_residual_mm": round(1000 * float(np.linalg.norm(residual, axis=-1).mean()), 3),
                "explained": round(float(1 - (residual**2).sum() / (rest**2).sum()), 5),
            }
    stored = {
        "mean": np.round(mean, 6).tolist(),
        "components": np.round(components, 7).tolist(),
        "explained_variance": np.round(explained, 5).tolist(),
        "fit": report,
    }
    write_aside(args.out, json.dumps(stored) + "\n")
    print(json.dumps({"explained_variance": stored["explained_variance"], **report}, indent=1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
