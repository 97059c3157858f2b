"""Given frames as a condition: themselves where they are given, the straight way between them, nothing out of reach."""

import numpy as np
import pytest

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.known_frames import CLOSE, LINE, REACH, keyframe_condition
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.motion.layout import LAYOUTS

LAYOUT = LAYOUTS["genmo"]
GROUPS = len(LAYOUT.groups)
VELOCITY = LAYOUT.slices["root_velocity"]


def made(given, frames=200, places=True, yaw=0.0):
    """The condition of frames `given` without their velocity; the person goes 1 cm a frame along +z."""
    values = np.random.default_rng(0).standard_normal((frames, LAYOUT.width))
    mask = np.zeros(values.shape, bool)
    mask[given] = True
    mask[:, VELOCITY] = False
    path = np.full((frames, 3), np.nan)
    if places:
        path[given] = np.array([0, 0, 0.01]) * np.asarray(given)[:, None]
    condition = keyframe_condition(np.where(mask, values, 9.0), mask, LAYOUT, path, np.full(frames, yaw))
    return values, condition["keyframes"], condition["keyframes_mask"]


def test_it_has_the_width_that_the_signature_says():
    assert frame_conditions(ModelConfig(keyframes=True))["keyframes"] == made([3])[1].shape[1:]
    assert "keyframes" not in frame_conditions(ModelConfig())


def test_given_frames_are_there_and_what_is_between_is_between():
    values, condition, _ = made([10, 20])
    features = condition[:, : LAYOUT.width]
    rest = np.r_[0 : VELOCITY.start, VELOCITY.stop : LAYOUT.width]
    np.testing.assert_allclose(features[[10, 20]][:, rest], values[[10, 20]][:, rest], atol=1e-6)
    middle = 0.7 * values[10] + 0.3 * values[20]
    np.testing.assert_allclose(features[13, rest], middle[rest], atol=1e-6)
    np.testing.assert_allclose(features[5, rest], values[10, rest], atol=1e-6)  # held
    assert not features[:, VELOCITY].any()  # nobody gave it


def test_closeness_says_what_is_given_and_how_far_it_is():
    closeness = made([10, 20])[1][:, LAYOUT.width : LAYOUT.width + GROUPS]
    assert closeness[10, 0] == 1 and closeness[14, 0] == pytest.approx(np.exp(-4 / CLOSE))
    group = [block.start for block in LAYOUT.groups].index(VELOCITY.start)
    assert not closeness[:, group].any()


def test_the_line_leads_from_place_to_place_in_the_axes_of_the_view():
    line = made([10, 20], yaw=np.pi / 2)[1][:, -4:]
    np.testing.assert_allclose(line[10:20], np.tile([-0.01 / LINE, 0, 0, 1], (10, 1)), atol=1e-6)
    assert not line[:10].any() and not line[20:].any()
    assert not made([10, 20], places=False)[1][:, -4:].any() and not made([10])[1][:, -4:].any()


def test_nothing_is_said_out_of_reach():
    _, condition, mask = made([0])
    assert mask[: REACH + 1].all() and not mask[REACH + 1 :].any() and not condition[REACH + 1 :].any()
    nothing = made([], places=False)
    assert not nothing[1].any() and not nothing[2].any()
