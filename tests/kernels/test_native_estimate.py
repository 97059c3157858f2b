"""genmo_estimate against MotionModel.estimate; keypoints that cannot be; the C example."""

import ctypes
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.support import native
from tests.kernels.made_keypoints import cases, swaying_camera, walked
from tests.kernels.native_abi import Estimation, Model, Motion, keypoints_of
from tests.kernels.test_native_generate import NATIVE, built

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

CASES = cases()
OPTIONS = {
    "clean_keypoints": {"raw_keypoints": 1}, "fit": {"unfitted": 1}, "clean_feet": {"loose_feet": 1}
}  # fmt: skip


def matrices(quaternions):
    """Of x, y, z, w."""
    return matrix_from_quaternion(np.roll(quaternions.astype(np.float64), 1, axis=-1))


def agree(made, expected):
    """Joints within 0.002 mm on average and 0.05 mm at most, and all that is made of the same pose."""
    off = 1000 * np.linalg.norm(made["joints"] - expected.joints_world(), axis=-1)
    assert off.mean() <= 0.002 and off.max() <= 0.05
    assert np.abs(made["translation"] - expected.translation).max() <= 5e-5
    assert np.abs(made["contacts"] - expected.contacts).max() <= 1e-4
    assert np.abs(made["betas"] - expected.betas).max() <= 1e-4
    assert np.abs(made["offsets"] - expected.rest_offsets).max() <= 1e-6
    assert np.abs(matrices(made["rotations"]) - expected.rotations).max() <= 2e-4


@pytest.mark.parametrize("name", CASES)
def test_motions_are_those_of_the_runtime(name, model, python):
    agree(model.estimate(CASES[name]), python.estimate(CASES[name]))


@pytest.mark.parametrize("name", OPTIONS)
def test_stages_are_left_out_as_in_the_runtime(name, model, python):
    keypoints = CASES["walk, moving camera"]
    agree(model.estimate(keypoints, **OPTIONS[name]), python.estimate(keypoints, **{name: False}))


def test_the_root_in_the_camera_lies_where_the_motion_does(model):
    keypoints = CASES["walk, moving camera"]
    made = model.estimate(keypoints)
    root = keypoints.camera.to_camera(made["translation"].astype(np.float64))
    assert np.linalg.norm(made["root_in_camera"][:, 4:] - root, axis=-1).mean() < 0.2  # but for its own ground and feet
    turned = keypoints.camera.rotation @ matrices(made["root_in_camera"][:, :4])
    assert np.abs(turned - matrices(made["rotations"][:, 0])).max() < 0.2
    assert made["camera_rise"] == 0


def test_the_camera_goes_up_with_a_motion_whose_ground_is_not_known(model, python):
    keypoints = CASES["walk, ground unknown"]
    expected, made = python.estimate(keypoints), model.estimate(keypoints)
    rise = expected.camera.position - keypoints.camera.position
    np.testing.assert_allclose(rise, np.tile([0, made["camera_rise"], 0], (keypoints.frames, 1)), atol=1e-4)
    assert abs(made["camera_rise"]) > 0.3


def test_a_lens_is_guessed_from_the_size_of_the_image(model):
    keypoints = walked(30, intrinsics=default_intrinsics(1280, 720))
    expected = model.estimate(keypoints)
    size = {"image_width": 1280.0, "image_height": 720.0}
    unknown = model.estimate(replace(keypoints, intrinsics=None), given=size)
    np.testing.assert_array_equal(unknown["joints"], expected["joints"])


def test_unseen_points_may_be_nan(model):
    keypoints = CASES["dog_keypoints"]
    points = keypoints.points.copy()
    points[3:6, 9] = np.nan
    hidden = np.where(np.isnan(points), 0, points)
    made, expected = (model.estimate(replace(keypoints, points=p))["joints"] for p in (points, hidden))
    np.testing.assert_array_equal(made, expected)


def test_fixed_point_is_within_half_a_millimetre(python):
    with Model(SHIPPED, fast=1) as fast:
        made, expected = fast.estimate(CASES["dance_keypoints"]), python.estimate(CASES["dance_keypoints"])
    joints = expected.joints_world()
    off = (made["joints"] - made["joints"][:, :1]) - (joints - joints[:, :1])
    assert 0 < 1000 * np.linalg.norm(off, axis=-1).mean() <= 0.5


def test_the_same_bytes_again_and_for_any_number_of_threads(model):
    def motion(one):
        return {name: np.asarray(array).tobytes() for name, array in one.estimate(CASES["dog_keypoints"]).items()}

    expected = motion(model)
    assert motion(model) == expected
    with Model(SHIPPED, threads=3) as other:
        assert motion(other) == expected


def test_progress_rises_to_one_and_cancels(model):
    shares = []
    model.estimate(walked(1100, feet=False), progress=lambda share: shares.append(share) or 0)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) == 3
    with pytest.raises(RuntimeError, match="cancelled after the network's step"):
        model.estimate(walked(8), progress=lambda share: 1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"frames": 0}, "frames is 0; wanted 1 to 65536"),
        ({"size": 4}, "keypoints.size is not"),
        ({"points": None}, "keypoints.points is NULL"),
        ({"noise": -1.0}, "noise is -1; wanted 0 or more"),
        ({"intrinsics": None}, "the image is 0 x 0; wanted width and height over 0, or intrinsics"),
    ],
)
def test_keypoints_that_cannot_be_are_refused_in_a_sentence(changed, words, model):
    keypoints = walked(12)
    given, motion = keypoints_of(keypoints), native.sized(Motion, capacity=12)
    for name, value in changed.items():
        setattr(given, name, value)
    with pytest.raises(ValueError, match=words):
        native.call("genmo_estimate", model.handle, *map(ctypes.byref, (given, native.sized(Estimation), motion)))


def test_pixels_lenses_and_cameras_that_cannot_be_are_refused(model):
    good = walked(12, swaying_camera(12))
    points = good.points.copy()
    points[2, 3, 0] = np.inf
    bent = replace(good.camera, rotation=good.camera.rotation * 1.1)
    mirrored = replace(good.camera, rotation=good.camera.rotation @ np.diag([1.0, 1.0, -1.0]))
    for bad, words in (
        (replace(good, points=points), "points or feet hold infinity"),
        (replace(good, intrinsics=np.diag([0.0, 1.0, 1.0])), "focal lengths 0 and 1; wanted more than 0"),
        (replace(good, camera=bent), "camera_to_world of frame 0 is no rigid pose"),
        (replace(good, camera=mirrored), "camera_to_world of frame 0 is no rigid pose"),
    ):
        with pytest.raises(ValueError, match=words):
            model.estimate(bad)


def written_text(keypoints, path):
    """Keypoints as the example reads them."""
    rows = keypoints.points.reshape(keypoints.frames, -1)
    path.write_text("\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows) + "\n")


@pytest.mark.end_to_end
def test_the_c_example_writes_the_motion(tmp_path, python):
    source = NATIVE / "examples" / "motion_from_keypoints.c"
    program, out = built(source, ("cc", "gcc", "clang"), tmp_path, "-std=c99", "-Wpedantic"), tmp_path / "run.bvh"
    keypoints = CASES["runner_keypoints"]
    guessed = replace(keypoints, intrinsics=default_intrinsics(1280, 720))
    written_text(keypoints, tmp_path / "points.txt")
    command = [program, SHIPPED, tmp_path / "points.txt", "1280", "720", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"{out}: {keypoints.frames} frames;"), done.stderr
    expected = python.estimate(guessed).joints_world()
    written = read_bvh(out)
    order = [written.names.index(name) for name in JOINTS]
    assert np.abs(written.kinematics()[1][:, order] / 100 - expected).max() < 1e-4
    (tmp_path / "points.txt").write_text("1 2 3\n")
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2 and "wanted 51 numbers a line" in refused.stderr


@pytest.mark.end_to_end
def test_memory_threads_and_damage(tmp_path):
    program = built(NATIVE / "tests" / "estimate_test.cpp", ("c++", "g++", "clang++"), tmp_path, "-std=c++17")
    for engine, count in ((SHIPPED, "200"), ("released", "60")):
        done = subprocess.run([program, engine, count], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
