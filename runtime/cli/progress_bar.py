"""Long work shows a bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time

from genmo.runtime.support.progress import ProgressCallback, no_progress

WIDTH = 30
PATIENCE = 0.5
"""seconds of work that nobody needs a bar for"""


def progress_bar() -> ProgressCallback:
    """A bar on stderr where that is a terminal, from half a second on; nobody elsewhere."""
    return bar_of(time.perf_counter()) if sys.stderr.isatty() else no_progress


def bar_of(start: float) -> ProgressCallback:
    """A bar for work that began at `start` (seconds of `time.perf_counter`); its line ends when all is done."""
    drawn = False

    def show(share: float) -> None:
        nonlocal drawn
        spent = time.perf_counter() - start
        if not drawn and (spent < PATIENCE or share >= 1):
            return
        drawn = share < 1
        left = "" if share <= 0 or share >= 1 else f", about {spent / share - spent:.0f} s left"
        bar = "#" * int(WIDTH * share)
        line = f"\r{bar:.<{WIDTH}} {share:4.0%} in {spent:.0f} s{left}"
        print(f"{line}\x1b[K", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    return show
