"""Work in a thread of its own, which tells how far it is and stops when it is told to."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from genmo.runtime import GenmoError

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"


class Cancelled(Exception):
    """Raised out of the work's own progress calls once somebody has called `Job.cancel`."""


class Job:
    """A function run in a thread.

    It is called with `tell(stage, share)`, which it calls often: that raises `Cancelled` after `cancel`, so work stops
    at the next step of the network or the next frame of a video.  All else is read by the thread that started it.
    """

    def __init__(self, work: Callable[[Callable[[str, float], None]], Any]) -> None:
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="genmo", daemon=True)
        self.state = RUNNING
        self.stage, self.share = "", 0.0
        self.result: Any = None
        self.error = ""
        """one line for the user, when `state` is FAILED"""
        self.details = ""
        """the traceback of an error that nobody expected"""

    def start(self) -> Job:
        """Begin."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; `state` says when it has."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    def _tell(self, stage: str, share: float) -> None:
        if self._stop.is_set():
            raise Cancelled
        self.stage, self.share = stage, float(share)

    def _run(self) -> None:
        try:
            self.result = self._work(self._tell)
            self._tell(self.stage, 1.0)
            state = DONE
        except Cancelled:
            self.result, state = None, CANCELLED
        except GenmoError as error:
            self.error, state = str(error), FAILED
        except Exception as error:  # a fault of ours or of a library: shown, never swallowed
            self.error, self.details = f"{type(error).__name__}: {error}", traceback.format_exc()
            state = FAILED
        self.state = state  # last: who sees it sees the rest
