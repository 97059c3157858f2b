"""Plans of the root: they reach what is asked for in time, go on from themselves, and keep to paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime import InputError
from genmo.runtime.streaming.root_plan import (
    ACCELERATION,
    RootPath,
    RootState,
    Stick,
    beginning,
    onto,
    planned,
    straightened,
)

RUN = RootState((0.0, 0.0), (0.0, 3.3))


def velocities(plan):
    return np.array([state.velocity for state in plan.states])


def test_a_stick_that_turns_round_at_a_run_is_followed_within_half_a_second():
    plan = planned(RUN, Stick((0.0, -3.3)), 0, 60)
    v = velocities(plan)[:, 1]
    assert v[11] < 0 and v[18] < -2.5 and np.abs(v[-1] + 3.3) < 0.05
    assert np.abs(np.diff(v)).max() * 30 <= ACCELERATION + 1e-9 and v.min() > -3.6
    turned = (plan.headings[-1] + np.pi) % (2 * np.pi) - np.pi
    assert abs(abs(turned) - np.pi) < 0.05


def test_a_stick_let_go_stops_and_keeps_its_heading():
    plan = planned(RUN, Stick(), 0, 45)
    speeds = plan.speeds()
    assert speeds[12:].max() < 0.15 and speeds[-1] < 0.01
    np.testing.assert_allclose(plan.headings, 0, atol=1e-9)


@pytest.mark.parametrize("facing", [-1.0, 0.0, 0.9, 2.5, 3.1])
def test_facing_is_not_the_way(facing):
    """Legs go ahead or backward along x, whichever is nearer to where the body looks; the body is turned over them."""
    plan = planned(RootState((0.0, 0.0), (0.0, 0.0)), Stick((1.0, 0.0), facing=facing), 0, 90)
    looks = plan.headings + plan.asides()
    assert abs(np.angle(np.exp(1j * (looks[-1] - facing)))) < 0.01 and velocities(plan)[-1, 0] > 0.95
    assert abs(abs(np.sin(plan.headings[-1])) - 1) < 1e-3 and np.abs(plan.asides()).max() < np.radians(112)


@pytest.mark.parametrize(("way", "back"), [(0.0, False), (1.2, False), (2.4, True), (np.pi, True)])
def test_whether_legs_go_back(way, back):
    for speed in (0.6, 1.2):
        stick = Stick((speed * np.sin(way), speed * np.cos(way)), facing=0.0)
        assert planned(RootState((0.0, 0.0), (0.0, 0.0)), stick, 0, 60).goes_back() == back
    assert not planned(RootState((0.0, 0.0), (0.0, 0.0)), Stick(), 0, 60).goes_back()


def test_whoever_stands_turns_as_one():
    plan = planned(RootState((0.0, 0.0), (0.0, 0.0), aside=1.0), Stick((0.0, 0.0), facing=0.5), 0, 60)
    assert abs(plan.headings[-1] - 0.5) < 0.01 and abs(plan.asides()[-1]) < 0.01
    assert abs(straightened(plan.states[0], 60)[-1]) < 0.01


@pytest.mark.parametrize("side", [-1, 1])
def test_the_body_keeps_looking_where_it_looks_while_legs_change_their_way(side):
    """From a sidestep to going backward: the legs turn by half a circle, the body does not."""
    plan = planned(RootState((0.0, 0.0), (0.0, 0.0)), Stick((1.0 * side, 0.2), facing=0.0), 0, 60)
    back = planned(plan.states[-1], Stick((1.0 * side, -0.6), facing=0.0), 60, 60)
    assert abs(back.headings[-1] - back.headings[0]) > 2.0
    assert np.abs(back.headings + back.asides()).max() < 0.35


@given(cut=st.integers(1, 39), angle=st.floats(-3, 3))
def test_a_plan_goes_on_from_its_own_frame(cut, angle):
    stick = Stick((2 * np.sin(angle), 2 * np.cos(angle)))
    whole = planned(RUN, stick, 0, 40)
    rest = planned(whole.states[cut - 1], stick, cut, 40 - cut)
    np.testing.assert_allclose(rest.positions, whole.positions[cut:], atol=1e-12)
    np.testing.assert_allclose(rest.headings, whole.headings[cut:], atol=1e-12)


def circle(frames, speed, radius):
    angle = np.arange(frames) * speed / 30 / radius
    positions = np.stack([radius - radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return RootPath(np.arange(frames), positions), angle


def test_a_path_is_followed_exactly_from_its_beginning_and_faced():
    path, angle = circle(120, 1.2, 2.0)
    plan = planned(beginning(path, 0), path, 0, 100)
    np.testing.assert_allclose(plan.positions, path.positions[:100], atol=5e-3)
    np.testing.assert_allclose(plan.headings, angle[:100], atol=0.05)


def test_who_is_elsewhere_comes_onto_the_path_without_a_jump():
    path, _ = circle(240, 1.2, 2.0)
    plan = planned(RootState((1.0, -1.0), (0.0, 1.0)), path, 30, 120)
    step = np.linalg.norm(np.diff(plan.positions, axis=0), axis=1) * 30
    assert step.max() < 4 and np.linalg.norm(plan.positions[-1] - path.positions[149]) < 0.02
    assert np.linalg.norm(plan.positions[0] - [1.0, -1.0]) < 0.1


def test_waypoints_are_met_at_their_frames_and_the_last_one_is_stayed_at():
    path = RootPath(np.array([0, 45, 90]), np.array([[0.0, 0.0], [0.0, 2.0], [1.5, 3.0]]), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(path.at(45, 1), [[0.0, 2.0]], atol=1e-9)
    np.testing.assert_allclose(path.at(85, 30)[5:], np.tile([1.5, 3.0], (25, 1)), atol=1e-9)
    np.testing.assert_allclose(path.facing_at(80, 30)[10:], 1.0)
    dense = RootPath(np.arange(2000), np.stack([np.sin(np.arange(2000) / 50), np.arange(2000) / 30], axis=-1))
    np.testing.assert_allclose(dense.at(1000, 50), dense.positions[1000:1050], atol=1e-6)


def test_a_path_through_points_keeps_its_speed():
    path = RootPath.through(np.array([[0, 0], [0, 3], [4, 3]]), 1.5, start=10)
    assert path.frames.tolist() == [10, 70, 150]


def test_a_plan_begins_where_a_motion_ends():
    time = np.arange(15)[:, None] / 30
    state = onto(RUN, np.array([1.0, 2.0]) + time * [0.5, 1.0], 3.1 + 0.2 * time[:, 0])
    np.testing.assert_allclose(state.velocity, [0.5, 1.0], atol=1e-9)
    np.testing.assert_allclose(state.position, [1 + 0.5 * 14 / 30, 2 + 14 / 30], atol=1e-9)
    assert abs(state.turning - 0.2) < 1e-9


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stick((float("nan"), 0.0)),
        lambda: Stick((9.0, 0.0)),
        lambda: Stick((0.0, 0.0), facing=float("inf")),
        lambda: RootPath(np.array([0, 0]), np.zeros((2, 2))),
        lambda: RootPath(np.array([0.0, 1.0]), np.zeros((2, 2))),
        lambda: RootPath(np.array([0, 1]), np.zeros((2, 3))),
        lambda: RootPath(np.array([0, 1]), np.zeros((2, 2)), np.zeros(3)),
        lambda: RootPath(np.zeros(0, np.int64), np.zeros((0, 2))),
        lambda: RootPath.through(np.zeros((2, 2)), 1.0),
        lambda: RootPath.through(np.eye(2), 0.0),
    ],
)
def test_commands_that_cannot_be(make):
    with pytest.raises(InputError, match="wanted"):
        make()
