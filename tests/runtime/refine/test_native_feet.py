"""Foot locking in libgenmo against its twin in numpy; bad input is an error."""

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from genmo.runtime.motion.skeleton import FOOT_JOINTS
from genmo.runtime.refine import foot_anchors, foot_locking, native_feet
from genmo.runtime.refine.foot_anchors import Lock, lock_anchors
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.refine.foot_locking import FeetOptions, FootLocker, clean_feet
from genmo.runtime.support import native

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

SAME = 1e-10
"""metres and probabilities; the two differ by rounding"""
KNEES = 3e-7
"""entries of rotations: the bend of a straight leg goes as the square root of a rounding"""


def both(compute):
    """What libgenmo and numpy answer."""
    compiled = compute()
    with native.numpy_only():
        return compiled, compute()


def walk(motion, seed=0):
    """A motion with contacts whose feet now and then stand, on a ground that is near."""
    rng = np.random.default_rng(seed)
    slow = np.linspace(0, 0.3, motion.frames)[:, None] * rng.normal(size=3)
    still = np.repeat(motion.rotations[::20], 20, axis=0)[: motion.frames]  # poses that hold for 20 frames
    contacts = rng.uniform(0.2, 1, (motion.frames, 6))
    standing = replace(motion, rotations=still, translation=motion.translation[:1] + slow, contacts=contacts)
    low = standing.joints_world()[:, FOOT_JOINTS, 1].min()
    return replace(standing, translation=standing.translation - np.array([0, low - 0.03, 0]))


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 12, 90])
@pytest.mark.parametrize("given_", [True, False])
def test_scores_and_decisions_agree(random_motion, frames, given_):
    motion = walk(random_motion(frames))
    balls = motion.joints_world()[:, FOOT_JOINTS]
    scores = both(lambda: contact_scores(balls, motion.contacts if given_ else None, 30.0))
    assert_allclose(*scores, atol=SAME)
    for before in (None, np.array([True, False])):
        assert_array_equal(*both(lambda before=before: frames_in_contact(scores[1], before=before)))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.booleans(), st.floats(0.45, 0.9), st.floats(0.1, 0.45))
def test_any_scores_are_decided_alike(numbers, before, enter, leave):
    scores = np.array(numbers[: len(numbers) // 2 * 2]).reshape(-1, 2)
    start = np.array([before, not before])
    assert_array_equal(*both(lambda: frames_in_contact(scores, enter, leave, start)))


OPTIONS = [
    FeetOptions(),
    FeetOptions(ground=None),
    FeetOptions(strength=0.6, ground=0.1, horizon=4),
    FeetOptions(enter=0.7, leave=0.2, ground=-0.05, horizon=200),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("frames", [1, 2, 7, 100])
def test_clean_feet_agree(random_motion, options, frames):
    for motion in (walk(random_motion(frames)), random_motion(frames, 1)):
        compiled, numpy = both(lambda motion=motion: clean_feet(motion, options))
        assert_allclose(compiled.rotations, numpy.rotations, atol=KNEES)
        assert_allclose(compiled.translation, numpy.translation, atol=SAME)
        feet = [one.joints_world()[:, FOOT_JOINTS] for one in (compiled, numpy)]
        assert_allclose(*feet, atol=1e-9)
        assert frames < 100 or motion.contacts is None or np.abs(numpy.rotations - motion.rotations).max() > 1e-3


@pytest.mark.parametrize("lookahead", [0, 7, 15])
def test_streams_agree(random_motion, lookahead):
    motion = walk(random_motion(90))

    def run():
        locker = FootLocker(lookahead)
        blocks = [locker.push(motion.cut(slice(start, start + 5))) for start in range(0, 90, 5)]
        last = locker.flush()
        assert last is not None
        whole = [*blocks, last]
        return np.concatenate([b.rotations for b in whole]), np.concatenate([b.translation for b in whole])

    compiled, numpy = both(run)
    assert len(numpy[1]) == 90
    assert_allclose(compiled[0], numpy[0], atol=KNEES)
    assert_allclose(compiled[1], numpy[1], atol=SAME)


@given(st.integers(1, 40), st.integers(0, 2**31), st.floats(0.01, 3), st.integers(0, 12))
def test_anchors_and_offsets_of_any_path_agree(frames, seed, size, fade):
    rng = np.random.default_rng(seed)
    balls = size * np.cumsum(rng.normal(0, 0.05, (frames, 2, 3)), axis=0)
    balls[rng.uniform(size=(frames, 2)) < 0.1] += 0.2  # out of place, and back
    planted = rng.uniform(size=(frames, 2)) < 0.8
    upto = int(rng.integers(0, frames + 1))
    options = OPTIONS[seed % 4]

    def run():
        locks = Lock(), Lock(balls[0, 1].copy() if seed % 3 else None, seed % 5)
        anchors = lock_anchors(balls, planted, upto, locks, options.ground)
        held = [np.full(3, np.nan) if lock.anchor is None else lock.anchor for lock in locks]
        rests = [[lock.rest] * 3 for lock in locks]
        return np.concatenate([anchors, [held], [rests]]), foot_locking._offsets(
            balls, anchors, planted[:upto], fade, options
        )

    compiled, numpy = both(run)
    assert_allclose(compiled[0], numpy[0], atol=SAME)
    assert_allclose(compiled[1], numpy[1], atol=SAME)


# --- bad input ----------------------------------------------------------------------------------------------------

BALLS, SCORES = np.zeros((6, 2, 3)), np.full((6, 2), 0.5)
FEET = FeetOptions().native


def locked(frames, upto, rest, feet):
    locks = native_feet.locks_of([(None, rest)] * feet)
    return native_feet.lock_anchors(foot_anchors._rule(0.0), BALLS, np.zeros((frames, 2), np.bool_), upto, locks)


@pytest.mark.parametrize(
    "call",
    [
        lambda: contact_scores(np.zeros((6, 3, 3)), None, 30.0),
        lambda: contact_scores(BALLS, np.zeros((5, 6)), 30.0),
        lambda: frames_in_contact(np.zeros((6, 3))),
        lambda: frames_in_contact(SCORES, before=np.zeros(3, np.bool_)),
        lambda: native_feet.root_shift(FEET, BALLS, SCORES[1:], 5),
        lambda: native_feet.root_shift(FEET, BALLS, SCORES, -1),
        lambda: locked(5, 6, rest=0, feet=2),
        lambda: locked(6, 7, rest=0, feet=2),
        lambda: locked(6, -1, rest=0, feet=2),
        lambda: locked(6, 6, rest=0, feet=1),
        lambda: locked(6, 6, rest=-1, feet=2),
        lambda: native_feet.pin_offsets(FEET, BALLS, np.zeros((7, 2, 3)), np.zeros((7, 2)), 5),
        lambda: native_feet.pin_offsets(FEET, BALLS, np.zeros((6, 2)), np.zeros((6, 2)), 5),
        lambda: native_feet.pin_offsets(FEET, BALLS, BALLS, np.zeros((5, 2)), 5),
    ],
)  # fmt: skip
def test_shapes_and_numbers_that_do_not_fit_are_an_error(call):
    with pytest.raises(ValueError, match=r"\w{3}"):
        call()


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 4), ("horizon", -1), ("horizon", 2**30), ("smooth", 61), ("level", -1), ("lift", -1)],
)
def test_options_out_of_range_are_an_error(field, value):
    feet = type(FEET).from_buffer_copy(FEET)
    setattr(feet, field, value)
    with pytest.raises(ValueError, match="feet->size" if field == "size" else "out of range"):
        native_feet.root_shift(feet, BALLS, SCORES, 5)


@pytest.mark.parametrize(("field", "value"), [("size", 4), ("lift", -1), ("span", 0), ("span", 257), ("brief", -1)])
def test_a_rule_of_anchors_out_of_range_is_an_error(field, value):
    rule, locks = foot_anchors._rule(0.0), native_feet.locks_of([(None, 0)] * 2)
    setattr(rule, field, value)
    with pytest.raises(ValueError, match="rule is NULL or not" if field == "size" else "out of range"):
        native_feet.lock_anchors(rule, BALLS, np.ones((6, 2), np.bool_), 6, locks)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("genmo_root_shift", 7), ("genmo_pin_offsets", 8), ("genmo_lock_anchors", 7), ("genmo_move_feet", 9),
     ("genmo_frames_in_contact", 5)],
)  # fmt: skip
def test_null_is_an_error(function, arguments):
    with pytest.raises(ValueError, match="NULL"):
        native.call(function, *[ctypes.c_void_p(None)] * arguments)


@given(st.integers(1, 20), st.integers(0, 2**31))
def test_not_a_number_does_not_crash(frames, seed):
    rng = np.random.default_rng(seed)
    balls = np.where(rng.uniform(size=(frames, 2, 3)) < 0.2, rng.choice([np.nan, np.inf]), 0.1)
    scores = contact_scores(balls, None, 30.0)
    planted = frames_in_contact(scores)
    anchors = lock_anchors(balls, planted, frames, (Lock(), Lock()), 0.0)
    assert foot_locking._offsets(balls, anchors, planted, 5, FeetOptions()).shape == balls.shape
