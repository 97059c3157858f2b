"""How much of a long piece of work is done, as a share from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[float], object]
"""hears the share of the work that is done, 0 to 1, rising"""


def no_progress(share: float) -> None:
    """Progress that nobody hears."""


class Progress:
    """Work of `total` units; `progress` hears the share that is done."""

    def __init__(self, total: float, progress: ProgressCallback) -> None:
        self._total, self._progress, self._done = total, progress, 0.0

    def done(self, units: float) -> None:
        """So many units are done, counted from the start."""
        self._done = units
        self._progress(units / self._total)

    def after(self, start: float) -> Callable[[float], None]:
        """`done` for units that are counted from `start` on."""
        return lambda units: self.done(start + units)

    def part(self, start: float, units: float) -> ProgressCallback:
        """What tells of the stretch of `units` that begins `start` units after the last `done`."""
        return lambda share: self._progress((self._done + start + units * share) / self._total)
