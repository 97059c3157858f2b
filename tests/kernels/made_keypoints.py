"""Keypoints as detectors make them, of files and of a made-up walker, for parity tests."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.runtime import read_keypoints
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate
from genmo.runtime.motion.skeleton import FOOT_JOINTS, JOINTS, coco_keypoints, sole_ends
from tests.runtime.refine.walking import walker

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = ("dance_keypoints", "dog_keypoints", "juggle_keypoints", "keypoints", "runner_keypoints")
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
INTRINSICS = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])


def as_float32(keypoints):
    """The keypoints that both sides read: of float32 pixels."""
    feet = None if keypoints.feet is None else keypoints.feet.astype(np.float32).astype(np.float64)
    return replace(keypoints, points=keypoints.points.astype(np.float32).astype(np.float64), feet=feet)


def swaying_camera(frames, ground_known=True):
    """A camera at the walker's side that follows it, turning and rising a little."""
    time = np.arange(frames) / 30
    turns = np.stack([0.1 * np.sin(time), -np.pi / 2 + 0.3 * np.sin(0.7 * time), 0.05 * np.cos(time)], axis=1)
    level = np.diag([-1.0, -1.0, 1.0])
    position = np.stack([4 + 0.1 * time, 1.2 + 0.1 * np.sin(2 * time), 0.5 * time], axis=1)
    return Camera(matrix_from_axis_angle(turns) @ level, position, ground_known)


def seen(motion, camera, intrinsics, noise=1.5, seed=0):
    """Keypoints of the motion in the camera, with heels and toes, and the detector's usual faults."""
    random, frames = np.random.default_rng(seed), motion.frames
    turned, joints = motion.kinematics()
    ends = sole_ends(motion.rest_offsets)
    heels = joints[:, ANKLES] + rotate(turned[:, ANKLES], ends.heels)
    toes = joints[:, FOOT_JOINTS] + rotate(turned[:, FOOT_JOINTS], ends.toes)
    feet = np.stack([heels, toes], axis=2).reshape(frames, 4, 3)
    points = camera.to_camera(np.concatenate([coco_keypoints(turned, joints), feet], axis=1))
    pixels = points[..., :2] / points[..., 2:] * intrinsics[[0, 1], [0, 1]] + intrinsics[:2, 2]
    pixels = pixels + noise * random.normal(size=pixels.shape)
    confidence = random.uniform(0.6, 1, (frames, 21, 1))
    confidence[random.uniform(size=(frames, 21)) < 0.05] = 0.1  # lost for a frame
    made = np.concatenate([pixels, confidence], axis=-1)
    if frames > 60:
        made[20:29, 9, 2] = 0  # a gap in a wrist
        made[40:44, [13, 14]], made[40:44, [15, 16]] = made[40:44, [14, 13]], made[40:44, [16, 15]]
        made[40:44, 17:] = made[40:44, [19, 20, 17, 18]]
        made[50, 10, :2] += 400  # an outlier
        made[54:58, :, 2] = 0  # nobody
    return made[:, :17], made[:, 17:]


def walked(frames, camera=None, intrinsics=INTRINSICS, feet=True, rise=0.0, **faults):
    """Keypoints of the walker; without a camera, of a static one whose poses are not told.

    `rise`: metres by which the world of the camera's poses is higher than the ground.
    """
    motion = walker(max(frames, 40))[0].cut(slice(0, frames))
    points, ends = seen(motion, camera or beside(frames), intrinsics, **faults)
    told = camera and replace(camera, position=camera.position + [0.0, rise, 0.0])
    return as_float32(Keypoints(points, intrinsics, told, feet=ends if feet else None))


def beside(frames):
    """A static camera at the walker's side."""
    turn = matrix_from_axis_angle(np.array([0.0, -np.pi / 2, 0.0])) @ np.diag([-1.0, -1.0, 1.0])
    return Camera(np.tile(turn, (frames, 1, 1)), np.tile([4.0, 1.2, 1.5], (frames, 1)))


def cases():
    """Keypoints by name."""
    made = {name: as_float32(read_keypoints(EXAMPLES / f"{name}.npz")) for name in FILES}
    made["no camera track"] = replace(made["dance_keypoints"].first(90), camera=None)
    made["walk, static camera"] = walked(110)
    made["walk, guessed lens"] = walked(70, intrinsics=default_intrinsics(1280, 720), feet=False)
    made["walk, moving camera"] = walked(120, swaying_camera(120), noise=4.0)
    made["walk, ground unknown"] = walked(90, swaying_camera(90, ground_known=False), rise=0.7)
    made["walk, far from the ground"] = walked(80, swaying_camera(80), rise=0.7)
    made["one frame"] = walked(1)
    made["two frames"] = walked(2, swaying_camera(2))
    made["nobody"] = replace(walked(20), points=np.zeros((20, 17, 3)), feet=None)
    return made
