"""Filters over time in closed form: taps that sum to one, eases that are level at both ends."""

import numpy as np

from genmo.runtime.motion.filters import fir_filtered, gaussian, smoothstep


def test_a_gaussian_has_its_spread_and_keeps_steady_signals():
    taps = gaussian(3.0, 15)
    places = np.arange(-15, 16)
    np.testing.assert_allclose([taps.sum(), (taps * places**2).sum()], [1, 9], rtol=1e-4)
    line = np.linspace(0, 1, 60)[:, None]
    np.testing.assert_allclose(fir_filtered(line, taps, 15)[15:-15], line[15:-15], atol=1e-12)


def test_an_ease_is_level_at_both_ends_and_half_in_the_middle():
    x = np.linspace(0, 1, 101)
    eased = smoothstep(x)
    np.testing.assert_allclose(eased[[0, 50, 100]], [0, 0.5, 1])
    assert (np.diff(eased) > 0).all() and np.diff(eased)[[0, -1]].max() < 4e-4
    np.testing.assert_array_equal(smoothstep(np.array([-2.0, 3.0])), [0, 1])
    assert smoothstep(x.astype(np.float32)).dtype == np.float32
