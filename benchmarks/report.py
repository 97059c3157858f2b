"""What was measured, as Markdown lines and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import measure
import numpy as np

Measured = Mapping[str, Sequence[measure.Pair]]


def ratio_rows(measured: Measured, baseline: str, same: str) -> list[str]:
    """A row a contest: each metric's median ratio, its interval and whether it is more than the noise of `same`,
    the contest of the baseline against itself."""
    floors = {metric: measure.noise_floor(value) for metric, value in measure.estimates(measured[same]).items()}
    rows = [f"| against {baseline} | {' | '.join(floors)} |", "|---" * (1 + len(floors)) + "|"]
    for name, pairs in measured.items():
        cells = []
        for metric, value in measure.estimates(pairs).items():
            said = "" if name == same else f" {measure.verdict(value, floors[metric])}"
            cells.append(f"{value.ratio:.3f} [{value.low:.3f}, {value.high:.3f}]{said}")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    rows.append(f"| noise floor | {' | '.join(f'{floor:.3f}' for floor in floors.values())} |")
    return rows


def time_rows(measured: Measured, baseline: str, same: str) -> list[str]:
    """A row a peer: milliseconds of a call over the whole run."""
    blocks = {baseline: [pair.baseline for pairs in measured.values() for pair in pairs]}
    blocks[baseline] += [pair.candidate for pair in measured.get(same, ())]
    blocks |= {name: [pair.candidate for pair in pairs] for name, pairs in measured.items() if name != same}
    rows = ["| peer | p50 ms | p99 ms | fastest ms | CPU ms | calls |", "|---|---:|---:|---:|---:|---:|"]
    for name, own in blocks.items():
        if own:
            wall = np.concatenate([block.wall_ms for block in own])
            cpu = np.median([block.cpu_ms for block in own])
            p50, p99 = np.percentile(wall, [50, 99])
            rows.append(f"| {name} | {p50:.2f} | {p99:.2f} | {wall.min():.2f} | {cpu:.2f} | {len(wall)} |")
    return rows


def page(title: str, parts: Sequence[Sequence[str]], facts: Mapping[str, str]) -> str:
    """A Markdown page of parts (lines each), facts about the run last."""
    run = ["| run | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in facts.items())]
    return "\n\n".join("\n".join(part) for part in ([f"# {title}"], *parts, run)) + "\n"


def contests(measured: Measured) -> dict[str, Any]:
    """For JSON: the estimate of each contest and metric, with the ratio of every pair."""
    return {
        name: {
            metric: measure.estimate(values)._asdict() | {"pairs": values.tolist()}
            for metric, values in ((m, measure.ratios(pairs, worth)) for m, worth in measure.METRICS.items())
        }
        for name, pairs in measured.items()
    }
