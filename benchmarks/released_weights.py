"""What becomes of the answers of released weights (GEM-SMPL, GVHMR): poses, places in the camera, paths and feet.

    python benchmarks/released_weights.py --cases DIR --out benchmarks/results/released_weights.md

A case is an .npz with the answers of a network of that layout to the keypoints of a known motion, the SMPL-X rest
joints of its person, the motion itself, and what the public code makes of the same answers.  The network is replaced
by its answers, so what is measured is everything after it: decoding, roll-out, fit and feet.  A case has:
`keypoints` [N, 17, 3], `image_size`, `intrinsics`, `camera_to_world`, `answer_x_0` [N, 151] normalised by `mean` and
`std`, `answer_weak_perspective` [N, 3], `answer_contact_logits` [N, 6], `betas` [10], `rest_joints` [22, 3], and
`public_` and `truth_` `joints_camera` and `joints_world` [N, 22, 3], metres.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.conditions.keypoints import parse_keypoints
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.motion.skeleton import JOINT_COUNT, shape_space
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.safe_read import read_npz
from genmo.train.metrics.pose import FEET, jitter, pa_mpjpe, point_error, wa_mpjpe

BODY_JOINTS = 22
STANDS = 0.005
"""metres a frame; a true foot that moves less stands still"""
COLUMNS = ("PA-MPJPE", "in the camera", "WA-MPJPE100", "slide", "jitter")
PACKAGES = ("numpy",)
FPS = 30.0

Case = dict[str, Array]
Maker = Callable[[Case], tuple[Array, Array]]


class Answers:
    """A denoiser that answers what a case holds, whatever it is asked."""

    def __init__(self, case: Case) -> None:
        self._answers = {
            name: case[f"answer_{name}"][None].astype(np.float32)
            for name in ("x_0", "weak_perspective", "contact_logits")
        }

    def __call__(self, inputs: Arrays) -> Arrays:
        return {name: np.repeat(answer, len(inputs["x_t"]), axis=0) for name, answer in self._answers.items()}


def body_of(case: Case) -> SmplBody:
    """The body of a case: its rest joints, whatever the betas; hands, which it has not, as far as genmo's."""
    rest = np.zeros((JOINT_COUNT, 3))
    rest[:BODY_JOINTS] = case["rest_joints"]
    rest[BODY_JOINTS:] = rest[[20, 21]] + shape_space().mean[BODY_JOINTS:]
    return SmplBody(rest, np.zeros((JOINT_COUNT, 3, len(case["betas"]))))


def model_of(case: Case, body: SmplBody | None) -> MotionModel:
    """A model of layout `gem` whose network answers what the case says."""
    config = ModelConfig(layout="gem", block_order="public")
    mean, std = case["mean"].astype(np.float32), case["std"].astype(np.float32)
    return MotionModel(Engine(Path("case"), config, mean, std, None, {}), Answers(case), body=body)


def estimated(with_body: bool, **options: Any) -> Maker:
    """How genmo makes joints in the camera and in the world [N, 22, 3] of a case; options of `estimate`."""

    def make(case: Case) -> tuple[Array, Array]:
        model = model_of(case, body_of(case) if with_body else None)
        names = ("keypoints", "image_size", "intrinsics", "camera_to_world")
        motion = model.estimate(parse_keypoints({name: case[name] for name in names}), **options)
        assert motion.joints_camera is not None
        return motion.joints_camera[:, :BODY_JOINTS], motion.joints_world()[:, :BODY_JOINTS]

    return make


def public(case: Case) -> tuple[Array, Array]:
    """What the public code made of it."""
    return case["public_joints_camera"], case["public_joints_world"]


MAKERS: dict[str, Maker] = {
    "public code": public,
    "genmo, with the body file": estimated(True),
    "genmo, with it, no fit": estimated(True, fit=False),
    "genmo, without a body file": estimated(False),
    "genmo, without it, no fit": estimated(False, fit=False),
}


def measured(case: Case, make: Maker) -> tuple[float, ...]:
    """The COLUMNS of a case."""
    camera, world = (joints.astype(np.float64) for joints in make(case))
    true_camera, true_world = (case[f"truth_joints_{name}"].astype(np.float64) for name in ("camera", "world"))
    feet, true_feet = world[:, FEET], true_world[:, FEET]
    steps, true_steps = (np.linalg.norm(np.diff(points, axis=0), axis=-1) for points in (feet, true_feet))
    return (
        float(pa_mpjpe(camera, true_camera).mean()),
        float(point_error(camera, true_camera).mean()),
        float(wa_mpjpe(world, true_world).mean()),
        float(1000 * steps[true_steps < STANDS].mean()),
        jitter(world, FPS),
    )


def read_cases(folder: Path) -> dict[str, Case]:
    """The cases of a folder by name.  Raises InputError when there is none, or a file is no case."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise InputError(f"{folder}: holds no .npz; wanted a folder of cases, as this script's first lines describe")
    cases = {path.stem: read_npz(path, "a case of released weights") for path in files}
    for name, case in cases.items():
        if "answer_x_0" not in case:
            raise InputError(f"{folder / name}.npz: has no answer_x_0; wanted a case of released weights")
    return cases


def table(cases: dict[str, Case]) -> tuple[list[str], dict[str, Array]]:
    """The lines of the table, and the mean of every row over the cases."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    means: dict[str, Array] = {}
    for label, make in MAKERS.items():
        means[label] = np.mean([measured(case, make) for case in cases.values()], axis=0)
        lines.append(f"| {label} | " + " | ".join(f"{value:.1f}" for value in means[label]) + " |")
    return lines, means


def page(cases: dict[str, Case], command: str) -> str:
    """The whole page."""
    lines, _ = table(cases)
    frames = sum(len(case["keypoints"]) for case in cases.values())
    facts = machine.describe(PACKAGES)
    return "\n".join(
        [
            "# Released weights end to end",
            "",
            f"Means over {len(cases)} cases, {frames} frames: {', '.join(cases)}.",
            "The network's answers, cameras and keypoints are given; what is made of them is ours, or the public",
            "code's.",
            "PA-MPJPE, error in the camera (absolute) and WA-MPJPE100 in mm; slide in mm a frame where the true foot",
            "moves less than 5; jitter in 10 m/s^3.",
            "",
            *lines,
            "",
            f"`{command}`",
            "",
            *(f"- {name}: {value}" for name, value in facts.items()),
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(description="Released weights end to end: a table of errors.")
    parser.add_argument("--cases", type=Path, required=True, metavar="DIR", help="folder of cases, .npz")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="page to write (default: print)")
    args = parser.parse_args(arguments)
    try:
        text = page(read_cases(args.cases), "python benchmarks/released_weights.py --cases DIR")
    except GenmoError as error:
        print(f"released_weights: error: {error}", file=sys.stderr)
        return 2
    if args.out is None:
        print(text)
    else:
        args.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
