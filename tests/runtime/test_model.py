"""MotionModel: seeds, spans, mixtures of conditions, and where a motion is put in the world."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime import InputError, Keypoints, MotionModel, Text
from genmo.runtime import model as model_module
from genmo.runtime.actions.agreement import agreement
from genmo.runtime.conditions.constraints import Headings, Keyframes
from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.conditions.spans import KeypointSpan, ReferenceSpan
from genmo.runtime.conditions.text_sequence import in_order
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser import sampler
from genmo.runtime.engine.text_conditions import said_by
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.skeleton import BALL_HEIGHT, coco_keypoints
from genmo.runtime.refine import pipeline, timeline_sampling
from genmo.runtime.refine.example_takes import example_references
from genmo.runtime.refine.foot_locking import clean_feet
from genmo.runtime.refine.grounding import NEAR_GROUND, align_to_camera, face_forward
from genmo.runtime.refine.takes import ABOUT_EQUAL, best_of, best_take
from genmo.runtime.refine.timeline_sampling import FADE, share_observed
from genmo.runtime.refine.transitions import AROUND
from tests.runtime.runs import run
from tests.tolerances import SAMPLED_POSE

INTRINSICS = default_intrinsics(640, 480)
LENGTHS = [1, 2, 119, 120, 121]


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


@pytest.fixture(scope="module")
def make_keypoints(random_motion):
    """`filmed(frames)`: keypoints of a made-up person seen by a camera that walks past; with its poses or without."""

    def make(frames, camera=True):
        motion = random_motion(frames, 5)
        drift = np.linspace(0, 1, frames)[:, None] * [1.0, 0.1, 0.0]
        poses = Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (frames, 1, 1)), motion.translation[:1] - [0, 0, 4] + drift)
        points = poses.to_camera(coco_keypoints(*motion.kinematics()))
        pixels = INTRINSICS[0, 0] * points[..., :2] / points[..., 2:] + INTRINSICS[:2, 2]
        return Keypoints(np.concatenate([pixels, np.ones((frames, 17, 1))], -1), INTRINSICS, poses if camera else None)

    return make


def same(a: Motion, b: Motion):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("rotations", "translation", "betas", "contacts")
    )


@pytest.mark.parametrize("frames", LENGTHS)
def test_every_length_gives_finite_motion(model, make_keypoints, frames):
    for motion in (model.generate("a person walks", frames)[0], model.estimate(make_keypoints(frames))):
        assert motion.frames == frames
        assert np.isfinite(motion.joints_world()).all() and motion.contacts.shape == (frames, 6)
        turns = motion.rotations @ motion.rotations.swapaxes(-1, -2)
        np.testing.assert_allclose(turns, np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)


def test_same_seed_same_motion_other_seed_another(model):
    first, again, other = (model.generate("a person walks", 30, seed=seed)[0] for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)


def test_samples_are_those_of_their_place(model):
    three = model.generate("jump", 20, seed=1, samples=3)
    one = model.generate("jump", 20, seed=1, samples=1)
    assert len(three) == 3 and not same(three[0], three[1]) and not same(three[1], three[2])
    np.testing.assert_allclose(three[0].joints_world(), one[0].joints_world(), atol=SAMPLED_POSE)


def test_texts_steps_and_guidance_matter(model):
    plain = model.generate("a person walks", 20)[0]
    for changed in (
        model.generate("a person kicks", 20),
        model.generate("a person walks", 20, steps=6),
        model.generate("a person walks", 20, guidance=1.0),
    ):
        assert not same(plain, changed[0])


def test_actions_in_order_get_frames_of_their_own(model):
    timeline = Timeline(100, (Text("a person walks, then sits"),))
    result, whole = model.follow(timeline), model.follow(timeline, split_texts=False)
    border = in_order(timeline.texts[0], 100)[0].end
    asked = Timeline(100, (Text("a person walks", 0, border), Text("a person sits", border)))
    assert same(result.motions[0], model.follow(asked).motions[0]) and not same(result.motions[0], whole.motions[0])
    assert any("is 2 texts in order" in note for note in result.notes)
    assert not any("in order" in note for note in whole.notes)
    assert same(result.motions[0], model.generate("a person walks, then sits", 100)[0])


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 50])
def test_any_number_of_steps(model, steps):
    done = []
    motions, timings = run(model, [Text("walk")], frames=12, steps=steps, progress=done.append)
    assert done == [*(step / steps for step in range(1, steps + 1)), 1] and np.isfinite(motions[0].joints_world()).all()
    assert min(timings.condition_ms, timings.step_ms, timings.decode_ms) >= 0


def test_estimation_is_one_step_without_chance(model, make_keypoints):
    done = []
    motions, _ = run(model, keypoints=make_keypoints(25), seed=7, progress=done.append)
    assert done[0] < 0.5 and done[-1] == 1 and same(motions[0], model.estimate(make_keypoints(25)))


def test_keypoints_and_text_in_one_motion(model, make_keypoints):
    """The text reaches beyond the keypoints; frames behind them are free."""
    keypoints = make_keypoints(20)
    motions, _ = run(model, [Text("a person jumps", 10, 30)], keypoints, frames=30)
    assert motions[0].frames == 30
    without, _ = run(model, [Text("a person kicks", 10, 30)], keypoints, frames=30)
    assert not same(motions[0], without[0])
    assert run(model, [Text("walk")], keypoints)[0][0].frames == 20


@pytest.mark.parametrize("steps", [2, 10])
def test_what_keypoints_show_is_estimated_also_beside_a_text(steps, make_keypoints):
    """Well inside the keypoints a mixed motion is that of the keypoints alone, whatever is generated beside them."""
    model, keypoints, frames = MotionModel.load(threads=1), make_keypoints(60), 100
    span = KeypointSpan(keypoints, start=20)
    alone = model.follow(Timeline(frames, keypoints=(span,)), fit=False, clean_feet=False).motions[0]
    for text, seed in (("a person walks forward", 0), ("a person is boxing", 1)):
        timeline = Timeline(frames, keypoints=(span,), texts=(Text(text),), steps=steps, seed=seed)
        mixed, other = model.follow(timeline, samples=2, fit=False, clean_feet=False).motions
        inside, outside = slice(20 + AROUND + 5, 80 - AROUND - 5), slice(85, 100)
        for motion in (mixed, other):
            np.testing.assert_allclose(motion.rotations[inside, 1:], alone.rotations[inside, 1:], atol=SAMPLED_POSE)
        assert np.abs(mixed.rotations[outside] - other.rotations[outside]).max() > 0.05
    sampled = model.follow(Timeline(frames, keypoints=(span,), steps=steps), fit=False, clean_feet=False).motions[0]
    assert np.abs(sampled.rotations[inside, 1:] - alone.rotations[inside, 1:]).max() > 0.02  # asked for: no estimate


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_the_estimate_makes_way_towards_frames_that_nobody_saw(shown):
    share = share_observed(np.array(shown, np.float32))[:, 0]
    unseen = [frame for frame, one in enumerate(shown) if not one]
    expected = [min([1.0, *(abs(frame - other) / FADE for other in unseen)]) for frame in range(len(shown))]
    np.testing.assert_allclose(share, expected, atol=1e-6)


def test_keyframes_are_met_among_keypoints(model, make_keypoints, random_motion):
    pose = random_motion(1, 9)
    keyframes = Keyframes(np.array([25]), pose.rotations, np.full((1, 3), np.nan))
    timeline = Timeline(50, keypoints=(KeypointSpan(make_keypoints(40)),), keyframes=keyframes)
    motion = model.follow(timeline).motions[0]
    np.testing.assert_allclose(motion.rotations[25, 1:], pose.rotations[0, 1:], atol=1e-6)


def test_feet_are_cleaned_unless_told_not_to():
    """What comes out of the engine that ships (a random one plants no foot) is `clean_feet` of what comes out without
    it, wherever the person faces."""
    shipped = MotionModel.load()
    # one take: which of several is kept is told by cleaned feet
    raw = shipped.generate("a person walks", 60, clean_feet=False, tries=1)[0]
    cleaned = shipped.generate("a person walks", 60, tries=1)[0]
    assert np.abs(cleaned.joints_world() - raw.joints_world()).max() > 1e-3
    expected = clean_feet(raw).joints_world()
    shift = cleaned.joints_world()[0, 0] - expected[0, 0]
    np.testing.assert_allclose(cleaned.joints_world() - shift * [1, 0, 1], expected, atol=1e-6)


def test_spans_are_frames(model, monkeypatch):
    """One layer, text after self-attention: another text in frames 20 to 50 leaves the pose of all others alone, but
    for the fourteen frames on either side in which its borders may fade.  (Random weights throw limbs about and through
    the floor; what mends that reaches further, and is left out.)"""
    monkeypatch.setattr(pipeline, "limit_limb_speed", lambda motion: (motion, None))
    monkeypatch.setattr(pipeline, "raise_above_floor", lambda motion, floor, frames: motion)
    walk, kick = (
        run(model, [Text("walk"), Text(prompt, 20, 50)], frames=70, steps=1, guidance=1.0, clean_feet=False)[0][0]
        for prompt in ("walk", "kick")
    )
    changed = np.abs(walk.rotations[:, 1:] - kick.rotations[:, 1:]).max(axis=(1, 2, 3)) > 1e-7
    assert changed[20:50].all() and not changed[: 20 - AROUND].any() and not changed[50 + AROUND :].any()
    open_end = run(model, [Text("walk", 5)], frames=10, steps=1)[0][0]
    to_the_end = run(model, [Text("walk", 5, 99)], frames=10, steps=1)[0][0]
    assert same(open_end, to_the_end)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, k: run(m), "nothing to make a motion from"),
        (lambda m, k: m.generate("walk", 0), "frames is 0; wanted at least 1"),
        (lambda m, k: m.generate("walk", -3), "frames is -3"),
        (lambda m, k: m.generate("walk", 10**9), "at most 65536"),
        (lambda m, k: m.generate("walk", 5, steps=0), "steps is 0"),
        (lambda m, k: m.generate("walk", 5, steps=-1), "steps is -1"),
        (lambda m, k: run(m, keypoints=k, steps=0), "steps is 0"),
        (lambda m, k: m.generate("walk", 5, seed=-1), "seed is -1"),
        (lambda m, k: m.generate("walk", 5, samples=0), "samples is 0"),
        (lambda m, k: m.generate("walk", 5, guidance=float("nan")), "guidance is nan"),
        (lambda m, k: m.generate("walk", 5, guidance=float("inf")), "guidance is inf"),
        (lambda m, k: m.generate("", 5), "wanted at least one word"),
        (lambda m, k: m.generate([Text("walk", 3, 3)], 5), "spans frames 3 to 3"),
        (lambda m, k: m.generate([Text("walk", 5)], 5), "spans frames 5 to 5"),
        (lambda m, k: m.generate([Text("walk", -1)], 5), "spans frames -1"),
        (lambda m, k: run(m, keypoints=k, frames=3), "the motion has 3 frames, the keypoints have 6 frames"),
    ],
)
def test_bad_calls_are_one_clear_line(model, make_keypoints, call, message):
    with pytest.raises(InputError, match=message):
        call(model, make_keypoints(6))


def test_generated_motions_start_over_the_origin_facing_forward(model):
    motion = model.generate("walk", 30)[0]
    assert motion.camera is None and motion.joints_camera is None
    np.testing.assert_allclose(motion.translation[0, [0, 2]], 0, atol=1e-9)
    forward = motion.rotations[0, 0, :, 2]
    assert abs(forward[0]) < 1e-9 and forward[2] > 0
    assert -0.02 < motion.joints_world()[..., 1].min() < 0.15  # whatever part of a random body it is


def test_with_its_camera_a_motion_stands_where_it_was_seen(model, make_keypoints):
    keypoints = make_keypoints(30)
    motion = model.estimate(keypoints)
    in_camera = keypoints.camera.to_camera(motion.joints_world())
    offset = (in_camera - motion.joints_camera)[:, 0]
    world = np.einsum("fij,fj->fi", keypoints.camera.rotation, offset)
    np.testing.assert_allclose(world.mean(axis=0)[[0, 2]], 0, atol=0.05)
    assert np.abs(world[:, 1].mean()) < NEAR_GROUND  # the ground near y = 0 is brought there
    assert motion.camera.rotation.shape == (30, 3, 3)


def test_without_its_camera_a_motion_stands_on_the_ground(model, make_keypoints):
    motion = model.estimate(make_keypoints(30, camera=False))
    assert motion.camera is None and motion.joints_camera.shape == (30, 24, 3)
    assert motion.joints_world()[:, [10, 11], 1].min() == pytest.approx(BALL_HEIGHT)


def test_placing_and_facing_keep_the_motion(random_motion, random_camera):
    """Both are moves of the world: distances between joints over time stay."""
    motion = random_motion(12, 3)
    camera = random_camera(12, 3)
    with_camera = Motion(
        motion.rotations,
        motion.translation,
        motion.betas,
        camera=camera,
        root_camera=replace(motion, translation=motion.translation + [1.0, 2.0, 3.0]).root_seen_by(camera),
    )
    np.testing.assert_allclose(
        align_to_camera(with_camera).translation, motion.translation + [1.0, 2.0, 3.0], atol=1e-9
    )
    before = motion.joints_world()
    for moved in (face_forward(motion), align_to_camera(with_camera)):
        after = moved.joints_world()
        for pair in ((before, after),):
            distances = [np.linalg.norm(x[:, None, 0] - x[None, :, 5], axis=-1) for x in pair]
            np.testing.assert_allclose(*distances, atol=1e-9)


def test_threads_share_a_model(model):
    with ThreadPoolExecutor(2) as pool:
        motions = list(pool.map(lambda seed: model.generate("walk", 40, seed=seed)[0], [0, 1, 0, 1]))
    assert same(motions[0], motions[2]) and same(motions[1], motions[3])
    with pytest.raises(AttributeError):
        model.device = "cuda"


def test_the_take_is_kept_that_does_what_is_said(shipped_takes):
    """Rows of the same batch, of which the one is kept that agrees most; the same seed keeps the same."""
    shipped, takes = shipped_takes
    said = shipped._said(Timeline(60, (Text("a person raises the left arm"),)), (), None)
    agreed = [agreement(take.joints_world(), said) for take in takes]
    alone = replace(shipped, engine=replace(shipped.engine, read_examples=None))
    kept = alone.generate("a person raises the left arm", 60, steps=2, tries=3)[0]
    assert same(kept, takes[best_take([take.joints_world() for take in takes], said)])
    assert agreement(kept.joints_world(), said) >= max(agreed) - ABOUT_EQUAL
    assert same(shipped.generate("a person raises the left arm", 60, steps=2, tries=1)[0], takes[0])


def test_half_of_the_takes_are_performances_of_examples(shipped_takes, monkeypatch):
    """The others are those that there are without examples; a take of one is like it."""
    shipped, takes = shipped_takes
    seen = []

    def kept(made, said, references, between):
        seen.append(([motion for motion, _ in made], sum(map(bool, references))))
        return best_of(made, said, references, between)

    monkeypatch.setattr(model_module, "best_of", kept)
    text = "a person raises the left arm"
    shipped.generate(text, 60, steps=2, tries=3)
    shipped.generate(text, 60, steps=6, tries=3)  # few steps leave much of the noise, and of what they begin with
    (few, of_examples), (made, _) = seen
    assert of_examples == 1 and same(few[0], takes[0]) and same(few[1], takes[1]) and not same(few[2], takes[2])
    said = shipped._said(Timeline(60, (Text(text),)), (), None)
    ((span,),) = example_references(shipped.engine.examples, said, 0, 0, 3)[2:]
    apart = [np.abs(one.rotations[:, 1:22] - span.motion.rotations[:, 1:22]).mean() for one in made]
    assert apart[2] < 0.5 * min(apart[:2])


def test_what_is_said_of_the_arms_counts_for_arms_alone(shipped_takes):
    """And what is said of the body in the same frames for all else; other frames keep all."""
    shipped, _ = shipped_takes
    walk, wave, then = Text("a person walks forward", 0, 60), Text("a person waves", 0, 60), Text("a man jumps", 60)
    body, jump, arms = said_by(shipped.engine, (walk, then), 120, (wave,))
    reader = shipped.engine.text_reader
    of_arms = np.array([trait.startswith(("waves", "raised", "claps", "out", "hand_speed")) for trait in reader.traits])
    of_legs = np.array(
        [trait.startswith(("speed", "turn", "jumps", "low", "foot", "travel")) for trait in reader.traits]
    )
    assert not body.weights[of_arms].any() and not arms.weights[of_legs].any()
    np.testing.assert_array_equal(body.weights[of_legs], reader.read(walk.prompt).weights[of_legs])
    np.testing.assert_array_equal(arms.weights[of_arms], reader.read(wave.prompt).weights[of_arms])
    np.testing.assert_array_equal(jump.weights, reader.read(then.prompt).weights)
    assert [(one.start, one.end) for one in (body, jump, arms)] == [(0, 60), (60, 120), (0, 60)]


def test_one_take_leaves_examples_packed(shipped_takes):
    shipped, takes = shipped_takes
    packed = replace(shipped, engine=replace(shipped.engine, read_examples=lambda: pytest.fail("unpacked")))
    assert same(packed.generate("a person raises the left arm", 60, steps=2, tries=1)[0], takes[0])


def test_examples_stand_for_texts_alone(shipped_takes):
    shipped, _ = shipped_takes
    texts = (Text("a person raises the left arm"),)
    said = shipped._said(Timeline(60, texts), (), None)
    path = Timeline(60, texts, headings=Headings(np.array([59]), np.array([1.0])))
    like = Timeline(60, texts, references=(ReferenceSpan(shipped_takes[1][0]),))
    assert any(shipped._batches(Timeline(60, texts), said, 1, 2)[0][1])
    assert not shipped._batches(path, said, 1, 2)[0][1] and not shipped._batches(like, said, 1, 2)[0][1]
    assert shipped._batches(like, (), 3, 1) == [(range(3), [])]


def test_every_sample_has_takes_of_its_own(shipped_takes):
    shipped, takes = shipped_takes
    first, _ = shipped.generate("a person raises the left arm", 60, steps=2, samples=2, tries=3)
    assert same(first, shipped.generate("a person raises the left arm", 60, steps=2, tries=3)[0])


def test_many_frames_are_sampled_a_few_rows_at_a_time(shipped_takes, monkeypatch):
    """Ten minutes of six takes would need 12 GB at once; rows are the same motions alone."""
    shipped, takes = shipped_takes
    text, sizes, heard, whole = "a person raises the left arm", [], [], sampler.generate

    def generate(*args):
        sizes.append((len(args[2]), 0 if args[-1] is None else len(args[-1].values)))
        return whole(*args)

    monkeypatch.setattr(sampler, "generate", generate)
    together = shipped.generate(text, 60, steps=2, tries=5)[0]
    monkeypatch.setattr(timeline_sampling, "MOST_FRAMES", 130)
    result = shipped.follow(Timeline(60, (Text(text),), steps=2), samples=3, tries=1, progress=heard.append)
    few = shipped.generate(text, 60, steps=2, tries=5)[0]
    assert sizes == [(5, 5), (2, 0), (1, 0), (2, 0), (2, 2), (1, 1)]
    assert heard == sorted(heard) and heard[-1] == 1
    for one, other in zip((*result.motions, few), (*takes, together), strict=True):
        np.testing.assert_allclose(one.joints_world(), other.joints_world(), atol=1e-3)


def test_one_take_is_made_where_no_other_could_be_told_from_it(shipped_takes, make_keypoints):
    shipped, _ = shipped_takes
    walk = Text("a person walks")
    seen = KeypointSpan(make_keypoints(30))
    for timeline in (Timeline(60, (walk,), loop="exact"), Timeline(60, (walk,), (seen,))):
        assert shipped._said(timeline, (), None) == ()
    assert (
        shipped._said(Timeline(60, (walk,)), (), 1) == () and len(shipped._said(Timeline(60, (walk,)), (), None)) == 1
    )
    assert shipped._said(Timeline(60, (Text("a person dances"),)), (), None) == ()  # says nothing that is measured
    with pytest.raises(InputError, match="tries is 0; wanted 1 or more"):
        shipped.generate("a person walks", 30, tries=0)


@pytest.fixture(scope="module")
def shipped_takes():
    shipped = MotionModel.load(threads=1)
    return shipped, shipped.generate("a person raises the left arm", 60, steps=2, samples=3, tries=1)
