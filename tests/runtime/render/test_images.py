"""Pictures without a display: triangles against a slow rasteriser, the body where it is projected, files that play."""

import io
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.formats import check_suffix, save_motion
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.render import images as files
from genmo.runtime.render.floor import LIGHT_TILE, SHADE_TILE, SKY, Floor
from genmo.runtime.render.rasterizer import coverage, drawn, nearest
from genmo.runtime.render.scene import DISTANCE, Scene
from genmo.runtime.support import native
from genmo.runtime.support.errors import BackendError


@pytest.fixture(scope="module")
def walker():
    """12 frames of somebody with the arms half down who glides 2 m along x."""
    turns = np.zeros((12, 24, 3))
    turns[:, 16, 2], turns[:, 17, 2] = -1.1, 1.1
    path = np.stack([np.linspace(0, 2, 12), np.full(12, 0.93), np.zeros(12)], axis=-1)
    return Motion(matrix_from_axis_angle(turns), path)


def slow(corners, depth, colors, width, height):
    """One pixel and one triangle after the other, from the definition."""
    shown, far = np.zeros((height, width, 3)), np.full((height, width), np.inf)
    for face, away, color in zip(corners, depth, colors, strict=True):
        matrix = np.concatenate([face.T, np.ones((1, 3))])
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        for y in range(height):
            for x in range(width):
                share = np.linalg.solve(matrix, [x + 0.5, y + 0.5, 1])
                if share.min() < -1e-9:
                    continue
                weight = share / away
                z = 1 / weight.sum()
                if z < far[y, x]:
                    far[y, x], shown[y, x] = z, (weight * z) @ color
    return shown, far


def test_triangles_are_those_of_a_slow_rasteriser():
    rng = np.random.default_rng(0)
    corners = rng.uniform(-4, 24, (14, 3, 2))
    corners[3] = corners[3, :1]  # a point
    corners[4, 2] = corners[4, 1]  # a line
    depth, colors = rng.uniform(1, 4, (14, 3)), rng.uniform(0, 1, (14, 3, 3))
    shown, far = nearest(corners, depth, colors, 20, 16)
    expected, expected_far = slow(corners, depth, colors, 20, 16)
    np.testing.assert_array_equal(np.isfinite(far), np.isfinite(expected_far))
    np.testing.assert_allclose(far[np.isfinite(far)], expected_far[np.isfinite(far)])
    np.testing.assert_allclose(shown, expected, atol=1e-9)
    np.testing.assert_array_equal(coverage(corners, 20, 16), np.isfinite(expected_far))


def test_batches_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    corners, depth = rng.uniform(0, 30, (20, 3, 2)), rng.uniform(1, 4, (20, 3))
    colors = rng.uniform(0, 1, (20, 3, 3))
    whole = nearest(corners, depth, colors, 30, 30)
    monkeypatch.setattr("genmo.runtime.render.rasterizer.BATCH", 300)
    for one, other in zip(whole, nearest(corners, depth, colors, 30, 30), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_body_is_where_the_projection_says(walker):
    scene = Scene(walker, 320, 240, smooth=1)
    for frame in (0, 6, 11):
        image = scene.picture(frame).astype(int)
        body = image[..., 0] > image[..., 2] + 20
        pixels, depth = scene.shot(frame).project(scene.joints[frame])
        for joint in (0, 3, 6, 12, 15, 4, 5, 16, 17):  # inside the body from the front
            x, y = np.floor(pixels[joint]).astype(int)
            assert body[y, x], (frame, joint)
        rows, columns = np.nonzero(body)
        low, high = pixels.min(axis=0) - 25, pixels.max(axis=0) + 25
        assert (columns > low[0]).all()
        assert (columns < high[0]).all()
        assert (rows > low[1]).all()
        assert (rows < high[1]).all()
        assert depth.mean() == pytest.approx(DISTANCE, abs=0.8)


def test_the_projection_is_a_pinhole(walker):
    shot = Scene(walker, 200, 100).shot(0)
    ahead = shot.eye - 3 * shot.back
    pixels, depth = shot.project(np.stack([ahead, ahead + 0.3 * shot.right, ahead + 0.3 * shot.up]))
    np.testing.assert_allclose(depth, 3)
    move = 0.1 * shot.focal
    np.testing.assert_allclose(pixels, [[100, 50], [100 + move, 50], [100, 50 - move]])


def test_camera_follows_and_the_floor_stays(walker):
    scene = Scene(walker, 160, 120, smooth=1)
    travelled = scene.shot(11).eye - scene.shot(0).eye
    assert 0.3 < travelled[0] < 2
    assert abs(travelled[1]) < 1e-9
    first = scene.picture(0)
    np.testing.assert_array_equal(first, Scene(walker, 160, 120, smooth=1).picture(0))  # the same pixels again
    np.testing.assert_allclose(first[2] / 255, np.tile(SKY, (160, 1)), atol=0.02)
    assert first[70:].std() > 5  # tiles
    dark = first.astype(int).sum(axis=-1)[80:]
    assert (dark < 0.86 * np.median(dark)).sum() > 20  # and a shadow


@pytest.mark.skipif(native.library() is None, reason=native.description())
def test_libgenmo_draws_the_picture_that_numpy_draws(walker):
    rng = np.random.default_rng(2)
    corners = rng.uniform(-10, 90, (60, 3, 2))
    corners[3] = corners[3, :1]  # a point
    corners[4, 2] = corners[4, 1]  # a line
    depth, colors = rng.uniform(1, 4, (60, 3)), rng.uniform(0, 1, (60, 3, 3))
    scene = Scene(walker, 320, 240)
    drawings = []
    for context in (nullcontext, native.numpy_only):
        with context():
            drawings.append((drawn(corners, depth, colors, 40, 30, 2), coverage(corners, 80, 60), scene.picture(5)))
    np.testing.assert_allclose(drawings[0][0], drawings[1][0], atol=1e-6)
    np.testing.assert_array_equal(drawings[0][1], drawings[1][1])
    assert np.abs(drawings[0][2].astype(int) - drawings[1][2]).max() <= 1


@pytest.mark.skipif(native.library() is None, reason=native.description())
def test_libgenmo_refuses_pictures_that_cannot_be():
    nothing = np.zeros((0, 3, 2))
    for width, smooth in ((0, 1), (40000, 1), (20000, 8)):
        with pytest.raises(ValueError, match="a picture of"):
            drawn(nothing, np.zeros((0, 3)), np.zeros((0, 3, 3)), width, 2, smooth)


def test_raised_arms_and_jumps_are_inside(walker):
    path = walker.translation.copy()
    path[4:8, 1] += 0.9
    scene = Scene(replace(walker, translation=path), 160, 120, smooth=1)
    for frame in range(12):
        pixels, _ = scene.shot(frame).project(scene.joints[frame])
        assert (pixels > 4).all()
        assert (pixels < np.asarray([160, 120]) - 4).all()


def test_the_floor_is_what_each_ray_meets(walker):
    """Near the camera's aim and far from edges of tiles, the two colours are where the definition puts them."""
    shot = Scene(walker, 160, 120).shot(11)
    aim = -shot.back[[0, 2]] * shot.eye[1] / shot.back[1]  # no haze within 4 m
    axes = (shot.right, shot.up, shot.back)
    image = Floor(axes, float(shot.eye[1]), aim, shot.focal, (160, 120)).tiles(shot.eye)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(160), np.arange(70, 120)))
    rays = np.outer((x + 0.5 - 80) / shot.focal, shot.right) + np.outer((59.5 - y) / shot.focal, shot.up) - shot.back
    place = (shot.eye + (shot.eye[1] / -rays[:, 1])[:, None] * rays)[:, [0, 2]]
    tile = place + 0.25 - 0.5  # an edge of a tile is at each whole number
    clear = (np.abs(tile - np.rint(tile)) > 0.2).all(axis=1) & (
        np.linalg.norm(place - shot.eye[[0, 2]] - aim, axis=1) < 4
    )
    odd = np.floor(tile).sum(axis=1) % 2 == 1
    expected = 255 * np.where(odd[:, None], LIGHT_TILE, SHADE_TILE)
    assert clear.sum() > 500
    np.testing.assert_allclose(image[:, y, x].T[clear], expected[clear], atol=3)


def test_edges_are_smooth(walker):
    hard, soft = (Scene(walker, 160, 120, smooth=k).picture(0).astype(int) for k in (1, 3))
    assert np.abs(hard - soft).mean() < 2
    assert len(np.unique(soft.reshape(-1, 3), axis=0)) > len(np.unique(hard.reshape(-1, 3), axis=0))


def test_png(walker, tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(files, "STILL", (320, 180))
    save_motion(tmp_path / "a.png", walker)
    shown = np.asarray(image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(shown, Scene(walker, 320, 180).picture(6))
    assert files.to_png(walker) == (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize(("fps", "frames", "shown"), [(30.0, 12, 12), (60.0, 12, 6), (24.0, 5, 5), (30.0, 1, 1)])
def test_gif_has_the_right_length(walker, monkeypatch, fps, frames, shown):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr(files, "SMALL", (80, 60))
    motion = replace(walker, rotations=walker.rotations[:frames], translation=walker.translation[:frames], fps=fps)
    played = image.open(io.BytesIO(files.to_gif(motion)))
    assert (played.n_frames, played.size) == (shown, (80, 60))
    total = 0
    for k in range(played.n_frames):
        played.seek(k)
        total += played.info["duration"]
    assert total == pytest.approx(1000 * frames / fps, abs=5)


@pytest.mark.end_to_end
@pytest.mark.parametrize("fps", [30.0, 24.0, 60.0])
def test_mp4_decodes_with_its_frames_and_rate(walker, tmp_path, monkeypatch, fps):
    av = pytest.importorskip("av")
    monkeypatch.setattr(files, "FILM", (160, 120))
    motion = replace(walker, fps=fps)
    save_motion(tmp_path / "a.mp4", motion)
    with av.open(str(tmp_path / "a.mp4")) as video:
        stream = video.streams.video[0]
        images = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
        assert float(stream.average_rate) == fps
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 160, 120)
    assert len(images) == walker.frames
    drawn = Scene(motion, 160, 120).picture(7).astype(int)
    assert np.abs(images[7].astype(int) - drawn).mean() < 6
    assert files.to_mp4(motion) == (tmp_path / "a.mp4").read_bytes()


def test_a_missing_library_is_told_before_any_work(monkeypatch):
    def gone(name):
        raise ImportError(name)

    monkeypatch.setattr(files.importlib, "import_module", gone)
    for suffix in (".png", ".gif", ".mp4"):
        with pytest.raises(BackendError, match=r'pip install "genmo-motion\[pictures\]"'):
            check_suffix("walk" + suffix)
