"""Networks of transformers with random weights, exported and run by the runtime: the same answers, or one line."""

import json

import numpy as np
import pytest

from genmo.export.targets.pose_networks import load, main
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.video.crops import centre_and_size, crops, normalized
from genmo.runtime.video.detectors import Detector
from genmo.runtime.video.poses import PoseNetwork, decode_heatmaps

pytestmark = [
    pytest.mark.requires("transformers", "cv2", "onnxruntime", "torch"),
    pytest.mark.filterwarnings("ignore"),
]


def vitpose(folder, read=2):
    import torch
    import transformers

    torch.manual_seed(0)
    backbone = transformers.VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        mlp_ratio=2, out_indices=[read],
    )  # fmt: skip
    config = transformers.VitPoseConfig(
        backbone_config=backbone, num_labels=17, scale_factor=4, use_simple_decoder=True
    )
    transformers.VitPoseForPoseEstimation(config).save_pretrained(folder)
    return folder


def yolos(folder, labels=("n/a", "person", "dog")):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.YolosConfig(
        image_size=[64, 96], patch_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, num_detection_tokens=6, id2label=dict(enumerate(labels)),
    )  # fmt: skip
    transformers.YolosForObjectDetection(config).save_pretrained(folder)
    return folder


def test_vitpose_answers_as_in_pytorch(tmp_path, capsys):
    import torch

    folder = vitpose(tmp_path / "vitpose")
    out = tmp_path / "v.onnx"
    assert main([str(folder), "--out", str(out)]) == 0
    assert "differs from PyTorch" in capsys.readouterr().out
    network = PoseNetwork(out)
    assert network.kind == "heatmaps" and network.network.size(0, 0) == (48, 64)
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    boxes = np.array([[20.0, 10, 80, 110], [60, 30, 140, 100]])
    centres, sizes = centre_and_size(boxes, 48 / 64)
    with torch.no_grad():
        seen = torch.from_numpy(normalized(crops(image, centres, sizes, 48, 64, True)))
        heatmaps = load(str(folder)).model(seen).heatmaps.numpy()
    places, _ = decode_heatmaps(heatmaps)
    found = network.of_boxes(image, boxes)[:, :COCO_COUNT]  # feet beside them: this network has none
    wanted = places * sizes[:, None] + (centres - sizes / 2)[:, None]
    sure = found[..., 2] > 0
    np.testing.assert_allclose(found[sure][:, :2], wanted[sure], atol=0.05)


def test_a_detector_knows_its_people(tmp_path):
    out = tmp_path / "d.onnx"
    assert main([str(yolos(tmp_path / "yolos")), "--out", str(out), "--size", "96x64"]) == 0
    detector = Detector(out, score=0.0)
    assert detector.kind == "detr" and detector.network.properties["person"] == 1
    assert detector.network.properties["fit"] == "pad"
    found = detector(np.random.default_rng(0).integers(0, 255, (200, 240, 3), np.uint8))
    assert (found.corners >= 0).all() and (found.corners <= [240, 200, 240, 200]).all() and len(found.scores)


def test_what_cannot_be_exported_is_one_line(tmp_path, capsys):
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    cases = {
        "its head reads layer 1 of 2": vitpose(tmp_path / "cut", read=1),
        "no class named person": yolos(tmp_path / "dogs", ("cat", "dog", "cow")),
        "a model of type bert": tmp_path / "bert",
        "not a model of transformers": tmp_path,
    }
    for says, folder in cases.items():
        capsys.readouterr()
        assert main([str(folder), "--out", str(tmp_path / "x.onnx")]) == 2
        errors = capsys.readouterr().err.splitlines()
        assert says in errors[-1] and errors[-1].startswith("genmo-export-pose: error: ")
    assert main([str(tmp_path), "--out", str(tmp_path / "x.txt")]) == 2
    assert not (tmp_path / "x.onnx").exists()
