"""What a model in training makes, drawn: an SVG a validation, so that a glance tells what numbers do not."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.conditions.keypoints import parse_keypoints
from genmo.runtime.engine.text_ngram import TextEncoder
from genmo.runtime.render.svg import to_svg
from genmo.runtime.support.atomic_write import write_aside
from genmo.train.datasets.clips import Clip, middle
from genmo.train.evaluation.torch_model import motion_model
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.tools.simulate_keypoints import film, keypoint_arrays

FRAMES = 90
"""three seconds: what a picture can hold"""
SAMPLES = 2
"""captions that are sampled"""


def draw_samples(
    checkpoint: Checkpoint, clips: Sequence[Clip], folder: Path, step: int, text_encoder: TextEncoder | None = None
) -> list[Path]:
    """Pictures of one estimated and SAMPLES generated motions of held-out clips, `folder`/STEP-NAME.svg.

    The clips that move most are taken, the same at every step.  `text_encoder`: of a network whose tokens come from
    outside.
    """
    checkpoint = Checkpoint(copy.deepcopy(checkpoint.model).cpu(), checkpoint.normalisation, checkpoint.provenance)
    model = motion_model(checkpoint, text_encoder=text_encoder)
    windows = [middle(clip, FRAMES) for clip in sorted(clips, key=_travelled, reverse=True)]
    motions = {}
    if windows:
        clip = windows[0]
        keypoints = parse_keypoints(keypoint_arrays(clip, *film(clip, 0), 0.0, 0.0, 0))
        motions[f"estimated: {clip.name}"] = model.estimate(keypoints, fit=False)
    captions = list(dict.fromkeys(clip.captions[0] for clip in windows if clip.captions))
    for caption in captions[:SAMPLES]:
        motions[caption] = model.generate(caption, FRAMES)[0]
    folder.mkdir(exist_ok=True)
    paths = []
    for title, motion in motions.items():
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
        paths.append(folder / f"{step:07d}-{name}.svg")
        write_aside(paths[-1], to_svg(motion, f"step {step}: {title}"))
    return paths


def _travelled(clip: Clip) -> float:
    return float(((clip.translation[-1] - clip.translation[0])[[0, 2]] ** 2).sum())
