"""The fit in libgenmo against its twin in numpy, on every instruction set of this processor; bad input is an error."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import BETA_COUNT, coco_keypoints, forward_kinematics, shape_space
from genmo.runtime.refine import native_fit
from genmo.runtime.refine import reprojection_fit as fitting
from genmo.runtime.refine.native_fit import FitInput
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose, normalised_rays
from genmo.runtime.refine.shape_fit import RunningShape, fit_shape
from genmo.runtime.support import native

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

ISAS = native.instruction_sets()
SAME = 1e-9
"""radians, metres and standard deviations; the two differ by rounding, about 1e-14"""
INTRINSICS = np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]])


def detected(motion, seed=0, noise=4.0, confident=None):
    """A pose in front of the camera that is off, and the noisy keypoints of the true one."""
    rng, frames = np.random.default_rng(seed), motion.frames
    root = (motion.translation - motion.translation[0]) * 0.2 + [0.1, 0.2, 4.0]
    points = coco_keypoints(*forward_kinematics(motion.rotations, root, motion.rest_offsets))
    pixels = points[..., :2] / points[..., 2:] * 1000 + 500 + rng.normal(0, noise, (frames, 17, 2))
    confidence = rng.uniform(0, 1, (frames, 17, 1)) if confident is None else np.full((frames, 17, 1), confident)
    turned = motion.rotations @ matrix_from_axis_angle(rng.normal(0, 0.2, (frames, 24, 3)))
    start = CameraPose(turned, root + rng.normal(0, 0.05, 3), motion.rest_offsets)
    return start, Keypoints(np.concatenate([pixels, confidence], axis=-1), INTRINSICS)


def both(compute):
    """The answers of numpy and of each instruction set, by name."""
    with native.numpy_only():
        answers = {"numpy": compute()}
    for isa in ISAS:
        with native.using_instruction_set(isa):
            answers[isa] = compute()
    return answers


def agree(answers, start=None):
    """They are the same, and are something: not where they started."""
    expected = answers["numpy"]
    assert start is None or np.abs(expected - start).max() > 1e-3
    for isa, answer in answers.items():
        np.testing.assert_allclose(answer, expected, rtol=0, atol=SAME, err_msg=isa)


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 9, 21, 40])
def test_poses_agree(random_motion, frames):
    start, keypoints = detected(random_motion(frames))
    fitted = both(lambda: fit_pose(start, keypoints))
    agree({isa: pose.rotations for isa, pose in fitted.items()}, start.rotations)
    agree({isa: pose.root for isa, pose in fitted.items()}, start.root)


@pytest.mark.parametrize("noise", [0.5, 30.0])
def test_poses_agree_whether_the_keypoints_are_trusted_or_not(random_motion, noise, monkeypatch):
    start, keypoints = detected(random_motion(60), noise=noise, confident=1.0)
    fitted = both(lambda: fit_pose(start, keypoints))
    agree({isa: pose.rotations for isa, pose in fitted.items()}, start.rotations)
    monkeypatch.setattr(fitting, "FITS", 1e9)  # full trust, whatever the residuals
    trusting = fit_pose(start, keypoints)
    assert bool(np.abs(trusting.rotations - fitted["numpy"].rotations).max() > 1e-3) is (noise > 1)


def test_poses_agree_beyond_the_last_keypoint_and_in_windows(random_motion, monkeypatch):
    start, keypoints = detected(random_motion(150))
    monkeypatch.setattr(fitting, "CHUNK", 60)
    fitted = both(lambda: fit_pose(start, keypoints.first(130)))
    agree({isa: pose.rotations for isa, pose in fitted.items()}, start.rotations)


@given(st.integers(1, 19), st.floats(0.2, 40), st.floats(0, 3), st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 1.0]))
def test_any_pose_and_weights_agree(frames, depth, spread, seed, shown):
    """Behind the camera, half a turn away, with nothing to go by: whatever numpy answers."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0, 1, (frames, 17)) * (rng.uniform(0, 1, (frames, 17)) < shown)
    rotations = matrix_from_axis_angle(rng.normal(0, spread, (frames, 24, 3)))
    pose = CameraPose(rotations, rng.normal(0, 0.3, (frames, 3)) + [0, 0, depth], shape_space().mean)
    rays = rng.normal(0, 0.3, (frames, 17, 2))
    answers = both(lambda: solved(pose, rays, weight))
    agree({isa: answer[0] for isa, answer in answers.items()})
    agree({isa: answer[1] for isa, answer in answers.items()})


def solved(pose, rays, weight, iterations=2):
    """Few steps: where nothing converges each multiplies the rounding of the one before."""
    if native.library() is None:
        fitted = fitting._solved(pose, rays, weight, np.ones(len(rays)), iterations)
        return fitted.rotations, fitted.root
    given_ = FitInput(pose.rotations, pose.root, pose.offsets, rays, weight)
    return fitting.native_fit_model().fit_pose(given_, iterations)


@pytest.mark.parametrize("frames", [1, 5, 32, 70])
def test_shapes_agree(random_motion, frames):
    start, keypoints = detected(random_motion(frames))
    betas = random_motion(frames).betas
    before = np.concatenate([betas, np.zeros(3)])
    agree(both(lambda: fit_shape(start, *normalised_rays(keypoints, frames), betas)), before)


def test_running_shapes_agree(random_motion):
    start, keypoints = detected(random_motion(6))

    def run():
        shape = RunningShape()
        for frame in range(6):
            one = CameraPose(start.rotations[frame, None], start.root[frame, None], start.offsets)
            shape.push(one, Keypoints(keypoints.points[frame, None], INTRINSICS), np.full(BETA_COUNT, 0.1 * frame))
        return shape.betas(np.zeros(BETA_COUNT))

    agree(both(run), np.zeros(BETA_COUNT))


def test_the_input_is_left_alone(random_motion):
    start, keypoints = detected(random_motion(9))
    before = start.rotations.copy(), start.root.copy(), keypoints.points.copy()
    fit_pose(start, keypoints)
    fit_shape(start, *normalised_rays(keypoints, 9), np.zeros(BETA_COUNT))
    for kept, now in zip(before, (start.rotations, start.root, keypoints.points), strict=True):
        np.testing.assert_array_equal(now, kept)


def test_strided_and_single_precision_arrays_are_taken(random_motion):
    start, keypoints = detected(random_motion(12))
    rays, weight = normalised_rays(keypoints, 12)
    given_ = FitInput(start.rotations, start.root, start.offsets, rays, weight)
    fit = fitting.native_fit_model()
    other = replace(given_, rotations=start.rotations[::-1][::-1], root=np.asfortranarray(start.root))
    np.testing.assert_array_equal(fit.fit_pose(other, 3)[0], fit.fit_pose(given_, 3)[0])
    single = replace(given_, rays=rays.astype(np.float32))
    np.testing.assert_allclose(fit.fit_pose(single, 3)[0], fit.fit_pose(given_, 3)[0], atol=1e-5)


def test_not_a_number_stays_in_its_frames(random_motion):
    """And what the frames beside it can catch in so many steps; nothing crashes or hangs."""
    start, keypoints = detected(random_motion(60), confident=1.0)
    rays, weight = normalised_rays(keypoints, 60)
    rays[30] = np.nan
    fitted = fitting.native_fit_model().fit_pose(FitInput(start.rotations, start.root, start.offsets, rays, weight), 4)
    assert np.isfinite(fitted[0][:8]).all() and np.isnan(fitted[0][30]).any()


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sound(random_motion):
    start, keypoints = detected(random_motion(4))
    return FitInput(start.rotations, start.root, start.offsets, *normalised_rays(keypoints, 4))


@pytest.mark.parametrize("name", ["rotations", "root", "offsets", "rays", "weight"])
def test_shapes_that_do_not_fit_together_are_an_error(sound, name):
    short = replace(sound, **{name: getattr(sound, name)[:-1]})
    with pytest.raises(ValueError, match="has shape"):
        fitting.native_fit_model().fit_pose(short, 3)


def test_no_frames_are_an_error(sound):
    empty = FitInput(sound.rotations[:0], sound.root[:0], sound.offsets, sound.rays[:0], sound.weight[:0])
    with pytest.raises(ValueError, match="0 frames; wanted 1 to"):
        fitting.native_fit_model().fit_pose(empty, 3)


@pytest.mark.parametrize("iterations", [-1, 1001])
def test_a_number_of_iterations_out_of_range_is_an_error(sound, iterations):
    with pytest.raises(ValueError, match="iterations; wanted 0 to 1000"):
        fitting.native_fit_model().fit_pose(sound, iterations)


def test_another_shape_space_is_an_error(sound):
    space = shape_space().mean, shape_space().components
    with pytest.raises(ValueError, match="shape space"):
        fitting.native_fit_model().fit_shape(sound, space, np.zeros(9), 5.0, 2)


BAD_FIELDS = [
    ("size", 8), ("joints", 0), ("joints", 65), ("free_joints", 0), ("free_joints", 33), ("points", 0), ("points", 65),
    *((name, None) for name in ("parents", "free", "fixed_to", "places", "point_spread", "spread", "along_view")),
    *((name, value) for name in ("change", "min_depth", "robust_scale", "least_trust") for value in (0.0, np.nan)),
    ("least_trust", 1.5), ("first_trusted", -1), ("first_trusted", 18), ("lag", 0), ("averaged", -1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_bad_model_is_a_sentence(sound, field, value):
    fit = replace(fitting.native_fit_model())
    setattr(fit._model, field, value)
    with pytest.raises(ValueError, match=r"\w{3}"):
        fit.fit_pose(sound, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parents", [0, *range(23)]),
        ("parents", [-1, -1, *range(1, 23)]),
        ("parents", [-1, 5, *range(1, 23)]),
        ("free", [24]),
        ("free", [-1]),
        ("free", [3, 3]),
        ("fixed_to", [24] * 17),
        ("fixed_to", [-1] * 17),
        ("point_spread", np.zeros(17)),
        ("spread", np.full(48, np.nan)),
    ],
)
def test_a_skeleton_that_is_none_is_an_error(sound, name, value):
    with pytest.raises(ValueError, match=name):
        replace(fitting.native_fit_model(), **{name: value}).fit_pose(sound, 3)


CONSTANTS = st.one_of(st.floats(), st.floats(1e-3, 10))


@given(st.lists(CONSTANTS, min_size=7, max_size=7), st.lists(st.integers(-(2**31), 2**31 - 1), min_size=3, max_size=3))
def test_any_constants_are_an_answer_or_an_error(numbers, counts):
    names = ["change", "min_depth", "robust_scale", "fits", "explained", "least_trust", "full_trust"]
    whole = dict(zip(["first_trusted", "lag", "averaged"], counts, strict=True))
    fit = replace(fitting.native_fit_model(), constants=dict(zip(names, numbers, strict=True)) | whole)
    given_ = FitInput(*(np.zeros(shape) for shape in [(3, 24, 3, 3), (3, 3), (24, 3), (3, 17, 2), (3, 17)]))
    try:
        assert fit.fit_pose(given_, 2)[1].shape == (3, 3)
    except (ValueError, np.linalg.LinAlgError) as error:
        assert str(error)


def test_too_little_scratch_and_null_are_errors(sound):
    fit = fitting.native_fit_model()
    arrays = fit._checked(sound)
    given_, model = native_fit._input(arrays), fit._model
    out = np.empty((4, 24, 3, 3)), np.empty((4, 3))
    scratch = fit._scratch(4)
    outputs = native.address(out[0]), native.address(out[1])

    def run(model_, input_, rotations, root, memory, size):
        native.call("genmo_fit_pose", model_, input_, ctypes.c_int32(2), rotations, root, memory, ctypes.c_size_t(size))

    right = [ctypes.byref(model), ctypes.byref(given_), *outputs, native.address(scratch), scratch.nbytes]
    run(*right)
    for position in range(5):
        with pytest.raises(ValueError, match=r"NULL|scratch|arrays"):
            run(*right[:position], None, *right[position + 1 :])
    with pytest.raises(ValueError, match="wanted .*genmo_fit_scratch"):
        run(*right[:5], 1000)
    for field in ("size", "frames", "rays"):
        broken = native_fit._input(arrays)
        setattr(broken, field, 0)
        with pytest.raises(ValueError, match=r"size|frames|NULL"):
            run(right[0], ctypes.byref(broken), *right[2:])
