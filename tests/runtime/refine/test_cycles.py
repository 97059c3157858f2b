"""Motions that loop: the seam is met, what repeats repeats exactly, and the command makes them."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime import InputError, MotionModel, Text, Timeline, load_motion
from genmo.runtime.cli.run import main
from genmo.runtime.conditions.condition_arrays import static_camera
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.representation import decode, encode
from genmo.runtime.motion.root_motion import cycle_step, repeated
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.refine.cycles import BLEND, Circle, circle_of, nearest_gait, unrolled
from tests.runtime.motion.test_root_motion import gait


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


def walk(frames, turn=0.0):
    return replace(gait(frames, turn), loops=False, contacts=np.zeros((frames, 6)))


def joints_after(motion):
    """Joints of the last frame, and where the step of the cycle takes those of the first, metres."""
    turn, shift = cycle_step(motion)
    joints = motion.joints_world()
    return joints[-1], rotate(turn, joints[0]) + shift


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("turn", [0.0, 0.02])
def test_what_repeats_stays_as_it_is(layout, turn):
    circle = Circle(90, 60, 60 * turn)
    motion, camera = walk(circle.unrolled_frames, turn), static_camera(circle.unrolled_frames)
    features = encode(motion, camera, layout)
    again = circle.repeat(features, layout, camera)
    inner = slice(0, -1)  # the last frame's velocity is not in the motion
    np.testing.assert_allclose(again[inner], features[inner], atol=2e-3)


@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_anything_is_made_to_repeat(turn):
    rng, layout = np.random.default_rng(3), LAYOUTS["genmo"]
    circle = Circle(90, 40, turn)
    camera = static_camera(circle.unrolled_frames)
    features = encode(walk(circle.unrolled_frames, 0.01), camera, layout)
    features = circle.repeat(features + rng.normal(0, 0.05, features.shape), layout, camera)
    motion = decode(features, layout, camera)
    cycle = replace(motion.cut(slice(90, 131)), loops=True)
    three = repeated(cycle, 2)
    np.testing.assert_allclose(motion.cut(slice(90, 171)).joints_world(), three.joints_world(), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(cycle.rotations), 1, atol=1e-6)


def test_a_gap_is_closed_smoothly():
    rng = np.random.default_rng(1)
    motion = walk(240)
    slow = np.cumsum(rng.normal(0, 4e-4, (240, 3)), axis=0)
    motion = replace(motion, translation=motion.translation + slow)
    cycle = Circle(90, 60).closed(motion)
    assert cycle.frames == 61 and cycle.loops
    np.testing.assert_allclose(*joints_after(cycle), atol=1e-9)
    np.testing.assert_array_equal(cycle.contacts[0], cycle.contacts[-1])
    inner = slice(BLEND, 60 - BLEND)
    np.testing.assert_allclose(cycle.rotations[inner], motion.rotations[90:][inner], atol=1e-9)
    sharp = np.linalg.norm(np.diff(repeated(cycle, 2).joints_world(), 2, axis=0), axis=-1).max(axis=1)
    assert sharp[59] <= 1.2 * np.delete(sharp, 59).max()


def test_who_stays_stays():
    motion = walk(240)
    drifting = replace(motion, translation=motion.translation * [0.01, 1.0, 0.01])
    cycle = Circle(90, 60, stays=True).closed(drifting)
    np.testing.assert_allclose(cycle.translation[-1], cycle.translation[0], atol=1e-12)


def test_the_nearest_whole_gait():
    assert nearest_gait(walk(240), 50) == 60 and nearest_gait(walk(240), 33) == 30
    assert nearest_gait(walk(30), 100) == 100  # nothing that long to look at


def test_turns_and_ways_are_those_of_a_motion_that_does_not_loop():
    asked = Timeline(60, (Text("a person walks"),), loop="exact")
    going, turning = circle_of(walk(200), asked), circle_of(walk(200, 0.02), asked)
    assert not going.stays and going.turn == 0 and turning.turn == pytest.approx(1.2, abs=0.02)
    still = replace(walk(200), translation=np.tile([0, 0.9, 0.0], (200, 1)))
    assert circle_of(still, asked).stays


def test_texts_come_again_in_each_period():
    whole, first, last = Text("walks"), Text("waves", 0, 10), Text("nods", 50)
    circle = Circle(90, 60)
    timeline = unrolled(Timeline(60, (whole, first, last), loop="exact"), circle)
    under = {prompt: np.zeros(timeline.frames, bool) for prompt in ("walks", "waves", "nods")}
    for text in timeline.texts:
        under[text.prompt][text.start : text.end] = True
    phase = circle.phases()
    assert under["walks"].all() and timeline.loop is None
    np.testing.assert_array_equal(under["waves"], phase < 10)
    np.testing.assert_array_equal(under["nods"], phase >= 50)


@pytest.mark.parametrize(("loop", "frames"), [("exact", 16), ("exact", 77), ("gait", 40)])
def test_a_loop_of_the_engine(model, loop, frames):
    asked = Timeline(frames, (Text("a person walks"),), seed=2, loop=loop)
    result = model.follow(asked, samples=2)
    for motion in result.motions:
        assert motion.loops and (motion.frames == frames + 1 or loop == "gait")
        assert abs(motion.frames - 1 - frames) <= frames // 4
        np.testing.assert_allclose(*joints_after(motion), atol=1e-9)
        np.testing.assert_allclose(motion.translation[0, [0, 2]], 0, atol=1e-9)
        np.testing.assert_array_equal(motion.contacts[0], motion.contacts[-1])
    again = model.follow(asked).motions[0]
    np.testing.assert_array_equal(again.rotations, result.motions[0].rotations)


def test_what_cannot_loop(motion):
    for wrong, message in (
        ({"frames": 15}, "at least 16 frames"),
        ({"loop": "round"}, "gait or exact"),
        ({"texts": (), "steps": 5}, "nothing to make"),
    ):
        with pytest.raises(InputError, match=message):
            Timeline(**({"frames": 60, "texts": (Text("walks"),), "loop": "exact"} | wrong))


def test_a_loop_goes_as_it_is_told(model):
    for velocity in ((0.0, 1.2), (0.5, -0.4)):
        asked = Timeline(40, (Text("a person walks"),), loop="exact", velocity=velocity, steps=2)
        loop = model.follow(asked).motions[0]
        assert loop.loops and loop.frames == 41
        way = loop.translation[-1] - loop.translation[0]
        np.testing.assert_allclose(np.hypot(way[0], way[2]), 40 / 30 * np.hypot(*velocity), rtol=1e-3)
        np.testing.assert_allclose(way[1], 0, atol=1e-9)
        looks = np.arctan2(*loop.rotations[:-1, 0].sum(axis=0)[[0, 2], 2])  # roughly: of a body whose mean is upright
        off = np.arctan2(way[0], way[2]) - looks - np.arctan2(*velocity)
        assert abs(np.angle(np.exp(1j * off))) < 0.3


def test_a_velocity_is_of_a_loop_and_possible():
    for wrong, said in (({"loop": None}, "without a loop"), ({"velocity": (0.0, np.nan)}, "wanted m/s")):
        with pytest.raises(InputError, match=said):
            Timeline(**({"frames": 60, "texts": (Text("a"),), "loop": "exact", "velocity": (0.0, 1.0)} | wrong))


def test_the_command_and_the_file(tiny_engine, tmp_path):
    out = tmp_path / "loop.npz"
    options = ["--engine", str(tiny_engine), "--threads", "1", "--out", str(out)]
    assert main(["--text", "a person walks", "--frames", "40", "--loop", "exact", *options]) == 0
    loop = load_motion(out)
    assert loop.loops and loop.frames == 41
    (tmp_path / "loop.yaml").write_text("length: 40f\nloop: exact\ntexts:\n  - text: a person walks\n")
    assert read_timeline(tmp_path / "loop.yaml").loop == "exact"
    (tmp_path / "led.yaml").write_text("length: 40f\nloop: exact\nvelocity: [0.5, 1]\ntexts:\n  - text: a\n")
    assert read_timeline(tmp_path / "led.yaml").velocity == (0.5, 1.0)
    (tmp_path / "bad.yaml").write_text("length: 40f\nloop: often\ntexts:\n  - text: a person walks\n")
    with pytest.raises(InputError, match=r"bad.yaml:2: loop is 'often'; wanted gait or exact"):
        read_timeline(tmp_path / "bad.yaml")


def test_keypoints_do_not_loop(tmp_path, capsys):
    keyframes = tmp_path / "k.npz"
    np.savez(keyframes, frames=[3], rotations=np.tile(np.eye(3), (1, 24, 1, 1)))
    arguments = ["--text", "a", "--keyframes", str(keyframes), "--loop", "--out", str(tmp_path / "a.npz")]
    assert main(arguments) == 2
    assert "wanted texts alone" in capsys.readouterr().err
