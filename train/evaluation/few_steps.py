"""The paper's Table 8: what the number of denoising steps does to estimation and to generation.

Estimation in one step is the regression from zeros (equation 5); in more it is sampled from noise under the same
keypoints.  It is the network's own answer, without the fit to the keypoints and without cleaned feet, as the paper
measures; generation is what `genmo-run` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip, middle
from genmo.train.evaluation.simulated import estimates
from genmo.train.evaluation.text_motion_evaluator import Evaluator
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.evaluation.text_motion_report import text_motion_report
from genmo.train.metrics.paper_tables import estimation_row, markdown_table
from genmo.train.metrics.pose import root_speed
from genmo.train.metrics.sets import mean_interval

STEPS = (1, 2, 5, 10, 50)
COLUMNS = ("W-MPJPE100", "WA-MPJPE100", "MPJPE", "PA-MPJPE")
GENERATION = ("FID", "R@3", "Diversity")


def captioned(clips: Sequence[Clip]) -> list[Clip]:
    """Clips with a caption and at least a second of motion: what text-to-motion is measured on."""
    return [clip for clip in clips if clip.captions and clip.frames >= FPS]


def motions_for(model: MotionModel, clips: Sequence[Clip], steps: int, seed: int) -> list[Motion]:
    """A motion for the first caption of each clip, as long as the clip, up to LONGEST frames."""
    return [model.generate(clip.captions[0], min(clip.frames, LONGEST), steps=steps, seed=seed)[0] for clip in clips]


def speed_ratio(generated: Sequence[Motion], real: Sequence[Clip]) -> float:
    """Mean root speed of the motions over that of the clips (their middle LONGEST frames)."""
    expected = float(np.mean([root_speed(middle(clip, LONGEST).translation, FPS) for clip in real]))
    return float(np.mean([root_speed(motion.translation, FPS) for motion in generated])) / max(expected, 1e-9)


def generation_row(
    model: MotionModel, real: Sequence[Clip], evaluator: Evaluator, steps: int, rounds: int, progress: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """FID, R@3, Diversity and the root speed over the real one, with intervals over the rounds; the real motions' row.

    Raises InputError for too few captions.
    """
    generated = []
    for seed in range(rounds):
        generated.append(motions_for(model, real, steps, seed))
        if progress is not None:
            progress.update()
    report = text_motion_report(evaluator, real, generated)
    ratios = np.array([speed_ratio(motions, real) for motions in generated])
    row = {name: report["made"][name] for name in GENERATION}
    row["Root speed, made / real"] = mean_interval(ratios) if rounds > 1 else float(ratios[0])
    return row, {name: report["real"][name] for name in GENERATION}


def report(
    model: MotionModel,
    clips: Sequence[Clip],
    evaluator: Evaluator | None,
    steps: Sequence[int] = STEPS,
    rounds: int = 3,
    progress: bool = False,
) -> dict[str, Any]:
    """A row a number of steps; without a evaluator estimation only.

    Raises InputError for a bad number of steps, or captions too few for R-precision.
    """
    from tqdm import tqdm

    if not steps or min(steps) < 1 or max(steps) > 1000 or len(set(steps)) != len(steps):
        raise InputError(f"--steps-table {' '.join(map(str, steps))}; wanted different numbers from 1 to 1000")
    real = captioned(clips)
    rows: dict[str, dict[str, Any]] = {}
    truth: dict[str, Any] = {}
    with tqdm(total=len(steps) * (1 + (evaluator is not None) * rounds), disable=not progress, desc="steps") as bar:
        for count in steps:
            sampled = None if count == 1 else count
            results = list(estimates(model, clips, steps=sampled, fit=False, clean_feet=False))
            measured = estimation_row(results)
            bar.update()
            rows[f"{count} (regression)" if count == 1 else str(count)] = row = {
                name: measured[name] for name in COLUMNS
            }
            if evaluator is not None:
                generated, truth = generation_row(model, real, evaluator, count, rounds, bar)
                row |= generated
    if evaluator is not None:
        rows["real motion"] = truth
    return {
        "steps_table": rows,
        "captions": len(real) if evaluator is not None else 0,
        "rounds": rounds if evaluator is not None else 0,
        "evaluator": evaluator and evaluator.sha256,
    }


def yardstick_line(yardstick: dict[str, Any] | None) -> str:
    """What FID is to be held against, as a sentence."""
    if yardstick is None:
        return "FID between real clips of different actions: not known, fewer than two actions have a dozen clips."
    actions = ", ".join(f"{name} ({count})" for name, count in yardstick["actions"].items())
    return (
        f"FID between real clips of different actions, to hold it against: median {yardstick['median']:.3g}, least "
        f"{yardstick['least']:.3g} ({yardstick['nearest']}); clips: {actions}."
    )


def markdown(result: dict[str, Any]) -> str:
    """The report as a table."""
    about = (
        f"Denoising steps, {result['clips']} clips ({result['frames']} frames) of "
        f"{', '.join(result['validation_subjects'])}. Estimation is the network alone (no fit, no cleaned feet), the "
        "camera given; 95 % intervals over clips."
    )
    if result["captions"]:
        about += (
            f" Generation: {result['captions']} captions, {result['rounds']} rounds, 95 % intervals over rounds; "
            f"evaluator {result['evaluator'][:12]}; FID of real: one half against the other."
        )
    lines = [about, "", markdown_table(result["steps_table"], first="steps")]
    return "\n".join(lines + (["", yardstick_line(result["yardstick"])] if result["captions"] else []))
