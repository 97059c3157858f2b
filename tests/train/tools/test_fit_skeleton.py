"""The shape space of the actors."""

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import shape_space
from genmo.train.tools.fit_skeleton import fit_shape_space, mirrored_offsets


def test_a_shape_space_is_fitted_to_its_actors():
    """Actors that differ in three ways are described exactly by three components, and so are their mirror images."""
    rng = np.random.default_rng(0)
    base = shape_space().mean
    ways = rng.normal(0, 0.02, (3, 24, 3))
    ways[:, 0] = 0
    symmetric = ways + mirrored_offsets(ways)
    actors = base + np.einsum("nk,kjc->njc", rng.normal(size=(30, 3)), symmetric)
    mean, components, explained = fit_shape_space(actors, 3)
    assert explained[-1] == pytest.approx(1)
    basis = components.reshape(3, -1)
    for group in (actors, mirrored_offsets(actors)):
        rest = (group - mean).reshape(30, -1)
        np.testing.assert_allclose(rest @ np.linalg.pinv(basis) @ basis, rest, atol=1e-9)
    coordinates = (actors - mean).reshape(30, -1) @ np.linalg.pinv(basis)
    np.testing.assert_allclose((coordinates**2).mean(axis=0), 1, atol=1e-6)
