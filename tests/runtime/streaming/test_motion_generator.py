"""MotionGenerator: blocks join without a jolt, any chunking gives the same frames, prompts change at once."""

import gc
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime import (
    InputError,
    JointTargets,
    Keyframes,
    Motion,
    MotionGenerator,
    MotionModel,
    RootPath,
    Stick,
    Text,
)
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.representation import encode, gravity_view_yaw
from genmo.runtime.motion.skeleton import ANKLE_HEIGHT, BALL_HEIGHT, JOINT_COUNT, JOINTS
from genmo.runtime.refine.root_path import local_trend
from genmo.runtime.streaming.known_past import CAMERA_HEIGHT, EASE, ease_from_known, facing_camera
from genmo.train.data.simulated_cameras import simulate_cameras

FEET = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
SMALL = {"overlap": 8, "block": 12, "steps": 2}


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


def same(a, b):
    return np.array_equal(a.rotations, b.rotations) and np.array_equal(a.translation, b.translation)


def test_any_chunks_are_the_same_motion(model):
    whole = MotionGenerator(model, "a person walks", seed=3, **SMALL).next(70)
    pieces = MotionGenerator(model, "a person walks", seed=3, **SMALL)
    blocks = [pieces.next(n) for n in (1, 19, 2, 30, 18)]
    assert np.array_equal(np.concatenate([m.rotations for m in blocks]), whole.rotations)
    assert np.array_equal(np.concatenate([m.translation for m in blocks]), whole.translation)
    assert np.array_equal(np.concatenate([m.contacts for m in blocks]), whole.contacts)
    assert all(np.array_equal(m.betas, whole.betas) for m in blocks)
    assert whole.frames == 70 and np.isfinite(whole.joints_world()).all()
    assert not same(whole, MotionGenerator(model, "a person walks", seed=4, **SMALL).next(70))


def test_who_walks_backward_is_sampled_as_time_runs_back(model):
    """The past then is the window's last frames, newest first; a prompt, which tells another way, goes on as ever."""
    generator = MotionGenerator(model, command=Stick((0.0, 1.0)), **SMALL)
    past = generator.next(30)
    generator.command = Stick((0.0, -1.0), facing=0.0)
    request = generator.performer.request()
    assert request.mask[-8:].all() and not request.mask[:-8].any()
    assert [(text.start, text.end) for text in request.texts][0][1] == 20
    features = np.repeat(request.values[-8:-7], 20, axis=0)
    features[-8:] = request.values[-8:]
    generator.performer.receive(model.engine.normalisation.restored(features))
    new = generator.performer.take(12)
    assert np.abs(new.rotations[0, 1:] - past.rotations[-1, 1:]).max() < 0.2
    assert np.linalg.norm(new.translation[0] - past.translation[-1]) < 0.1
    generator.prompt = "a person walks backward"
    assert generator.performer.request().mask[0].any()


@pytest.mark.parametrize("before", [1, 3, 20, 25])
def test_a_prompt_changes_from_the_next_frame_on(model, before):
    changed, kept = (MotionGenerator(model, "a person walks", **SMALL) for _ in range(2))
    assert same(changed.next(before), kept.next(before))
    changed.prompt = "a person jumps"
    assert changed.prompt == "a person jumps"
    a, b = changed.next(5), kept.next(5)
    assert not np.array_equal(a.rotations[0], b.rotations[0])


def test_the_first_frame_is_over_the_origin_faces_z_and_stands_on_the_ground(model):
    motion = MotionGenerator(model, "a person walks", **SMALL).next(1)
    forward = motion.rotations[0, 0, :, 2]
    np.testing.assert_allclose(np.arctan2(forward[0], forward[2]), 0, atol=1e-6)
    np.testing.assert_allclose(motion.translation[0, [0, 2]], 0, atol=1e-9)
    height = motion.joints_world()[0, :, 1]
    ankles = [JOINTS.index(f"{side}_ankle") for side in ("left", "right")]
    np.testing.assert_allclose(min(height[FEET].min() - BALL_HEIGHT, height[ankles].min() - ANKLE_HEIGHT), 0, atol=1e-6)


def oracle(model, motion):
    """A model whose denoiser answers a motion as the camera of the block films it, and a list to which the caller adds
    the frame at which the next block starts."""
    layout, starts = model.engine.config.motion_layout, []

    def features(start, camera):
        cut = slice(start, start + len(camera.position))
        window = Motion(motion.rotations[cut], motion.translation[cut], motion.betas)
        return (encode(window, camera, layout) - model.engine.mean) / model.engine.std

    def denoiser(arrays):
        frames, start = arrays["x_t"].shape[1], starts[-1]
        first = motion.rotations[start, 0, :, 2]
        heading, pelvis = (
            np.arctan2(first[0], first[2]),
            motion.translation[start : start + (8 if start else 1)].mean(0),
        )
        x_0 = features(start, facing_camera(heading, pelvis, frames)).astype(np.float32)
        return {"x_0": np.repeat(x_0[None], len(arrays["x_t"]), axis=0)}

    return SimpleNamespace(engine=model.engine, denoiser=denoiser), starts


def test_a_denoiser_that_knows_the_motion_gives_it_back_block_after_block(model, random_motion):
    """Blocks are decoded in the camera that filmed their known frames, and put where the last one ended."""
    motion = random_motion(80, 2)
    first = motion.rotations[0, 0, :, 2]
    exact_model, starts = oracle(model, motion)
    exact = SMALL | {"steps": 5}  # fewer steps are smoothed
    generator = MotionGenerator(exact_model, "walk", **exact, guidance=1.0, clean_feet=False)
    blocks = []
    for start, count in ((0, 20), (12, 12), (24, 12), (36, 12)):
        starts.append(start)
        blocks.append(generator.next(count))
    rotations = np.concatenate([m.rotations for m in blocks])
    np.testing.assert_allclose(rotations[:, 1:], motion.rotations[:56, 1:], atol=1e-4)
    heading = np.arctan2(first[0], first[2])
    turn = np.array([[np.cos(heading), 0, -np.sin(heading)], [0, 1, 0], [np.sin(heading), 0, np.cos(heading)]])
    np.testing.assert_allclose(rotations[:, 0], turn @ motion.rotations[:56, 0], atol=1e-3)
    path = (motion.translation[:56] - motion.translation[0]) @ turn.T
    translation = np.concatenate([m.translation for m in blocks])
    # the ground is found under wildly swinging legs, and what that changes of the velocity is eased out
    np.testing.assert_allclose(translation[:, [0, 2]], path[:, [0, 2]], atol=0.02)


def test_a_block_that_rises_and_stays_is_put_back_on_the_floor_and_a_jump_is_kept(model):
    """Half a metre up within ten frames for good, and 0.3 m up for half a second."""
    height = np.interp(np.arange(90), [20, 30], [0.95, 1.45])
    height[55:70] += 0.3 * np.sin(np.linspace(0, np.pi, 15))
    translation = np.stack([0 * height, height, 0 * height], axis=-1)
    exact_model, starts = oracle(model, Motion(np.tile(np.eye(3), (90, JOINT_COUNT, 1, 1)), translation))
    starts.append(0)
    generator = MotionGenerator(exact_model, "jump", overlap=30, block=60, steps=5, guidance=1.0, clean_feet=False)
    lowest = generator.next(90).joints_world()[..., 1].min(axis=1) - BALL_HEIGHT
    assert np.abs(lowest[:55]).max() < 0.02 and np.abs(lowest[70:]).max() < 0.02
    assert 0.25 < lowest[55:70].max() < 0.32


@given(overlap=st.integers(1, 30), seed=st.integers(0, 1000))
def test_easing_goes_through_what_is_known_and_forgets_it_smoothly(overlap, seed):
    random, frames = np.random.default_rng(seed), 60
    time = np.arange(frames)[:, None] / 30
    x_0, values = (random.normal(size=(1, 4)) + np.sin(random.uniform(0.5, 2, (1, 4)) * time) for _ in range(2))
    mask = np.zeros((frames, 4), bool)
    mask[:overlap, :3] = True
    mask[overlap - 1, 2] = False
    eased = ease_from_known(x_0[None], np.where(mask, values, 0), mask)[0]
    np.testing.assert_allclose(eased[mask], values[mask], atol=1e-6)
    np.testing.assert_allclose(eased[overlap + EASE :], x_0[overlap + EASE :], atol=1e-6)
    np.testing.assert_allclose(eased[:, 3], x_0[:, 3], atol=1e-6)
    if overlap > 2:  # the offset and its slope at the border are those of the difference, its bend that of the cubic
        offset, difference = eased[:, :2] - x_0[:, :2], (values - x_0)[:, :2]
        bend = np.diff(offset[overlap - 2 : overlap + EASE + 1], n=2, axis=0)
        slope = np.abs(np.diff(difference[:overlap], axis=0)[-1])
        assert (np.abs(bend) <= 6 * np.abs(difference[overlap - 1]) / EASE**2 + 4.1 * slope / EASE + 1e-5).all()


def test_blocks_join_without_a_jolt(model):
    """A network of random weights answers noise, so a border is compared with the frames beside it."""
    motion = MotionGenerator(model, "a person walks", seed=1, overlap=30, block=40, steps=2).next(70 + 4 * 40)
    speed = np.linalg.norm(np.diff(motion.joints_world(), axis=0), axis=-1).max(axis=1)
    borders = [70 + 40 * k - 1 for k in range(4)]
    assert speed[borders].max() <= 1.3 * np.percentile(speed, 99)


def test_it_walks_on_for_ever_in_the_same_memory(model):
    generator = MotionGenerator(model, "a person walks", **SMALL, clean_feet=False)
    generator.next(60)
    grown = []
    tracemalloc.start()
    try:
        generator.next(12)
        for _ in range(3):
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(10):
                last = generator.next(12)
            gc.collect()
            grown.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    # the motion held above is 24 kB; ten that were kept would be 240 in every round, what a test worker does beside
    # it is in one
    assert min(grown) < 60_000
    assert np.isfinite(last.joints_world()).all() and np.abs(last.translation[:, 1]).max() < 5


@pytest.mark.parametrize("heading", [0.0, 1.2, -2.5])
def test_the_camera_is_the_one_of_texts_in_training(heading):
    root = torch.tensor([0.4, 0.95, -0.7]).expand(1, 5, 3)
    generator = torch.Generator().manual_seed(0)
    trained = simulate_cameras(root, torch.tensor([heading]), torch.ones(1, dtype=torch.bool), generator)
    ours = facing_camera(heading, np.array([0.4, 0.95, -0.7]), 5)
    theirs = Camera(trained.rotation[0].double().numpy(), trained.position[0].double().numpy())
    np.testing.assert_allclose(gravity_view_yaw(ours.rotation), gravity_view_yaw(theirs.rotation), atol=1e-5)
    assert np.abs(ours.rotation - theirs.rotation).max() < 0.03  # theirs is nearer to somebody who stays
    assert ours.position[0, 1] == CAMERA_HEIGHT and ours.rotation[0, 1, 2] < 0
    across = ours.to_camera(np.tile([0.4, 0.95, -0.7], (5, 1, 1)))
    np.testing.assert_allclose(across[..., :2], 0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overlap": 0}, "overlap and block are 0 and"),
        ({"overlap": 60, "block": 61}, "together at most 120"),
        ({"seed": -1}, "seed"),
        ({"guidance": float("nan")}, "at most 10"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_options_that_cannot_be(model, options, said):
    with pytest.raises(InputError, match=said):
        MotionGenerator(model, "walk", **options)


def test_asking_for_what_cannot_be(model):
    generator = MotionGenerator(model, "walk", **SMALL)
    for frames in (0, 65537):
        with pytest.raises(InputError, match="wanted 1 to 65536"):
            generator.next(frames)
    with pytest.raises(InputError):
        generator.prompt = "..."
    assert generator.prompt == "walk" and generator.next(2).frames == 2
    mute = SimpleNamespace(engine=SimpleNamespace(**{**vars(model.engine), "text_encoder": None}), denoiser=None)
    with pytest.raises(InputError, match="no text encoder"):
        MotionGenerator(mute, "walk")


@pytest.mark.end_to_end
def test_feet_of_endless_motion_are_cleaned():
    """The engine that ships: planted feet slide less, what is made next does not change, cuts do not show."""
    shipped = MotionModel.load(threads=1)
    speed = []
    for seed in (0, 1, 2):  # how much there is to mend differs from seed to seed
        raw, clean = (
            MotionGenerator(shipped, "a person washes windows", seed=seed, clean_feet=cleaned).next(150)
            for cleaned in (False, True)
        )
        spine = JOINTS.index("spine1")
        np.testing.assert_array_equal(raw.contacts, clean.contacts)
        np.testing.assert_array_equal(raw.rotations[:, spine], clean.rotations[:, spine])
        in_contact = raw.contacts[1:, [1, 3]] > 0.5
        steps = (np.linalg.norm(np.diff(m.joints_world()[:, FEET], axis=0), axis=-1) for m in (raw, clean))
        speed.append([step[in_contact].mean() for step in steps])
    before, after = np.mean(speed, axis=0)
    assert after < 0.6 * before
    pieces = MotionGenerator(shipped, "a person washes windows", seed=2)
    parts = [pieces.next(n) for n in (1, 60, 30, 59)]
    np.testing.assert_array_equal(np.concatenate([window.translation for window in parts]), clean.translation)


# --- directed -----------------------------------------------------------------------------------------------------


def straight(frames, speed=1.0, start=(0.0, 0.0)):
    time = np.arange(frames)
    return RootPath(time, np.stack([np.full(frames, start[0]), start[1] + speed * time / 30], axis=-1))


def slow_part(motion):
    """The pelvis over the ground [frames, 2], averaged over 21 frames."""
    return local_trend(motion.translation[:, [0, 2]], 21)


def test_a_path_is_kept_to_for_ever_whatever_the_network_answers(model):
    path = straight(400, 1.3, start=(2.0, -1.0))
    motion = MotionGenerator(model, command=path, seed=1, steps=2, clean_feet=False).next(240)
    off = np.linalg.norm(slow_part(motion) - path.positions[:240], axis=1)
    assert np.median(off[200:]) < 0.05 and np.median(off[:200]) < 0.05
    np.testing.assert_allclose(motion.translation[0, [0, 2]], [2.0, -1.0], atol=0.2)


def test_commands_any_chunks_and_a_seed_give_the_same_motion(model):
    def play(cuts):
        generator = MotionGenerator(model, command=Stick((0.0, 1.2)), seed=5, **SMALL)
        parts = [generator.next(n) for n in cuts[0]]
        generator.command = Stick((0.8, 0.0), facing=0.3)
        parts += [generator.next(n) for n in cuts[1]]
        return np.concatenate([part.translation for part in parts]), np.concatenate([p.rotations for p in parts])

    whole, pieces = play(([27], [40])), play(([1, 20, 6], [13, 27]))
    np.testing.assert_array_equal(whole[0], pieces[0])
    np.testing.assert_array_equal(whole[1], pieces[1])


def test_a_clip_is_continued_where_it_ends(model, random_motion):
    clip = random_motion(40, 3)
    for command in (None, Stick((0.0, 1.0))):
        generator = MotionGenerator(model, "walk", start=clip, command=command, clean_feet=False, **SMALL)
        motion = generator.next(12)
        step = np.linalg.norm(np.diff(clip.translation[:, [0, 2]], axis=0), axis=-1).max()
        assert np.linalg.norm((motion.translation[0] - clip.translation[-1])[[0, 2]]) < 3 * step + 0.02
        assert np.array_equal(motion.betas, clip.betas) and generator.frame == 12


def test_keyframes_and_targets_that_are_still_to_come_are_met(model, random_motion):
    pose = random_motion(1, 4)
    generator = MotionGenerator(model, "walk", seed=2, **SMALL)
    generator.next(10)
    root = np.array([[0.3, 0.9, 0.8]])
    hand = JOINTS.index("left_wrist")
    place = generator.next(5).joints_world()[-1, hand] + [0.1, 0.1, 0.1]
    generator.constrain(
        Keyframes(np.array([40]), pose.rotations, root),
        JointTargets(np.array([22]), np.array([hand]), place[None]),
    )
    motion = generator.next(60)  # frames 15 to 74
    np.testing.assert_array_equal(motion.rotations[25], pose.rotations[0])
    np.testing.assert_array_equal(motion.translation[25], root[0])
    assert np.linalg.norm(motion.joints_world()[7, hand] - place) < 0.02
    with pytest.raises(InputError, match="frame 40 of a constraint is past; wanted 75"):
        generator.constrain(Keyframes(np.array([40]), pose.rotations, root))


def test_texts_hold_for_their_spans_and_the_prompt_between_them(model):
    def network(arrays):
        seen.append(arrays["text_spans"][0].tolist())
        return model.denoiser(arrays)

    seen: list[list[list[int]]] = []
    generator = MotionGenerator(SimpleNamespace(engine=model.engine, denoiser=network), "a person walks", **SMALL)
    generator.texts = [Text("a person jumps", 25, 29)]
    generator.next(21)
    assert seen[0] == [[0, 20]] and seen[-1] == [[0, 13], [13, 17], [17, 20]]  # known frames 12 to 19, new from 20
    with pytest.raises(InputError):
        generator.texts = [Text("...")]


def test_without_a_prompt_the_words_are_those_of_the_speed(model):
    asked: list[str] = []
    encoder = model.engine.text_encoder

    class Listening:
        any_text = True

        def encode(self, prompt):
            asked.append(prompt)
            return encoder.encode(prompt)

    engine = replace(model.engine, text_encoder=Listening())
    generator = MotionGenerator(SimpleNamespace(engine=engine, denoiser=model.denoiser), **SMALL)
    generator.next(1)
    assert set(asked) == {"a person stands still"}
    generator.command = Stick((0.0, 3.9))
    generator.next(40)
    assert asked[-1] == "a person runs forward"


def test_who_looks_aside_steps_as_whoever_looks_ahead(model):
    """The same legs over the ground, the chest turned to where the stick faces."""
    ahead, aside = (
        MotionGenerator(model, command=Stick((1.0, 0.0), facing=facing), seed=2, **SMALL).next(60)
        for facing in (None, 0.6)
    )
    balls = [motion.joints_world()[:, FEET] for motion in (ahead, aside)]
    assert np.median(np.abs(balls[1] - balls[0])) < 2e-3
    spine = JOINTS.index("spine3")
    chests = [motion.kinematics()[0][:, spine, :, 2] for motion in (ahead, aside)]
    turned = np.unwrap(np.arctan2(chests[1][:, 0], chests[1][:, 2]) - np.arctan2(chests[0][:, 0], chests[0][:, 2]))
    np.testing.assert_allclose(np.cos(turned - (0.6 - np.pi / 2)), 1, atol=1e-3)


def test_whom_nothing_leads_any_more_looks_ahead_again(model):
    generator = MotionGenerator(model, command=Stick((1.0, 0.0), facing=0.6), seed=2, **SMALL)
    before = generator.next(20)
    generator.command = None
    after = generator.next(40)
    spine = JOINTS.index("spine3")
    step = np.diff(np.concatenate([m.kinematics()[0][:, spine] for m in (before, after)]), axis=0)
    assert np.abs(step[19]).max() <= 1.5 * np.abs(step[:19]).max()
