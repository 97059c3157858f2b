"""The paper's Table 4: motions made from the music of held-out dances, beside those dances.

Windows of five seconds, as EDGE takes them.  Musical beats are those that the 35 music features mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.conditions.music_columns import COLUMNS, MUSIC_WIDTH
from genmo.runtime.conditions.spans import FeatureSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording
from genmo.train.evaluation.simulated import true_joints
from genmo.train.metrics.dance import beat_alignment, dance_table, kinematic_beats, pfc
from genmo.train.metrics.paper_tables import markdown_table
from genmo.train.metrics.sets import over_rounds

WINDOW = 150
"""frames that are made from music at a time"""
FEWEST = 2
"""windows; a spread wants more than one"""


def windows_of(clips: Sequence[Clip]) -> list[Recording]:
    """Windows of the clips with music whose motion is known.  Raises InputError for too few."""
    windows = [
        clip.cut(slice(start, start + WINDOW))
        for clip in clips
        if isinstance(clip, Recording) and clip.music is not None and clip.truth == "world"
        for start in range(0, clip.frames - WINDOW + 1, WINDOW)
    ]
    if len(windows) < FEWEST:
        raise InputError(
            f"--dance: {len(windows)} windows of {WINDOW} frames with music among the clips of these subjects; wanted "
            f"at least {FEWEST}: sets with music, as genmo-prepare --music writes them"
        )
    return windows


def musical_beats(music: Array) -> Array:
    """Times in seconds of the beats that features [frames, 35] mark."""
    return np.flatnonzero(music[:, COLUMNS["beats"]][:, 0] > 0.5) / FPS


def report(
    model: MotionModel, clips: Sequence[Clip], rounds: int = 3, steps: int | None = None, progress: bool = False
) -> dict[str, Any]:
    """The made motions' row, means over `rounds` of one motion a window, and the real ones'.

    Raises InputError for an engine without music, and for clips without.
    """
    from tqdm import tqdm

    if not model.engine.config.music_width:
        raise InputError("--dance: this engine takes no music; wanted one with the music condition")
    windows = windows_of(clips)
    real = [true_joints(clip) for clip in windows]
    rows: list[dict[str, float]] = []
    divided: dict[str, float] = {}
    with tqdm(total=rounds * len(windows), disable=not progress, desc="dance", unit="motion") as bar:
        for seed in range(rounds):
            generated = []
            for clip in windows:
                assert clip.music is not None
                span = FeatureSpan("music", np.asarray(clip.music, np.float64))
                timeline = Timeline(clip.frames, features=(span,), steps=steps, seed=seed)
                generated.append(model.follow(timeline).motions[0].joints_world())
                bar.update()
            table = dance_table(generated, real, FPS)
            divided = {name[: -len(" of real")]: value for name, value in table.items() if name.endswith(" of real")}
            rows.append({name: value for name, value in table.items() if " " not in name} | _single(generated, windows))
    return {
        "dance": {
            "genmo": {name: over_rounds([row[name] for row in rows]) for name in rows[0]},
            "real motion": divided | _single(real, windows),
        },
        "windows": len(windows),
        "rounds": rounds,
    }


def _single(motions: Sequence[Array], windows: Sequence[Recording]) -> dict[str, float]:
    """PFC and, where beats are marked, BAS from the motion's beats to the music's and the other way round: means over
    motions."""
    row = {"PFC": float(np.mean([pfc(joints, FPS) for joints in motions]))}
    music = [clip.music for clip in windows if clip.music is not None]
    beats = [musical_beats(features) for features in music if features.shape[1] == MUSIC_WIDTH]
    if len(beats) == len(motions):
        steps = [kinematic_beats(joints, FPS) for joints in motions]
        pairs = list(zip(steps, beats, strict=True))
        row["BAS"] = float(np.mean([beat_alignment(step, beat) for step, beat in pairs]))
        row["BAS, from the music"] = float(np.mean([beat_alignment(beat, step) for step, beat in pairs]))
    return row


def markdown(result: dict[str, Any]) -> str:
    """The report as a table."""
    people = ", ".join(result["validation_subjects"])
    about = (
        f"Music to dance, {result['windows']} windows of {WINDOW} frames of {people}, {result['rounds']} rounds, 95 % "
        "intervals over rounds; features scaled by the real ones."
    )
    return "\n".join([about, "", markdown_table(result["dance"], first="motion")])


__all__ = ["markdown", "musical_beats", "report", "windows_of"]
