"""MotionStream: equal to the offline estimate of its window, causal, batched, and with memory that stays."""

import copy
import functools
import gc
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genmo.runtime
from genmo.runtime import InputError, MotionModel
from genmo.runtime.conditions.condition_arrays import keypoint_conditions, static_camera
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.signature import inputs
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import decode, encode
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINTS, coco_keypoints, forward_kinematics
from genmo.runtime.refine import reprojection_fit
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose
from genmo.runtime.refine.shape_fit import RunningShape
from genmo.runtime.streaming.ring_buffer import RingBuffer
from genmo.runtime.streaming.root_tracker import HOLD, RootTracker, StaticView
from genmo.runtime.streaming.stream_pose import StreamPose, record
from tests.tolerances import POSE

# Feet and shaky keypoints have tests of their own: what is between them is compared without.
MotionStream = functools.partial(genmo.runtime.MotionStream, clean_feet=False, clean_keypoints=False)
INTRINSICS = default_intrinsics(640, 480)
FIELDS = ("frame", "settled", "rotations", "translation", "betas", "contacts", "joints_camera")

LEVEL = static_camera(1).rotation[0]


@pytest.fixture(autouse=True)
def full_trust(monkeypatch):
    """Random weights answer with poses that fit nothing, for which offline, which sees more frames, loses trust."""
    monkeypatch.setattr(reprojection_fit, "FITS", 1e9)


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


@pytest.fixture(scope="module")
def make_keypoints(random_motion):
    """`filmed(frames, seed, moving)`: keypoints of a made-up person, with the poses of a camera that may walk past."""

    def make(frames, seed=5, moving=True):
        motion = random_motion(frames, seed)
        drift = np.linspace(0, 1, frames)[:, None] * [1.0, 0.1, 0.0] * moving
        poses = Camera(np.tile(LEVEL, (frames, 1, 1)), motion.translation[:1] - [0, 0, 4] + drift)
        points = poses.to_camera(coco_keypoints(*motion.kinematics()))
        pixels = INTRINSICS[0, 0] * points[..., :2] / points[..., 2:] + INTRINSICS[:2, 2]
        return Keypoints(np.concatenate([pixels, np.ones((frames, 17, 1))], -1), INTRINSICS, poses)

    return make


def pose_matrix(camera, frame):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = camera.rotation[frame], camera.position[frame]
    return matrix


def play(stream, *people, poses=True):
    """Every answer of a stream to the keypoints of its people."""
    return [
        stream.step(np.stack([k.points[f] for k in people]), pose_matrix(people[0].camera, f) if poses else None)
        for f in range(people[0].frames)
    ]


def cut_keypoints(keypoints, start, end):
    camera = Camera(keypoints.camera.rotation[start:end], keypoints.camera.position[start:end])
    return Keypoints(keypoints.points[start:end], keypoints.intrinsics, camera)


def offline(model, keypoints, fitted=True):
    """The estimate of a whole clip from its parts: world motion, and rotations and joints in the camera."""
    config, frames = model.engine.config, keypoints.frames
    sizes = {"batch": 1, "frames": frames, "texts": 1}
    arrays = {s.name: np.zeros(s.shape(**sizes), s.dtype) for s in inputs(config) if s.name not in ("x_t", "timestep")}
    arrays |= {name: value[None].astype(np.float32) for name, value in keypoint_conditions(keypoints).items()}
    x_0 = sampler.estimate(model.denoiser, arrays, (1, frames, config.motion_layout.width))["x_0"][0]
    features = x_0.astype(np.float64) * model.engine.std + model.engine.mean
    motion = decode(features, config.motion_layout, keypoints.camera)
    root = motion.root_camera.rotation
    if keypoints.camera is not None:
        root = motion.root_seen_by(keypoints.camera).rotation
    pose = CameraPose(
        np.concatenate([root[:, None], motion.rotations[:, 1:]], axis=1),
        motion.joints_camera[:, 0],
        motion.rest_offsets,
    )
    if fitted:
        pose = fit_pose(pose, keypoints)
    world = motion.rotations[:, 0] @ root.swapaxes(-1, -2) @ pose.rotations[:, 0]
    joints = forward_kinematics(pose.rotations, pose.root, pose.offsets)[1]
    return SimpleNamespace(motion=motion, world=world, rotations=pose.rotations, joints=joints)


def assert_same(a: StreamPose, b: StreamPose, people=slice(None), others=slice(None), atol=POSE):
    for name in FIELDS:
        np.testing.assert_allclose(getattr(a, name)[people], getattr(b, name)[others], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("frames", [1, 2, 31, 60])
def test_a_clip_no_longer_than_the_look_ahead_is_the_offline_estimate(model, make_keypoints, frames):
    keypoints = make_keypoints(frames)
    stream = MotionStream(model, look_ahead=60, intrinsics=INTRINSICS, fit_reach=None)
    answers = play(stream, keypoints)
    assert not any(pose.settled[0] for pose in answers)
    rest, whole = stream.finish(), offline(model, keypoints, fitted=False)
    assert [int(pose.frame[0]) for pose in rest] == list(range(frames))
    assert_offline(record(answers + rest), whole)


def assert_offline(streamed, whole):
    np.testing.assert_allclose(streamed.joints_camera, whole.joints, atol=POSE)
    np.testing.assert_allclose(streamed.rotations[:, 1:], whole.rotations[:, 1:], atol=POSE)
    np.testing.assert_allclose(streamed.rotations[:, 0], whole.world, atol=POSE)
    np.testing.assert_allclose(streamed.contacts, whole.motion.contacts, atol=POSE)
    np.testing.assert_allclose(streamed.betas, whole.motion.betas, atol=POSE)


@pytest.mark.parametrize("frames", [1, 13])
def test_a_fit_that_reaches_nine_frames_is_the_offline_fit(model, random_motion, monkeypatch, frames):
    """Ten iterations carry no further.  The denoiser knows the motion and the keypoints are wrong by some pixels.  The
    shape stays as it is in both: a stream learns it frame by frame."""
    monkeypatch.setattr("genmo.runtime.refine.keypoint_fit.fit_shape", lambda pose, rays, visible, betas: betas)
    monkeypatch.setattr(RunningShape, "push", lambda *_: None)
    motion = random_motion(frames, 3)
    camera = Camera(np.tile(LEVEL, (frames, 1, 1)), np.tile(motion.translation[0] - [0.2, 0, 4], (frames, 1)))
    points = camera.to_camera(coco_keypoints(*motion.kinematics()))
    pixels = INTRINSICS[0, 0] * points[..., :2] / points[..., 2:] + INTRINSICS[:2, 2]
    pixels += np.random.default_rng(0).normal(0, 8, pixels.shape)
    keypoints = Keypoints(np.concatenate([pixels, np.ones((frames, 17, 1))], -1), INTRINSICS, camera)
    streamed = []
    for fit_reach in (9, 3, None):
        exact_model = oracle(model, motion, camera)
        stream = MotionStream(exact_model, look_ahead=frames, intrinsics=INTRINSICS, fit_reach=fit_reach)
        streamed.append(record(play(stream, keypoints) + stream.finish()))
    whole = offline(oracle(model, motion, camera, first=frames), keypoints)
    assert_offline(streamed[0], whole)
    error = [np.abs(stream.joints_camera - whole.joints).max() for stream in streamed]
    assert error[2] > 0.01 and error[1] < 0.2 * error[2] and (frames == 1 or error[1] > 1e-6)


def test_the_first_frame_is_answered_at_once_and_again_with_what_is_known(model, make_keypoints):
    keypoints = make_keypoints(9)
    answers = play(MotionStream(model, look_ahead=5, intrinsics=INTRINSICS, fit_reach=None), keypoints)
    assert [int(pose.frame[0]) for pose in answers] == [0, 0, 0, 0, 0, 0, 1, 2, 3]
    assert [bool(pose.settled[0]) for pose in answers] == [False] * 5 + [True] * 4
    for pushed in range(1, 7):
        whole = offline(model, cut_keypoints(keypoints, 0, pushed), fitted=False)
        np.testing.assert_allclose(answers[pushed - 1].joints_camera[0], whole.joints[0], atol=POSE)


@pytest.mark.parametrize("look_ahead", [0, 7, 60])
def test_later_frames_are_those_of_the_offline_estimate_of_the_window(model, make_keypoints, look_ahead):
    keypoints = make_keypoints(124)
    answers = play(MotionStream(model, look_ahead=look_ahead, intrinsics=INTRINSICS, fit_reach=None), keypoints)
    for pushed in (118, 119, 120, 121, 124):
        start = max(pushed - 120, 0)
        window, frame = offline(model, cut_keypoints(keypoints, start, pushed), fitted=False), pushed - 1 - look_ahead
        answer = answers[pushed - 1]
        assert answer.frame[0] == frame
        np.testing.assert_allclose(answer.rotations[0, 1:], window.rotations[frame - start, 1:], atol=POSE)
        np.testing.assert_allclose(answer.rotations[0, 0], window.world[frame - start], atol=POSE)
        np.testing.assert_allclose(answer.contacts[0], window.motion.contacts[frame - start], atol=POSE)


@settings(max_examples=10)
@given(look_ahead=st.integers(0, 12), cut=st.integers(1, 25), seed=st.integers(0, 100))
def test_no_answer_depends_on_frames_that_come_after_its_look_ahead(model, make_keypoints, look_ahead, cut, seed):
    keypoints = make_keypoints(26)
    other = copy.deepcopy(keypoints)
    other.points[cut:, :, :2] += np.random.default_rng(seed).normal(0, 40, other.points[cut:, :, :2].shape)
    a, b = (
        record(play(stream, k) + stream.finish())
        for k in (keypoints, other)
        for stream in [MotionStream(model, look_ahead=look_ahead, intrinsics=INTRINSICS, fit_reach=None)]
    )
    until = max(cut - look_ahead, 0)
    assert np.array_equal(a.rotations[:until], b.rotations[:until])
    assert np.array_equal(a.translation[:until], b.translation[:until])
    assert not np.array_equal(a.rotations[until:], b.rotations[until:])


def test_many_people_are_each_as_if_alone(model, make_keypoints):
    people = [make_keypoints(12, seed) for seed in (1, 2, 3)]
    together = play(MotionStream(model, look_ahead=4, people=3, intrinsics=INTRINSICS), *people, poses=False)
    for index, keypoints in enumerate(people):
        alone = play(MotionStream(model, look_ahead=4, intrinsics=INTRINSICS), keypoints, poses=False)
        for a, b in zip(together, alone, strict=True):
            assert_same(a, b, [index])


def test_people_come_and_go(model, make_keypoints):
    """The second person comes at frame 6, leaves at 20, and another takes the slot; the first one notices nothing."""
    first, second, third = make_keypoints(30, 1), make_keypoints(14, 2), make_keypoints(10, 3)
    stream = MotionStream(model, look_ahead=3, people=2, intrinsics=INTRINSICS, fit_reach=None)
    answers = []
    for frame in range(30):
        points = np.zeros((2, 17, 3))
        points[0] = first.points[frame]
        if 6 <= frame < 20:
            points[1] = second.points[frame - 6]
        if frame == 20:
            stream.reset(1)
        if frame >= 20:
            points[1] = third.points[frame - 20]
        answers.append(stream.step(points))
    for keypoints, slot, start in ((first, 0, 0), (second, 1, 6), (third, 1, 20)):
        alone = play(MotionStream(model, look_ahead=3, intrinsics=INTRINSICS, fit_reach=None), keypoints, poses=False)
        for a, b in zip(answers[start:], alone, strict=False):
            assert_same(a, b, [slot])
    assert [int(pose.frame[1]) for pose in answers[:8]] == [-1] * 6 + [0, 0]
    assert len(stream.finish()) == 3 and stream.step(np.zeros((2, 17, 3))).frame.tolist() == [-1, -1]


def test_a_stride_estimates_as_seldom_and_stays_near(model, make_keypoints):
    keypoints = make_keypoints(40)
    calls = []

    def counting(arrays):
        calls.append(len(arrays["x_t"]))
        return model.denoiser(arrays)

    counted = SimpleNamespace(engine=model.engine, denoiser=counting)
    stream = MotionStream(counted, look_ahead=8, people=2, intrinsics=INTRINSICS, stride=4, fit_reach=None)
    seldom = play(stream, keypoints, make_keypoints(40, 6))
    assert sum(calls) == 2 + 2 * 10 - 1  # the first frame estimates all, then each has its turn
    always = play(
        MotionStream(model, look_ahead=8, people=2, intrinsics=INTRINSICS, fit_reach=None),
        keypoints,
        make_keypoints(40, 6),
    )
    for a, b in zip(seldom[8::4], always[8::4], strict=True):  # turns of the first person
        assert a.frame.tolist() == b.frame.tolist()
        np.testing.assert_allclose(a.rotations[0, 1:], b.rotations[0, 1:], atol=1e-2)


def test_a_gap_in_the_keypoints_is_filled(model, make_keypoints):
    keypoints = make_keypoints(40)
    keypoints.points[10:25, :, 2] = 0
    stream = MotionStream(model, look_ahead=5, intrinsics=INTRINSICS)
    streamed = record(play(stream, keypoints) + stream.finish())
    assert streamed.frames == 40 and np.isfinite(streamed.joints_world()).all()
    whole = offline(model, keypoints, fitted=False)
    free = MotionStream(model, look_ahead=60, intrinsics=INTRINSICS, fit_reach=None)
    play(free, keypoints)
    np.testing.assert_allclose(record(free.finish()).joints_camera, whole.joints, atol=POSE)


def oracle(model, motion, camera, change=lambda features: features, first=1):
    """A model whose denoiser knows the motion: it answers the true features of the newest frames, `first` of them at
    the first call and one more at each other."""
    truth = change(encode(motion, camera, model.engine.config.motion_layout))
    normalised = ((truth - model.engine.mean) / model.engine.std).astype(np.float32)
    pushed = iter(range(first, motion.frames + 1))

    def denoiser(arrays):
        end = next(pushed)
        return {"x_0": normalised[None, max(end - arrays["x_t"].shape[1], 0) : end]}

    return SimpleNamespace(engine=model.engine, denoiser=denoiser)


def seen_by(camera, motion):
    points = camera.to_camera(coco_keypoints(*motion.kinematics()))
    return np.concatenate([points[..., :2], np.ones((motion.frames, 17, 1))], axis=-1)


@pytest.mark.parametrize("look_ahead", [0, 15, 60])
def test_true_features_of_a_moving_camera_give_the_true_world(model, random_motion, random_camera, look_ahead):
    motion, camera = random_motion(300, 3), random_camera(300, 3)
    exact_model = oracle(model, motion, camera)
    stream = MotionStream(exact_model, look_ahead=look_ahead, intrinsics=INTRINSICS, fit_reach=None)
    points = seen_by(camera, motion)
    streamed = record([stream.step(points[f : f + 1], pose_matrix(camera, f)) for f in range(300)])
    truth = slice(0, 300 - look_ahead)
    np.testing.assert_allclose(streamed.translation, motion.translation[truth], atol=1e-3)
    np.testing.assert_allclose(streamed.rotations, motion.rotations[truth], atol=1e-3)


def test_without_camera_poses_the_path_is_integrated_and_stands_on_the_ground(model, random_motion):
    motion = random_motion(200, 4)
    still = Camera(np.tile(LEVEL, (200, 1, 1)), np.tile([0.3, 1.1, -4.0], (200, 1)))
    stream = MotionStream(oracle(model, motion, still), look_ahead=10, image_size=(640, 480), fit_reach=None)
    points = seen_by(still, motion)
    streamed = record([stream.step(points[f : f + 1]) for f in range(200)])
    expected = motion.translation[:190] - motion.translation[0]
    np.testing.assert_allclose(streamed.translation[:, [0, 2]], expected[:, [0, 2]], atol=1e-3)
    feet = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
    lowest = streamed.joints_world()[:, feet, 1].min(axis=1) - BALL_HEIGHT
    assert abs(lowest[0]) < 1e-6 and np.isfinite(lowest).all()


def test_a_biased_velocity_cannot_carry_a_seen_person_away(model, random_motion, random_camera):
    """The error of x -> (1 - g) (x + b) settles at b (1 - g) / g."""
    motion, camera, bias = random_motion(400, 3), random_camera(400, 3), np.array([0.004, 0.0, 0.003])

    def biased(features):
        features = features.copy()
        features[:, model.engine.config.motion_layout.slices["root_velocity"]] += bias
        return features

    biased_model = oracle(model, motion, camera, biased)
    stream = MotionStream(biased_model, look_ahead=0, intrinsics=INTRINSICS, fit_reach=None)
    points = seen_by(camera, motion)
    streamed = record([stream.step(points[f : f + 1], pose_matrix(camera, f)) for f in range(400)])
    error = np.linalg.norm(streamed.translation - motion.translation, axis=-1)
    bound = np.linalg.norm(bias) * (1 - HOLD) / HOLD
    assert 0.05 < error.max() < bound < 0.5 * 400 * np.linalg.norm(bias)


def test_the_path_is_the_filter_it_says():
    path, who = RootTracker(2, surveyed=True), np.array([1])
    random = np.random.default_rng(0)
    expected = random.normal(size=3)
    path.start(who, expected[None], np.zeros(1))
    gain = 1 / 30
    for _ in range(20):
        step, observed = random.normal(size=(2, 1, 3))
        expected = (1 - gain) * (expected + step[0]) + gain * observed[0]
        np.testing.assert_allclose(path.advance(who, step, observed, np.zeros(1))[0], expected, atol=1e-12)
    assert path.ground(1) == 0


def test_the_ground_is_the_lowest_foot_of_the_last_second():
    path, who, zero = RootTracker(1, surveyed=False), np.array([0]), np.zeros((1, 3))
    assert path.start(who, zero, np.array([-0.9]))[0].tolist() == pytest.approx([0, 0.9 + BALL_HEIGHT, 0])
    for number in range(1, 31):
        height = path.advance(who, zero, zero, np.array([-1.0]))[0, 1]
        np.testing.assert_allclose(height, 0.9 + BALL_HEIGHT + 0.1 * (1 - 0.9**number), atol=1e-12)
    jump = [path.advance(who, zero, zero, np.array([-0.5]))[0, 1] for _ in range(30)]
    assert np.ptp(jump) < 0.02  # a second in the air: the ground stays
    for _ in range(60):  # who is unseen teaches nothing
        path.advance(who, zero, zero, np.array([-3.0]), np.array([False]))
    later = [path.advance(who, zero, zero, np.array([-0.5]))[0, 1] for _ in range(40)]
    assert later[-1] == pytest.approx(0.5 + BALL_HEIGHT, abs=0.01)  # whoever stays up has ground there


def test_without_a_pose_the_way_is_held_to_what_the_camera_sees_of_it():
    """Velocities 0.1 m/s off along x for 20 s: 2 m where they are integrated, a time constant of them where held."""
    who, off, observed = np.array([0]), np.array([[0.1 / 30, 0.0, 0.0]]), np.array([[3.0, 0.0, 4.0]])
    ends = []
    for over_ground in (False, True):
        path = RootTracker(1, surveyed=False, over_ground=over_ground)
        path.start(who, np.zeros((1, 3)), np.array([-0.9]), observed)
        ends.append([path.advance(who, off, observed, np.array([-0.9]))[0] for _ in range(600)][-1][0])
    assert ends[0] == pytest.approx(2.0) and ends[1] == pytest.approx(0.1 * (1 - 1 / 30), rel=0.01)


def test_under_a_guessed_lens_a_way_is_held_across_the_view_only():
    """The same, off along x as much as along z, seen from along z: depth is integrated."""
    who, off, observed = np.array([0]), np.array([[0.1 / 30, 0.0, 0.1 / 30]]), np.array([[0.0, 0.5, 4.0]])
    path = RootTracker(1, surveyed=False, over_ground=True, lens_known=False)
    path.start(who, np.zeros((1, 3)), np.array([-0.9]), observed)
    end = [path.advance(who, off, observed, np.array([-0.9]))[0] for _ in range(600)][-1]
    assert end[0] == pytest.approx(0.1 * (1 - 1 / 30), rel=0.01) and end[2] == pytest.approx(2.0)


def test_a_tilt_that_is_learned_moves_nobody_who_stands():
    view, who, root, seen = StaticView(2), np.array([1]), np.array([[0.5, 0.2, 4.0]]), np.array([False])
    tilts = [matrix_from_yaw(np.array([angle])) for angle in (0.0, 0.1, 0.2)]
    assert np.ptp([view.positions(who, tilt, root, seen)[0] for tilt in tilts], axis=0).max() == 0
    walked = view.positions(who, tilts[-1], root + [1.0, 0.0, 0.0], seen) - view.positions(who, tilts[-1], root, seen)
    np.testing.assert_allclose(np.linalg.norm(walked[0]), 1.0, atol=1e-12)
    met = view.positions(who, tilts[0], root + 1.0, np.array([True]))
    np.testing.assert_allclose(met, root + 1.0, atol=1e-12)


def test_a_standing_camera_given_once_or_every_frame_is_the_same(model, make_keypoints):
    keypoints = make_keypoints(12, moving=False)
    matrix = pose_matrix(keypoints.camera, 0)
    every = play(MotionStream(model, look_ahead=2, intrinsics=INTRINSICS), keypoints)
    at_first = MotionStream(model, look_ahead=2, intrinsics=INTRINSICS, camera=matrix)
    for a, b in zip(every, play(at_first, keypoints, poses=False), strict=True):
        assert_same(a, b, atol=0)
    moving = play(MotionStream(model, look_ahead=2, intrinsics=INTRINSICS), make_keypoints(12))
    assert not np.allclose(moving[-1].rotations, every[-1].rotations, atol=1e-4)


def test_reset_and_finish_make_the_stream_new(model, make_keypoints):
    keypoints = make_keypoints(10)
    stream = MotionStream(model, look_ahead=3, intrinsics=INTRINSICS)
    first = play(stream, keypoints)
    stream.reset()
    again = play(stream, keypoints)
    stream.finish()
    for a, b, c in zip(first, again, play(stream, keypoints), strict=True):
        assert_same(a, b, atol=0)
        assert_same(a, c, atol=0)


@pytest.mark.end_to_end
def test_memory_stays_as_it_is(model, make_keypoints):
    keypoints = make_keypoints(121)
    stream = MotionStream(model, look_ahead=5, intrinsics=INTRINSICS, fit_reach=None)
    play(stream, keypoints)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        play_on = [int(stream.step(keypoints.points[f : f + 1]).frame[0]) for f in range(60)]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert play_on[-1] == 175 and grown < 60_000  # sixty kept poses would be 170 kB


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"look_ahead": -1}, "look_ahead is -1; wanted 0 to 60"),
        ({"look_ahead": 61}, "look_ahead is 61; wanted 0 to 60"),
        ({"people": 0}, "people is 0"),
        ({"look_ahead": 3, "stride": 5}, "stride is 5; wanted 1 to 4"),
        ({"fit_reach": 10}, "fit_reach is 10; wanted 0 to 9"),
        ({"intrinsics": None}, "neither image_size nor intrinsics"),
        ({"intrinsics": None, "image_size": (0, 480)}, "image_size is 0 x 480"),
        ({"intrinsics": np.eye(2)}, "intrinsics is"),
        ({"camera": np.eye(3)}, r"camera_to_world is \[3, 3\]; wanted \[4, 4\]"),
        ({"camera": 2 * np.eye(4)}, "no rotations"),
    ],
)
def test_options_that_cannot_be(model, options, said):
    with pytest.raises(InputError, match=said):
        MotionStream(model, **({"intrinsics": INTRINSICS} | options))


def test_frames_that_cannot_be_leave_the_stream_as_it_was(model, make_keypoints):
    keypoints = make_keypoints(6)
    stream = MotionStream(model, look_ahead=2, intrinsics=INTRINSICS)
    untouched = MotionStream(model, look_ahead=2, intrinsics=INTRINSICS)
    for frame in range(6):
        points = keypoints.points[frame : frame + 1]
        for wrong, said in (
            (points[0], "wanted"),
            (np.full((1, 17, 3), np.inf), "infinity"),
            (points[:, :5], "wanted"),
        ):
            with pytest.raises(InputError, match=said):
                stream.step(wrong)
        if frame:
            with pytest.raises(InputError, match="from the first frame on"):
                stream.step(points, np.eye(4))
        assert_same(stream.step(points), untouched.step(points), atol=0)
    with pytest.raises(InputError, match="person is 1; wanted 0 to 0"):
        stream.reset(1)
    with pytest.raises(InputError, match="no settled pose"):
        record([StreamPose.empty(1)])


def test_a_layout_without_a_place_in_the_camera_is_refused(model):
    config = SimpleNamespace(**{**vars(model.engine.config), "motion_layout": SimpleNamespace(slices={"betas": 0})})
    with pytest.raises(InputError, match="streams wanted genmo.*genmo-run"):
        MotionStream(SimpleNamespace(engine=SimpleNamespace(config=config)), image_size=(1, 1))


def test_the_ring_keeps_the_newest_rows():
    ring = RingBuffer(3, 2, {"a": ((2,), np.float64), "b": ((), np.float64)})
    for number in range(5):
        ring.push({"a": np.array([[number, 0], [number, 1]])})
    ring.overwrite({"b": np.array([7, 8])}, back=1)
    last = ring.last(("a", "b"), np.array([1]), 3)
    assert last["a"].tolist() == [[[2, 1], [3, 1], [4, 1]]] and last["b"].tolist() == [[0, 8, 0]]
    assert ring.rows("a", np.array([0, 1]), np.array([[0], [2]])).tolist() == [[[4, 0]], [[2, 1]]]


def swaying(frames=90):
    """Stands, and slides to and fro by 3 cm as a whole, contacts told: what bad estimation makes of standing."""
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    translation = np.zeros((frames, 3)) + [0, 0.95, 0]
    translation[:, 0] += 0.03 * np.sin(2 * np.pi * np.arange(frames) / 45)
    motion = Motion(rotations, translation, contacts=np.full((frames, 6), 0.95))
    feet = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
    return replace(
        motion, translation=translation - [0, motion.joints_world()[0, feet, 1].min() - BALL_HEIGHT, 0]
    ), feet


@pytest.mark.parametrize(("look_ahead", "poses"), [(0, True), (10, True), (10, False)])
def test_planted_feet_stand_still_in_a_stream(model, look_ahead, poses):
    motion, feet = swaying()
    still = Camera(np.tile(LEVEL, (90, 1, 1)), np.tile([0.3, 1.1, -4.0], (90, 1)))
    points, speed = seen_by(still, motion), []
    for clean in (False, True):
        stream = MotionStream(
            oracle(model, motion, still), look_ahead=look_ahead, intrinsics=INTRINSICS, fit_reach=None, clean_feet=clean
        )
        answers = [stream.step(points[f : f + 1], pose_matrix(still, f) if poses else None) for f in range(90)]
        streamed = record(answers)
        assert [int(pose.frame[0]) for pose in answers] == [max(f - look_ahead, 0) for f in range(90)]
        joints = streamed.joints_world()
        speed.append(np.linalg.norm(np.diff(joints[10:, feet], axis=0), axis=-1).mean())
        # what the camera sees follows
        from_camera = streamed.joints_camera @ LEVEL.T
        difference = (joints - joints[:, :1]) - (from_camera - from_camera[:, :1])
        assert np.abs(difference).max() < 2e-3
    assert speed[1] < 0.2 * speed[0]


def test_heels_and_toes_turn_the_feet_of_a_stream_and_nothing_else(model, random_motion):
    motion, still = random_motion(4, 3), Camera(np.tile(LEVEL, (4, 1, 1)), np.tile([0.0, 1.0, -4.0], (4, 1)))
    pixels = still.to_camera(coco_keypoints(*motion.kinematics()))
    body = np.concatenate([pixels[..., :2] / pixels[..., 2:] * 800 + [320, 240], np.ones((4, 17, 1))], axis=-1)
    feet = np.repeat(body[:, 15:17], 2, axis=1)
    feet[:, 1::2, 0] += 0.2 / 4 * 800  # toes 0.2 m beside the heels
    answers = []
    for points in (body, *(np.concatenate([body, share * feet], axis=1) for share in (0, 1))):
        stream = MotionStream(oracle(model, motion, still), intrinsics=INTRINSICS, look_ahead=1)
        answers.append([stream.step(frame[None]) for frame in points][-1].rotations[0])
    plain, unseen, seen = answers
    assert np.array_equal(plain, unseen)
    ankles = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
    turned = np.abs(seen - plain).max(axis=(1, 2))
    assert turned[ankles].max() > 0.1 and np.delete(turned, ankles).max() < 1e-9


def test_feet_of_many_people_are_cleaned_each_alone(model, make_keypoints):
    """The shape settles while the stream runs; a slot that is emptied forgets its feet."""
    stream = functools.partial(MotionStream, model, look_ahead=4, intrinsics=INTRINSICS, clean_feet=True)
    people = [make_keypoints(14, seed) for seed in (1, 2)]
    together = stream(people=2)
    for attempt in range(2):
        answers = play(together, *people, poses=False)
        for index, keypoints in enumerate(people):
            for a, b in zip(answers, play(stream(), keypoints, poses=False), strict=True):
                assert_same(a, b, [index])
        together.reset(0) if attempt else together.reset()


def test_cleaning_feet_moves_joints_little(make_keypoints):
    """The engine that ships, a person that it estimates badly: the joints in the camera move by what the page says."""
    shipped, streamed = MotionModel.load(threads=1), []
    for clean in (False, True):
        stream = MotionStream(shipped, look_ahead=0, intrinsics=INTRINSICS, clean_feet=clean)
        streamed.append(record(play(stream, make_keypoints(40))))
    moved = np.linalg.norm(streamed[0].joints_camera - streamed[1].joints_camera, axis=-1)
    assert moved.mean() < 0.02 and moved[:, 0].max() == 0


def test_a_stream_stays_where_its_person_is_seen_and_so_near_offline(model, make_keypoints, monkeypatch):
    """An engine of random weights, whose velocities are wrong all the time.  With d the distance over the ground from
    where the person is seen: d <= (1 - g) (d before + how far the velocity is off), so d <= (1 - g) / g times the
    largest of these, however long the stream; offline centres its path on the same places."""
    keypoints, calls = make_keypoints(360, moving=False), []

    def spied(self, who, step, observed, feet, visible, advance=RootTracker.advance):
        calls.extend(zip(step, observed, strict=True))
        return advance(self, who, step, observed, feet, visible)

    monkeypatch.setattr(RootTracker, "advance", spied)
    streamed = record(play(MotionStream(model, look_ahead=15, intrinsics=INTRINSICS, fit_reach=None), keypoints))
    steps, observed = (np.array(values)[:, [0, 2]] for values in zip(*calls, strict=True))
    path = streamed.translation[1:, [0, 2]]
    off = np.linalg.norm(steps[1:] - np.diff(observed, axis=0), axis=-1).max()
    distance = np.linalg.norm(path - observed, axis=-1)
    start = np.linalg.norm(streamed.translation[0, [0, 2]] - observed[0])
    bound = (1 - HOLD) / HOLD * off
    assert distance.max() <= max(bound, start + off)
    integrated = streamed.translation[0, [0, 2]] + np.cumsum(steps, axis=0)
    assert np.linalg.norm(integrated - observed, axis=-1)[-60:].mean() > 2 * distance[-60:].mean()
    whole = model.estimate(keypoints, clean_feet=False).translation[1 : len(path) + 1, [0, 2]]
    drift = np.linalg.norm(path - whole, axis=-1)
    assert drift.max() <= distance.max() + np.linalg.norm(whole - observed, axis=-1).max()
