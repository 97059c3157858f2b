"""genmo_stream against MotionStream, tick for tick."""

import subprocess

import numpy as np
import pytest

from genmo.runtime import MotionStream
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.support import native
from tests.kernels.made_keypoints import INTRINSICS, beside, swaying_camera, walked
from tests.kernels.native_stream import Stream
from tests.kernels.test_native_generate import NATIVE, built

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

QUICK = {"look_ahead": 4}
FRAMES = 30


def poses_of(camera):
    """[frames, 4, 4] of a Camera."""
    poses = np.tile(np.eye(4), (len(camera.position), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = camera.rotation, camera.position
    return poses


class Both:
    """The same frames to both."""

    def __init__(self, model, python, people=1, intrinsics=INTRINSICS, image_size=None, **options):
        lens = {"image_size": image_size} if image_size else {"intrinsics": intrinsics}
        self.python = MotionStream(python, people=people, **lens, **options)
        reach = options.pop("fit_reach", 3)
        named = {
            "look_ahead": options.get("look_ahead", 15) or -1,
            "fit_reach": 3 if reach is None else reach or -1,
            "unfitted": reach is None,
            "loose_feet": not options.get("clean_feet", True),
            "raw_keypoints": not options.get("clean_keypoints", True),
            "stride": options.get("stride", 1),
        }
        if image_size:
            named |= dict(zip(("image_width", "image_height"), image_size, strict=True))
        lens = None if image_size else intrinsics
        self.native = Stream(model, people, intrinsics=lens, camera=options.get("camera"), **named)

    def step(self, points, camera=None):
        same(self.native.step(points, camera), self.python.step(points, camera))

    def finish(self):
        made, expected = self.native.finish(), self.python.finish()
        for one, other in zip(made[: len(expected)], expected, strict=True):
            same(one, other)
        assert len(made) == max(len(expected), 1)
        self.native.__exit__()


def same(made, expected):
    """Arrays of a tick beside a StreamPose: 0.05 mm."""
    assert np.array_equal(made["frame"], expected.frame) and np.array_equal(made["settled"] != 0, expected.settled)
    there = expected.frame >= 0
    off = np.linalg.norm(made["joints"] - expected.joints_world(), axis=-1)[there]
    assert not off.size or 1000 * off.max() <= 0.05, (1000 * off.max(), expected.frame)
    assert np.abs(made["translation"] - expected.translation).max() <= 5e-5
    assert np.abs(made["betas"] - expected.betas).max() <= 1e-4
    assert np.abs(made["contacts"] - expected.contacts).max() <= 1e-3
    for name, rotations in (("rotations", expected.rotations), ("root_in_camera", expected.root_camera.rotation)):
        turns = made[name][..., :4].astype(np.float64)
        assert np.abs(matrix_from_quaternion(np.roll(turns, 1, axis=-1)) - rotations).max() <= 5e-4, name
    assert np.abs(made["root_in_camera"][:, 4:] - expected.root_camera.translation).max() <= 1e-4


def points_of(keypoints):
    """[frames, 21, 3]"""
    return keypoints.all_points


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"look_ahead": 0},
        {"clean_keypoints": False},
        {"fit_reach": None},
        {"fit_reach": 0, "clean_feet": False},
        {"stride": 3},
        {"image_size": (1280.0, 720.0)},
    ],
    ids=str,
)
def test_a_walk_before_a_static_camera(options, model, python):
    both = Both(model, python, **(QUICK | options))
    for points in points_of(walked(FRAMES)):
        both.step(points[None])
    both.finish()


def test_a_walk_without_heels_and_toes_for_longer_than_a_window(model, python):
    both = Both(model, python, look_ahead=15, stride=8)
    for points in points_of(walked(130, feet=False)):
        both.step(points[None, :17])
    both.finish()


@pytest.mark.parametrize("told", ["moving", "static", "at first"])
def test_a_known_camera(told, model, python):
    camera = swaying_camera(FRAMES) if told == "moving" else beside(FRAMES)
    poses = poses_of(camera)
    both = Both(model, python, **QUICK, **({"camera": poses[0]} if told == "static" else {}))
    keypoints = walked(FRAMES, camera)
    for number, points in enumerate(points_of(keypoints)):
        given = told == "moving" or (told == "at first" and number == 0)
        both.step(points[None], poses[number] if given else None)
    both.finish()


def test_people_come_and_go_and_are_mistaken(model, python):
    both = Both(model, python, people=3, **QUICK, stride=2)
    first, second = (points_of(walked(90, feet=False, seed=seed)) for seed in (1, 2))
    second[:, :, 0] -= 200
    second[:7, :, 2] = 0  # comes late
    first[20:55, :, 2] = 0  # is lost for longer than is remembered
    second[30:33, :, :2] += 500  # somebody else for a moment
    nobody = np.zeros_like(first)
    for number, points in enumerate(np.stack([first, second, nobody], axis=1)):
        both.step(points[:, :17])
        if number == 60:
            both.python.reset(1)
            both.native.reset(1)
    both.finish()


def test_a_stream_that_was_finished_begins_again(model, python):
    both = Both(model, python, **QUICK)
    points = points_of(walked(12))
    for _ in range(2):
        for one in points:
            both.step(one[None])
        for made, expected in zip(both.native.finish(), both.python.finish(), strict=True):
            same(made, expected)
    both.native.__exit__()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "the image is 0 x 0; wanted width and height over 0, or intrinsics"),
        ({"look_ahead": 61}, "look_ahead is 61; wanted -1 to 60"),
        ({"people": 2000}, "people is 2000; wanted 1 to 1024"),
        ({"stride": 17}, "stride is 17; wanted 1 to 16"),
        ({"fit_reach": 10}, "fit_reach is 10; wanted -1 to 9"),
        ({"intrinsics": -INTRINSICS}, "intrinsics has focal lengths -900 and -900"),
        ({"camera": np.ones((4, 4))}, "camera_to_world of frame 0 is no rigid pose"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options, words, model):
    with pytest.raises(ValueError, match=words):
        Stream(model, **options)


def test_frames_that_cannot_be_are_refused_and_change_nothing(model):
    points = points_of(walked(8))
    with Stream(model, intrinsics=INTRINSICS) as stream, Stream(model, intrinsics=INTRINSICS) as other:
        for one in (stream, other):
            one.step(points[:1])
        for refused, words in (
            (lambda: stream.step(np.full((1, 21, 3), np.inf)), "points of person 0 hold infinity"),
            (lambda: stream.step(points[:1], np.eye(4)), "camera_to_world is given but was not at first"),
            (lambda: stream.step(points[:1], np.ones((4, 4))), "camera_to_world"),
            (lambda: stream.reset(1), "person is 1; wanted -1 to 0"),
        ):
            with pytest.raises(ValueError, match=words):
                refused()
        made, expected = stream.step(points[1:2]), other.step(points[1:2])
        assert all(np.array_equal(made[name], expected[name]) for name in made)


@pytest.mark.end_to_end
def test_memory_threads_and_wild_frames(tmp_path):
    program = built(NATIVE / "tests" / "stream_test.cpp", ("c++", "g++", "clang++"), tmp_path, "-std=c++17")
    done = subprocess.run([program, SHIPPED, "120"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
