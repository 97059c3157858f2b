"""genmo_generator against MotionGenerator, frame for frame."""

import subprocess

import numpy as np
import pytest

from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.motion import Motion, join_motions
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.streaming.motion_generator import MotionGenerator
from genmo.runtime.streaming.root_plan import RootPath, Stick
from genmo.runtime.support import native
from tests.kernels.native_endless import Generator, start_of
from tests.kernels.test_native_generate import NATIVE, built

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

QUICK = {"steps": 2, "overlap": 12, "block": 24}
"""of most tests: a window of 36 frames"""


class Both:
    """The same calls of both."""

    def __init__(self, model, python, **options):
        body, start = options.pop("body", None), options.pop("start", None)
        native_options = dict(options)
        if "clean_feet" in options:
            native_options["loose_feet"] = not native_options.pop("clean_feet")
        self.python = MotionGenerator(python, body=body, start=start and start[1], **options)
        betas = None if body is None else body.astype(np.float32)
        self.native = Generator(model, betas=betas, start=start and start[0], **native_options)
        self.made, self.expected = [], []

    def prompt(self, prompt):
        self.python.prompt = prompt
        self.native.prompt(prompt)

    def texts(self, *texts):
        self.python.texts = [Text(prompt, start, end or None) for prompt, start, end in texts]
        self.native.texts(*texts)

    def stick(self, *velocity, facing=None):
        self.python.command = Stick(velocity, facing)
        self.native.stick(velocity, facing)

    def path(self, frames, positions, facing=None):
        self.python.command = RootPath(np.array(frames), np.array(positions), facing)
        self.native.path(frames, positions, facing)

    def free(self):
        self.python.command = None
        self.native.free()

    def next(self, *counts):
        for count in counts:
            self.expected.append(self.python.next(count))
            self.made.append(self.native.next(count))
        assert self.native.frame == self.python.frame

    def check(self, millimetres=0.05):
        expected = join_motions(self.expected)
        made = {name: np.concatenate([part[name] for part in self.made]) for name in self.made[0]}
        off = 1000 * np.linalg.norm(made["joints"] - expected.joints_world(), axis=-1)
        assert off.max() <= millimetres, (off.mean(), off.max(), int(off.max(axis=1).argmax()))
        assert np.abs(made["translation"] - expected.translation).max() <= millimetres / 1000
        assert np.abs(made["contacts"] - expected.contacts).max() <= 1e-3
        rotations = matrix_from_quaternion(np.roll(made["rotations"].astype(np.float64), 1, axis=-1))
        assert np.abs(rotations - expected.rotations).max() <= 1e-3
        assert np.abs(self.made[-1]["betas"] - expected.betas).max() <= 1e-4
        assert np.abs(self.made[-1]["offsets"] - expected.rest_offsets).max() <= 1e-6
        turns = made["rotations"].astype(np.float64)
        assert (turns[1:] * turns[:-1]).sum(axis=-1).min() > 0
        self.native.__exit__()
        return made


def test_a_prompt_that_changes_at_any_frame(model, python):
    both = Both(model, python, seed=3)
    both.prompt("a person walks forward")
    both.next(70, 1, 30)
    both.prompt("a person waves with the right hand")
    both.next(3)
    both.prompt("a person jumps")
    both.next(100)
    both.check()


def test_nobody_says_anything(model, python):
    both = Both(model, python, **QUICK)
    both.next(50)
    both.check()


def test_a_stick(model, python):
    both = Both(model, python, seed=2**40 + 1)
    both.stick(0.0, 1.2)
    both.next(45)
    both.stick(2.5, 0.5)
    both.next(70)
    both.stick(0.0, 0.0, facing=1.5)
    both.next(60)
    both.free()
    both.next(40)
    both.stick(-1.0, 0.0, facing=-0.5)
    both.next(40)
    both.check()


def test_looking_elsewhere_than_one_walks(model, python):
    both = Both(model, python, seed=2, **QUICK)
    both.stick(0.0, 1.2, facing=1.2)
    both.next(30)
    both.stick(0.0, 1.2, facing=3.0)
    both.next(30)
    both.stick(-1.0, -0.4, facing=-2.0)
    both.next(30)
    both.free()
    both.next(1, 20)
    both.stick(0.0, 0.8, facing=-1.0)
    both.next(20)
    both.check()


def test_walking_backward(model, python):
    """Who walks backward walks ahead in a window in which time runs back; from the first frame on, and after others."""
    both = Both(model, python, seed=6, **QUICK)
    both.stick(0.0, -1.0, facing=0.0)
    both.next(40)
    both.stick(0.0, 1.0, facing=0.0)
    both.next(15)
    both.stick(0.5, -1.0, facing=0.0)
    both.next(30)
    both.prompt("a person walks backward")
    both.next(20)
    both.check()


@pytest.mark.parametrize("facing", [None, [0.0, 3.0, -3.0, 1.0]])
def test_a_path(facing, model, python):
    facing = facing and np.array(facing)
    both = Both(model, python, seed=1, **QUICK)
    both.path([0, 40, 80, 130], [[2.0, 1.0], [2.5, 3.0], [1.0, 4.0], [1.0, 6.0]], facing)
    both.next(30)
    both.prompt("a person runs forward")
    both.next(70)
    both.path([110], [[0.0, 5.0]])
    both.next(40)
    both.check()


def constrained(both, poses, keys, targets=()):
    """Tells both that they must have poses at frames (frame, pose, root or None) and joints at places."""
    rows = [(frame, np.ascontiguousarray(poses["rotations"][pose]), root) for frame, pose, root in keys]
    roots = [None if root is None else np.array(root, np.float32) for _, _, root in rows]
    both.native.constrain(
        keyframes=[(frame, pose, root) for (frame, pose, _), root in zip(rows, roots, strict=True)], targets=targets
    )
    turns = np.array([np.roll(pose.astype(np.float64), 1, axis=-1) for _, pose, _ in rows]).reshape(-1, 24, 4)
    places = np.array([np.full(3, np.nan) if root is None else root for root in roots], np.float64).reshape(-1, 3)
    both.python.constrain(
        Keyframes(np.array([frame for frame, _, _ in rows], np.int64), matrix_from_quaternion(turns), places),
        JointTargets(
            np.array([frame for frame, _, _ in targets], np.int64),
            np.array([joint for _, joint, _ in targets], np.int64),
            np.array([place for _, _, place in targets], np.float64).reshape(-1, 3),
        ),
    )


@pytest.mark.parametrize("options", [{}, {"clean_feet": False, "first_block": 15}], ids=str)
def test_poses_and_places_that_are_still_to_come(options, model, python):
    poses = model.generate("a person dances", 30, seed=1, steps=2)
    both = Both(model, python, seed=6, **(QUICK | options))
    both.prompt("a person walks forward")
    constrained(both, poses, [(20, 4, None)], [(9, 20, (0.4, 1.3, np.nan)), (28, 0, (0.1, np.nan, 0.6))])
    both.next(5, 40)
    ahead = both.expected[-1].translation[-1]
    constrained(both, poses, [(70, 8, ahead + [0.2, 0.0, 0.7])], [(110, 15, (*(ahead[[0, 2]] + [0.3, 1.5]), np.nan))])
    both.stick(0.3, 0.6)
    both.next(30, 25)
    both.free()
    constrained(both, poses, [])
    both.next(30)
    made = both.check()
    agree = np.sign((made["rotations"][70] * poses["rotations"][8]).sum(axis=-1, keepdims=True))
    assert np.abs(made["rotations"][70] * agree - poses["rotations"][8]).max() < 1e-6


def test_programs_compiled_before_there_were_constraints_go_on(model):
    frames = []
    for earlier in (False, True):
        with Generator(model, seed=4, earlier=earlier, **QUICK) as generator:
            frames.append(generator.next(30)["joints"])
    assert np.array_equal(*frames)


def test_texts_with_spans(model, python):
    both = Both(model, python, seed=5, **QUICK)
    both.prompt("a person stands still")
    both.texts(("a person kicks", 20, 50), ("a person walks backward", 30, 0), ("turns", 60, 61))
    both.next(70)
    both.stick(0.5, 0.5)
    both.texts(("a person claps", 75, 80))
    both.prompt(None)
    both.next(40)
    both.texts()
    both.next(10)
    both.check()


@pytest.mark.parametrize(
    "options",
    [
        {"clean_feet": False},
        {"first_block": 9},
        {"guidance": 1.0},
        {"steps": 1},
        {"overlap": 1, "block": 20},
        {"overlap": 50, "block": 70, "steps": 3},
        {"body": np.array([1.5, -1, 0.25, 0, 2, -0.5, 0, 0.75, 0, 1])},
    ],
    ids=str,
)
def test_options(options, model, python):
    both = Both(model, python, **(QUICK | {"seed": 7} | options))
    both.prompt("a person walks forward")
    both.next(33, 40)
    both.stick(1.0, 0.0)
    both.next(50)
    both.check()


@pytest.mark.parametrize(
    ("contacts", "legs"), [(True, None), (False, None), (True, 1.05)], ids=["contacts", "none", "longer legs"]
)
def test_it_goes_on_from_another_motion(contacts, legs, model, python):
    """And on the body of its betas, where its legs are longer than theirs."""
    clip = model.generate("a person runs", 60, seed=1, steps=2)
    arrays = {name: clip[name] for name in ("rotations", "translation", "contacts", "betas")}
    if not contacts:
        del arrays["contacts"]
    rotations = matrix_from_quaternion(np.roll(clip["rotations"].astype(np.float64), 1, axis=-1))
    given = {"contacts": arrays["contacts"].astype(np.float64) if contacts else None}
    if legs is not None:
        arrays["offsets"] = clip["offsets"].copy()
        arrays["offsets"][[4, 5, 7, 8]] *= legs
        given["offsets"] = arrays["offsets"].astype(np.float64)
    motion = Motion(rotations, *(clip[name].astype(np.float64) for name in ("translation", "betas")), **given)
    both = Both(model, python, start=(start_of(arrays), motion), **QUICK)
    both.prompt("a person walks forward")
    both.next(40)
    both.stick(0.0, 1.0)
    both.next(30)
    made = both.check()
    if legs is None:
        assert np.linalg.norm(made["joints"][0] - clip["joints"][-1], axis=-1).max() < 0.2


def test_at_once_or_one_by_one(model):
    def motion(counts):
        with Generator(model, seed=4, **QUICK) as generator:
            generator.prompt("a person dances")
            parts = [generator.next(count) for count in counts]
        return {name: np.concatenate([part[name] for part in parts]) for name in ("rotations", "joints", "contacts")}

    whole, single = motion([60]), motion([1, 1, 25, 30, 3])
    for name, array in whole.items():
        assert np.array_equal(array, single[name])


def test_cancelled_it_begins_the_block_again(model):
    def motion(*cancelled):
        shares, parts = [], []
        progress = lambda share: shares.append(share) or len(shares) in cancelled  # noqa: E731
        with Generator(model, seed=4, progress=progress, **QUICK) as generator:
            generator.prompt("a person walks")
            while generator.frame < 50:
                try:
                    generator.next(50 - generator.frame)
                except RuntimeError as error:
                    assert "cancelled after" in str(error) and len(generator.answered["joints"]) in (0, 36)
                parts.append(generator.answered["joints"])
        assert len(shares) == 4 + len(cancelled)
        return np.concatenate(parts)

    expected = motion()
    assert np.array_equal(motion(1), expected) and np.array_equal(motion(3), expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"overlap": 60, "block": 61}, "overlap and block are 60 and 61; wanted 1 or more, together at most 120"),
        ({"overlap": -1}, "overlap and block are -1 and 60"),
        ({"steps": 1001}, "steps is 1001; wanted 1 to 1000"),
        ({"guidance": float("nan")}, "guidance is nan; wanted -10 to 10"),
        ({"texts": 65}, "first_block, texts or points is 0, 65, 256; wanted 0 or more, at most 64"),
        ({"keyframes": -1}, "keyframes and targets are -1 and 1024; wanted 1 to 65536"),
        ({"betas": np.full(10, np.inf, np.float32)}, "betas hold a number that is not finite"),
        ({"start": start_of({"translation": np.zeros((3, 3), np.float32)})}, "start is no motion with rotations"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_options_that_cannot_be_are_refused(options, words, model):
    with pytest.raises(ValueError, match=words):
        Generator(model, **options)


def test_what_cannot_be_done_is_refused_and_changes_nothing(model):
    with Generator(model, seed=4, **QUICK) as generator, Generator(model, seed=4, **QUICK) as other:
        for one in (generator, other):
            one.prompt("a person walks")
            one.next(10)
        for refused, words in (
            (lambda: generator.prompt(""), "a text has no letters"),
            (lambda: generator.prompt("!?"), "wanted at least one word in Latin letters"),
            (lambda: generator.texts(*[("walk", 0, 0)] * 5), "5 texts; wanted 0 to 4"),
            (lambda: generator.texts(("walk", 9, 9)), "spans frames 9 to 9; wanted some from 0 on"),
            (lambda: generator.stick((8.0, 1.0)), "a stick of 8 and 1 m/s that faces 0; wanted at most 8 m/s together"),
            (lambda: generator.stick((np.nan, 0.0)), "a stick of nan"),
            (lambda: generator.path([5, 5], np.zeros((2, 2))), "frame 5 of a path; wanted frames that rise"),
            (lambda: generator.path([5, 70000], np.zeros((2, 2))), "within 65536"),
            (lambda: generator.path([5], [[np.inf, 0]]), "point 0 of a path is not finite"),
            (lambda: generator.constrain(targets=[(9, 3, (0, 1, 0))]), "a target at frame 9; wanted it within 10 to"),
            (lambda: generator.constrain(targets=[(20, 30, (0, 1, 0))]), "a target of joint 30; wanted 0 to 23"),
            (lambda: generator.constrain(targets=[(20, 3, (0, 1, 0))] * 1025), "0 keyframes and 1025 targets; wanted"),
            (lambda: generator.next(0), "frames is 0; wanted 1 to 65536"),
            (lambda: generator.next(5, capacity=4), "motion.capacity is 4; wanted room for 5 frames"),
        ):
            with pytest.raises(ValueError, match=words):
                refused()
        assert np.array_equal(generator.next(40)["joints"], other.next(40)["joints"])


@pytest.mark.end_to_end
def test_the_c_example_writes_the_motion(tmp_path, python):
    source = NATIVE / "examples" / "motion_without_end.c"
    program, out = built(source, ("cc", "gcc", "clang"), tmp_path, "-std=c99", "-Wpedantic"), tmp_path / "day.bvh"
    prompts = ["a person walks", "25", "a person jumps", "5"]
    done = subprocess.run([program, SHIPPED, out, *prompts], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{out}: 30 frames; 55 more are ready\n"), done.stderr
    generator = MotionGenerator(python, "a person walks")
    first = generator.next(25)
    generator.prompt = "a person jumps"
    expected = join_motions([first, generator.next(5)]).joints_world()
    written = read_bvh(out)
    order = [written.names.index(name) for name in JOINTS]
    assert np.abs(written.kinematics()[1][:, order] / 100 - expected).max() < 1e-4
    refused = subprocess.run([program, tmp_path, out, *prompts], capture_output=True, text=True)
    assert refused.returncode == 2 and "wanted a file of an engine's folder" in refused.stderr


@pytest.mark.end_to_end
def test_memory_threads_and_wild_calls(tmp_path):
    program = built(NATIVE / "tests" / "endless_test.cpp", ("c++", "g++", "clang++"), tmp_path, "-std=c++17")
    done = subprocess.run([program, SHIPPED, "60", "120"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
