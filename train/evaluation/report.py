"""What genmo-eval reports of an engine if nothing else is asked for: estimation, generation, text to motion.

Estimation goes the way of `genmo-run --keypoints`: simulated cameras film the clips, the pixels become the arrays of
a keypoint file, the runtime makes a motion of them in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genmo.runtime import MotionModel
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation import few_steps, long_motions
from genmo.train.evaluation.estimation import SETTINGS, estimation_errors, mean_pose_errors, world_report
from genmo.train.evaluation.generation import clips_of_actions, generation_report
from genmo.train.evaluation.simulated import spread_out
from genmo.train.evaluation.text_motion_evaluator import Evaluator
from genmo.train.evaluation.text_motion_report import action_yardstick, text_motion_report
from genmo.train.metrics.paper_tables import markdown_table


def text_report(
    model: MotionModel,
    clips: list[Clip],
    every: list[Clip],
    evaluator: Evaluator,
    steps: int,
    rounds: int,
) -> dict[str, Any]:
    """R-precision, FID and the like of a motion a caption and round, each as long as the real clip of that caption, up
    to the four seconds that the model was trained on; beside FID that of different actions' real clips of `every`.
    Captions that those of `every` have that are not measured, and new ones, stand apart, and copies of these beside.

    Raises InputError for too few captions.
    """
    real = few_steps.captioned(clips)
    rounds_of_motions = [few_steps.motions_for(model, real, steps, seed) for seed in range(rounds)]
    measured = {clip.subject for clip in clips}
    known = [clip for clip in every if clip.subject not in measured and clip.captions]
    return text_motion_report(evaluator, real, rounds_of_motions, training=known) | {
        "yardstick": action_yardstick(evaluator, clips_of_actions(every))
    }


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
    return Subject(model, *subject_clips(model, data, subjects, count))


def subject_clips(
    model: AnyModel, data: list[str], subjects: list[str], count: int
) -> tuple[list[str], list[Clip], list[Clip]]:
    """A model's validation subjects, their clips (at most `count`, 0: all) and all clips; see `read_subject`."""
    clips = [clip for folder in data for clip in read_clips(folder)]
    subjects = subjects or list(model.engine.description["provenance"].get("train", {}).get("validation_subjects", ()))
    held_out = [clip for clip in clips if clip.subject in subjects]
    if not held_out:
        raise InputError(f"no clip of the validation subjects {subjects} in {data}; name them with --subjects")
    return subjects, spread_out(held_out, count), clips


def evaluate(
    subject: Subject,
    samples: int,
    steps: int,
    evaluator: Evaluator | None,
    rounds: int = 3,
    text_required: bool = True,
) -> dict[str, Any]:
    """The report that genmo-eval prints if nothing else is asked for.

    Raises InputError for captions too few for R-precision, unless not `text_required`: then the report says why it has
    no text-to-motion part.
    """
    model, held_out = subject.model, subject.held_out
    text: dict[str, Any] | str | None = None
    if evaluator is not None:
        try:
            text = text_report(model, held_out, subject.every, evaluator, steps, rounds)
        except InputError as error:
            if text_required:
                raise
            text = str(error)
    trained_on = [clip for clip in subject.every if clip.subject not in subject.subjects]
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
        "generation": generation_report(model, trained_on, samples, steps),
        "long": long_motions.report(model, min(samples, 4), steps) if model.engine.text_encoder is not None else None,
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
        "speed of low feet m/s, range of wrists and ankles m, jitter 10 m/s^3.",
        "",
        "| action | root speed real / made | range real / made | low feet real / made | jitter real / made |",
        "|---|---|---|---|---|",
    ]
    names = ("root_speed", "joint_range", "low_foot_speed", "jitter")
    for row in result["generation"]:
        cells = [f"{row['real'][name]:.2f} / {row['made'][name]:.2f}" for name in names]
        lines.append(f"| {row['prompt']} | {' | '.join(cells)} |")
    if result["long"] is not None:
        lines += ["", *long_motions.markdown(result["long"])]
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
    if report["apart"]:
        counts = " and ".join(f"{count} clips with {name}" for name, count in report["apart"].items())
        about += f" Apart: {counts}. Nearest words: copies of the training clip whose caption shares most words."
    return [
        "",
        about,
        "",
        markdown_table(
            {name: report[name] for name in ("real", "made", "nearest words") if name in report}, first="motion"
        ),
        "",
        few_steps.yardstick_line(report["yardstick"]),
    ]
