"""Turns whose angle a text says: what is read from the text, and what becomes of the motion."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_turns import said_turn, usual_turn
from genmo.runtime.motion.motion import FPS, Camera, Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw
from genmo.runtime.refine.said_turns import turned_as_said

SPEED = 1.2  # m/s


@pytest.mark.parametrize(
    ("prompt", "degrees", "side"),
    [
        ("a person walks and makes a 90-degree left turn", 90, 1),
        ("a person turns 45 degrees to the right", 45, -1),
        ("she pivots by ninety degrees, to the left", 90, 1),
        ("spins 360° clockwise", 360, -1),
        ("rotates 180 deg counterclockwise", 180, 1),
        ("a dancer twirls through three hundred and sixty degrees", 360, 0),
        ("standing, rotates a quarter to the right", 90, -1),
        ("makes a quarter turn left", 90, 1),
        ("he turns around", 180, 0),
        ("he turns right around and walks back", 180, 0),
        ("swivels to face the other way", 180, 0),
        ("does a full turn", 360, 0),
        ("an about-face", 180, 0),
    ],
)
def test_the_angle_that_is_said(prompt: str, degrees: float, side: int) -> None:
    turn = said_turn(prompt)
    assert turn is not None
    assert (round(np.degrees(turn.angle), 6), turn.side) == (degrees, side)


@pytest.mark.parametrize(
    "prompt",
    [
        "a person turns left",
        "a person bends the knees by 90 degrees",
        "turns 90 degrees to the left, turns 90 degrees to the right",
        "turns 90 degrees left and right",
        "spins 2000 degrees",
        "turns 0 degrees",
        "a person turns the head 90 degrees to the left",
        "rotates the right arm by 180 degrees",
        "swings a leg through ninety degrees",
        "takes turns at walking around the house",
        "",
    ],
)
def test_no_angle_is_said(prompt: str) -> None:
    assert said_turn(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "degrees", "side"),
    [
        ("a person turns left", 90, 1),
        ("a person walks forward and turns to the right", 90, -1),
        ("takes a sharp left at the corner", 90, 1),
        ("hangs a right", 90, -1),
        ("a person walks and veers left", 45, 1),
        ("the path curves right", 45, -1),
        ("bearing gently off to the left on foot", 45, 1),
        ("turns slightly to the right", 45, -1),
    ],
)
def test_how_far_a_turn_usually_goes_whose_side_is_said(prompt: str, degrees: float, side: int) -> None:
    turn = usual_turn(prompt)
    assert turn is not None and said_turn(prompt) is None and turn.most is not None
    assert (round(np.degrees(turn.angle), 6), turn.side) == (degrees, side) and turn.most > turn.angle


@pytest.mark.parametrize(
    "prompt",
    [
        "a person walks", "turns around", "turns left 90 degrees", "turns left, then right", "keeps turning left",
        "walks a circle to the left", "turns the head to the left", "spins to the left", "turns", "turns left and back",
        "raises the left arm", "turns left twice", "looks left",
    ],
)  # fmt: skip
def test_what_is_no_single_turn_to_a_side(prompt: str) -> None:
    assert usual_turn(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "made", "became"),
    [
        ("turns left", 187, 90), ("turns left", 100, 100), ("turns left", 30, 30), ("turns right", 187, 187),
        ("turns right", -150, -90), ("veers left", 143, 45), ("veers left", 60, 60), ("veers left", 400, 400),
    ],
)  # fmt: skip
def test_a_turn_to_a_side_goes_as_far_as_such_turns_do(prompt: str, made: float, became: float) -> None:
    before = walk(made)
    after, notes = turned_as_said(before, [Text(prompt)])
    assert turn_of(after) == pytest.approx(became, abs=4) and len(notes) == (made != became)
    assert not notes or f"was made {became if became > 0 else -became}, as it says none" in notes[0]


def walk(degrees: float, frames: int = 150) -> Motion:
    """Somebody who walks at SPEED and turns by `degrees` at a constant rate, hips and chest swaying with every step."""
    moment = np.arange(frames)
    way = np.radians(degrees) * moment / (frames - 1)
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    sway = 0.1 * np.sin(2 * np.pi * moment / 30)
    rotations[:, 0], rotations[:, 3] = matrix_from_yaw(way + sway), matrix_from_yaw(-2 * sway)
    middle = (way[1:] + way[:-1]) / 2
    steps = SPEED / FPS * np.stack([np.sin(middle), np.zeros(frames - 1), np.cos(middle)], axis=1)
    path = np.array([0.3, 0.9, -0.2]) + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return Motion(rotations, path)


def turn_of(motion: Motion) -> float:
    yaw = np.unwrap(heading(motion.rotations[:, 0, :, 2]))
    return float(np.degrees(yaw[-30:].mean() - yaw[:30].mean())) * (motion.frames - 1) / (motion.frames - 30)


@pytest.mark.parametrize("made", [50, 150, 200, -130])
def test_a_turn_becomes_what_is_said_and_the_path_goes_with_it(made: float) -> None:
    motion, notes = turned_as_said(walk(made), [Text(f"turns 90 degrees to the {'left' if made > 0 else 'right'}")])
    wanted = walk(90 if made > 0 else -90)
    assert turn_of(motion) == pytest.approx(np.copysign(90, made), abs=4)
    assert np.abs(motion.translation - wanted.translation).max() < 0.12
    assert np.linalg.norm(np.diff(motion.translation, axis=0), axis=1) == pytest.approx(SPEED / FPS, rel=1e-3)
    assert len(notes) == 1 and "90 it says" in notes[0]


@pytest.mark.parametrize(("made", "said"), [(-120, "left"), (10, "left"), (88, "left"), (400, "left")])
def test_who_does_something_else_or_does_it_right_is_left_alone(made: float, said: str) -> None:
    before = walk(made)
    after, notes = turned_as_said(before, [Text(f"makes a 90-degree {said} turn")])
    assert after is before and not notes


def test_only_the_span_of_the_text_turns() -> None:
    before = walk(300, 300)
    after, _ = turned_as_said(
        before, [Text("walks", 0, 100), Text("turns by 50 degrees", 100, 200), Text("walks", 200)]
    )
    change = np.unwrap(heading(after.rotations[:, 0, :, 2])) - np.unwrap(heading(before.rotations[:, 0, :, 2]))
    assert np.abs(change[:101]).max() < 1e-9
    assert np.degrees(change[199:]) == pytest.approx(-50, abs=3)
    assert after.translation[:101] == pytest.approx(before.translation[:101], abs=1e-9)
    assert np.array_equal(after.translation[:, 1], before.translation[:, 1])
    assert np.array_equal(after.rotations[:, 1:], before.rotations[:, 1:])


def test_a_camera_sees_it_where_it_is_now() -> None:
    before = walk(150)
    camera = Camera(np.tile(np.eye(3), (150, 1, 1)), np.tile([0.0, 1.0, -5.0], (150, 1)))
    before = replace(before, root_camera=before.root_seen_by(camera))
    after, _ = turned_as_said(before, [Text("turns 90 degrees to the left")])
    assert after.root_camera is not None
    assert after.root_camera.translation == pytest.approx(after.root_seen_by(camera).translation, abs=1e-9)
    assert after.root_camera.rotation == pytest.approx(after.root_seen_by(camera).rotation, abs=1e-9)
