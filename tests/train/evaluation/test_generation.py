"""Numbers of generated motions beside those of the real clips of an action."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.train.evaluation.generation import clips_of_actions, real_motion, statistics
from genmo.train.evaluation.text_motion_features import LONGEST


def test_clips_are_found_by_the_word_of_their_action(random_motion, clip_of):
    walk, run = (clip_of(random_motion(30), caption, (caption,)) for caption in ("he walks off", "a person runs"))
    actions = clips_of_actions([walk, run])
    assert actions["a person walks"] == [walk] and actions["a person runs"] == [run]
    assert actions["a person is boxing"] == []


def test_real_motion_is_the_middle_at_most_as_long_as_windows(random_motion, clip_of):
    clip = clip_of(random_motion(LONGEST + 20))
    motion = real_motion(clip)
    assert motion.frames == LONGEST
    np.testing.assert_allclose(motion.translation, clip.translation[10:-10])


def test_statistics_of_somebody_who_slides_without_moving(random_motion):
    """The root's speed is that of the slide, so is that of the low feet; nothing else moves."""
    still = random_motion(31, 3)
    slide = np.zeros((31, 3))
    slide[:, 2] = 0.04 * np.arange(31)
    motion = replace(
        still,
        rotations=np.tile(still.rotations[:1], (31, 1, 1, 1)),
        translation=still.translation[:1] + slide,
    )
    numbers = statistics(motion)
    assert numbers["root_speed"] == pytest.approx(1.2) and numbers["low_foot_speed"] == pytest.approx(1.2)
    assert numbers["joint_range"] == pytest.approx(0, abs=1e-9) and numbers["jitter"] == pytest.approx(0, abs=1e-5)
