"""Long motions: gaits of six seconds and more, and a minute of twelve prompts in one pass.

Short clips of runners do not show a floor that rises; a minute shows what borders between prompts and the end of a
long motion are like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.conditions.spans import Text
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array
from genmo.train.evaluation.obey import obeys, quality
from genmo.train.metrics.action_measures import Signals
from genmo.train.metrics.pose import low_foot_speed, root_speed

# text, its predicate of the obey report, seconds
GAITS = (
    ("a person runs", "runs", 6),
    ("a person runs", "runs", 10),
    ("a person jogs", "jogs", 10),
    ("a person walks", "walks", 10),
)
MINUTE = (
    ("a person walks", "walks"),
    ("a person runs", "runs"),
    ("a person walks slowly", "walks slowly"),
    ("a person jumps forward", "jumps"),
    ("a person walks", "walks"),
    ("a person is boxing", "boxes"),
    ("a person kicks a soccer ball", "kicks"),
    ("a person jogs", "jogs"),
    ("a person stands idle, waiting", "stays"),
    ("a person walks", "walks"),
    ("a person throws punches and strikes", "punches"),
    ("a person walks", "walks"),
)
SPAN = 5
"""seconds of each prompt of the minute"""
SETTLING = 15
"""frames after a border in which the next action begins and is not yet judged"""


@dataclass(frozen=True)
class Part:
    """A stretch of a motion that should do what a predicate says."""

    predicate: str
    start: int
    end: int


def row(joints: Array, parts: Sequence[Part]) -> dict[str, float]:
    """One motion's numbers, world joints [frames, 24, 3].

    `obeys`: share of the parts that do; `border`: the largest acceleration of a joint within three frames of a border
    between parts, over the 99th percentile elsewhere.
    """
    judged = [obeys(Signals.of(joints[part.start : part.end]), part.predicate) for part in parts]
    numbers = quality(joints, may_fly=True)
    acceleration = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).max(axis=-1)
    near = np.zeros(len(acceleration), bool)
    for part in parts[1:]:
        frame = part.start - SETTLING
        near[max(frame - 3, 0) : frame + 3] = True
    ratio: dict[str, float] = {}
    if near.any():
        ratio["border"] = float(acceleration[near].max() / np.percentile(acceleration[~near], 99))
    return ratio | {
        "obeys": float(np.mean(judged)),
        "root_speed": root_speed(joints[:, 0], FPS),
        "low_foot_speed": low_foot_speed(joints, FPS),
        "top_speed": numbers["top_speed"],
        "acceleration": numbers["acceleration"],
        "floor": numbers["floor"],
    }


def report(model: MotionModel, seeds: int, steps: int | None) -> dict[str, dict[str, float]]:
    """Means over seeds of each gait and of the minute; "floor" is the worst."""
    rows = {}
    for text, predicate, seconds in GAITS:
        frames = round(seconds * FPS)
        found = [
            row(model.generate(text, frames, steps=steps, seed=seed)[0].joints_world(), [Part(predicate, 0, frames)])
            for seed in range(seeds)
        ]
        rows[f"{text}, {seconds} s"] = _over_seeds(found)
    span = round(SPAN * FPS)
    texts = [Text(text, span * index, span * (index + 1)) for index, (text, _) in enumerate(MINUTE)]
    parts = [Part(name, span * i + SETTLING * (i > 0), span * (i + 1)) for i, (_, name) in enumerate(MINUTE)]
    found = [
        row(model.generate(texts, span * len(MINUTE), steps=steps, seed=seed)[0].joints_world(), parts)
        for seed in range(min(seeds, 2))
    ]
    rows[f"{span * len(MINUTE) / FPS:.0f} s of {len(MINUTE)} prompts"] = _over_seeds(found)
    return rows


def _over_seeds(found: Sequence[dict[str, float]]) -> dict[str, float]:
    mean = {name: round(float(np.mean([one[name] for one in found])), 3) for name in found[0]}
    return mean | {"floor": round(max(one["floor"] for one in found), 3)}


def markdown(rows: dict[str, dict[str, float]]) -> list[str]:
    """The report as lines of a table."""
    lines = [
        "Long motions: share of the parts that obey (`docs/metrics.md`), root speed and speed of low feet m/s, fastest "
        "joint m/s, acceleration p99 m/s^2, how far the floor moves at worst m, largest acceleration at borders "
        "between prompts over the p99 elsewhere.",
        "",
        "| motion | obeys | root speed | low feet | fastest joint | acceleration | floor | border |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in rows.items():
        cells = [f"{100 * one['obeys']:.0f} %", f"{one['root_speed']:.2f}", f"{one['low_foot_speed']:.2f}"]
        cells += [f"{one['top_speed']:.1f}", f"{one['acceleration']:.0f}", f"{one['floor']:.2f}"]
        cells.append(f"{one['border']:.2f}" if "border" in one else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
