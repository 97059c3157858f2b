"""What the tests of evaluation share: a model, clips, clips of four actions and evaluators trained on them."""

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.text_motion_evaluator import save_evaluator
from genmo.train.evaluation.torch_model import load_motion_model
from genmo.train.evaluation.train_text_motion import Plan, train


def as_clip(motion, name="x", captions=("a person walks",)):
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    return Clip(name, "s", captions, *(part.astype(np.float32) for part in parts))


ACTIONS = {"a person waves fast": 9.0, "somebody sways slowly": 1.0, "a dancer twists": 4.0, "he nods along": 2.0}


def clips_of_four_actions(count=8):
    """Four actions that differ in which joint swings, each clip with its own phase and size."""
    rng, clips = np.random.default_rng(0), []
    for joint, (caption, speed) in zip((16, 3, 9, 15), ACTIONS.items(), strict=True):
        for number in range(count):
            time = np.arange(70) / 30
            turn = np.zeros((70, 24, 3))
            turn[:, joint, 2] = rng.uniform(0.5, 1.0) * np.sin(speed * time + rng.uniform(0, 6))
            motion = Motion(matrix_from_axis_angle(turn), np.tile([0, 0.95, 0], (70, 1)))
            clips.append(as_clip(motion, f"{joint}_{number}", (caption,)))
    return clips


@pytest.fixture(scope="session")
def clip_of():
    """A function: a motion as a clip, with a name and captions."""
    return as_clip


@pytest.fixture(scope="session")
def action_clips():
    """A function: so many clips of each of four actions."""
    return clips_of_four_actions


@pytest.fixture(scope="session")
def trained():
    """Trained on all but two clips an action."""
    clips = clips_of_four_actions()
    kept = [clip for clip in clips if not clip.name.endswith(("_6", "_7"))]
    return train(kept, Plan(steps=36, batch=12, learning_rate=2e-3)), [c for c in clips if c not in kept]


@pytest.fixture(scope="session")
def model(tiny_checkpoint):
    return load_motion_model(tiny_checkpoint)


@pytest.fixture(scope="session")
def clips(motion_set):
    return list(read_clips(motion_set))


@pytest.fixture(scope="session")
def many_set(tmp_path_factory, write_set):
    """A set of 72 clips of 40 frames with captions of their own: enough for R-precision among 32."""
    return write_set(tmp_path_factory.mktemp("data") / "many30", clips=72, frames=40)


@pytest.fixture(scope="session")
def judge(tmp_path_factory, many_set):
    """Folder of an evaluator of two steps."""
    folder = tmp_path_factory.mktemp("judge") / "ev"
    save_evaluator(folder, train(list(read_clips(many_set)), Plan(steps=2, batch=4)), {})
    return folder


@pytest.fixture(scope="module")
def joints(request):
    motion = request.getfixturevalue("random_motion")(61, 3)
    return motion.joints_world()[:, :22]
