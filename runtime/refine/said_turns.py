"""Turns by the angle that a text says, or as far as they usually go: the slow part of the heading within the text's
span is stretched or compressed.

The root turns, and its way over the ground turns with it: a walk round a corner stays a walk, round another corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_turns import Turn, said_turn, usual_turn
from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.refine.root_path import local_trend
from genmo.runtime.support.arrays import Array

HEADING_WINDOW = 31
"""frames over which the heading is averaged: what sways with every step goes on as it did"""
TRUNK = joint_indices("pelvis", "spine3")
LEAST_TURNED, MOST_TURNED = 0.35, 3.0
"""of the angle that is said: who turns less does not turn, who turns more does something else"""
A_CIRCLE = 2 * np.pi
"""radians: who turns further where a text says a side alone does something else"""
RIGHT_ENOUGH = 0.08
"""of the angle that is said, by which a turn may differ and stay as it is"""


def turned_as_said(motion: Motion, texts: Sequence[Text]) -> tuple[Motion, list[str]]:
    """The motion with the turns whose angle its texts say turned that far, and a note on each that was changed.

    A turn to a side that is said, and no angle, that went further than such turns do is turned as far as they do.  A
    person who does not turn, or to the other side, stays as is: texts that are not obeyed are not made obeyed.
    """
    notes: list[str] = []
    for text in texts:
        end = motion.frames if text.end is None else min(text.end, motion.frames)
        turn = said_turn(text.prompt) or usual_turn(text.prompt)
        if turn is None or end - text.start < 2:
            continue
        trend = _headings(motion)
        made = float(trend[end - 1] - trend[text.start])
        share = _share(made, turn)
        if share is None:
            continue
        inside = np.clip(np.arange(motion.frames), text.start, end - 1)
        motion = _turned(motion, (share - 1) * (trend[inside] - trend[text.start]))
        said, was = np.degrees(turn.angle), abs(np.degrees(made))
        became = f"the {said:.0f} it says" if turn.most is None else f"{said:.0f}, as it says none"
        notes.append(f"text {text.prompt!r}: the turn came out as {was:.0f} degrees and was made {became}")
    return motion, notes


def _headings(motion: Motion) -> Array:
    """[frames] where the trunk faces, radians about +y, without its sway: hips and chest sway against each other."""
    faces = motion.kinematics()[0][..., 2][:, TRUNK].sum(axis=1)
    return local_trend(np.unwrap(heading(faces))[:, None], HEADING_WINDOW)[:, 0]


def _share(made: float, turn: Turn) -> float | None:
    """What a turn of `made` radians is to be multiplied by; None where it is to stay."""
    wanted = turn.angle * (turn.side or (1 if made > 0 else -1))
    ratio = made / wanted
    if turn.most is not None:
        return 1 / ratio if turn.most < ratio * turn.angle <= A_CIRCLE else None
    return 1 / ratio if LEAST_TURNED <= ratio <= MOST_TURNED and abs(ratio - 1) > RIGHT_ENOUGH else None


def _turned(motion: Motion, yaw: Array) -> Motion:
    """The motion turned by `yaw` [frames] more at each frame, and its steps from frame to frame with it."""
    turn = matrix_from_yaw(yaw)
    rotations = motion.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    middle = matrix_from_yaw((yaw[:-1] + yaw[1:]) / 2)
    steps = rotate(middle, np.diff(motion.translation, axis=0))
    start = rotate(turn[0], motion.translation[0])
    path = start + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    path[:, 1] = motion.translation[:, 1]
    return motion.with_pose(rotations, path)
