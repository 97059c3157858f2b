"""Recordings of any rate at 30 frames a second."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.datasets.resampling import frame_times


def test_places_of_frames():
    np.testing.assert_array_equal(frame_times(5, 60.0), [0, 2, 4])
    np.testing.assert_array_equal(frame_times(4, 60.0), [0, 2])
    np.testing.assert_array_equal(frame_times(1, 24.0), [0])
    np.testing.assert_allclose(frame_times(3, 24.0), [0, 0.8, 1.6])
    np.testing.assert_array_equal(frame_times(120, 1 / 0.0333333), np.arange(120))
    for bad in (0.0, -3.0, np.nan):
        with pytest.raises(InputError, match="frames a second"):
            frame_times(10, bad)
