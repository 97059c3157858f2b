"""Crowd: many people of endless motion, whose blocks share the calls of the network."""

from __future__ import annotations

from collections.abc import Sequence

from genmo.runtime.denoiser import sampler
from genmo.runtime.engine.bundle import LoadedEngine
from genmo.runtime.motion.motion import MAX_FRAMES, Motion, join_motions
from genmo.runtime.streaming.block_sampler import BlockSampler
from genmo.runtime.streaming.motion_generator import BLOCK, OVERLAP, MotionGenerator
from genmo.runtime.streaming.stream_inputs import MAX_PEOPLE
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

BATCH = 4
"""people in a call of the network on a processor: larger batches gain nothing there, and come in one burst"""


class Crowd:
    """People that move at once, each with a prompt, a command and a body of their own; for one thread at a time.

    `people[i]` takes `prompt`, `texts`, `command` and `constrain` as a `MotionGenerator` does, at any time.
    `count`: how many; `bodies` [count, 10]: their shapes (None: as the network makes them); `seed`: of the first, the
    others have the numbers that follow.
    `batch`: people in a call of the network at most; the groups' blocks are spread evenly over time, which spares the
    thread a burst.  `steps`, `guidance`, `overlap`, `block`, `clean_feet`: as in `MotionGenerator`.

    A person's motion is the same whatever the others do, but for the rounding of batches of other sizes.
    Raises InputError for options that do not fit.
    """

    def __init__(
        self,
        model: LoadedEngine,
        count: int,
        *,
        bodies: Array | None = None,
        batch: int = BATCH,
        steps: int = sampler.LIVE_STEPS,
        guidance: float = sampler.LIVE_GUIDANCE,
        seed: int = 0,
        overlap: int = OVERLAP,
        block: int = BLOCK,
        clean_feet: bool = True,
    ) -> None:
        if not 1 <= count <= MAX_PEOPLE or batch < 1:
            raise InputError(f"count and batch are {count} and {batch}; wanted 1 to {MAX_PEOPLE}, and 1 or more")
        if bodies is not None and len(bodies) != count:
            raise InputError(f"bodies are {len(bodies)}; wanted one for each of the {count} people")
        self._sampler, self._batch = BlockSampler(model.engine, model.denoiser, steps, guidance), batch
        groups = -(-count // batch)
        self.people: Sequence[MotionGenerator] = tuple(
            MotionGenerator(
                model,
                seed=seed + number,
                body=None if bodies is None else bodies[number],
                first_block=block * (number // batch + 1) // groups,
                overlap=overlap,
                block=block,
                clean_feet=clean_feet,
            )
            for number in range(count)
        )

    def next(self, frames: int) -> list[Motion]:
        """The next `frames` frames of everybody.  Raises InputError for a number that is not 1 to 65536."""
        if not 1 <= frames <= MAX_FRAMES:
            raise InputError(f"frames is {frames}; wanted 1 to {MAX_FRAMES}")
        parts: list[list[Motion]] = [[] for _ in self.people]
        missing = [frames] * len(self.people)
        while any(missing):
            self._refill([number for number, left in enumerate(missing) if left])
            for number, person in enumerate(self.people):
                if missing[number]:
                    parts[number].append(person.performer.take(min(missing[number], person.performer.left)))
                    missing[number] -= parts[number][-1].frames
        return [join_motions(one) for one in parts]

    def _refill(self, numbers: Sequence[int]) -> None:
        """A block for each of these people who has none."""
        empty = [self.people[number].performer for number in numbers if not self.people[number].performer.left]
        for start in range(0, len(empty), self._batch):
            group = empty[start : start + self._batch]
            for one, features in zip(group, self._sampler.sample([one.request() for one in group]), strict=True):
                one.receive(features)
