"""Repeated gait cycles, against walkers whose whole future is known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.motion.skeleton import JOINTS, shape_space
from genmo.train.data.gait_loops import BLEND, find_cycle, joined, looped
from genmo.train.datasets.clips import Clip

PERIOD = 20
LEGS = [JOINTS.index(name) for name in ("left_hip", "right_hip")]


def swing(angle):
    """Turn about x, [n] -> [n, 3, 3]."""
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([one, zero, zero, zero, c, -s, zero, s, c], axis=-1).reshape(-1, 3, 3)


def walker(frames, turn=0.0, speed=1.5, phase=0.0, heading=0.3):
    """Legs swing with a period of 20 frames, the root goes along a circle (or a line), bobbing twice a cycle."""
    time = np.arange(frames)
    cycle = 2 * np.pi * (time / PERIOD + phase)
    rotations = np.broadcast_to(np.eye(3), (frames, 24, 3, 3)).copy()
    yaw = heading + turn * time
    rotations[:, 0] = matrix_from_yaw(yaw)
    for leg, sign in zip(LEGS, (1, -1), strict=True):
        rotations[:, leg] = swing(sign * 0.5 * np.sin(cycle))
    steps = np.stack([np.sin(yaw), np.zeros(frames), np.cos(yaw)], axis=-1) * speed / 30
    translation = np.concatenate([np.zeros((1, 3)), np.cumsum(steps[:-1], axis=0)])
    translation[:, 1] = 0.95 + 0.02 * np.cos(2 * cycle)
    offsets = shape_space().offsets(np.zeros(10))
    arrays = (array.astype(np.float32) for array in (rotations, translation, offsets))
    return Clip("made/0", "made/0", ("a person walks",), *arrays)


def test_a_short_walk_goes_on_as_the_long_one_would_have():
    short, long = walker(47), walker(400)
    longer = looped(short, 150)
    assert 150 <= longer.frames <= 150 + 47
    np.testing.assert_allclose(longer.rotations, long.rotations[: longer.frames], atol=2e-3)
    np.testing.assert_allclose(longer.translation, long.translation[: longer.frames], atol=5e-3)
    assert longer.captions == short.captions and longer.rotations.dtype == np.float32


def test_the_cycle_is_whole_periods_and_the_end_stays():
    clip = walker(55)
    first, last = find_cycle(clip)
    assert (last - first) % PERIOD == 0 and last > first
    longer = looped(clip, 100)
    np.testing.assert_allclose(longer.rotations[-5:], clip.rotations[-5:], atol=1e-5)
    moved = longer.translation[-5:] - longer.translation[-5]
    np.testing.assert_allclose(moved, clip.translation[-5:] - clip.translation[-5], atol=1e-5)


@pytest.mark.parametrize(
    "clip",
    [walker(60, speed=0.3), walker(16), walker(PERIOD - 7), walker(1), walker(2)],
    ids=["hardly moves", "shorter than a cycle and its neighbours", "less than a cycle", "one frame", "two frames"],
)
def test_what_has_no_cycle_stays(clip):
    assert looped(clip, 150) is clip


def test_a_long_clip_stays():
    clip = walker(150)
    assert looped(clip, 150) is clip and looped(clip, 149) is clip


def test_a_start_that_never_comes_again_is_not_looped():
    """Half a gait cycle: left and right are exchanged, which is not the same pose."""
    clip = walker(17)
    assert find_cycle(clip) is None


def test_a_joint_is_continuous_and_fades():
    """A pose 0.2 rad off and a root 3 cm higher: no jump at the joint, the second motion's own pose after BLEND."""
    one, other = walker(40), walker(40, heading=1.5)
    raised = other.translation + np.array([5.0, 0.03, -2.0], np.float32)
    bent = other.rotations.copy()
    bent[:, 16] = swing(np.full(40, 0.2))
    rotations, translation = joined(one.rotations, one.translation, bent, raised)
    assert len(rotations) == len(translation) == 79
    steps = np.linalg.norm(np.diff(translation[:, [0, 2]], axis=0), axis=-1)
    np.testing.assert_allclose(steps, 1.5 / 30, atol=1e-4)
    assert np.abs(np.diff(translation[:, 1])).max() < 0.02
    assert np.abs(np.diff(rotations[:, 16], axis=0)).max() < 0.2 / BLEND * 2
    np.testing.assert_allclose(rotations[40 + BLEND :, 16], bent[1 + BLEND :, 16], atol=1e-6)
    np.testing.assert_allclose(rotations[40 + BLEND :, 0], one.rotations[:1, 0].repeat(79 - 40 - BLEND, 0), atol=1e-5)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 1, 3, 2), np.eye(3) + np.zeros((79, 24, 3, 3)), atol=1e-5
    )


@pytest.mark.parametrize("turn", [0.02, -0.05])
def test_a_turn_is_not_repeated(turn):
    """A 90-degree turn that is repeated is no 90-degree turn."""
    clip = walker(47, turn)
    assert looped(clip, 150) is clip


@pytest.mark.parametrize("caption", ["a person walks and stops", "a person: run quick stop run", "a person veers left"])
def test_what_happens_once_is_not_repeated(caption):
    clip = replace(walker(47), captions=("a person walks", caption))
    assert looped(clip, 150) is clip and looped(walker(47), 150) is not clip


@pytest.mark.parametrize("rate", [0.002, -0.003])
def test_the_rest_of_a_turn_does_not_add_up(rate):
    short = walker(64, rate)
    longer = looped(short, 400)
    facing = longer.rotations[:, 0, :, 2]
    yaw = np.degrees(np.unwrap(np.arctan2(facing[:, 0], facing[:, 2])))
    assert longer.frames >= 400
    # without the correction: 0.002 radians a frame are 46 degrees in 400 frames
    assert np.ptp(yaw) < 64 * abs(np.degrees(rate)) + 1
    # the feet do not notice: each frame's step in the facing is what it was
    ahead = np.einsum("ij,ij->i", np.diff(longer.translation, axis=0), facing[:-1])
    np.testing.assert_allclose(ahead, 1.5 / 30, atol=1.5e-3)


def test_the_rest_of_a_climb_does_not_add_up():
    clip = walker(64)
    clip.translation[:, 1] += 0.0008 * np.arange(64)
    longer = looped(clip, 400)
    assert longer.frames >= 400 and np.ptp(longer.translation[:, 1]) < 0.04 + 64 * 0.0008 + 0.01
