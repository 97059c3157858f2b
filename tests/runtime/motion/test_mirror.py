"""Somebody seen in a mirror."""

import numpy as np

from genmo.runtime.motion.joints import MIRROR_JOINTS
from genmo.runtime.motion.mirror import mirrored
from genmo.runtime.motion.motion import Motion


def test_joints_and_contacts_are_seen_in_the_mirror(random_motion):
    motion = random_motion(30, 2)
    contacts = np.random.default_rng(0).random((30, 6))
    motion = Motion(motion.rotations, motion.translation, offsets=motion.rest_offsets, contacts=contacts)
    seen = mirrored(motion)
    joints = motion.joints_world()[:, list(MIRROR_JOINTS)] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(seen.joints_world(), joints, atol=1e-6)
    np.testing.assert_array_equal(seen.contacts, contacts[:, [2, 3, 0, 1, 5, 4]])
    np.testing.assert_allclose(mirrored(seen).joints_world(), motion.joints_world(), atol=1e-6)


def test_the_mean_body_stays(random_motion):
    motion = Motion(random_motion(5, 2).rotations, np.zeros((5, 3)))
    assert mirrored(motion).offsets is None
