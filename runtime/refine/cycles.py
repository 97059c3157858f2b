"""Motions that loop: sampled on a circle, as textures without a seam are.

The motion is sampled longer than its period (`unrolled`), from noise that repeats, and every prediction x_0 is made to
repeat too (`Circle.repeat`): frames one period apart are blended where the period ends, turned by what a period turns.
So the network sees before and behind each frame what comes there when the cycle is played again, and its steps carry
over the seam as over any other frame.  What a period turns is read off a motion that does not loop, for noise that
repeats says that people come back to where they looked (`circle_of`).  Who turns or goes hardly at all there neither
turns nor goes.  What cleaning the feet leaves of a gap is closed in the finished motion (`closed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.layout import SIXD, Layout
from genmo.runtime.motion.motion import FPS, Camera, Motion
from genmo.runtime.motion.representation import gravity_view_yaw, integrate_velocity, root_velocity
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_6d,
    matrix_from_axis_angle,
    matrix_from_yaw,
    rotate,
    sixd_from_matrix,
    transpose,
    yaw_of,
)
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.support.arrays import Array, Numbers

MARGIN = 90
"""frames before and behind the period: more than a window of the network, and what cleaning the feet looks at"""
BLEND = 8
"""frames on either side of the seam over which two periods are blended"""
STRAIGHT = np.radians(20.0)
"""radians a second; who turns less goes straight on"""
STAYING = 0.2
"""m/s; who goes slower stays where he is"""
UPWARDS = np.array([0.0, 1.0, 0.0])
SEARCH = 0.25
"""share of the asked length by which the nearest whole gait may be shorter or longer"""
FAR = 0.3
"""how much better than at the asked length a gait must fit at the ends of that range"""


@dataclass(frozen=True)
class Circle:
    """The period of `frames` frames within an unrolled motion, which begins at frame `start`."""

    start: int
    frames: int
    turn: float = 0.0
    """radians about +y that a period turns"""
    stays: bool = False
    """whether the person ends where a period began"""
    velocity: tuple[float, float] | None = None
    """to the left and ahead, as the person looks on average; metres a frame.  None: wherever the motion goes"""

    @property
    def unrolled_frames(self) -> int:
        return 2 * self.start + self.frames

    def phases(self) -> Numbers:
        """[unrolled frames] which frame of the period each is."""
        return (np.arange(self.unrolled_frames) - self.start) % self.frames

    def repeat(self, features: Array, layout: Layout, camera: Camera) -> Array:
        """Features [unrolled frames, layout.width] (not normalised) that repeat, turned and moved on over the ground.

        `camera` stands still.
        """
        blocks = layout.split(np.asarray(features, np.float64))
        to_upright = matrix_from_yaw(-gravity_view_yaw(camera.rotation[0])) @ camera.rotation[0]
        before = matrix_from_6d(blocks["gravity_view_orientation"])
        turn, upright = self.turn, self._turning(before)
        seen = upright @ transpose(before) @ to_upright @ matrix_from_6d(_root(blocks))
        upright, seen = (self._spread(self._joined(rotations, turn), turn) for rotations in (upright, seen))
        repeating = {name: self._spread(self._joined_values(block)) for name, block in blocks.items()}
        repeating["gravity_view_orientation"] = sixd_from_matrix(upright)
        _root(repeating)[:] = sixd_from_matrix(transpose(to_upright) @ seen)
        velocity = self._staying(upright, repeating["root_velocity"])
        repeating["root_velocity"] = velocity
        if "root_translation_camera" in blocks:
            path = integrate_velocity(upright, velocity)
            way = rotate(transpose(to_upright), path - path[self.start])
            repeating["root_translation_camera"] = blocks["root_translation_camera"][self.start] + way
        return np.concatenate([repeating[name] for name, _ in layout.blocks], axis=-1)

    def noise(self, noise: Array) -> Array:
        """Noise [..., unrolled frames, k] that repeats."""
        return np.asarray(noise[..., self.start + self.phases(), :])

    def closed(self, motion: Motion) -> Motion:
        """The period of an unrolled motion as a cycle of frames + 1 frames: the last is the first, moved on."""
        turn, root = self.turn, self._turning(motion.rotations[:, 0])
        path = integrate_velocity(root, root_velocity(motion.rotations[:, 0], motion.translation))
        path += motion.translation[self.start] - path[self.start]
        drift = path[self.start + self.frames] - path[self.start]
        path -= self._periods()[:, None] * (drift - self._way(root, drift))
        step = matrix_from_yaw(np.asarray(turn))
        shift = path[self.start + self.frames] - rotate(step, path[self.start])
        back = rotate(transpose(step), path - shift)  # each frame a period earlier
        joints = [self._joined(motion.rotations[:, joint]) for joint in range(1, JOINT_COUNT)]
        rotations = np.stack([self._joined(root, turn), *joints], axis=1)
        near = np.arange(-BLEND, BLEND)
        translation = path[self.start : self.start + self.frames].copy()
        mixed = _mixed(path[self.start + near], back[self.start + self.frames + near])
        translation[:BLEND], translation[-BLEND:] = mixed[BLEND:], rotate(step, mixed[:BLEND]) + shift
        last = rotations[:1].copy()
        last[:, 0] = step @ last[:, 0]
        contacts = None if motion.contacts is None else self._joined_values(motion.contacts)
        return replace(
            motion,
            rotations=np.concatenate([rotations, last]),
            translation=np.concatenate([translation, (rotate(step, translation[:1]) + shift)]),
            contacts=None if contacts is None else np.concatenate([contacts, contacts[:1]]),
            camera=None,
            root_camera=None,
            loops=True,
        )

    def _periods(self) -> Array:
        """[unrolled frames] how many periods each is behind the first frame of the period."""
        return (np.arange(self.unrolled_frames) - self.start) / self.frames

    def _turning(self, upright: Array) -> Array:
        """Root orientations [unrolled frames, 3, 3] that turn as much as a period is to turn."""
        near = np.arange(self.start - BLEND, self.start + BLEND)
        turned = yaw_of((upright[near + self.frames] @ transpose(upright[near])).sum(axis=0))
        missing = (self.turn - turned + np.pi) % (2 * np.pi) - np.pi
        return np.asarray(matrix_from_yaw(self._periods() * missing) @ upright)

    def _staying(self, upright: Array, velocity: Array) -> Array:
        """Root velocities [unrolled frames, 3] without a change of height, nor any way but the one that is wanted."""
        period = slice(self.start, self.start + self.frames)
        drift = rotate(upright[period], velocity[period]).sum(axis=0)
        wrong = (drift - self._way(upright, drift)) / self.frames
        return np.asarray(velocity - rotate(transpose(upright), wrong))

    def _way(self, upright: Array, drift: Array) -> Array:
        """Metres [3] that a period is to go, where root orientations `upright` [unrolled frames, 3, 3] go by `drift`.

        A period that turns goes along the arc about whose middle the person looks on average.
        """
        if self.velocity is not None:
            side, ahead = self.velocity
            middle = yaw_of(upright[self.start : self.start + self.frames].sum(axis=0))
            chord = self.frames * np.sinc(self.turn / (2 * np.pi))
            return rotate(matrix_from_yaw(middle), chord * np.array([side, 0.0, ahead]))
        return np.zeros(3) if self.stays else drift * (1 - UPWARDS)

    def _joined(self, rotations: Array, turn: float = 0.0) -> Array:
        """The period [frames, 3, 3] of rotations [unrolled frames, 3, 3], blended with the periods beside it, of which
        the next is turned by `turn` more about the vertical."""
        near, step = np.arange(-BLEND, BLEND), matrix_from_yaw(np.asarray(turn))
        before, after = rotations[self.start + near], transpose(step) @ rotations[self.start + self.frames + near]
        between = _mixed(np.zeros((len(near), 3)), axis_angle_from_matrix(transpose(before) @ after))
        mixed = before @ matrix_from_axis_angle(between)
        one = rotations[self.start : self.start + self.frames].copy()
        one[:BLEND], one[-BLEND:] = mixed[BLEND:], step @ mixed[:BLEND]
        return np.asarray(one)

    def _joined_values(self, values: Array) -> Array:
        """The period [frames, k] of values [unrolled frames, k], blended with the periods beside it."""
        near = np.arange(-BLEND, BLEND)
        mixed = _mixed(values[self.start + near], values[self.start + self.frames + near])
        one = values[self.start : self.start + self.frames].copy()
        one[:BLEND], one[-BLEND:] = mixed[BLEND:], mixed[:BLEND]
        return np.asarray(one)

    def _spread(self, period: Array, turn: float = 0.0) -> Array:
        """The period [frames, ...] over all unrolled frames; rotations turned by `turn` more each time."""
        whole = period[self.phases()]
        if turn == 0.0:
            return np.asarray(whole)
        number = np.floor(self._periods() + 1e-9)
        return np.asarray(matrix_from_yaw(number * turn) @ whole)


def _root(blocks: dict[str, Array]) -> Array:
    """The root's rotation in the camera [frames, 6] of a layout's blocks, to read or to fill."""
    return (
        blocks["root_orientation_camera"]
        if "root_orientation_camera" in blocks
        else blocks["joint_rotations"][:, :SIXD]
    )


def _mixed(before: Array, after: Array) -> Array:
    """From `after` to `before` [2 x BLEND, k]: what comes after the seam has the more weight the later."""
    share = smoothstep((np.arange(-BLEND, BLEND) + BLEND) / (2 * BLEND))[:, None]
    return np.asarray(after + share * (before - after))


def circle_of(motion: Motion, timeline: Timeline) -> Circle:
    """The period of a looped timeline, seen by a `motion` of the same conditions that does not loop."""
    frames = nearest_gait(motion, timeline.frames) if timeline.loop == "gait" else timeline.frames
    if timeline.velocity is not None:
        return led_circle(frames, timeline.velocity)
    track = motion.root_track()
    steps = max(motion.frames - 1, 1)
    turned = float(track.yaw[-1] - track.yaw[0]) / steps
    ahead = rotate(transpose(track.rotation[:-1]), np.diff(track.position, axis=0)).sum(axis=0) / steps
    stays = bool(np.linalg.norm(ahead) * FPS < STAYING)
    return Circle(MARGIN, frames, frames * turned if abs(turned) * FPS > STRAIGHT else 0.0, stays)


def led_circle(frames: int, velocity: tuple[float, float]) -> Circle:
    """The period of `frames` frames of somebody who goes straight on at `velocity` (`Timeline.velocity`)."""
    side, ahead = velocity
    return Circle(MARGIN, frames, velocity=(side / FPS, ahead / FPS))


def unrolled(timeline: Timeline, circle: Circle) -> Timeline:
    """The timeline of a motion that plays the period of a looped timeline again and again.

    Texts that reach over the whole period reach over everything, others come again in each period.
    """
    seeds = tuple(replace(span, start=span.start + MARGIN, end=span.end + MARGIN) for span in timeline.seeds)
    texts = unrolled_texts(timeline.texts, circle)
    return replace(timeline, frames=circle.unrolled_frames, texts=texts, seeds=seeds, loop=None, velocity=None)


def unrolled_texts(texts: Sequence[Text], circle: Circle) -> tuple[Text, ...]:
    """Texts of a looped timeline as they are in the unrolled one (`unrolled`)."""
    period, frames, spans = circle.frames, circle.unrolled_frames, []
    before = -(-MARGIN // period)  # periods that begin in front of the first
    for text in texts:
        start, end = text.start, period if text.end is None else min(text.end, period)
        if (start, end) == (0, period):
            spans.append(replace(text, start=0, end=None))
            continue
        for number in range(-before, frames // period + 1):
            offset = MARGIN + number * period
            first, last = max(start + offset, 0), min(end + offset, frames)
            if first < last:
                spans.append(replace(text, start=first, end=last))
    return tuple(spans)


def nearest_gait(motion: Motion, frames: int) -> int:
    """The length in frames near `frames` after which a motion that goes on for longer is most nearly where it was.

    The distance of poses as the root sees them, over all pairs of frames that far apart; the farther from `frames`,
    the better a length must be.
    """
    track = motion.root_track()
    rotations = motion.rotations.copy()
    rotations[:, 0], place = track.inside(motion.rotations[:, 0], motion.translation)
    joints = replace(motion, rotations=rotations, translation=place).joints_world()
    movement = np.concatenate([joints[:-1], (FPS / 6) * np.diff(joints, axis=0)], axis=1)  # a sixth of a second ahead
    reach = int(SEARCH * frames)
    lengths = np.arange(max(frames - reach, 2 * BLEND), min(frames + reach, len(movement) - 1) + 1)
    if not len(lengths):
        return frames
    far = np.array([np.linalg.norm(movement[n:] - movement[:-n], axis=-1).mean() for n in lengths])
    return int(lengths[np.argmin(far * (1 + FAR * np.abs(lengths - frames) / max(reach, 1)))])
