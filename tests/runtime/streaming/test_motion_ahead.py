"""MotionAhead: the generator's own frames, later by the lead; nobody waits; a worker's error is the caller's."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from genmo.runtime import InputError, JointTargets, MotionAhead, MotionGenerator, MotionModel, RootPath, Stick, Text

SMALL = {"overlap": 8, "block": 12, "steps": 2}


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


def taken(ahead, count):
    """Frames without one that is repeated: waits for the worker, as a clock that is slow enough would."""
    frames = []
    while len(frames) < count:
        late = ahead.late
        frame = ahead.next()
        if ahead.late == late:
            frames.append(frame.translation[0])
        else:
            time.sleep(0.005)
    return np.array(frames)


def test_a_command_begins_a_lead_later_and_the_rest_is_the_generators_own(model):
    plain = MotionGenerator(model, command=Stick((0.0, 1.0)), seed=3, **SMALL)
    expected = [plain.next(10 + 5)]
    plain.command = Stick((1.0, 0.0))
    expected.append(plain.next(30))
    made = np.concatenate([motion.translation for motion in expected])
    with MotionAhead(MotionGenerator(model, command=Stick((0.0, 1.0)), seed=3, **SMALL), lead=5, every=1) as ahead:
        first = taken(ahead, 10)
        ahead.command = Stick((1.0, 0.0))
        rest = taken(ahead, 30)
        assert ahead.frame == 40 and ahead.command == Stick((1.0, 0.0))
    np.testing.assert_array_equal(np.concatenate([first, rest]), made[:40])


def test_a_stick_told_every_frame_is_the_same_motion_twice(model):
    def play(executor):
        generator = MotionGenerator(model, command=Stick(), seed=1, **SMALL)
        with MotionAhead(generator, executor=executor, lead=3, every=7) as ahead:
            frames = []
            for frame in range(30):
                ahead.command = Stick((0.01 * frame, 1.0))
                frames.append(taken(ahead, 1))
            return np.concatenate(frames)

    with ThreadPoolExecutor(2) as shared:
        np.testing.assert_array_equal(play(shared), play(None))


def test_nobody_waits_for_a_slow_worker(model):
    gate = threading.Event()

    class Slow:
        engine = model.engine

        def __init__(self):
            self.calls = 0

        def denoiser(self, arrays):
            self.calls += 1
            if self.calls > SMALL["steps"]:
                gate.wait(10)
            return model.denoiser(arrays)

    ahead = MotionAhead(MotionGenerator(Slow(), "a person walks", **SMALL), lead=2)
    frames = [ahead.next() for _ in range(60)]
    repeated = sum(after is before for before, after in zip(frames, frames[1:], strict=False))
    assert ahead.late == repeated >= 60 - 20  # the first block has twenty frames
    gate.set()
    taken(ahead, 5)
    ahead.close()
    assert not any(thread.name.startswith("genmo-ahead") for thread in threading.enumerate())


def test_what_breaks_the_worker_is_raised_where_frames_are_taken(model):
    class Broken:
        engine = model.engine

        def denoiser(self, arrays):
            raise InputError("out of order; wanted a network")

    with MotionAhead(MotionGenerator(Broken(), "a person walks", **SMALL)) as ahead:
        with pytest.raises(InputError, match="out of order"):
            ahead.next()


def test_what_cannot_be_told(model):
    with MotionAhead(MotionGenerator(model, "a person walks", **SMALL), lead=4, every=2) as ahead:
        with pytest.raises(InputError):
            ahead.prompt = "..."
        with pytest.raises(InputError):
            ahead.texts = [Text("...")]
        with pytest.raises(InputError, match="wanted 6 or later"):
            ahead.constrain(targets=JointTargets(np.array([5]), np.array([0]), np.zeros((1, 3))))
        ahead.command = RootPath(np.array([0, 60]), np.array([[0.0, 0.0], [0.0, 2.0]]))
        ahead.prompt = "a person jumps"
        assert ahead.prompt == "a person jumps" and len(taken(ahead, 12)) == 12
    for options in ({"lead": 0}, {"lead": 301}, {"every": 0}):
        with pytest.raises(InputError, match="wanted 1 to 300"):
            MotionAhead(MotionGenerator(model, "a person walks", **SMALL), **options)
