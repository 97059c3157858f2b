"""Somebody else's motion on genmo's body: feet on the ground stay there."""

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.bodies import leg_length, on_own_body
from genmo.runtime.motion.skeleton import shape_space


def test_a_giants_walk_is_ours_scaled(random_motion):
    own = random_motion(20, 0)
    giant = replace(own, offsets=1.5 * own.rest_offsets, translation=1.5 * own.translation)
    back = on_own_body(giant)
    np.testing.assert_allclose(back.joints_world(), own.joints_world(), atol=1e-9)
    assert back.offsets is None and on_own_body(own) is own


def test_a_leg_is_thigh_and_shin():
    offsets = np.zeros_like(shape_space().mean)
    offsets[4], offsets[7] = [0, -0.3, 0.4], [0, -0.4, 0]  # left knee and ankle
    assert abs(leg_length(offsets) - 0.9) < 1e-12
