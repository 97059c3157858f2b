"""Pose networks: decoding against the originals' formulae, and a bright spot found where it is in the image."""

import numpy as np
import pytest
from conftest_video import constant_network, heatmap_network, simcc_network, spot, yolox_head

from genmo.runtime.support.errors import InputError
from genmo.runtime.video import PoseEstimator
from genmo.runtime.video.crops import centre_and_size, crop_matrix, crops, normalized
from genmo.runtime.video.poses import PoseNetwork, decode_heatmaps, decode_simcc

BOX = np.array([[60.0, 30.0, 160.0, 200.0], [80.0, 60.0, 130.0, 110.0]])


@pytest.mark.parametrize("udp", [False, True])
def test_crops_keep_the_aspect_and_the_corners(udp):
    """MMPose: the box padded by 1.25 and grown to 3 : 4; what is shown ends at the crop's edges, or their centres."""
    for box in BOX:
        (centre,), (size,) = centre_and_size(box[None], 192 / 256)
        width, height = 1.25 * (box[2] - box[0]), 1.25 * (box[3] - box[1])
        expected = (width, width / 0.75) if width > 0.75 * height else (0.75 * height, height)
        np.testing.assert_allclose(size, expected)
        np.testing.assert_allclose(centre, [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        matrix = crop_matrix(centre, size, 192, 256, udp)
        corners = np.array([centre - size / 2, centre + size / 2])
        edge = np.array([192, 256]) - udp
        np.testing.assert_allclose(corners @ matrix[:, :2].T + matrix[:, 2], [[0, 0], edge], atol=1e-9)


def test_a_crop_by_hand():
    """Bilinear by loops, black outside."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (30, 40, 3), np.uint8)
    centre, size = np.array([5.0, 12.0]), np.array([18.0, 24.0])
    crop = crops(image, centre[None], size[None], 12, 16, True)[0]
    padded = np.pad(image, [(60, 60), (60, 60), (0, 0)]).astype(float)
    for row in range(16):
        for column in range(12):
            x, y = centre - size / 2 + np.array([column, row]) * size / [11, 15] + 60
            left, top = int(np.floor(x)), int(np.floor(y))
            u, v = x - left, y - top
            near = padded[top : top + 2, left : left + 2]
            value = (1 - v) * ((1 - u) * near[0, 0] + u * near[0, 1]) + v * ((1 - u) * near[1, 0] + u * near[1, 1])
            assert np.abs(crop[row, column] - value).max() < 8  # OpenCV interpolates in 1/32 of a pixel


def test_normalisation():
    image = np.array([[[[255, 0, 128]]]], np.uint8)
    expected = [(255 - 123.675) / 58.395, -116.28 / 57.12, (128 - 103.53) / 57.375]
    np.testing.assert_allclose(normalized(image)[0, :, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("make", [heatmap_network, simcc_network])
@pytest.mark.parametrize("place", [(100.0, 80.0), (93.0, 71.5), (110.25, 120.75)])
def test_a_bright_spot_is_found_where_it_is(tmp_path, make, place):
    network = PoseNetwork(make(tmp_path / "n.onnx"))
    points = network.of_boxes(spot(320, 240, *place), BOX[:1])
    assert points.shape == (1, 21, 3)
    # a pixel of the crop is 0.83 pixels here, a bin half of that, a cell of the heatmap four
    np.testing.assert_allclose(points[0, :17, :2], np.tile(place, (17, 1)), atol=0.8)
    assert (points[:, :17, 2] > 0.1).all()


def test_simcc_by_loops():
    rng = np.random.default_rng(1)
    across, down = rng.normal(size=(3, 17, 384)), rng.normal(size=(3, 17, 512))
    places, scores = decode_simcc(across, down)
    for person in range(3):
        for point in range(17):
            x, y = across[person, point].tolist(), down[person, point].tolist()
            at = [x.index(max(x)) / 2 / 192, y.index(max(y)) / 2 / 256]  # two bins a pixel of 192 x 256
            np.testing.assert_allclose(places[person, point], at)
            assert scores[person, point] == min(max(x), max(y))


def test_the_peak_of_a_gaussian_is_found_between_cells():
    """DARK's step is exact on a Gaussian: the logarithm is a parabola."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:64, :48]
    truth = rng.uniform([8, 8], [40, 56], (1, 17, 2))
    squared_distance = (columns - truth[..., 0, None, None]) ** 2 + (rows - truth[..., 1, None, None]) ** 2
    places, scores = decode_heatmaps(0.9 * np.exp(-squared_distance / (2 * 2.0**2)))
    np.testing.assert_allclose(places * [47, 63], truth, atol=0.03)
    assert (scores > 0.8).all()
    blank, nothing = decode_heatmaps(np.zeros((1, 17, 64, 48)))
    assert (nothing == 0).all() and np.isfinite(blank).all()


def test_a_one_stage_network(tmp_path):
    boxes = np.array([[20, 20, 120, 220, 0.9], [22, 22, 120, 220, 0.6], [300, 0, 400, 300, 0.2]], np.float32)[None]
    points = np.random.default_rng(0).uniform(0.5, 300, (1, 3, 17, 3)).astype(np.float32)
    points[..., 2] = 0.7
    outputs = {"dets": (boxes, ("b", "n", 5)), "keypoints": (points, ("b", "n", 17, 3))}
    estimator = PoseEstimator(constant_network(tmp_path / "rtmo.onnx", outputs))
    image = np.zeros((480, 1280, 3), np.uint8)  # half the size in the network
    result = estimator.people(image)
    np.testing.assert_allclose(result.points[:, :17, :2], 2 * points[0, :1, :, :2], rtol=1e-5)
    np.testing.assert_allclose(result.boxes, [[40, 40, 240, 440]], rtol=1e-5)
    np.testing.assert_array_equal(estimator.keypoints(image), result.points)


def test_a_detector_and_a_pose_network(tmp_path):
    head = yolox_head([(40, 20, 140, 180, 0.6, 0), (300, 40, 420, 300, 0.9, 0)])
    detector = constant_network(tmp_path / "y.onnx", {"output": head})
    estimator = PoseEstimator(heatmap_network(tmp_path / "p.onnx"), detector)
    image = np.maximum(spot(640, 640, 100, 90), spot(640, 640, 350, 200))
    points = estimator.keypoints(image)
    np.testing.assert_allclose(points[0, :17, :2], np.tile([350, 200], (17, 1)), atol=1.2)  # the surest first
    np.testing.assert_allclose(points[1, :17, :2], np.tile([100, 90], (17, 1)), atol=1.2)


def test_nobody_is_no_points(tmp_path):
    detector = constant_network(tmp_path / "y.onnx", {"output": yolox_head([])})
    estimator = PoseEstimator(simcc_network(tmp_path / "p.onnx"), detector)
    assert estimator.keypoints(np.zeros((64, 64, 3), np.uint8)).shape == (0, 21, 3)


def test_networks_of_26_points_give_coco_heels_and_toes(tmp_path):
    points = PoseNetwork(simcc_network(tmp_path / "h.onnx", points=26)).of_boxes(spot(), BOX[:1])
    assert points.shape == (1, 21, 3)


def test_other_files_are_refused(tmp_path):
    yolox = constant_network(tmp_path / "y.onnx", {"output": np.zeros((1, 8400, 85), np.float32)})
    pose = heatmap_network(tmp_path / "p.onnx")
    rtmo = {"dets": np.zeros((1, 4, 5), np.float32), "keypoints": np.zeros((1, 4, 17, 3), np.float32)}
    one_stage = constant_network(tmp_path / "r.onnx", rtmo)
    for arguments, says in (
        ((yolox,), "looks like a detector"),
        ((pose,), "wanted a detector"),
        ((one_stage, yolox), "wanted no detector"),
        ((pose, pose), "wanted a detector"),
        ((heatmap_network(tmp_path / "q.onnx", points=21), yolox), "21 keypoints a person"),
    ):
        with pytest.raises(InputError, match=says):
            PoseEstimator(*arguments)


@pytest.mark.end_to_end
def test_the_same_as_transformers(tmp_path):
    """The image processor of ViTPose is an independent implementation of the crop and of the decoding."""
    processing = pytest.importorskip("transformers.models.vitpose.image_processing_pil_vitpose")
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:64, :48]
    truth = rng.uniform([8, 8], [40, 56], (2, 17, 2))
    squared_distance = (columns - truth[..., 0, None, None]) ** 2 + (rows - truth[..., 1, None, None]) ** 2
    heatmaps = np.exp(-squared_distance / 8)
    centres, sizes = centre_and_size(BOX, 192 / 256)
    places, _ = decode_heatmaps(heatmaps)
    mine = places * sizes[:, None] + (centres - sizes / 2)[:, None]
    for person, (x0, y0, x1, y1) in enumerate(BOX):
        centre, scale = processing.box_to_center_and_scale((x0, y0, x1 - x0, y1 - y0), 192, 256)
        theirs = processing.get_keypoint_predictions(heatmaps[person : person + 1])[0]
        theirs = processing.post_dark_unbiased_data_processing(theirs, heatmaps[person : person + 1], 11)
        theirs = processing.transform_preds(theirs[0], centre, scale, np.array([64, 48]))
        np.testing.assert_allclose(mine[person], theirs, atol=0.15)  # their Gaussian is narrower than MMPose's
        warp = processing.get_warp_matrix(0, centre * 2, np.array([191, 255]), scale * 200)
        np.testing.assert_allclose(
            crop_matrix(centres[person], sizes[person], 192, 256, True), warp, rtol=1e-5, atol=1e-3
        )
