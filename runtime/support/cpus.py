"""The logical CPUs that a process may use, and staying on some of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted

MOST_THREADS = 1024
"""that a library is asked for: more than any machine has cores, few enough to be started"""


def usable_cpus() -> set[int]:
    """Logical CPUs that this process may run on, numbers from 0."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def stay_on(cpus: Sequence[int]) -> None:
    """Keep the threads of this process, and those that they start later, on these logical CPUs, where the system can.

    Raises InputError for CPUs that this process may not use.
    """
    check_cpus_usable(cpus)
    if hasattr(os, "sched_setaffinity"):  # which takes a thread's number: 0 is the calling one alone
        threads = Path("/proc/self/task")
        for thread in [int(path.name) for path in threads.iterdir()] if threads.is_dir() else [0]:
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread, cpus)


def check_cpus_usable(cpus: Sequence[int]) -> None:
    """Raise InputError unless `cpus` are different logical CPUs that this process may use."""
    if len(set(cpus)) < len(cpus) or not set(cpus) <= usable_cpus():
        raise InputError(f"cpus is {list(cpus)}; wanted different ones of {sorted(usable_cpus())}")


def check_threads(threads: int) -> None:
    """Raise InputError unless `threads` is a number that a library can be asked for, or 0: all cores."""
    if not 0 <= threads <= MOST_THREADS:
        raise InputError(f"threads is {quoted(threads)}; wanted 0 (all cores) to {MOST_THREADS}")
