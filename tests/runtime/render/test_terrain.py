"""Ground that is not flat in pictures and pages: where it is, in whose shadow, and what of a body it hides."""

import base64
import json

import numpy as np

from genmo.runtime.formats import to_html
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.render.scene import Scene
from genmo.runtime.render.terrain import FINEST, MOST, REACH, grid_around, mesh_of

SIZE = (320, 180)


def still(height=0.0, frames=2):
    translation = np.tile([0.0, 0.95 + height, 0.0], (frames, 1))
    return Motion(rotations=np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1)), translation=translation)


def waves(places):
    return 0.1 * np.sin(places[..., 0]) + 0.3 * places[..., 1]


def skin(picture):
    """[height, width] which pixels show the body: warm ones."""
    return picture[..., 0].astype(int) > picture[..., 2].astype(int) + 25


def test_the_grid_tells_the_heights_around_the_path():
    path = np.array([[0.0, 1.0, 0.0], [3.0, 1.0, 1.0]])
    grid = grid_around(waves, path)
    places = np.random.default_rng(0).uniform([-REACH, -REACH], [3 + REACH, 1 + REACH], (500, 2))
    np.testing.assert_allclose(grid(places), waves(places), atol=1e-3)
    assert grid.spacing >= FINEST and np.size(grid_around(waves, 30 * path).heights) < 1.1 * MOST


def test_the_mesh_faces_up_and_fades_at_its_border():
    mesh = mesh_of(grid_around(lambda places: 0.3 * places[..., 1], np.zeros((2, 3))))
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    sides = np.cross(b - a, c - a)
    assert (sides[:, 1] > 0).all()
    np.testing.assert_allclose(
        mesh.normals, np.tile(np.array([0, 1, -0.3]) / np.hypot(1, 0.3), (len(mesh.normals), 1)), atol=1e-9
    )
    middle = np.linalg.norm(mesh.vertices[:, [0, 2]], axis=1) < 1
    assert (mesh.shown[middle] == 1).all() and mesh.shown.min() == 0


def test_a_picture_shows_the_body_over_the_ground_in_its_shadow():
    flat = Scene(still(), *SIZE, ground=lambda places: np.zeros(places.shape[:-1])).picture(0)
    plain, high = (
        Scene(still(), *SIZE).picture(0),
        Scene(still(2.0), *SIZE, ground=lambda at: 0 * at[..., 0] + 2.0).picture(0),
    )
    assert (skin(flat) == skin(plain)).mean() > 0.995
    assert np.abs(flat.astype(int) - high).mean() < 0.5  # the camera goes up with the ground
    alone = Scene(still(), *SIZE, ground=lambda places: np.zeros(places.shape[:-1]))
    alone._terrain._shadow = lambda vertices, faces: np.zeros(len(alone._terrain._vertices))
    lighter = alone.picture(0).astype(int).sum(axis=-1) - flat.astype(int).sum(axis=-1)
    inside = skin(flat)[1:-1, 1:-1] & skin(flat)[:-2, 1:-1] & skin(flat)[2:, 1:-1]  # not mixed with the ground
    inside &= skin(flat)[1:-1, :-2] & skin(flat)[1:-1, 2:]
    assert lighter.max() > 60 and lighter[1:-1, 1:-1][inside].max() <= 6


def test_ground_before_the_body_hides_it():
    """A wall of a metre all around, between the camera and the legs."""

    def pit(places):
        return np.where(np.linalg.norm(places, axis=-1) > 1.2, 1.0, 0.0)

    seen, hidden = (
        skin(Scene(still(), *SIZE, ground=ground).picture(0)) for ground in (lambda at: 0 * at[..., 0], pit)
    )
    assert hidden.sum() < 0.8 * seen.sum()


def test_a_page_has_the_heights():
    page = to_html(still(), ground=waves).decode()
    data = json.loads(page.split('<script id="motion" type="application/json">')[1].split("</script>")[0])
    terrain = data["people"][0]["terrain"]
    heights = np.frombuffer(base64.b64decode(terrain["heights"]), "<f4").reshape(terrain["size"])
    x, z = (np.array(terrain["origin"]) + terrain["spacing"] * np.array([7, 11])).tolist()
    np.testing.assert_allclose(heights[7, 11], waves(np.array([x, z])), atol=1e-6)
    assert (
        json.loads(to_html(still()).decode().split('"application/json">')[1].split("</script>")[0])["people"][0][
            "terrain"
        ]
        is None
    )
