"""Which shots say where the root is: cameras that stand still, whatever their lens; depth where the lens is known."""

import numpy as np
import pytest

from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.motion.motion import Camera, Motion, RootPose
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.refine.multi_shot import root_observations

GUESSED = default_intrinsics(1280, 720)
TOLD = GUESSED * [[0.7, 1, 1], [1, 0.7, 1], [1, 1, 1]]
FACING = np.diag([-1.0, -1.0, 1.0])
"""camera to world: it looks along +z"""


def seen(frames, lens=1.0, followed=0.0, intrinsics=GUESSED):
    """Observations of somebody who walks 1 m/s across and 0.5 m/s nearer, `lens` times as far in depth as it is, by a
    camera that follows so much of the way across."""
    seconds = np.arange(frames)[:, None] / 30
    path = np.array([0.0, 0.9, 8.0]) + seconds * [1.0, 0.0, -0.5]
    shown = (path - seconds * [followed, 0.0, 0.0] - [0.0, 1.5, 0.0]) * [1.0, 1.0, lens]
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    root = RootPose(np.tile(FACING.T, (frames, 1, 1)), rotate(FACING.T, shown))
    camera = Camera(np.tile(FACING, (frames, 1, 1)), np.zeros((frames, 3)))
    motion = Motion(rotations, path - path[0], np.zeros(10), camera=camera, root_camera=root)
    return root_observations(motion, [KeypointSpan(Keypoints(np.zeros((frames, 17, 3)), intrinsics))])


@pytest.mark.parametrize("lens", [0.4, 1.0, 2.0])
def test_under_a_guessed_lens_a_static_camera_is_followed_across_its_axis(lens):
    (one,) = seen(120, lens)
    np.testing.assert_allclose(one.axis, [0, 0, 1], atol=1e-12)
    assert not one.depth_counts, "four seconds: all of the depth may be the guess"


def test_depth_counts_in_long_motions_where_it_does_not_run_away():
    assert [seen(400, lens)[0].depth_counts for lens in (1.2, 2.0)] == [True, False]


@pytest.mark.parametrize("intrinsics", [GUESSED, TOLD], ids=["guessed", "told"])
def test_a_camera_that_follows_says_nothing(intrinsics):
    assert not seen(120, followed=0.8, intrinsics=intrinsics)


def test_a_lens_that_is_told_has_no_axis_to_leave_out():
    (one,) = seen(120, intrinsics=TOLD)
    assert one.axis is None
    assert not seen(120, lens=2.0, intrinsics=TOLD)
