"""How the PyTorch twins are compared with the runtime's functions."""

import numpy as np
import pytest
import torch

TOLERANCE = 1e-5


@pytest.fixture(scope="session")
def tensor():
    """A function: an array as a float32 tensor."""
    return lambda array: torch.from_numpy(np.ascontiguousarray(array, np.float32))


@pytest.fixture(scope="session")
def assert_same():
    """A function: fails when a tensor or array is not another's numbers to `tolerance`."""

    def check(ours, theirs, tolerance=TOLERANCE):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=tolerance)

    return check
