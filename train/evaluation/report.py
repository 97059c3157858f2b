"""genmo-eval: an engine on held-out people (estimation) and on prompts (generation), as a user would run it.

Estimation goes the way of `genmo-run --keypoints`: simulated cameras film the clips, the pixels become the arrays of
a keypoint file, the runtime makes a motion of them in one step.  `--recorded`, `--dance`, `--in-betweening` and
`--steps-table` print other tables of the paper instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.representation import decode, with_root_at_origin
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.refine.foot_locking import clean_feet
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation import few_steps
from genmo.train.evaluation.simulated import camera_truth, estimates, middle, real_row, spread_out
from genmo.train.evaluation.text_motion_evaluator import Evaluator, action_yardstick, text_motion_report
from genmo.train.metrics.paper_tables import estimation_row, markdown_table
from genmo.train.metrics.pose import jitter, mpjpe, pa_mpjpe

CHANGES: dict[str, dict[str, Any]] = {
    "all keypoints": {},
    "30 % of the keypoints hidden": {"hidden": 0.3},
    "3 px noise at 1000 px height": {"noise": 3.0},
    "no camera file": {"with_camera": False},
    "all keypoints and the caption": {"captioned": True},
}
SETTINGS = (
    CHANGES
    | {"all keypoints, --no-clean-feet": {"clean_feet": False}}
    | {f"{name}, --no-fit": setting | {"fit": False} for name, setting in CHANGES.items()}
)
# prompt -> a word that marks the real clips of that action
PROMPTS = {
    "a person walks": "walks",
    "a person runs": "a person runs",
    "a person jogs": "jogs",
    "a person jumps forward": "jumps forward",
    "a person kicks a soccer ball": "soccer",
    "a person dances salsa": "salsa",
    "a person is boxing": "boxing",
    "a person directs traffic, waving and pointing": "traffic",
    "a person washes windows": "windows",
    "a person stands idle": "stands idle",
}
LONGEST = 120  # frames of the windows that the model was trained on
FOOT_HEIGHT = 0.04  # metres above its lowest point: below, a foot counts as on the ground


@dataclass(frozen=True)
class Errors:
    """Frame errors in mm over all clips."""

    mpjpe: Array
    pa_mpjpe: Array

    def summary(self) -> dict[str, float]:
        return {"mpjpe": round(float(self.mpjpe.mean()), 1), "pa_mpjpe": round(float(self.pa_mpjpe.mean()), 1)}


def estimation_errors(
    model: MotionModel,
    clips: list[Clip],
    *,
    hidden: float = 0.0,
    noise: float = 0.0,
    with_camera: bool = True,
    captioned: bool = False,
    fit: bool = True,
    clean_feet: bool = True,
) -> Errors:
    """Estimation of every clip under its own camera (seeded by its place in the list): one step, and with a caption a
    motion of text and keypoints."""
    options: dict[str, Any] = {
        "hidden": hidden,
        "noise": noise,
        "with_camera": with_camera,
        "captioned": captioned,
        "fit": fit,
        "clean_feet": clean_feet,
    }
    made = list(estimates(model, clips, **options))
    return Errors(
        np.concatenate([mpjpe(one.camera, one.true_camera) for one in made]),
        np.concatenate([pa_mpjpe(one.camera, one.true_camera) for one in made]),
    )


def world_report(model: MotionModel, clips: list[Clip]) -> dict[str, Any]:
    """A row of Tables 1 and 2 for cameras that stand still and one for cameras that move, both with the camera given;
    the real motion's jitter and foot sliding beside them."""
    real = estimation_row(real_row(clips))
    return {
        "static camera": estimation_row(list(estimates(model, clips, moving=False))),
        "moving camera": estimation_row(list(estimates(model, clips, moving=True))),
        "real motion": {name: real[name] for name in ("Jitter", "Foot sliding") if name in real},
    }


def mean_pose_errors(model: MotionModel, clips: list[Clip]) -> Errors:
    """The same for always answering the mean of the training set (the normalisation's mean features)."""
    joints = decode(*with_root_at_origin(model.engine.mean[None], model.engine.config.motion_layout)).joints_camera
    assert joints is not None
    truths = [camera_truth(clip, seed) for seed, clip in enumerate(clips)]
    answers = [np.broadcast_to(joints, truth.shape) for truth in truths]
    return Errors(
        np.concatenate([mpjpe(a, t) for a, t in zip(answers, truths, strict=True)]),
        np.concatenate([pa_mpjpe(a, t) for a, t in zip(answers, truths, strict=True)]),
    )


def statistics(motion: Motion) -> dict[str, float]:
    """What a motion looks like in numbers, the same for real and made ones."""
    turned, joints = motion.kinematics()
    path = joints[:, 0, [0, 2]]
    local = np.einsum("fji,fkj->fki", turned[:, 0], joints - joints[:, :1])
    feet = joints[:, [JOINTS.index("left_foot"), JOINTS.index("right_foot")]]
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * FPS
    down = feet[:-1, :, 1] < feet[..., 1].min() + FOOT_HEIGHT
    return {
        "root_speed": float(np.linalg.norm(np.diff(path, axis=0), axis=-1).mean() * FPS),
        "joint_range": float(np.ptp(local[:, [7, 8, 20, 21]], axis=0).mean()),
        "foot_sliding": float(speed[down].mean()) if down.any() else 0.0,
        "jitter": jitter(joints, FPS),
    }


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}


def clips_of_actions(clips: list[Clip]) -> dict[str, list[Clip]]:
    """The clips of each prompt of PROMPTS."""
    return {
        prompt: [clip for clip in clips if any(word in caption for caption in clip.captions)]
        for prompt, word in PROMPTS.items()
    }


def generation_report(model: MotionModel, clips: list[Clip], samples: int, steps: int) -> list[dict[str, Any]]:
    """A row an action: statistics of its real clips beside those of motions made from their captions, as long as they.

    Each caption is used as often as it takes to make `samples` motions: who "runs and makes a 90-degree left turn" is
    slower than who runs, and a motion made for the one is no measure of the other.  Feet are cleaned in both: a foot
    that swings is lower over feet that all stand on the ground than over the lowest point of an uneven floor.
    """
    rows = []
    for prompt, clips_of_action in clips_of_actions(clips).items():
        real = [clip for clip in clips_of_action if clip.frames >= FPS]
        if not real:
            continue
        real = real[:: max(1, len(real) // 24)]
        windows = [clean_feet(real_motion(clip)) for clip in real]
        captions = [next(text for text in clip.captions if PROMPTS[prompt] in text) for clip in real]
        made = [
            model.generate(caption, window.frames, steps=steps, seed=seed)[0]
            for seed in range(math.ceil(samples / len(real)))
            for caption, window in zip(captions, windows, strict=True)
        ]
        rows.append(
            {
                "prompt": prompt,
                "real_clips": len(real),
                "made_motions": len(made),
                "real": _mean([statistics(window) for window in windows]),
                "made": _mean([statistics(motion) for motion in made]),
            }
        )
    return rows


def text_report(
    model: MotionModel, clips: list[Clip], every: list[Clip], judge: Evaluator, steps: int, rounds: int
) -> dict[str, Any]:
    """R-precision, FID and the like of a motion a caption and round, each as long as the real clip of that caption, up
    to the four seconds that the model was trained on; beside FID that of different actions' real clips of `every`.

    Raises InputError for too few captions.
    """
    real = few_steps.captioned(clips)
    made = [few_steps.motions_for(model, real, steps, seed) for seed in range(rounds)]
    return text_motion_report(judge, real, made) | {"yardstick": action_yardstick(judge, clips_of_actions(every))}


def real_motion(clip: Clip) -> Motion:
    """The middle of a clip, at most 4 seconds: the length that the model was trained on."""
    part = middle(clip, LONGEST)
    return Motion(
        rotations=part.rotations.astype(np.float64),
        translation=part.translation.astype(np.float64),
        offsets=part.offsets.astype(np.float64),
    )


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured, and on what."""

    model: MotionModel
    subjects: list[str]
    held_out: list[Clip]
    every: list[Clip]

    @property
    def about(self) -> dict[str, Any]:
        return {
            "validation_subjects": self.subjects,
            "clips": len(self.held_out),
            "frames": sum(clip.frames for clip in self.held_out),
        }


def read_subject(model: MotionModel, data: list[str], subjects: list[str], count: int = 0) -> Subject:
    """The model with the clips of its validation subjects, at most `count` of them (0: all).

    Raises InputError when there are none.
    """
    clips = [clip for folder in data for clip in read_clips(folder)]
    subjects = subjects or list(model.engine.description["provenance"].get("train", {}).get("validation_subjects", ()))
    held_out = [clip for clip in clips if clip.subject in subjects]
    if not held_out:
        raise InputError(f"no clip of the validation subjects {subjects} in {data}; name them with --subjects")
    return Subject(model, subjects, spread_out(held_out, count), clips)


def evaluate(
    subject: Subject,
    samples: int,
    steps: int,
    judge: Evaluator | None,
    rounds: int = 3,
    must_judge: bool = True,
) -> dict[str, Any]:
    """The report that genmo-eval prints if nothing else is asked for.

    Raises InputError for captions too few for R-precision, unless not `must_judge`: then the report says why it has
    no text-to-motion part.
    """
    model, held_out = subject.model, subject.held_out
    text: dict[str, Any] | str | None = None
    if judge is not None:
        try:
            text = text_report(model, held_out, subject.every, judge, steps, rounds)
        except InputError as error:
            if must_judge:
                raise
            text = str(error)
    seen = [clip for clip in subject.every if clip.subject not in subject.subjects]
    return subject.about | {
        "estimation": {
            "always the mean pose": mean_pose_errors(model, held_out).summary(),
            **{name: estimation_errors(model, held_out, **setting).summary() for name, setting in SETTINGS.items()},
        },
        "by_subject": {
            name: estimation_errors(model, clips).summary()
            for name in subject.subjects
            if (clips := [c for c in held_out if c.subject == name])
        },
        "world": world_report(model, held_out),
        "generation": generation_report(model, seen, samples, steps),
        "text": text,
        "generation_steps": steps,
        "samples_per_prompt": samples,
    }


def markdown(result: dict[str, Any]) -> str:
    """The result as tables."""
    lines = [
        f"Estimation in one step, {result['clips']} clips ({result['frames']} frames) of "
        f"{', '.join(result['validation_subjects'])}; 24 joints, mm.",
        "",
        "| input | MPJPE | PA-MPJPE |",
        "|---|---|---|",
    ]
    rows = result["estimation"] | {f"all keypoints, {name}": row for name, row in result["by_subject"].items()}
    lines += [f"| {name} | {row['mpjpe']} | {row['pa_mpjpe']} |" for name, row in rows.items()]
    lines += [
        "",
        "In the world, all keypoints, the camera given; 95 % intervals over clips.",
        "",
        markdown_table(result["world"], first="camera"),
        "",
        f"Generation in {result['generation_steps']} steps: {result['samples_per_prompt']} or more motions an action, "
        "from the captions of its real clips and as long as they, beside them, feet cleaned in both; root speed and "
        "foot sliding m/s, range of wrists and ankles m, jitter 10 m/s^3.",
        "",
        "| action | root speed real / made | range real / made | sliding real / made | jitter real / made |",
        "|---|---|---|---|---|",
    ]
    names = ("root_speed", "joint_range", "foot_sliding", "jitter")
    for row in result["generation"]:
        cells = [f"{row['real'][name]:.2f} / {row['made'][name]:.2f}" for name in names]
        lines.append(f"| {row['prompt']} | {' | '.join(cells)} |")
    return "\n".join(lines + text_markdown(result["text"]))


def text_markdown(report: dict[str, Any] | str | None) -> list[str]:
    """The text-to-motion report as a table, or why there is none."""
    if report is None:
        return []
    if isinstance(report, str):
        return ["", f"Text to motion is not measured: {report}."]
    about = (
        f"Text to motion on the captions of the validation subjects ({report['captions']} clips, {report['rounds']} "
        f"rounds, 95 % intervals; evaluator {report['evaluator'][:12]}; FID of real: one half against the other)."
    )
    return [
        "",
        about,
        "",
        markdown_table({name: report[name] for name in ("real", "made")}, first="motion"),
        "",
        few_steps.yardstick_line(report["yardstick"]),
    ]
