"""What rows are to be like, as the sampler takes it."""

import numpy as np
import pytest

from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.refine.timeline_sampling import SEAM, _drafts
from tests.train.made_motions import made

FRAMES = 90
CAMERA = Camera(np.tile(np.eye(3), (FRAMES, 1, 1)), np.zeros((FRAMES, 3)))


@pytest.fixture(scope="module")
def normalisation():
    layout = LAYOUTS["genmo"]
    return Normalisation(layout, np.zeros(layout.width, np.float32), np.ones(layout.width, np.float32))


def walk(frames):
    clip = made(frames, speed=1.2)
    return Motion(clip.rotations.astype(float), clip.translation.astype(float))


def test_each_row_has_its_own_references(normalisation):
    rows = [(), (ReferenceSpan(walk(60), 0, 1.0),), (ReferenceSpan(walk(60), 30, 0.5),)]
    draft = _drafts(rows, FRAMES, CAMERA, normalisation)
    assert draft.values.shape == (3, FRAMES, normalisation.layout.width)
    assert not draft.mask[0].any()
    in_draft = draft.mask.any(axis=-1)
    # frames at the border to others follow from both sides
    assert np.flatnonzero(in_draft[1]).tolist() == list(range(60 - SEAM + 1))
    assert np.flatnonzero(in_draft[2]).tolist() == list(range(30 + SEAM, 90))
    assert _drafts([(), ()], FRAMES, CAMERA, normalisation) is None


def test_strength_is_the_share_of_the_noise_that_is_begun_with(normalisation):
    """All the way: the step at t = 0 begins with it, too."""
    for strength, until in ((1.0, -1), (0.5, 499), (0.0, 999)):
        draft = _drafts([(ReferenceSpan(walk(FRAMES), 0, strength),)], FRAMES, CAMERA, normalisation)
        assert (draft.until == until).all()
        noise = np.zeros_like(draft.values)
        free = np.full_like(draft.values, 9.0)
        for timestep in (999, 500, 499, 0):
            drawn = draft.drawn(free, noise, timestep)[draft.mask]
            assert (drawn == 9.0).all() == (timestep <= until)


def test_a_faded_reference_is_left_step_by_step_at_inner_borders_alone(normalisation):
    draft = _drafts([(ReferenceSpan(walk(60), 0, 1.0, fade=15),)], FRAMES, CAMERA, normalisation)
    until = draft.until[0, :60]
    assert (until[:45] == -1).all() and until[59] > 900
    assert (np.diff(until[45:]) > 0).all()
    whole = _drafts([(ReferenceSpan(walk(FRAMES), 0, 1.0, fade=15),)], FRAMES, CAMERA, normalisation)
    assert (whole.until == -1).all()
