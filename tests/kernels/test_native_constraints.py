"""Keyframes, joint targets and headings of genmo_generate against MotionModel.follow."""

import numpy as np
import pytest

from genmo.runtime.conditions.constraints import (
    Headings,
    JointTargets,
    Keyframes,
    constraint_errors,
    joined_joint_targets,
)
from genmo.runtime.conditions.spans import ReferenceSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.support import native
from tests.kernels.native_abi import Model, solved

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

NAN = np.nan
HAND, FOOT, HEAD = (JOINTS.index(name) for name in ("left_wrist", "right_ankle", "head"))


def line(frames, start, end, joint=0, height=NAN):
    """Targets on the way between two places over the ground."""
    places = np.linspace(start, end, len(frames))
    return [(frame, joint, (x, height, z)) for frame, (x, z) in zip(frames, places, strict=True)]


# frames, texts, what is asked for by kind (keyframes: (frame, frame of the clip, its root's move or None)), and options
CASES = {
    "a pose": (60, [("a person walks", 0, 0)], {"keys": [(59, 20, (0.2, 0.0, 1.5))]}, {}),
    "poses anywhere": (70, [("a person walks", 0, 0)], {"keys": [(0, 5, None), (40, 30, None)]}, {"seed": 2}),
    "two motions joined": (
        90, [], {"keys": [(i, i, (0, 0, 0)) for i in range(10)] + [(80 + i, 30 + i, (1, 0, 1)) for i in range(10)]}, {},
    ),
    "a hand": (60, [("a person stands", 0, 0)], {"targets": [(40, HAND, (0.3, 1.7, 0.4))]}, {"seed": 3}),
    "hands for a while": (
        90, [("a person stands", 0, 0)], {"targets": [(i, HAND, (0.4, 1.1 + i / 300, 0.5)) for i in range(30, 70)]},
        {"seed": 4, "steps": 4},
    ),
    "a path": (
        120, [("a person walks forward", 0, 0)], {"targets": line(range(0, 120, 10), (0, 0), (2.5, 2))}, {"seed": 5}
    ),
    "the head's path": (
        80, [("a person runs", 0, 0)], {"targets": line(range(0, 80, 5), (0, 0), (-3, 4), HEAD)}, {"steps": 5}
    ),
    "a foot and the root": (
        60, [("a person walks", 0, 0)],
        {"targets": [(30, 0, (0.1, 0.8, 0.9)), (30, FOOT, (0.3, 0.3, NAN)), (33, FOOT, (0.3, 0.3, 1.0))]}, {"steps": 3},
    ),
    "headings": (70, [("a person walks", 0, 0)], {"headings": [(69, 2.0), (0, 0.5), (30, -1.0)]}, {"seed": 7}),
    "everything": (
        100, [("a person walks while waving", 0, 50), ("a man sits down", 50, 0)],
        {
            "keys": [(70, 12, (0.5, 0, 0.5)), (20, 8, None)],
            "targets": [*line(range(0, 60, 6), (0, 0), (0.4, 1)), (70, HAND, (0, 0, 0)), (85, HAND, (0.7, 1, 0.9))],
            "headings": [(70, 3.0), (95, 0.5)],
        },
        {"seed": 8, "guidance": 2.0},
    ),
    "one frame": (1, [("a person stands", 0, 0)], {"keys": [(0, 3, (1, 0, 1))], "headings": [(0, 1.0)]}, {}),
    "loose": (50, [("a person jumps", 0, 0)], {"keys": [(25, 3, None)]}, {"clean_feet": False, "split_texts": False}),
}  # fmt: skip


@pytest.fixture(scope="module")
def clip(model):
    """Rotations [40, 24, 4] and translation [40, 3] of a motion that keyframes are taken from."""
    made = model.generate("a person dances", 40, seed=1, steps=3)
    return made["rotations"], made["translation"]


def asked(clip, keys=(), targets=(), headings=()):
    """The constraints of a case for the library and for the runtime."""
    rotations, translation = clip
    poses = [np.ascontiguousarray(rotations[source]) for _, source, _ in keys]
    roots = [None if move is None else (translation[source] + move).astype(np.float32) for _, source, move in keys]
    given = {
        "keyframes": [(frame, pose, root) for (frame, _, _), pose, root in zip(keys, poses, roots, strict=True)],
        "targets": list(targets),
        "headings": list(headings),
    }
    rows = sorted(given["keyframes"], key=lambda row: row[0])
    quaternions = np.array([np.roll(pose.astype(np.float64), 1, axis=-1) for _, pose, _ in rows]).reshape(-1, 24, 4)
    root = np.array([np.full(3, NAN) if root is None else root for _, _, root in rows], np.float64).reshape(-1, 3)
    facing = sorted(headings)
    return given, {
        "keyframes": Keyframes(
            np.array([row[0] for row in rows], np.int64), matrix_from_quaternion(quaternions), root
        ),
        "places": joined_joint_targets([
            JointTargets(
                np.array([row[0] for row in targets], np.int64),
                np.array([row[1] for row in targets], np.int64),
                np.array([row[2] for row in targets], np.float64).reshape(-1, 3),
            )
        ]),
        "headings": Headings(np.array([row[0] for row in facing], np.int64), np.array([row[1] for row in facing])),
    }  # fmt: skip


def both(name, clip, model, python):
    """The library's arrays, the runtime's motion and its constraints."""
    frames, texts, wanted, options = CASES[name]
    given, expected = asked(clip, **wanted)
    follow = {key: options[key] for key in ("clean_feet", "split_texts") if key in options}
    rest = {key: value for key, value in options.items() if key not in follow}
    timeline = Timeline(frames, tuple(Text(text, start, end or None) for text, start, end in texts), **rest, **expected)
    made = model.generate(
        texts,
        frames,
        constraints=given,
        loose_feet=not follow.get("clean_feet", True),
        whole_texts=not follow.get("split_texts", True),
        **rest,
    )
    return made, python.follow(timeline, tries=1, **follow).motions[0], expected


def of_arrays(made):
    rotations = matrix_from_quaternion(np.roll(made["rotations"].astype(np.float64), 1, axis=-1))
    return Motion(rotations, made["translation"].astype(np.float64), made["betas"].astype(np.float64))


@pytest.mark.parametrize("name", CASES)
def test_motions_are_those_of_the_runtime(name, clip, model, python):
    made, expected, wanted = both(name, clip, model, python)
    joints = expected.joints_world()
    root = made["joints"] - made["joints"][:, :1] - (joints - joints[:, :1])
    assert 1000 * np.linalg.norm(root, axis=-1).mean() <= 0.002
    assert 1000 * np.linalg.norm(made["joints"] - joints, axis=-1).max() <= 0.05
    assert np.abs(made["translation"] - expected.translation).max() <= 5e-5
    assert np.abs(made["contacts"] - expected.contacts).max() <= 1e-4
    motion = of_arrays(made)
    assert np.abs(motion.rotations - expected.rotations).max() <= 2e-4
    key, mean, _ = constraint_errors(motion, wanted["keyframes"], wanted["places"]).__dict__.values()
    theirs = constraint_errors(expected, wanted["keyframes"], wanted["places"])
    assert key is None or key < 1e-2  # float32 and a turn of the trunk's length
    assert mean is None or abs(mean - theirs.places) < 0.01


@pytest.mark.parametrize("name", CASES)
def test_the_solver_is_that_of_the_runtime(name, clip):
    rotations, translation = (np.tile(array, (3, *[1] * (array.ndim - 1))).astype(np.float64) for array in clip)
    frames, _, wanted, _ = CASES[name]
    matrices = matrix_from_quaternion(np.roll(rotations, 1, axis=-1))
    motion = Motion(matrices[:frames], translation[:frames], np.full(10, 0.5))
    given, expected = asked(clip, **wanted)
    for anchored in (None, np.arange(frames) < 12):
        made = solved(motion, given, anchored)
        solution = solve_constraints(motion, expected["keyframes"], expected["places"], anchored, expected["headings"])
        assert np.abs(made[0] - solution.rotations).max() < 1e-8
        assert np.abs(made[1] - solution.translation).max() < 1e-8
    assert max(np.abs(made[0] - motion.rotations).max(), np.abs(made[1] - motion.translation).max()) > 1e-3


def test_keyframes_are_exact(clip, model):
    turns, path = (np.ascontiguousarray(array[7]) for array in clip)
    made = model.generate([], 40, steps=2, constraints={"keyframes": [(33, turns, path)]})
    agree = np.sign((made["rotations"][33] * turns).sum(axis=-1, keepdims=True))
    assert np.abs(made["rotations"][33] * agree - turns).max() <= 1e-6
    assert (made["translation"][33] == path).all()


def test_places_are_reached(clip, model):
    target = (0.35, 1.5, 0.3)
    made = model.generate("a person stands", 50, steps=3, constraints={"targets": [(25, HAND, target)]})
    assert np.linalg.norm(made["joints"][25, HAND] - target) < 0.02
    facing = model.generate("a person walks", 50, steps=3, constraints={"headings": [(49, 1.2)]})
    forward = of_arrays(facing).rotations[49, 0, :, 2]
    assert abs(np.arctan2(forward[0], forward[2]) - 1.2) < 1e-3


def test_they_go_beside_references(clip, model, python):
    rotations, translation = clip
    given, expected = asked(clip, keys=[(50, 9, (0, 0, 1))])
    motion = Motion(
        matrix_from_quaternion(np.roll(rotations.astype(np.float64), 1, axis=-1)), translation.astype(np.float64)
    )
    spans = (ReferenceSpan(motion, 0, 0.5),)
    timeline = Timeline(60, (Text("a person walks"),), seed=3, steps=4, references=spans, **expected)
    like = [(0, 0.5, rotations, translation, None)]
    made = model.generate("a person walks", 60, seed=3, steps=4, references=like, constraints=given)
    off = np.linalg.norm(made["joints"] - python.follow(timeline, tries=1).motions[0].joints_world(), axis=-1)
    assert 1000 * off.max() <= 0.05


def test_the_order_that_they_are_given_in_does_not_matter(clip, model):
    given, _ = asked(clip, **CASES["everything"][2])
    once = model.generate("a person walks", 100, steps=1, constraints=given)
    again = model.generate("a person walks", 100, steps=1, constraints={kind: x[::-1] for kind, x in given.items()})
    assert all((once[name] == again[name]).all() for name in ("rotations", "translation"))


def test_the_same_bytes_for_any_number_of_threads(clip, model):
    given, _ = asked(clip, **CASES["everything"][2])

    def motion(one):
        return b"".join(x.tobytes() for x in one.generate("walks", 100, steps=2, constraints=given).values())

    expected = motion(model)
    for threads in (2, 3):
        with Model(SHIPPED, threads=threads) as other:
            assert motion(other) == expected


def test_programs_compiled_before_they_were_there_go_on(model):
    now, before = (model.generate("a person walks", 20, steps=1, earlier=earlier) for earlier in ("", "keyframe_count"))
    assert (now["joints"] == before["joints"]).all()


def test_what_cannot_be_met_is_refused_in_a_sentence(clip, model):
    pose, root = (np.ascontiguousarray(array[0]) for array in clip)
    bad, far = np.zeros_like(pose), np.full(3, 1e5, np.float32)
    keyframe, target, heading = (3, pose, root), (3, 5, (0.0, 1.0, 0.0)), (3, 1.0)
    for kind, rows, words in (
        ("keyframes", [(30, pose, None)], "a keyframe at frame 30; wanted it within 0 to 29"),
        ("keyframes", [(-1, pose, None)], "a keyframe at frame -1"),
        ("keyframes", [keyframe, keyframe], "frame 3 has two keyframes; wanted one"),
        ("keyframes", [(3, bad, None)], "the keyframe of frame 3 has no rotations, or numbers that are none"),
        ("keyframes", [(3, pose * np.float32(np.nan), None)], "numbers that are none; wanted 24 unit quaternions"),
        ("keyframes", [(3, pose, far)], "the keyframe of frame 3 has its root at 100000"),
        ("keyframes", [(i, pose, None) for i in range(31)], "31 keyframes, 0 targets and 0 headings of 30 frames"),
        ("targets", [(3, 24, (0, 0, 0))], "a target of joint 24; wanted 0 to 23"),
        ("targets", [(3, 5, (0, np.inf, 0))], "a target in frame 3 is at inf"),
        ("targets", [target, (4, 5, (0, 0, 0)), target], "frame 3 has two places for right_knee"),
        ("targets", [(70, 5, (0, 0, 0))], "a target at frame 70"),
        ("headings", [(3, np.nan)], "the heading of frame 3 is (-?)nan; wanted radians"),
        ("headings", [heading, heading], "frame 3 has two headings"),
        ("headings", [(-5, 1.0)], "a heading at frame -5"),
    ):
        with pytest.raises(ValueError, match=words):
            model.generate("a person walks", 30, constraints={kind: rows})
