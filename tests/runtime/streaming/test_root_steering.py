"""The root of features on a plan: its slow part arrives there, the gait and the known frames stay."""

import numpy as np

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.representation import decode, encode
from genmo.runtime.motion.rotation import heading, matrix_from_yaw
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.streaming.known_past import facing_camera
from genmo.runtime.streaming.root_steering import Reference, steered

LAYOUT, WINDOW, KNOWN = LAYOUTS["genmo"], 90, 30


def walk():
    """Straight on at 1 m/s, swaying by 2 cm at a stride a second."""
    time = np.arange(WINDOW) / 30
    rotations = np.tile(np.eye(3), (WINDOW, JOINT_COUNT, 1, 1))
    rotations[:, 0] = matrix_from_yaw(0.1 * np.sin(2 * np.pi * time))
    sway = 0.02 * np.sin(2 * np.pi * time)
    return Motion(rotations, np.stack([sway, np.full(WINDOW, 0.95), time], axis=-1)), sway


def steer(known):
    motion, sway = walk()
    camera = facing_camera(0.0, motion.translation[0], WINDOW)
    time = np.arange(WINDOW) / 30
    turn = 0.4 * np.maximum(time - 1, 0)
    positions = np.cumsum(np.stack([np.sin(turn), np.cos(turn)], axis=-1), axis=0) / 30
    positions += motion.translation[KNOWN - 1, [0, 2]] - positions[KNOWN - 1] - [sway[KNOWN - 1], 0]
    reference = Reference(known, motion.translation[max(known - 1, 0)], positions, turn)
    features = encode(motion, camera, LAYOUT)
    made = decode(steered(features, LAYOUT, camera, reference), LAYOUT, camera)
    last = max(known - 1, 0)
    path = made.translation - made.translation[last] + reference.root
    return motion, made, path, positions, turn


def test_the_root_goes_where_the_plan_does_and_still_sways():
    motion, made, path, positions, turn = steer(KNOWN)
    np.testing.assert_allclose(path[:KNOWN], motion.translation[:KNOWN], atol=1e-6)
    far = slice(KNOWN + 12, WINDOW - 5)
    error = np.linalg.norm(path[far][:, [0, 2]] - positions[far], axis=1)
    assert error.mean() < 0.025 and error.max() < 0.06
    yaw = np.unwrap(heading(made.rotations[far, 0, :, 2])) - turn[far]
    assert np.abs(yaw).max() < 0.2 and yaw.std() > 0.03
    np.testing.assert_allclose(made.rotations[:, 1:], motion.rotations[:, 1:], atol=1e-9)
    np.testing.assert_allclose(path[:, 1], 0.95, atol=1e-6)


def test_nothing_jumps_where_the_known_frames_end():
    motion, _, path, _, _ = steer(KNOWN)
    bend = np.linalg.norm(np.diff(path, 2, axis=0), axis=1) * 900
    assert bend[KNOWN - 3 : KNOWN + 12].max() < 6


def test_time_that_runs_back_is_the_same_the_other_way_round():
    """A plan whose known frames are the window's last: nothing jumps there, and the first frames are on it."""
    motion, _ = walk()
    camera = facing_camera(0.0, motion.translation[0], WINDOW)
    first = WINDOW - KNOWN
    time = np.arange(WINDOW) / 30
    positions = np.stack([0.3 * np.maximum((first - np.arange(WINDOW)) / 30, 0) ** 2, time], axis=-1)
    reference = Reference(KNOWN, motion.translation[first], positions, np.zeros(WINDOW), back=True)
    made = decode(steered(encode(motion, camera, LAYOUT), LAYOUT, camera, reference), LAYOUT, camera)
    path = made.translation - made.translation[first] + motion.translation[first]
    np.testing.assert_allclose(path[first:], motion.translation[first:], atol=1e-6)
    assert np.linalg.norm(path[5 : first - 12, [0, 2]] - positions[5 : first - 12], axis=1).mean() < 0.03
    bend = np.linalg.norm(np.diff(path, 2, axis=0), axis=1) * 900
    assert bend[first - 12 : first + 3].max() < 6


def test_without_known_frames_it_is_on_the_plan_from_the_first_frame():
    _, _, path, positions, _ = steer(0)
    assert np.linalg.norm(path[:, [0, 2]] - positions, axis=1).mean() < 0.03
