"""Loops: is the seam seen?  Against the best cut of a longer motion, faded over the same frames.

    python benchmarks/loops.py --out benchmarks/results/loops_small.md --pictures DIR

Every loop is played twice.  Pose: largest distance of a joint from the last frame to the first, moved on.  Jump: the
largest change of a joint's velocity from one frame to the next, within `NEAR` frames of the seam, over the 99th
percentile of all other frames.  Slide: horizontal cm/s of feet in contact within `NEAR` frames of the seam.  The
cut is of a motion of 10 s of the same text and seed, where two frames about as far apart as asked are most alike.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np
import report

from genmo.runtime import MotionModel, save_motion
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.root_motion import cycle_step, repeated
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.motion.skeleton import FOOT_JOINTS
from genmo.runtime.refine.cycles import BLEND, Circle, circle_of
from genmo.runtime.support.errors import GenmoError

LOOPS = (
    ("a person stands idle", 4.0),
    ("a person walks forward", 2.0),
    ("a person runs forward", 1.5),
    ("a person jogs forward", 1.5),
    ("a person walks crouched", 2.0),
    ("a person turns around on the spot", 4.0),
    ("a person waves with the right hand", 4.0),
    ("a person boxes", 3.0),
    ("a person sidesteps to the left", 2.0),
    ("a person jumps up and down", 2.0),
    ("a person walks in a circle", 6.0),
)
NEAR = 8  # frames
LONG = 300  # frames of the motion that is cut
PACKAGES = ("numpy", "onnxruntime")


def best_cut(motion: Motion, asked: Timeline) -> Motion:
    """The part of a motion that is most nearly a cycle of about the length asked for, closed as loops are."""
    length = circle_of(motion, replace(asked, loop="gait")).frames
    track = motion.root_track()
    rotations = motion.rotations.copy()
    rotations[:, 0], place = track.inside(motion.rotations[:, 0], motion.translation)
    joints = replace(motion, rotations=rotations, translation=place).joints_world()
    apart = np.linalg.norm(joints[length:] - joints[:-length], axis=-1).mean(axis=1)
    inner = slice(2 * BLEND, len(apart) - 2 * BLEND)
    start = 2 * BLEND + int(np.argmin(apart[inner]))
    circle = replace(circle_of(motion, replace(asked, loop="exact", frames=length)), start=2 * BLEND)
    part = motion.cut(slice(start - 2 * BLEND, start + length + 2 * BLEND))
    return Circle(2 * BLEND, length, circle.turn, circle.stays).closed(part)


def seam(cycle: Motion) -> tuple[float, float, float, float]:
    """Distance of pose mm, velocity jump near the seam over the 99th percentile elsewhere, change of contacts, slide of
    feet in contact m/s."""
    turn, shift = cycle_step(cycle)
    joints = cycle.joints_world()
    pose = 1000 * float(np.linalg.norm(joints[-1] - rotate(turn, joints[0]) - shift, axis=-1).max())
    twice = repeated(cycle, 2)
    played = twice.joints_world()
    jump = np.linalg.norm(np.diff(played, 2, axis=0), axis=-1).max(axis=1) * FPS
    at = cycle.frames - 1
    near = slice(max(at - 1 - NEAR, 0), at + NEAR)
    elsewhere = np.delete(jump, np.arange(len(jump))[near])
    assert cycle.contacts is not None and twice.contacts is not None
    feet = played[:, FOOT_JOINTS]
    speed = np.linalg.norm(np.diff(feet, axis=0)[..., [0, 2]], axis=-1) * FPS
    planted = (twice.contacts[:-1, 1:4:2] > 0.5)[near]
    slide = float(speed[near][planted].mean()) if planted.any() else 0.0
    return pose, jump[near].max() / np.percentile(elsewhere, 99), float(np.ptp(cycle.contacts[[0, -1]], 0).max()), slide


def row(model: MotionModel, prompt: str, seconds: float, seed: int, pictures: Path | None) -> str:
    """The table's row of one loop."""
    asked = Timeline(round(seconds * FPS), (Text(prompt),), seed=seed, loop="gait")
    cycle = model.follow(asked).motions[0]
    cut = best_cut(model.generate(prompt, LONG, seed=seed, split_texts=False, tries=1)[0], asked)
    if pictures is not None:
        save_motion(pictures / f"{prompt.replace(' ', '-')}.svg", repeated(cycle, 2), title=prompt)
    pose, jump, contacts, slide = seam(cycle)
    _, cut_jump, _, cut_slide = seam(cut)
    way = float(np.linalg.norm((cycle.translation[-1] - cycle.translation[0])[[0, 2]]))
    turned = np.degrees(np.diff(cycle.root_track().yaw[[0, -1]])[0])
    return (
        f"| {prompt} | {asked.frames} | {cycle.frames - 1} | {way:.2f} | {turned:.0f} | {pose:.4f} | {contacts:.2f} | "
        f"{jump:.2f} | {cut_jump:.2f} | {100 * slide:.1f} | {100 * cut_slide:.1f} |"
    )


def main() -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Measure the seams of loops.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--pictures", type=Path, metavar="DIR", help="draw every loop, played twice, into this folder")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        model = MotionModel.load(args.engine)
        rows = [row(model, prompt, seconds, args.seed, args.pictures) for prompt, seconds in LOOPS]
    except GenmoError as error:
        print(f"loops: error: {error}", file=sys.stderr)
        return 2
    head = [
        "| prompt | asked | frames | way m | turn ° | pose mm | contacts | jump | jump, cut | slide | cut |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    facts = machine.describe(PACKAGES) | {"settings": f"seed {args.seed}, loop gait, within {NEAR} frames of the seam"}
    page = report.page("Seams of loops", [[*head, *rows]], facts)
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
