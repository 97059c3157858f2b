"""Takes that are another performance of an example (`genmo.runtime.actions.examples`).

Half of the takes of a text start from examples that do what it says, as a motion to be like
(`genmo.runtime.denoiser.sampler.Draft`): what the network would hardly make from noise, it makes from these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genmo.runtime.actions.examples import Examples
from genmo.runtime.actions.names import Said
from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.motion.rotation import matrix_from_yaw, yaw_of
from genmo.runtime.support.arrays import Array

STRENGTHS = 1.0, 0.5
"""how closely the takes with an example follow theirs, in turn: all the way, and for half of it"""
CHOICE = 4
"""examples among which a take's is drawn"""
FADE = 15
"""frames at the ends of an example over which a take leaves it, where others follow or go before"""
AROUND = 12
"""frames around the end of an example in which a motion may jerk, limbs and feet being smoothed"""
SHORTEST = 20
"""frames of a text, below which no example stands for it"""

References = tuple[ReferenceSpan, ...]


def takes_of_examples(takes: int) -> int:
    """How many of so many takes have an example."""
    return takes // 2


def example_references(
    examples: Examples, said: Sequence[Said], seed: int, sample: int, takes: int
) -> list[References]:
    """What each of so many takes of a sample is to be like: nothing for the first half, then examples.

    The second text's example goes on where the first one's looks at its end.
    """
    count = takes_of_examples(takes)
    references: list[list[ReferenceSpan]] = [[] for _ in range(takes)]
    headings = [0.0] * takes
    for start, end, together in _stretches(said):
        frames = end - start
        nearest = examples.nearest(together, frames, CHOICE) if frames >= SHORTEST else []
        if not nearest:
            continue
        order = np.random.default_rng((seed, sample, start)).permutation(len(nearest)).tolist()
        for place, take in enumerate(range(takes - count, takes)):
            motion = examples.motion(nearest[order[place % len(order)]], frames)
            motion = motion.moved(matrix_from_yaw(np.array(headings[take])), np.zeros(3))
            headings[take] = float(yaw_of(motion.rotations[-1, 0]))
            references[take].append(ReferenceSpan(motion, start, STRENGTHS[place % len(STRENGTHS)], fade=FADE))
    return [tuple(spans) for spans in references]


def joins_well(joints: Array, references: References) -> bool:
    """Whether world joints [frames, 24, 3] jerk nowhere more where examples begin or end than elsewhere."""
    ends = {frame for span in references for frame in (span.start, span.end) if 0 < frame < len(joints)}
    if not ends or len(joints) < 3:
        return True
    sharpest = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).max(axis=-1)
    apart = np.abs(np.arange(1, len(joints) - 1)[:, None] - np.array(sorted(ends)))
    near = apart.min(axis=1) <= AROUND
    return bool(near.all() or sharpest[near].max() <= sharpest[~near].max())


def _stretches(said: Sequence[Said]) -> list[tuple[int, int, list[Said]]]:
    """(first frame, end, what is said there), in order, apart from each other: texts that overlap are one."""
    found: list[tuple[int, int, list[Said]]] = []
    for one in sorted(said, key=lambda one: (one.start, one.end)):
        if found and one.start < found[-1][1]:
            start, end, together = found.pop()
            found.append((start, max(end, one.end), [*together, one]))
        else:
            found.append((one.start, one.end, [one]))
    return found
