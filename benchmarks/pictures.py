"""Frames of .png, .gif and .mp4 a second of work: libgenmo against numpy alone, and the files as they are written.

    python benchmarks/pictures.py [MOTION.npz] --out benchmarks/results/pictures.md

A second of work is a second of processor time of this process, one thread.  Blocks of the two run in turn (A B B A) and
the ratio is the median over the pairs; the pictures of both are compared in the same run.  Without MOTION a person who
turns and swings the arms is drawn.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import machine
import numpy as np

from genmo.runtime.formats import load_motion
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.render.images import FILM, SMALL, STILL, to_gif, to_mp4, to_png
from genmo.runtime.render.scene import Scene
from genmo.runtime.support import native

BLOCK, PAIRS = 3, 4  # frames of a block; pairs of blocks
VGA = (640, 480)
SIZES = {".png": STILL, ".mp4": FILM, "640 x 480": VGA, ".gif": SMALL}


def swinging(frames: int = 60) -> Motion:
    """Somebody who turns slowly and swings the arms, at 30 frames a second."""
    time = np.arange(frames) / 30
    turns = np.zeros((frames, 24, 3))
    turns[:, 0, 1] = 0.5 * time
    turns[:, 16, 2], turns[:, 17, 2] = -1.1 + np.sin(3 * time), 1.1 - np.sin(3 * time)
    return Motion(matrix_from_axis_angle(turns), np.stack([0.5 * time, np.full(frames, 0.93), 0 * time], axis=-1))


def rate(work: Callable[[], int]) -> float:
    """Frames a second of processor time of work that returns how many it drew."""
    start = time.process_time()
    frames = work()
    return frames / max(time.process_time() - start, 1e-9)


def contest(motion: Motion, size: tuple[int, int]) -> tuple[float, float, float, int]:
    """Median rates of libgenmo and of numpy, their median ratio, and how many grey levels their pictures differ."""
    scene = Scene(motion, *size)
    frames = itertools.cycle(range(0, motion.frames, max(1, motion.frames // (BLOCK * PAIRS))))

    def block() -> int:
        for _ in range(BLOCK):
            scene.picture(next(frames))
        return BLOCK

    pairs = []
    for number in range(PAIRS):
        found = {}
        for alone in (number % 2 == 0, number % 2 == 1):
            with native.numpy_only() if alone else nullcontext():
                scene.picture(0)
                found[alone] = rate(block)
        pairs.append((found[False], found[True]))
    fast, slow = np.asarray(pairs).T
    one = scene.picture(motion.frames // 2).astype(int)
    with native.numpy_only():
        other = scene.picture(motion.frames // 2).astype(int)
    return float(np.median(fast)), float(np.median(slow)), float(np.median(fast / slow)), int(np.abs(one - other).max())


def files(motion: Motion) -> dict[str, float]:
    """Frames a second of whole files, encoding included."""
    every = int(np.ceil(motion.fps / 34))
    return {
        ".png": rate(lambda: bool(to_png(motion))),
        ".mp4": rate(lambda: motion.frames * bool(to_mp4(motion))),
        ".gif": rate(lambda: len(range(0, motion.frames, every)) * bool(to_gif(motion))),
    }


def report(motion: Motion) -> str:
    lines = ["# Pictures", "", f"Command: `python benchmarks/pictures.py`; {native.description()}.", ""]
    before = machine.snapshot()
    lines += [
        "| picture | libgenmo, frames/s | numpy alone, frames/s | ratio | differ, grey levels |",
        "|---|---|---|---|---|",
    ]
    for name, size in SIZES.items():
        fast, slow, ratio, apart = contest(motion, size)
        lines.append(f"| {name}, {size[0]} x {size[1]} | {fast:.1f} | {slow:.1f} | {ratio:.2f} | {apart} |")
    lines += ["", "Whole files with libgenmo, encoding included:", "", "| file | frames/s |", "|---|---|"]
    lines += [f"| {name} | {value:.1f} |" for name, value in files(motion).items()]
    load = machine.load_between(before, machine.snapshot())
    lines += ["", f"Load: {load}" + (f". Not quiet: {disturbed}." if (disturbed := machine.disturbed(load)) else ".")]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("motion", nargs="?", help="a motion .npz; without it one is made up")
    parser.add_argument("--out", type=Path, help="where the report goes; else it is printed")
    options = parser.parse_args()
    text = report(load_motion(options.motion) if options.motion else swinging())
    if options.out:
        options.out.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
