"""What leads from one loop to another: made by the engine between both, the best of several tries.

A loop is left, and the other one entered, in the frames from which both go most alike; the other is where the way of
the first leads at the mean of their speeds, or where the clip says.  The frames between are sampled with the ends of
both loops as known frames.  Where one foot can stand all the way over, that is tried as well (`over_a_foot`), and of
two loops that go the one faded into the other (`faded`).  What a clip changed of the loops themselves belongs to it: it
begins with a frame of the first as it is and ends with one of the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.clips.loops import from_frame, on_mean_body, travel
from genmo.runtime.clips.measuring import (
    Measures,
    badness,
    from_origin,
    looking,
    measured,
    root_of,
    stands,
    with_contacts,
)
from genmo.runtime.clips.spec import ActionSpec, Limits, TransitionSpec
from genmo.runtime.conditions.constraints import Frames, Headings
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.root_motion import repeated
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS
from genmo.runtime.refine.joining import CONTEXT, between_timeline, blended, filled, movement, prepared
from genmo.runtime.support.arrays import Array

SAME = 1e-4
"""metres; a joint that is as near is where it was"""
STRIDE = 4
"""of the frames of a loop that hardly moves, one in so many is tried to leave and enter it"""
STEADY = 0.3
"""m/s of a loop that counts as going somewhere"""
STEP = 0.25
"""metres by which the way over a foot that stands may differ from that at the mean of both speeds"""
TURNING = 8
"""frames between two headings of a turn"""
AROUND = 20
"""frames that an action is made longer by at either end, to choose from"""
JOIN = 9
"""frames between an action that was made alone and the loops around it"""
AIR = 0.05
"""metres that both feet are off the ground in a jump"""


Ends = tuple[Motion, Motion, int, int]
"""What is before and after a gap, and the frames of both loops at which these end and begin."""


@dataclass(frozen=True, eq=False)
class Bridge:
    """A clip between two loops."""

    motion: Motion
    leave: int
    """frame of the first loop that its first frame is"""
    enter: int
    """frame of the second loop that its last frame is"""
    found: Measures
    seed: int


def bridge(
    model: MotionModel,
    loops: tuple[Motion, Motion],
    what: ActionSpec | TransitionSpec,
    gap: int,
    seed: int,
    samples: int,
    limits: Limits,
    ends: Ends | None = None,
) -> Bridge:
    """The best of several tries of `gap` frames between two loops.

    `ends`: where the loops are left and entered; None: where they are most alike.
    """
    one, other = loops
    action = what if isinstance(what, ActionSpec) else None
    if ends is None:
        leave, enter = alike(one, other, gap)
        before = _ending_at(one, leave)
        after = _placed(before, _beginning_at(other, enter), travel(one), travel(other), gap, action)
        ends = before, after, leave, enter
    before, after, leave, enter = ends
    text = action.text if action is not None else None
    timeline, first, second = between_timeline(before, after, gap / FPS, text, seed, move=False)
    if action is not None and action.turn:
        timeline = replace(timeline, headings=_turning(first, action.turn, gap))
    best: tuple[float, Bridge] | None = None
    for motion in model.follow(timeline, samples=samples, split_texts=False, tries=1).motions:
        made = _cut(filled(first, second, motion), first, second)
        clip = with_contacts(from_origin(made[0]))
        found = measured(clip)
        cost = badness(what, found, limits)
        if best is None or cost < best[0]:
            frames = (leave - made[1]) % (one.frames - 1), (enter + made[2]) % (other.frames - 1)
            best = cost, Bridge(clip, *frames, found, seed)
    assert best is not None
    return best[1]


def over_a_foot(one: Motion, other: Motion, gap: int) -> Ends | None:
    """Ends of a gap over which one foot stands still: that which stands as the first loop is left stands as the other
    one is entered, which begins there.

    So that nobody has to shift both feet within half a second.  None where the way over a foot is none that both
    speeds lead in `gap` frames.
    """
    wanted = (gap + 1) * (travel(one) + travel(other))[[0, 2]] / 2
    best: tuple[float, int, int, int] | None = None
    for side in (0, 1):
        (leaves, behind), (enters, ahead) = (_over(loop, side) for loop in (one, other))
        if len(leaves) and len(enters):
            off = np.linalg.norm(ahead[None] - behind[:, None] - wanted, axis=-1)
            row, column = np.unravel_index(int(np.argmin(off)), off.shape)
            if off[row, column] < (STEP if best is None else best[0]):
                best = float(off[row, column]), side, int(leaves[row]), int(enters[column])
    if best is None:
        return None
    _, side, leave, enter = best
    before, after = _ending_at(one, leave), _beginning_at(other, enter)
    after = _placed(before, after, travel(one), travel(other), gap, None)
    ball = FOOT_JOINTS[side]
    shift = before.joints_world()[-1, ball] - after.joints_world()[0, ball]
    return before, after.moved(np.eye(3), shift * [1.0, 0.0, 1.0]), leave, enter


def _over(loop: Motion, side: int) -> tuple[Frames, Array]:
    """The frames [n] of a loop in which a foot stands, and where the root is from its ball in them [n, 2], metres."""
    period = loop.frames - 1
    (frames,) = np.nonzero(stands(repeated(loop, 3))[period : 2 * period, side])
    root, balls = loop.translation[frames], loop.joints_world()[frames, FOOT_JOINTS[side]]
    return frames, (root - balls)[:, [0, 2]]


def faded(loops: tuple[Motion, Motion], gap: int, seed: int) -> Bridge:
    """Two loops that go, the one faded into the other over `gap` frames (`CONTEXT` at most) in which they are most
    alike."""
    (one, other), gap = loops, min(gap, CONTEXT)
    leave, enter = alike(one, other, gap)
    before = prepared(_ending_at(one, (leave + gap) % (one.frames - 1)))
    after = prepared(_beginning_at(other, (enter - gap) % (other.frames - 1)), like=before)
    whole, rest = blended(before, after, 0, gap)
    made = _cut(whole, before.cut(slice(0, before.frames - gap)), rest)
    clip = with_contacts(from_origin(made[0]))
    frames = (leave - made[1]) % (one.frames - 1), (enter + made[2]) % (other.frames - 1)
    return Bridge(clip, *frames, measured(clip), seed)


def acted(
    model: MotionModel,
    loops: tuple[Motion, Motion],
    what: ActionSpec,
    gap: int,
    seed: int,
    samples: int,
    limits: Limits,
) -> Bridge:
    """An action as the engine makes it alone, its best `gap` frames joined to both loops.

    Between frames that are known the engine hardly jumps; alone it does.
    """
    one, other = loops
    timeline = Timeline(gap + 2 * AROUND, (Text(what.text),), seed=seed)
    tries = [
        _liveliest(on_mean_body(motion), gap)
        for motion in model.follow(timeline, samples=samples, split_texts=False, tries=1).motions
    ]
    act = min(tries, key=lambda motion: badness(what, measured(motion), limits))
    leave, enter = _nearest(one, act, 0), _nearest(other, act, -1)
    before, after = _ending_at(one, leave), _beginning_at(other, enter)
    begun, *_ = _joined(model, before, act, seed)
    whole, _, second = _joined(model, begun, after, seed)
    motion, earlier, later = _cut(whole, before, second)
    clip = with_contacts(from_origin(motion))
    frames = (leave - earlier) % (one.frames - 1), (enter + later) % (other.frames - 1)
    return Bridge(clip, *frames, measured(clip), seed)


def _joined(model: MotionModel, first: Motion, second: Motion, seed: int) -> tuple[Motion, Motion, Motion]:
    """Two motions with `JOIN` frames between, and both as they are in it."""
    timeline, first, second = between_timeline(first, second, JOIN / FPS, None, seed, move=True)
    return filled(first, second, model.follow(timeline, split_texts=False, tries=1).motions[0]), first, second


def _liveliest(motion: Motion, frames: int) -> Motion:
    """The part of so many frames around where both feet are highest, or the hands fastest where they stay."""
    joints = motion.joints_world()
    lively = joints[:, FOOT_JOINTS, 1].min(axis=1)
    if lively.max() < BALL_HEIGHT + AIR:
        lively = np.linalg.norm(np.gradient(joints, axis=0), axis=-1).max(axis=1)
    start = int(np.clip(int(np.argmax(lively)) - frames // 2, 0, motion.frames - frames))
    return motion.cut(slice(start, start + frames))


def _nearest(loop: Motion, motion: Motion, frame: int) -> int:
    """The frame of a loop that is most like one of a motion."""
    rows = movement(loop)[:-1]
    return int(np.argmin(np.linalg.norm(rows - movement(motion)[frame], axis=-1).mean(axis=1)))


def alike(one: Motion, other: Motion, gap: int) -> tuple[int, int]:
    """The frames (leave, enter) of two loops: what follows the one is most like what leads to the other, `gap` frames
    long."""
    ahead, behind = _windows(one, gap, 0), _windows(other, gap, -gap)
    steps = [STRIDE if FPS * np.linalg.norm(travel(loop)) < STEADY else 1 for loop in (one, other)]
    leaves, enters = (np.arange(0, len(w), step) for w, step in zip((ahead, behind), steps, strict=True))
    flat = [windows[frames].reshape(len(frames), -1) for windows, frames in ((ahead, leaves), (behind, enters))]
    squares = [(part**2).sum(axis=1) for part in flat]
    apart = squares[0][:, None] + squares[1][None] - 2 * flat[0] @ flat[1].T
    row, column = np.unravel_index(int(np.argmin(apart)), apart.shape)
    return int(leaves[row]), int(enters[column])


def _windows(loop: Motion, length: int, start: int) -> Array:
    """[period, 6, n] how a loop moves in some of the `length` frames from `start` on, of each of its frames."""
    period = loop.frames - 1
    rows = movement(repeated(loop, 3))[period : 2 * period]
    rows = rows.reshape(period, -1)
    offsets = start + np.unique(np.linspace(0, length, 6).astype(int))
    return np.stack([np.roll(rows, -int(offset), axis=0) for offset in offsets], axis=1)


def _ending_at(loop: Motion, frame: int) -> Motion:
    """Enough of a loop that ends at one of its frames."""
    period = loop.frames - 1
    times = -(-(CONTEXT + period) // period) + 1
    end = (times - 1) * period + frame
    return repeated(loop, times).cut(slice(max(end - CONTEXT - period // 2, 0), end + 1))


def _beginning_at(loop: Motion, frame: int) -> Motion:
    """Enough of a loop that begins at one of its frames."""
    period = loop.frames - 1
    return repeated(from_frame(loop, frame), -(-(CONTEXT + 2) // period) + 1)


def _placed(
    before: Motion, after: Motion, leaving: Array, entering: Array, gap: int, action: ActionSpec | None
) -> Motion:
    """The second loop where the clip ends.  `leaving`, `entering` [3] are what both go in a frame as they look along
    +z."""
    yaw = _steady(before, -1)
    end = yaw + (np.radians(action.turn) if action is not None else 0.0)
    after = after.moved(matrix_from_yaw(np.asarray(end - _steady(after, 0))), np.zeros(3))
    if action is not None and action.ahead is not None:
        way = rotate(matrix_from_yaw(np.asarray(yaw)), np.array([0.0, 0.0, action.ahead]))
    else:
        turned = rotate(matrix_from_yaw(np.array([yaw, end])), np.stack([leaving, entering]))
        way = (gap + 1) * turned.mean(axis=0)
    goal = root_of(before).position[-1] + way
    return after.moved(np.eye(3), (goal - root_of(after).position[0]) * [1.0, 0.0, 1.0])


def _steady(motion: Motion, frame: int) -> float:
    """Where a person looks who goes straight on, without the sway of steps."""
    looks = looking(motion)
    return float(np.angle(np.exp(1j * (looks[-CONTEXT:] if frame else looks[:CONTEXT])).mean()))


def _turning(first: Motion, turn: float, gap: int) -> Headings:
    """Headings on the way of a turn, which say which way round it goes, in frames of a `between_timeline`."""
    known = min(CONTEXT, first.frames)
    frames = np.arange(TURNING, gap - TURNING // 2, TURNING)
    start = float(heading(first.rotations[-1, 0, :, 2]))
    return Headings(known + frames, start + np.radians(turn) * smoothstep(frames / gap))


def _cut(whole: Motion, first: Motion, second: Motion) -> tuple[Motion, int, int]:
    """The part of a joined motion that is not just one of both loops, with one frame of each; how many frames of the
    first, and of the second, it has before that frame and after it."""
    changed, behind = np.ones(whole.frames, np.bool_), whole.frames - second.frames
    parts = (first, slice(0, first.frames)), (second, slice(behind, None))
    joints = whole.joints_world()
    for part, where in parts:
        changed[where] = np.abs(joints[where] - part.joints_world()).max(axis=(1, 2)) > SAME
    (frames,) = np.nonzero(changed)
    start, end = max(int(frames[0]) - 1, 0), min(int(frames[-1]) + 1, whole.frames - 1)
    return whole.cut(slice(start, end + 1)), first.frames - 1 - start, end - behind
