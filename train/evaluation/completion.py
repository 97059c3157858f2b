"""Motion completion: part of a clip is missing, poses and places of the rest are given; what is made, not the best.

What counts is the missing part: MPJPE (roots together) and the error of joints in the world.  Beside the engine stand
joints turned at constant speed with the root on a straight line (slerp), and the last known pose held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel
from genmo.train.datasets.clips import Clip, middle
from genmo.train.datasets.resampling import interpolated_rotations
from genmo.train.evaluation.simulated import true_joints
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.metrics.paper_tables import markdown_table
from genmo.train.metrics.pose import mpjpe, point_error
from genmo.train.metrics.sets import bootstrap

# name -> the missing frames of a clip of so many
GAPS: dict[str, Callable[[int], tuple[int, int]]] = {
    "last 50 % (prefix given)": lambda frames: (frames // 2, frames),
    "first 50 % (suffix given)": lambda frames: (0, frames // 2),
    "middle 50 %": lambda frames: (frames // 4, frames - frames // 4),
    "middle 25 %": lambda frames: (frames * 3 // 8, frames * 5 // 8),
    "middle 10 frames": lambda frames: (frames // 2 - 5, frames // 2 + 5),
}
WAYS: dict[str, int | None] = {"genmo": None, "genmo, one take": 1}
"""name -> takes of a motion; None: as many as users get"""
SHORTEST = 60
"""frames of a clip that is measured"""


def known_frames(clip: Clip, gap: tuple[int, int]) -> Array:
    """Frames outside the gap."""
    frames = np.arange(clip.frames)
    return np.asarray(frames[(frames < gap[0]) | (frames >= gap[1])])


def keyframes_outside(clip: Clip, gap: tuple[int, int]) -> Keyframes:
    """Poses and places of the frames outside the gap."""
    frames = known_frames(clip, gap).astype(np.int64)
    return Keyframes(frames, clip.rotations[frames].astype(np.float64), clip.translation[frames].astype(np.float64))


def slerp_with_line(clip: Clip, gap: tuple[int, int]) -> Array:
    """World joints [frames, 24, 3] of someone who turns and moves at constant speed through the gap, and stands where
    nothing comes after it or before."""
    keys = keyframes_outside(clip, gap)
    times = np.interp(np.arange(clip.frames), keys.frames, np.arange(len(keys.frames)))
    path = np.stack([np.interp(np.arange(clip.frames), keys.frames, axis) for axis in keys.root.T], axis=-1)
    return forward_kinematics(interpolated_rotations(keys.rotations, times), path, clip.offsets)[1]


def held(clip: Clip, gap: tuple[int, int]) -> Array:
    """World joints of someone who keeps the last pose before the gap, or the first after it where none is before."""
    known = known_frames(clip, gap)
    last = np.maximum(np.searchsorted(known, np.arange(clip.frames), side="right") - 1, 0)
    return true_joints(clip)[known[last].astype(np.int64)]


def completed(
    model: AnyModel, clip: Clip, gap: tuple[int, int], seed: int, steps: int | None, tries: int | None = None
) -> Array:
    """World joints of one motion on the actor's skeleton, given the rest of the clip and its caption; `tries`: takes of
    it, of which one is kept that knows nothing of the truth, None: as many as users get."""
    texts = (Text(clip.captions[0]),) if clip.captions and model.engine.text_encoder is not None else ()
    keyframes = keyframes_outside(clip, gap)
    timeline = Timeline(frames=clip.frames, texts=texts, keyframes=keyframes, steps=steps, seed=seed)
    (motion,) = model.follow(timeline, tries=tries).motions
    return forward_kinematics(motion.rotations, motion.translation, clip.offsets)[1]


def gap_errors(joints: Array, clip: Clip, gap: tuple[int, int]) -> tuple[Array, Array]:
    """MPJPE and the world error of each missing frame, mm."""
    part = slice(*gap)
    truth = true_joints(clip)[part]
    return mpjpe(joints[part], truth), point_error(joints[part], truth)


def report(
    model: AnyModel, clips: Sequence[Clip], samples: int = 2, steps: int | None = None, *, progress: bool = False
) -> dict[str, Any]:
    """A row a gap and way; errors are means over `samples` motions, never the best of them.

    Raises InputError when no clip is long enough.
    """
    from tqdm import tqdm

    windows = [middle(clip, LONGEST) for clip in clips if clip.frames >= SHORTEST]
    if not windows:
        raise InputError(f"no validation clip has {SHORTEST} frames; wanted longer ones")
    rows: dict[str, dict[str, Any]] = {}
    with tqdm(total=len(GAPS) * len(windows), disable=not progress, desc="completion", unit="clip") as bar:
        for name, gap_of in GAPS.items():
            errors: dict[str, list[tuple[Array, Array]]] = defaultdict(list)
            for clip in windows:
                gap = gap_of(clip.frames)
                for way, tries in WAYS.items():
                    each = [completed(model, clip, gap, seed, steps, tries) for seed in range(samples)]
                    poses, worlds = zip(*(gap_errors(joints, clip, gap) for joints in each), strict=True)
                    errors[way].append((np.concatenate(poses), np.concatenate(worlds)))
                errors["slerp and a line"].append(gap_errors(slerp_with_line(clip, gap), clip, gap))
                errors["held"].append(gap_errors(held(clip, gap), clip, gap))
                bar.update()
            for way, found in errors.items():
                row = {"MPJPE (mm)": [pose for pose, _ in found], "in the world (mm)": [world for _, world in found]}
                rows[f"{name}, {way}"] = {column: bootstrap(groups) for column, groups in row.items()}
    return {"completion": rows, "completed_clips": len(windows), "completion_samples": samples}


def markdown(result: dict[str, Any]) -> str:
    """The report as a table."""
    return "\n".join(
        [
            f"Completion, {result['completed_clips']} clips (their middle {LONGEST} frames at most): poses and places "
            "of all other frames and the caption given; errors of the missing frames, mean over "
            f"{result['completion_samples']} motions; 95 % intervals over clips. genmo: as users get it.",
            "",
            markdown_table(result["completion"], first="missing, made by"),
        ]
    )
