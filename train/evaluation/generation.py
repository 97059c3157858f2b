"""Generation from prompts: numbers of generated motions of an action beside those of its real clips."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.refine.foot_locking import clean_feet
from genmo.train.datasets.clips import Clip, middle
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.metrics.pose import jitter, joint_range, low_foot_speed, root_speed

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


def statistics(motion: Motion) -> dict[str, float]:
    """What a motion looks like in numbers, the same for real and generated ones."""
    rotations, joints = motion.kinematics()
    return {
        "root_speed": root_speed(joints[:, 0], FPS),
        "joint_range": joint_range(joints, rotations[:, 0]),
        "low_foot_speed": low_foot_speed(joints, FPS),
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
    """A row an action: statistics of its real clips beside those of motions generated from their captions, as long.

    Each caption is used as often as it takes to make `samples` motions: who "runs and makes a 90-degree left turn" is
    slower than who runs, and a motion generated for the one is no measure of the other.  Feet are cleaned in both: a
    foot that swings is lower over feet that all stand on the ground than over the lowest point of an uneven floor.
    """
    rows = []
    for prompt, clips_of_action in clips_of_actions(clips).items():
        real = [clip for clip in clips_of_action if clip.frames >= FPS]
        if not real:
            continue
        real = real[:: max(1, len(real) // 24)]
        windows = [clean_feet(real_motion(clip)) for clip in real]
        captions = [next(text for text in clip.captions if PROMPTS[prompt] in text) for clip in real]
        generated = [
            model.generate(caption, window.frames, steps=steps, seed=seed)[0]
            for seed in range(math.ceil(samples / len(real)))
            for caption, window in zip(captions, windows, strict=True)
        ]
        rows.append(
            {
                "prompt": prompt,
                "real_clips": len(real),
                "made_motions": len(generated),
                "real": _mean([statistics(window) for window in windows]),
                "made": _mean([statistics(motion) for motion in generated]),
            }
        )
    return rows


def real_motion(clip: Clip) -> Motion:
    """The middle of a clip, at most 4 seconds: the length that the model was trained on."""
    window = middle(clip, LONGEST)
    return Motion(
        rotations=window.rotations.astype(np.float64),
        translation=window.translation.astype(np.float64),
        offsets=window.offsets.astype(np.float64),
    )
