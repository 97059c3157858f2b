"""Motions one after another: so many at a time, so many waiting, none for too long, none for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from motionmcp import ProtocolError

from genmo.runtime.serve.metrics import Metrics

T = TypeVar("T")


class Jobs:
    """Runs blocking work in threads; its methods are called from one event loop."""

    def __init__(self, concurrency: int, queue: int, timeout: float, metrics: Metrics) -> None:
        self._queue, self._timeout, self._metrics = queue, timeout, metrics
        self._slots = asyncio.Semaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="genmo")
        self._waiting = self._running = 0

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """What `work` answers, called with an event that says when nobody waits for it any more.

        A slot is taken until the work has really ended, also when its caller has gone.  Raises ProtocolError
        `resource_exhausted` where the queue is full and `timeout` after `timeout` seconds, waiting included.
        """
        if self._waiting >= self._queue and self._slots.locked():
            raise ProtocolError(
                "resource_exhausted", f"{self._waiting} requests are waiting already; try again in a few seconds"
            )
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout
        await self._wait_for_slot(end)
        stop = threading.Event()
        future = loop.run_in_executor(self._pool, work, stop)
        self._count(running=1)
        future.add_done_callback(self._ended)
        try:
            async with asyncio.timeout_at(end):
                return await asyncio.shield(future)
        except TimeoutError:
            raise ProtocolError("timeout", f"the motion took longer than {self._timeout:g} s; ask for less") from None
        finally:
            stop.set()

    async def _wait_for_slot(self, end: float) -> None:
        self._count(waiting=1)
        try:
            async with asyncio.timeout_at(end):
                await self._slots.acquire()
        except TimeoutError:
            raise ProtocolError("timeout", f"no turn came within {self._timeout:g} s; try again later") from None
        finally:
            self._count(waiting=-1)

    def _ended(self, future: asyncio.Future[T]) -> None:
        if not future.cancelled():
            future.exception()  # asyncio complains of exceptions that nobody has looked at
        self._count(running=-1)
        self._slots.release()

    def _count(self, waiting: int = 0, running: int = 0) -> None:
        self._waiting += waiting
        self._running += running
        self._metrics.waiting.set(self._waiting)
        self._metrics.running.set(self._running)

    def close(self) -> None:
        """Wait for what runs, and start nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
