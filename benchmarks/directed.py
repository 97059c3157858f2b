"""Endless motion under control: paths, sticks, the wait of the calling thread, crowds.

python benchmarks/directed.py --out benchmarks/results/directed.md
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import machine
import numpy as np
import report

from genmo.runtime import Crowd, Motion, MotionAhead, MotionGenerator, MotionModel, RootPath, Stick
from genmo.runtime.motion.motion import FPS, join_motions
from genmo.runtime.motion.rotation import heading
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINTS
from genmo.runtime.refine.root_path import local_trend
from genmo.runtime.streaming.gaits import GAITS, gait_of
from genmo.runtime.streaming.motion_ahead import LEAD
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import GenmoError

SECONDS = 9
CIRCLES = ((0.7, 3.0), (1.2, 3.0), (1.7, 4.0), (3.2, 8.0), (3.9, 10.0))
"""speeds in m/s and radii in metres"""
WAYPOINTS = np.array([[0.0, 0.0], [0.0, 2.5], [1.5, 4.0], [4.0, 4.0], [5.0, 6.0], [5.0, 10.0]])
NEAR_FLOOR = 0.03
"""metres of a foot over where it stands, under which its speed is a slide"""
RUN, STROLL = 3.3, 1.0
"""m/s"""
ASIDE = (("where it faces", 0.0), ("45 degrees aside", 45.0), ("sideways", 90.0), ("backward", 180.0))
"""degrees from where a stick faces to where it goes"""
TURNED, STANDING = 45.0, 0.3
"""degrees from the new direction, and m/s, from which a turn and a stop are done"""
PEOPLE = 12
PACKAGES = ("numpy", "onnxruntime")


def slide(motion: Motion) -> float:
    """Mean speed of feet near the floor, m/s."""
    balls = motion.joints_world()[:, FOOT_JOINTS]
    speed = np.linalg.norm(np.diff(balls, axis=0), axis=-1) * FPS
    low = balls[1:, :, 1] < BALL_HEIGHT + NEAR_FLOOR
    return float(speed[low].mean()) if low.any() else 0.0


def accelerations(motion: Motion) -> Array:
    """Of the fastest joint [frames - 2], m/s^2."""
    return np.asarray(np.linalg.norm(np.diff(motion.joints_world(), 2, axis=0), axis=-1).max(axis=1) * FPS**2)


def circle(speed: float, radius: float) -> RootPath:
    """A path at a steady speed, a waypoint a frame."""
    frames = np.arange(FPS * SECONDS + 1, dtype=np.int64)
    angle = frames * speed / FPS / radius
    return RootPath(frames, radius * np.stack([1 - np.cos(angle), np.sin(angle)], axis=-1))


def path_errors(motion: Motion, path: RootPath) -> tuple[float, float, float]:
    """Mean and 95th percentile of the pelvis from the path in millimetres, and mean facing error in degrees."""
    wanted = path.at(0, motion.frames)
    error = 1000 * np.linalg.norm(motion.translation[:, [0, 2]] - wanted, axis=1)
    velocity = np.gradient(wanted, axis=0) * FPS
    moving = np.linalg.norm(velocity, axis=1) > STANDING
    off = heading(motion.rotations[:, 0, :, 2]) - np.arctan2(velocity[:, 0], velocity[:, 1])
    off = np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi))
    return float(error.mean()), float(np.percentile(error, 95)), float(off[moving].mean())


def path_rows(model: MotionModel, seeds: int) -> list[str]:
    """A row a path: errors, and slide against the same gait without a path."""
    rows = [
        "| path | error mean mm | p95 mm | facing degrees | slide m/s | undirected | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    frames = int(FPS * SECONDS)
    paths = [(f"{speed:g} m/s on a radius of {radius:g} m", speed, circle(speed, radius)) for speed, radius in CIRCLES]
    paths += [(f"{len(WAYPOINTS)} waypoints at {s:g} m/s", s, RootPath.through(WAYPOINTS, s)) for s in (1.2, 3.2)]
    for name, speed, path in paths:
        length = min(frames, int(path.frames[-1]))
        free = [MotionGenerator(model, GAITS[gait_of(speed)].prompt, seed=s).next(length) for s in range(seeds)]
        led = [MotionGenerator(model, command=path, seed=s).next(length) for s in range(seeds)]
        mean, high, off = np.mean([path_errors(motion, path) for motion in led], axis=0)
        ours, theirs = (np.mean([slide(motion) for motion in motions]) for motions in (led, free))
        rows.append(
            f"| {name} | {mean:.0f} | {high:.0f} | {off:.1f} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |"
        )
    return rows


def aside_rows(model: MotionModel, seeds: int) -> list[str]:
    """A stick at STROLL that goes so many degrees to the left of where it faces."""
    rows = ["| a stick at 1 m/s that goes | slide m/s | chest off degrees | speed off m/s |", "|---|---:|---:|---:|"]
    spine = JOINTS.index("spine3")
    for name, degrees in ASIDE:
        way = STROLL * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
        found = []
        for seed in range(seeds):
            stick = Stick((float(way[0]), float(way[1])), facing=0.0)
            motion = MotionGenerator(model, command=stick, seed=seed).next(int(6 * FPS)).cut(slice(int(FPS), None))
            off = np.degrees(np.abs(heading(motion.kinematics()[0][:, spine, :, 2]))).mean()
            gone = (motion.translation[-1] - motion.translation[0])[[0, 2]] * FPS / (motion.frames - 1)
            found.append((slide(motion), off, np.linalg.norm(gone - way)))
        mean = np.mean(found, axis=0)
        rows.append(f"| {name} | {mean[0]:.2f} | {mean[1]:.0f} | {mean[2]:.2f} |")
    return rows


def first_for_good(done: Array) -> float:
    """Seconds until `done` [frames] holds and stays."""
    missing = np.flatnonzero(~done)
    return float((missing[-1] + 1 if len(missing) else 0) / FPS)


def stick_rows(model: MotionModel, seeds: int) -> list[str]:
    """Response of a runner whose stick is turned round, then let go: times of the slow part of the pelvis."""
    turns, stops, sharp, usual, beyond = [], [], [], [], []
    for seed in range(seeds):
        generator = MotionGenerator(model, command=Stick((0.0, RUN)), seed=seed)
        parts = [generator.next(90)]
        generator.command = Stick((0.0, -RUN))
        parts.append(generator.next(75))
        generator.command = Stick()
        parts.append(generator.next(60))
        motion = join_motions(parts)
        velocity = np.gradient(local_trend(motion.translation[:, [0, 2]], 5), axis=0) * FPS
        speed = np.linalg.norm(velocity, axis=1)
        angle = np.degrees(np.arctan2(np.abs(velocity[:, 0]), -velocity[:, 1]))
        turns.append(first_for_good(((angle < TURNED) & (speed > STANDING))[90:165]))
        stops.append(first_for_good(speed[165:] < STANDING))
        beyond.append(speed[100:165].max() / RUN - 1)
        sharp.append(accelerations(motion).max())
        usual.append(np.percentile(accelerations(motion)[30:85], 99))
    spans = [(np.mean(found), max(found), max(found) + LEAD / FPS) for found in (turns, stops)]
    said = (
        f"turned by 180 degrees: within {TURNED:g} degrees of the new way",
        f"let go: under {STANDING:g} m/s for good",
    )
    return [
        f"| a stick at {RUN:g} m/s, {seeds} seeds | mean s | worst s | worst with a lead of {LEAD} frames |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {mean:.2f} | {worst:.2f} | {led:.2f} |"
            for name, (mean, worst, led) in zip(said, spans, strict=True)
        ),
        "",
        f"Overshoot of the speed after the turn: {100 * max(beyond):.0f} %. Sharpest acceleration of a joint: "
        f"{max(sharp):.0f} m/s^2 (running straight on, 99th percentile: {np.mean(usual):.0f}; 99 % of the training "
        "clips nowhere exceed 350).",
    ]


def thread_switches() -> Array:
    """How often this thread gave the processor away [2]: by itself, as for a lock, and because the system took it."""
    if sys.platform != "linux":
        return np.zeros(2)
    import resource

    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return np.array([usage.ru_nvcsw, usage.ru_nivcsw], np.float64)


def wait_rows(model: MotionModel, minutes: float) -> list[str]:
    """What a thread that takes 30 frames a second waits, with one worker and a stick that is moved all the time."""
    waits, work, switches, random = [], [], [], np.random.default_rng(0)
    generator = MotionGenerator(model, command=Stick((0.0, 1.2)), seed=0)
    with MotionAhead(generator) as ahead:
        ahead.next()
        started, number = time.perf_counter(), 0
        while number < minutes * 60 * FPS:
            if number % 60 == 0:
                turn = random.uniform(-np.pi, np.pi)
                ahead.command = Stick((1.5 * np.sin(turn), 1.5 * np.cos(turn)))
            switched, worked, before = thread_switches(), time.thread_time(), time.perf_counter()
            ahead.next()
            waits.append(time.perf_counter() - before)
            work.append(time.thread_time() - worked)
            switches.append(thread_switches() - switched)
            number += 1
            time.sleep(max(0.0, started + number / FPS - time.perf_counter()))
        late = ahead.late
    gave_way, taken = np.array(switches).T
    longest = np.array(waits)
    waited, robbed, free = (
        longest[chosen].max(initial=0)
        for chosen in ((gave_way > 0) & (taken == 0), taken > 0, (gave_way == 0) & (taken == 0))
    )
    by_itself, by_the_system = int((gave_way > 0).sum()), int((taken > 0).sum())
    p50, p99, p999 = 1000 * np.percentile(waits, [50, 99, 99.9])
    return [
        f"| {len(waits)} frames in {minutes:g} minutes, a new direction every 2 s | ms |",
        "|---|---:|",
        f"| `next`, p50 | {p50:.3f} |",
        f"| p99 | {p99:.3f} |",
        f"| p99.9 | {p999:.3f} |",
        f"| worst | {1000 * max(waits):.3f} |",
        f"| share over 1 ms | {100 * np.mean(np.array(waits) > 1e-3):.3f} % |",
        f"| its own work, worst | {1000 * max(work):.3f} |",
        f"| worst of the calls in which the thread gave way by itself ({by_itself}) | {1000 * waited:.3f} |",
        f"| worst of the calls in which the system took the processor ({by_the_system}) | {1000 * robbed:.3f} |",
        f"| worst of all other calls | {1000 * free:.3f} |",
        f"| frames repeated because the worker was late | {late} |",
    ]


def a_crowd(model: MotionModel, steps: int, feet: bool) -> Crowd:
    """People on paths of their own, a second after they began."""
    crowd = Crowd(model, PEOPLE, steps=steps, clean_feet=feet)
    for number, person in enumerate(crowd.people):
        person.command = circle(0.8 + 0.2 * number, 4.0)
    crowd.next(int(FPS))
    return crowd


def crowd_rows(model: MotionModel, seconds: float) -> list[str]:
    """What a character costs, each on a path: in a crowd on one thread, and in two that run at once on two threads."""
    rows = [
        "| level of detail | processor ms a second and character | of two crowds at once | by the clock, characters in "
        "real time | were both threads never without a core |",
        "|---|---:|---:|---:|---:|",
    ]
    frames = int(seconds * FPS)
    for steps, feet in ((5, True), (3, True), (2, True), (3, False)):
        crowd = a_crowd(model, steps, feet)
        before = time.process_time()
        crowd.next(frames)
        alone = (time.process_time() - before) / seconds / PEOPLE
        crowds = [a_crowd(model, steps, feet) for _ in range(2)]
        with ThreadPoolExecutor(2) as workers:
            started, before = time.perf_counter(), time.process_time()
            list(workers.map(lambda one: one.next(frames), crowds))
            clock, both = time.perf_counter() - started, time.process_time() - before
        cost, running = both / seconds / (2 * PEOPLE), 2 * PEOPLE * seconds / clock
        name = f"{steps} steps{'' if feet else ', feet as generated'}"
        rows.append(f"| {name} | {1000 * alone:.0f} | {1000 * cost:.0f} | {running:.0f} | {2 / cost:.0f} |")
    return rows


def parts(model: MotionModel, args: argparse.Namespace) -> list[Sequence[str]]:
    """The tables that were asked for."""
    found: list[Sequence[str]] = []
    if "paths" in args.only:
        found.append(["## Paths and waypoints", "", *path_rows(model, args.seeds)])
    if "stick" in args.only:
        found.append(["## A stick", "", *stick_rows(model, args.seeds), "", *aside_rows(model, args.seeds)])
    if "crowd" in args.only:
        found.append(["## Crowds", "", *crowd_rows(model, args.seconds)])
    if "wait" in args.only:
        found.append(["## The calling thread", "", *wait_rows(model, args.minutes)])
    return found


def main() -> int:
    """Exit status: 0 done, 2 bad input."""
    every = ("paths", "stick", "crowd", "wait")
    options = argparse.ArgumentParser(description="Measure endless motion under control.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=6.0, help="of a crowd (default: %(default)s)")
    options.add_argument("--minutes", type=float, default=10.0, help="of the calling thread (default: %(default)s)")
    options.add_argument("--only", nargs="+", choices=every, default=every, help="tables to make (default: all)")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        model = MotionModel.load(args.engine, threads=1)
        before = machine.snapshot()
        tables = parts(model, args)
    except GenmoError as error:
        print(f"directed: error: {error}", file=sys.stderr)
        return 2
    busy = machine.disturbed(machine.load_between(before, machine.snapshot())) or "quiet"
    facts = machine.describe(PACKAGES) | {"settings": f"seeds {args.seeds}, one thread", "machine": busy}
    page = report.page("Directed motion", tables, facts)
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
