"""BlazePose's decoding against its definitions: anchors, detections, regions, crops and heatmaps."""

import numpy as np
import pytest
from conftest_video import constant_network, cv2

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.blazepose_networks import (
    LandmarkNetwork,
    PersonDetector,
    Region,
    anchors,
    blended,
    decode_detections,
    refined,
    region_of,
)
from genmo.runtime.video.crops import warped


def detector(path, places, size=224):
    """A detector that finds people whose hips and tops (parts of the padded square) are `places`, each with a score."""
    boxes, scores = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -100, np.float32)
    centres = anchors()
    for number, (hips, top, score) in enumerate(places):
        cell = 300 * number + 7
        points = [*hips, *top, *hips, *hips]
        box = [*hips, 0.1, 0.1]
        boxes[0, cell] = (np.array(box + points) - np.array([*centres[cell], 0, 0, *np.tile(centres[cell], 4)])) * size
        scores[0, cell] = np.log(score / (1 - score))
    return constant_network(path, {"boxes": boxes, "scores": scores}, (3, size, size))


def landmarks(path, places, presence=0.9, visibility=3.0, peaks=None):
    """A network that finds the 39 landmarks at `places` (parts of the crop), whatever it is shown."""
    raw = np.zeros((1, 39, 5), np.float32)
    raw[0, :, :2], raw[0, :, 3:] = np.asarray(places) * 256, visibility
    heatmaps = np.full((1, 39, 64, 64), -20, np.float32) if peaks is None else peaks
    outputs = {
        "landmarks": raw.reshape(1, 195), "presence": np.full((1, 1), presence, np.float32), "heatmaps": heatmaps
    }  # fmt: skip
    return constant_network(path, outputs, (3, 256, 256))


def test_anchors_lie_in_the_middle_of_their_cells():
    all_of_them = anchors()
    assert all_of_them.shape == (2254, 2)
    np.testing.assert_allclose(all_of_them[[0, 1, 2, 56]], np.array([[1, 1], [1, 1], [3, 1], [1, 3]]) / 56)
    np.testing.assert_allclose(all_of_them[-1], 1 - 1 / 14)


def test_detections_that_overlap_are_blended_by_score():
    raw, logits = np.zeros((3, 12)), np.array([0.0, np.log(3.0), -1.0])
    raw[:, 2:4] = 22.4
    raw[0, 0] = 2.24
    found = decode_detections(raw, logits, np.full((3, 2), 0.5), 224)
    share = 0.5 / (0.5 + 0.75)
    np.testing.assert_allclose(found[0, :4], [0.45 + 0.01 * share, 0.45, 0.55 + 0.01 * share, 0.55])
    assert len(found) == 1
    apart = blended(np.array([[0.0, 0, 1, 1], [2.0, 0, 3, 1]]), np.array([0.6, 0.9]))
    np.testing.assert_array_equal(apart, [[2, 0, 3, 1], [0, 0, 1, 1]])


@pytest.mark.parametrize("turn", [0.0, 0.7, -2.0, 3.1])
def test_a_region_stands_the_person_upright(turn):
    hips, radius = np.array([300.0, 200.0]), 80.0
    top = hips + radius * np.array([np.sin(turn), -np.cos(turn)])
    region = region_of(hips, top)
    assert region.side == pytest.approx(200) and region.angle == pytest.approx(turn)
    matrix = region.matrix(256)
    np.testing.assert_allclose(matrix @ [128, 128, 1], hips)
    np.testing.assert_allclose(matrix @ [128, 128 - 256 * 0.4, 1], top)


def test_a_crop_shows_what_the_matrix_says():
    image = np.zeros((300, 400, 3), np.uint8)
    region = Region(np.array([150.0, 120.0]), 100.0, 0.5)
    place = region.matrix(256) @ [200, 60, 1]
    cv2.circle(image, tuple(int(round(16 * one)) for one in place), 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
    crop = warped(image, region.matrix(256), 256, edge=True)[..., 0].astype(float)
    y, x = np.indices(crop.shape)
    np.testing.assert_allclose([(x * crop).sum() / crop.sum(), (y * crop).sum() / crop.sum()], [200, 60], atol=0.3)
    beyond = Region(np.array([0.0, 0.0]), 100.0, 0.0).matrix(64)
    image[:] = 77
    assert (warped(image, beyond, 64, edge=True) == 77).all()
    assert (warped(image, beyond, 64, edge=False)[:31] == 0).all()


def test_a_heatmap_moves_its_landmark():
    heatmaps = np.full((4, 64, 64), -20.0)
    heatmaps[0, 30, 41] = heatmaps[0, 30, 42] = 5.0  # two cells right of the landmark
    heatmaps[1, 30, 40] = -0.1  # nowhere over one half
    heatmaps[2, 1, 2] = 5.0  # at the border
    heatmaps[3] = 5.0
    places = np.array([[40.5, 30.5], [41.5, 31.5], [0.5, 0.5], [70.0, 3.0]]) / 64
    got = refined(places, heatmaps) * 64
    np.testing.assert_allclose(got, [[41.5, 30], [41.5, 31.5], [2, 1], [70, 3]], atol=1e-6)


def test_people_are_found_in_pixels_of_a_wide_image(tmp_path):
    find = PersonDetector(
        detector(tmp_path / "d.onnx", [((0.5, 0.5), (0.5, 0.3), 0.8), ((0.25, 0.5), (0.3, 0.5), 0.9)])
    )
    surest, other = find(np.zeros((200, 400, 3), np.uint8))
    np.testing.assert_allclose(surest.centre, [100, 100], atol=0.01)
    np.testing.assert_allclose([surest.side, surest.angle], [2.5 * 20, np.pi / 2], rtol=1e-4)
    np.testing.assert_allclose([*other.centre, other.side, other.angle], [200, 100, 2.5 * 80, 0], atol=0.01)


def test_landmarks_come_back_to_the_image(tmp_path):
    places = np.random.default_rng(0).uniform(0.2, 0.8, (39, 2))
    network = LandmarkNetwork(landmarks(tmp_path / "l.onnx", places, visibility=-1.0))
    region = Region(np.array([150.0, 120.0]), 128.0, -0.4)
    found = network(np.zeros((300, 400, 3), np.uint8), region)
    ones = np.ones((39, 1))
    np.testing.assert_allclose(found.points[:, :2], np.hstack([places * 256, ones]) @ region.matrix(256).T, atol=1e-3)
    np.testing.assert_allclose(found.points[:, 2], 1 / (1 + np.e), rtol=1e-6)
    assert found.presence == pytest.approx(0.9)


@pytest.mark.parametrize("kind", [PersonDetector, LandmarkNetwork])
def test_other_networks_are_refused(tmp_path, kind):
    path = constant_network(tmp_path / "x.onnx", {"output": np.zeros((1, 5), np.float32)})
    with pytest.raises(InputError, match="wanted BlazePose's"):
        kind(path)
