"""The paper's Table 6: motion between 2 or 5 keyframes, the best of 10 samples in 50 steps.

Keyframes are evenly spaced, the first and the last frame among them.  As in appendix D they hold the pose and the
orientation of the root, not its place, and the clip's caption is given.  Made poses are measured on the actor's own
skeleton (the path scaled with the legs), so that a keyframe's error is that of its pose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel
from genmo.train.datasets.clips import Clip, leg_length, middle
from genmo.train.datasets.resampling import interpolated_rotations
from genmo.train.evaluation.simulated import true_joints
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.metrics.paper_tables import inbetweening_row, keyframe_error, markdown_table

KEYFRAMES = (2, 5)
SHORTEST = 30
"""frames of a clip that is measured"""


def keyframes_of(clip: Clip, count: int) -> Keyframes:
    """`count` evenly spaced poses of the clip, the first and the last frame among them; anywhere."""
    frames = np.round(np.linspace(0, clip.frames - 1, count)).astype(np.int64)
    return Keyframes(frames, clip.rotations[frames].astype(np.float64), np.full((count, 3), np.nan))


def on_skeleton(motion: Motion, clip: Clip) -> Array:
    """World joints [frames, 24, 3] of a motion's poses on the clip's skeleton."""
    scale = leg_length(clip.offsets) / leg_length(motion.rest_offsets)
    return forward_kinematics(motion.rotations, scale * motion.translation, clip.offsets)[1]


def between_by_slerp(clip: Clip, keys: Keyframes) -> Array:
    """World joints [frames, 24, 3] of someone who turns from keyframe to keyframe at constant speed and stays put."""
    times = np.interp(np.arange(clip.frames), keys.frames, np.arange(len(keys.frames)))
    still = np.broadcast_to(clip.translation[0], clip.translation.shape)
    return forward_kinematics(interpolated_rotations(keys.rotations, times), still, clip.offsets)[1]


def _made(model: AnyModel, clip: Clip, keys: Keyframes, samples: int, steps: int) -> list[Motion]:
    texts = (Text(clip.captions[0]),) if clip.captions and model.engine.text_encoder is not None else ()
    timeline = Timeline(frames=clip.frames, texts=texts, keyframes=keys, steps=steps)
    return model.follow(timeline, samples=samples, tries=1).motions


def report(
    model: AnyModel, clips: Sequence[Clip], samples: int = 10, steps: int = 50, *, progress: bool = False
) -> dict[str, Any]:
    """A row for each number of keyframes, and one for slerp beside it.

    Raises InputError when no clip is long enough.
    """
    from tqdm import tqdm

    windows = [middle(clip, LONGEST) for clip in clips if clip.frames >= SHORTEST]
    if not windows:
        raise InputError(f"no validation clip has {SHORTEST} frames; wanted longer ones")
    truths = [true_joints(clip) for clip in windows]
    rows: dict[str, dict[str, Any]] = {}
    errors: dict[str, float] = {}
    with tqdm(total=len(KEYFRAMES) * len(windows), disable=not progress, desc="in-betweening", unit="clip") as bar:
        for count in KEYFRAMES:
            keys = [keyframes_of(clip, count) for clip in windows]
            slerp = [[between_by_slerp(clip, key)] for clip, key in zip(windows, keys, strict=True)]
            rows[f"{count} keyframes, slerp"] = dict(inbetweening_row(slerp, truths))
            joints, worst = [], 0.0
            for clip, key, motions in _each(model, windows, keys, samples, steps):
                joints.append([on_skeleton(motion, clip) for motion in motions])
                sample_errors = [keyframe_error(m.rotations, key.rotations, key.frames.tolist()) for m in motions]
                worst = max(worst, *sample_errors)
                bar.update()
            rows[f"{count} keyframes, genmo"] = dict(inbetweening_row(joints, truths))
            errors[f"{count} keyframes"] = worst
    return {
        "in_betweening": rows,
        "keyframe_error": errors,
        "measured_clips": len(windows),
        "samples": samples,
        "steps": steps,
    }


def _each(
    model: AnyModel, windows: Sequence[Clip], keys: Sequence[Keyframes], samples: int, steps: int
) -> Iterator[tuple[Clip, Keyframes, list[Motion]]]:
    for clip, key in zip(windows, keys, strict=True):
        yield clip, key, _made(model, clip, key, samples, steps)


def markdown(result: dict[str, Any]) -> str:
    """The report as a table."""
    met = ", ".join(f"{name} {error:.1e}" for name, error in result["keyframe_error"].items())
    return "\n".join(
        [
            f"In-betweening, {result['measured_clips']} clips of {', '.join(result['validation_subjects'])} (at most "
            f"{LONGEST} frames each), best of {result['samples']} samples in {result['steps']} steps; 95 % intervals "
            "over clips. slerp: every joint turned from keyframe to keyframe, the person staying put.",
            "",
            markdown_table(result["in_betweening"], first="between"),
            "",
            f"Largest difference of a rotation's entry from the keyframe's: {met}.",
        ]
    )
