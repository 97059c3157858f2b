"""genmo-eval: an engine on held-out people (estimation) and on prompts (generation), as a user would run it.

Estimation goes the way of `genmo-run --keypoints`: simulated cameras film the clips, the pixels become the arrays of
a keypoint file, the runtime makes a motion of them in one step.  Truth is the actor's own skeleton, not a fitted one.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.__main__ import OneLineParser
from genmo.runtime.conditions import parse_keypoints
from genmo.runtime.errors import GenmoError, InputError
from genmo.runtime.motion import FPS, Motion
from genmo.runtime.representation import decode
from genmo.runtime.rotation import Array
from genmo.runtime.skeleton import JOINTS, forward_kinematics
from genmo.train.datasets.clips import Clip, read_clips
from genmo.train.metrics import jitter, mpjpe, pa_mpjpe
from genmo.train.metrics_report import markdown_table, plain
from genmo.train.simulate import film, keypoint_arrays
from genmo.train.text_motion import load_evaluator, text_motion_report

CHANGES: dict[str, dict[str, Any]] = {
    "all keypoints": {},
    "30 % of the keypoints hidden": {"hidden": 0.3},
    "3 px noise at 1000 px height": {"noise": 3.0},
    "no camera file": {"with_camera": False},
}
SETTINGS = CHANGES | {f"{name}, --no-fit": setting | {"fit": False} for name, setting in CHANGES.items()}
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


def camera_truth(clip: Clip, seed: int) -> Array:
    """True joints [frames, 24, 3] in the frame of the clip's simulated camera."""
    joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1]
    return film(clip, seed)[1].to_camera(joints)


def estimation_errors(
    model: MotionModel,
    clips: list[Clip],
    *,
    hidden: float = 0.0,
    noise: float = 0.0,
    with_camera: bool = True,
    fit: bool = True,
) -> Errors:
    """One-step estimation of every clip under its own camera (seeded by its place in the list)."""
    every: list[tuple[Array, Array]] = []
    for seed, clip in enumerate(clips):
        cameras, camera = film(clip, seed)
        arrays = keypoint_arrays(clip, cameras, camera, noise, hidden, seed)
        if not with_camera:
            del arrays["camera_to_world"]
        joints = model.estimate(parse_keypoints(arrays), fit=fit).joints_camera
        assert joints is not None
        truth = camera_truth(clip, seed)
        every.append((mpjpe(joints, truth), pa_mpjpe(joints, truth)))
    return Errors(*(np.concatenate(part) for part in zip(*every, strict=True)))


def mean_pose_errors(model: MotionModel, clips: list[Clip]) -> Errors:
    """The same for always answering the mean of the training set (the normalisation's mean features)."""
    joints = decode(model.engine.mean[None], model.engine.config.motion_layout).joints_camera
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


def generation_report(model: MotionModel, clips: list[Clip], samples: int, steps: int) -> list[dict[str, Any]]:
    """A row a prompt: statistics of generated motions beside those of the real clips of that action."""
    rows = []
    for prompt, word in PROMPTS.items():
        real = [c for c in clips if any(word in caption for caption in c.captions) and c.frames >= 30]
        if not real:
            continue
        windows = [_window(clip) for clip in real[:: max(1, len(real) // 24)]]
        frames = round(float(np.mean([window.frames for window in windows])))
        made = model.generate(prompt, frames, samples=samples, steps=steps)
        rows.append(
            {
                "prompt": prompt,
                "real_clips": len(real),
                "frames": frames,
                "real": _mean([statistics(window) for window in windows]),
                "made": _mean([statistics(motion) for motion in made]),
            }
        )
    return rows


def text_report(model: MotionModel, clips: list[Clip], evaluator: str, steps: int, rounds: int = 3) -> dict[str, Any]:
    """R-precision, FID and the like (`genmo.train.text_motion`) of a motion a caption and round, each as long as the
    real clip of that caption, up to the four seconds that the model was trained on.

    Raises InputError for a folder that is no evaluator, or too few captions.
    """
    judge = load_evaluator(evaluator)
    real = [clip for clip in clips if clip.captions and clip.frames >= FPS]
    made = [
        [model.generate(clip.captions[0], min(clip.frames, LONGEST), steps=steps, seed=seed)[0] for clip in real]
        for seed in range(rounds)
    ]
    return text_motion_report(judge, real, made)


def _window(clip: Clip, longest: int = LONGEST) -> Motion:
    """The middle of a clip, at most 4 seconds: the length that the model was trained on."""
    frames = min(clip.frames, longest)
    span = slice((clip.frames - frames) // 2, (clip.frames + frames) // 2)
    return Motion(
        rotations=clip.rotations[span].astype(np.float64),
        translation=clip.translation[span].astype(np.float64),
        offsets=clip.offsets.astype(np.float64),
    )


def evaluate(
    engine: str | None, data: list[str], subjects: list[str], samples: int, steps: int, evaluator: str | None = None
) -> dict[str, Any]:
    """Everything that genmo-eval prints."""
    model = MotionModel.load(engine)
    clips = [clip for folder in data for clip in read_clips(folder)]
    subjects = subjects or list(model.engine.description["provenance"].get("train", {}).get("validation_subjects", ()))
    held_out = [clip for clip in clips if clip.subject in subjects]
    if not held_out:
        raise InputError(f"no clip of the validation subjects {subjects} in {data}; name them with --subjects")
    return {
        "validation_subjects": subjects,
        "clips": len(held_out),
        "frames": sum(clip.frames for clip in held_out),
        "estimation": {
            "always the mean pose": mean_pose_errors(model, held_out).summary(),
            **{name: estimation_errors(model, held_out, **setting).summary() for name, setting in SETTINGS.items()},
        },
        "by_subject": {
            subject: estimation_errors(model, [c for c in held_out if c.subject == subject]).summary()
            for subject in subjects
        },
        "generation": generation_report(model, [c for c in clips if c.subject not in subjects], samples, steps),
        "text": None if evaluator is None else text_report(model, held_out, evaluator, steps),
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
        f"Generation in {result['generation_steps']} steps, {result['samples_per_prompt']} samples a prompt, beside "
        "real clips; root speed and foot sliding m/s, range of wrists and ankles m, jitter 10 m/s^3.",
        "",
        "| prompt | root speed real / made | range real / made | sliding real / made | jitter real / made |",
        "|---|---|---|---|---|",
    ]
    names = ("root_speed", "joint_range", "foot_sliding", "jitter")
    for row in result["generation"]:
        cells = [f"{row['real'][name]:.2f} / {row['made'][name]:.2f}" for name in names]
        lines.append(f"| {row['prompt']} | {' | '.join(cells)} |")
    return "\n".join(lines + text_markdown(result["text"]))


def text_markdown(report: dict[str, Any] | None) -> list[str]:
    """The text-to-motion report as a table."""
    if report is None:
        return []
    about = (
        f"Text to motion on the captions of the validation subjects ({report['captions']} clips, {report['rounds']} "
        f"rounds, 95 % intervals; evaluator {report['evaluator'][:12]}; FID of real: one half against the other)."
    )
    return ["", about, "", markdown_table({name: report[name] for name in ("real", "made")}, first="motion")]


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    options = OneLineParser(prog="genmo-eval", description="Measure an engine on held-out people and on prompts.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--data", action="append", required=True, metavar="SET", help="a *30 motion set; repeatable")
    options.add_argument("--subjects", nargs="*", default=[], help="set/subject names (default: the engine's own)")
    options.add_argument("--samples", type=int, default=8, help="motions a prompt (default: %(default)s)")
    options.add_argument("--steps", type=int, default=5, help="DDIM steps of generation (default: %(default)s)")
    options.add_argument("--evaluator", metavar="DIR", help="also R-precision and FID, by what text_motion trained")
    options.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the tables there as well")
    args = options.parse_args(arguments)
    try:
        result = evaluate(args.engine, args.data, args.subjects, args.samples, args.steps, args.evaluator)
    except GenmoError as error:
        print(f"genmo-eval: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(json.dumps(plain(result), indent=1) if args.json else markdown(result))
    if args.out:
        args.out.write_text(markdown(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
