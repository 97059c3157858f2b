"""Heights of ground that is not flat, in closed form."""

import numpy as np
import pytest

from genmo.runtime import InputError
from genmo.runtime.motion.ground import HeightGrid, Plane, Planes, normals

PLACES = np.array([[0.0, 0.0], [0.5, 2.0], [0.5, 2.6], [3.0, 2.6]])


def test_the_last_plane_counts():
    ground = Planes([Plane(0.1), Plane(0.3, x=(0, 1), z=(1, 3)), Plane(0.3, x=(0, 1), z=(2.5, 3), rise_z=2.0)])
    np.testing.assert_allclose(ground(PLACES), [0.1, 0.3, 0.5, 0.1])
    assert np.all(Planes([])(PLACES) == 0)


def test_a_grid_is_linear_between_its_points():
    x, z = np.meshgrid(np.linspace(-1, 4, 11), np.linspace(-2, 3, 11), indexing="ij")
    grid = HeightGrid(0.2 * x - 0.1 * z, (-1.0, -2.0), 0.5)
    np.testing.assert_allclose(grid(PLACES), PLACES @ [0.2, -0.1], atol=1e-12)
    np.testing.assert_allclose(grid(np.array([[99.0, 0.0]])), 0.8, atol=1e-12)


def test_normals():
    slope = Planes([Plane(0.0, rise_x=0.3, rise_z=-0.4)])
    np.testing.assert_allclose(normals(slope, PLACES), np.tile([-0.3, 1, 0.4], (4, 1)) / np.sqrt(1.25), atol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Plane(np.nan),
        lambda: Plane(x=(1, 1)),
        lambda: HeightGrid(np.zeros((1, 4)), (0, 0), 1.0),
        lambda: HeightGrid(np.zeros((2, 2)), (0, 0), 0.0),
    ],
)
def test_what_is_no_ground(wrong):
    with pytest.raises(InputError, match="wanted"):
        wrong()
