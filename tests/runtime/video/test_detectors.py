"""Detectors: decoding against formulae written out, boxes brought back to the image, wrong files refused."""

import json

import numpy as np
import pytest
from conftest_video import constant_network, heatmap_network, save_graph, simcc_network, yolox_head
from onnx import helper

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.crops import letterbox
from genmo.runtime.video.detectors import Detector, box_overlaps, decode_yolox, suppress

IMAGE = np.full((360, 480, 3), 90, np.uint8)
SCALE = 640 / 480  # the letterbox of 640 x 640


def in_input(*box):
    return [SCALE * one for one in box]


def test_yolox_as_its_authors_export_it(tmp_path):
    people = [(*in_input(100, 50, 200, 300), 0.9, 0), (*in_input(300, 60, 380, 340), 0.8, 0)]
    others = [
        (*in_input(10, 10, 90, 90), 0.95, 16),
        (*in_input(102, 52, 202, 302), 0.7, 0),
        (*in_input(5, 5, 60, 60), 0.3, 0),
    ]
    result = Detector(constant_network(tmp_path / "y.onnx", {"output": yolox_head(people + others)}))(IMAGE)
    np.testing.assert_allclose(result.corners, [[100, 50, 200, 300], [300, 60, 380, 340]], atol=1e-3)
    np.testing.assert_allclose(result.scores, [0.9, 0.8], atol=1e-6)


def test_the_grid_cell_by_cell():
    rng = np.random.default_rng(0)
    width, height = 96, 64
    raw = rng.normal(size=(12 * 8 + 6 * 4 + 3 * 2, 7))
    corners, scores = decode_yolox(raw, width, height)
    row = 0
    for stride in (8, 16, 32):
        for y in range(height // stride):
            for x in range(width // stride):
                cx, cy = (raw[row, 0] + x) * stride, (raw[row, 1] + y) * stride
                w, h = np.exp(raw[row, 2]) * stride, np.exp(raw[row, 3]) * stride
                np.testing.assert_allclose(corners[row], [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
                assert scores[row] == raw[row, 4] * raw[row, 5]
                row += 1
    with pytest.raises(InputError, match="wanted 126 boxes"):
        decode_yolox(raw[:-1], width, height)


def test_yolox_with_labels_as_mmdeploy_exports_it(tmp_path):
    boxes = np.array(
        [[*in_input(100, 50, 200, 300), 0.9], [*in_input(0, 0, 90, 90), 0.8], [0, 0, 0, 0, 0]], np.float32
    )[None]
    outputs = {"dets": (boxes, ("batch", "boxes", 5)), "labels": (np.array([[0, 3, 0]]), ("batch", "boxes"))}
    result = Detector(constant_network(tmp_path / "m.onnx", outputs))(IMAGE)
    np.testing.assert_allclose(result.corners, [[100, 50, 200, 300]], atol=1e-3)


def detr(tmp_path, classes, person, score, properties=None, size=(3, 320, 320), box=(0.25, 0.5, 0.2, 0.6)):
    logits = np.full((1, 5, classes), -9.0, np.float32)
    logits[0, :, -1] = 3 if classes > 80 else -9  # the class "nothing"
    logits[0, 2, person] = np.log(score / (1 - score)) if classes == 80 else 3 + np.log(score / (1 - score))
    boxes = np.tile(np.array([0.5, 0.5, 0.1, 0.1], np.float32), (1, 5, 1))
    boxes[0, 2] = box
    return constant_network(tmp_path / "d.onnx", {"logits": logits, "pred_boxes": boxes}, size, properties=properties)


@pytest.mark.parametrize(("classes", "person"), [(80, 0), (92, 1)])
def test_networks_like_detr(tmp_path, classes, person):
    result = Detector(detr(tmp_path, classes, person, 0.8))(IMAGE)
    np.testing.assert_allclose(result.corners, [[72, 72, 168, 288]], atol=1e-3)
    np.testing.assert_allclose(result.scores, [0.8], atol=1e-3)


def test_a_padded_network_like_detr(tmp_path):
    properties = {"genmo": json.dumps({"fit": "pad", "activation": "softmax", "person": 1})}
    # 480 x 360 in 320 x 320 fills 320 x 240: the box is in parts of the padded picture
    result = Detector(detr(tmp_path, 92, 1, 0.8, properties, box=(0.25, 0.375, 0.2, 0.45)))(IMAGE)
    np.testing.assert_allclose(result.corners, [[72, 72, 168, 288]], atol=1e-3)


def test_what_the_network_sees(tmp_path):
    """Blue first, 0 to 255, grey below and to the right of the picture."""
    image = np.zeros((40, 80, 3), np.uint8)
    image[..., 0] = 200  # red
    padded, scale = letterbox(image, 64, 64)
    assert scale == 0.8 and (padded[:32] == [200, 0, 0]).all() and (padded[32:] == 114).all()
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=1),
        helper.make_node("Reshape", ["means", "shape"], ["row"]),
        helper.make_node("Tile", ["row", "often"], ["output"]),
    ]
    constants = [("shape", np.array([1, 1, 3])), ("often", np.array([1, 84, 2]))]
    path = save_graph(tmp_path / "n.onnx", nodes, [("images", (1, 3, 64, 64))], [("output", (1, 84, 6))], constants)
    detector = Detector(path)
    inputs = []
    run = detector.network
    detector.network = lambda images: inputs.append(images) or run(images)
    detector.network.path = run.path
    detector(image)
    np.testing.assert_array_equal(inputs[0][0, :, 0, 0], [0, 0, 200])
    np.testing.assert_array_equal(inputs[0][0, :, -1, -1], [114, 114, 114])


def test_suppression_against_all_pairs():
    rng = np.random.default_rng(3)
    for _ in range(20):
        low = rng.uniform(0, 50, (30, 2))
        corners, scores = np.concatenate([low, low + rng.uniform(5, 40, (30, 2))], axis=1), rng.random(30)
        kept = suppress(corners, scores)
        overlaps = box_overlaps(corners, corners)
        assert np.allclose(np.diag(overlaps), 1)
        for one in range(30):  # out exactly when a better one that stays overlaps it
            better = [other for other in kept if scores[other] > scores[one] and overlaps[one, other] > 0.45]
            assert (one in kept) == (not better)


def test_overlaps_by_counting_pixels():
    boxes = np.array([[0, 0, 10, 10], [5, 5, 15, 20], [40, 40, 50, 50]])
    masks = np.zeros((3, 60, 60), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    expected = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    np.testing.assert_allclose(box_overlaps(boxes.astype(float), boxes.astype(float)), expected)


def test_other_files_are_refused(tmp_path):
    rtmo = {"dets": np.zeros((1, 4, 5), np.float32), "keypoints": np.zeros((1, 4, 17, 3), np.float32)}
    wrong = [
        (heatmap_network(tmp_path / "h.onnx"), "wanted a detector"),
        (simcc_network(tmp_path / "s.onnx"), "wanted a detector"),
        (constant_network(tmp_path / "r.onnx", rtmo), "RTMO finds people by itself"),
        (constant_network(tmp_path / "g.onnx", {"o": np.zeros((1, 7), np.float32)}, (1, 640, 640)), "wanted one image"),
        (tmp_path / "none.onnx", "no such file"),
    ]
    (tmp_path / "text.onnx").write_text("hello")
    for path, says in [*wrong, (tmp_path / "text.onnx", "cannot load it")]:
        with pytest.raises(InputError, match=says):
            Detector(path)
    odd = constant_network(tmp_path / "o.onnx", {"output": np.zeros((1, 100, 85), np.float32)})
    with pytest.raises(InputError, match="wanted 8400 boxes"):
        Detector(odd)(IMAGE)
