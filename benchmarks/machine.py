"""Where and of what a measurement was made: CPU, load, versions, commit.  Names no host, user or folder."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OMP_", "KMP_", "GOMP_", "MKL_")
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve", "i8mm")
QUIET = 0.05  # of the machine; two threads that wait for each other suffer far more than their share
OTHERS, STOLEN = "taken by other processes", "stolen by other guests"


@dataclass(frozen=True)
class Snapshot:
    """How busy the machine has been up to a moment; None where the system does not tell."""

    loadavg: float | None
    total: float | None
    """seconds of all CPUs, idle or not"""
    busy: float
    steal: float
    own: float
    """seconds of this process and of those that it started, ended or not"""


def snapshot() -> Snapshot:
    """The machine now."""
    loadavg = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return Snapshot(loadavg, None, 0, 0, own_seconds())
    seconds = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
    user, nice, system, _, _, irq, soft_irq, steal = seconds
    return Snapshot(loadavg, sum(seconds), user + nice + system + irq + soft_irq, steal, own_seconds())


def own_seconds() -> float:
    """CPU seconds of this process and of all that descend from it: peers of a benchmark are no others."""
    ended = os.times()
    seconds: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:  # after the name, which may hold anything: state, parent, ..., user and system time at 14 and 15
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        process = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(process)
        seconds[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    below, found = list(children.get(os.getpid(), ())), 0.0
    while below:
        process = below.pop()
        found += seconds[process]
        below += children.get(process, ())
    return time.process_time() + ended.children_user + ended.children_system + found


def load_between(before: Snapshot, after: Snapshot) -> dict[str, float | None]:
    """Load averages, and the shares [0, 1] of the machine that other processes and other guests took in between."""
    load = {"load average before": before.loadavg, "load average after": after.loadavg}
    if before.total is None or after.total is None:
        return load | {OTHERS: None, STOLEN: None}
    total = max(after.total - before.total, 1e-9)
    others = max(after.busy - before.busy - (after.own - before.own), 0)
    return load | {OTHERS: round(others / total, 4), STOLEN: round((after.steal - before.steal) / total, 4)}


def disturbed(load: dict[str, float | None]) -> str:
    """Why these measurements cannot be trusted; empty when the machine was quiet or does not tell."""
    taken = (load[OTHERS] or 0) + (load[STOLEN] or 0)
    return f"others took {100 * taken:.0f} % of the machine, more than {100 * QUIET:.0f} %" if taken > QUIET else ""


def cpu_model() -> str:
    """The processor's name, physical cores and the instruction sets that matter here, as far as the system tells."""
    try:
        listed = Path("/proc/cpuinfo").read_text().strip().split("\n\n")
    except OSError:
        return platform.processor() or platform.machine()
    cpus = [dict(re.findall(r"^(.*?)\s*:\s*(.*)$", cpu, re.MULTILINE)) for cpu in listed]
    first = cpus[0]
    cores = len({(cpu.get("physical id"), cpu.get("core id")) for cpu in cpus})
    sets = [name for name in INSTRUCTION_SETS if name in first.get("flags", first.get("Features", "")).split()]
    name = first.get("model name", platform.machine())
    family = f"family {first['cpu family']} model {first['model']}, " if "cpu family" in first else ""
    return f"{name} ({family}{cores} cores, {' '.join(sets) or 'no wide vectors'})"


def usable_cpus() -> int:
    """Logical CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> str:
    """The checkout's commit; says when files differ from it (measurements themselves aside).

    Files without their repository, as on a borrowed machine, are told their commit by GENMO_COMMIT.
    """
    if told := os.environ.get("GENMO_COMMIT"):
        return told
    try:
        head, changed = (
            subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", ".", ":(exclude)benchmarks/results"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git checkout"
    return f"{head} with uncommitted changes" if changed else head


def package_version(name: str) -> str:
    """The installed version of a package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def describe(packages: tuple[str, ...]) -> dict[str, str]:
    """Machine, versions and commit, ready to print."""
    variables = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(THREAD_VARIABLES)]
    return {
        "CPU": cpu_model(),
        "logical CPUs, usable": f"{os.cpu_count()}, {usable_cpus()}",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {package_version(name)}" for name in packages),
        "thread variables": ", ".join(variables) or "none set",
        "commit": commit(),
    }
