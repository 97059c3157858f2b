"""The hyperparameters and the signature that is derived from them."""

import pytest

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import DYNAMIC_AXES, frame_conditions, inputs, outputs
from genmo.runtime.support.errors import EngineError

FULL = ModelConfig()


def test_json_both_ways():
    config = ModelConfig(width=64, heads=4, block_order="public", text_encoder="ngram", text_buckets=8)
    assert ModelConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 100, "heads": 8}, "multiple of 2 x heads"),
        ({"window": 121}, "window even"),
        ({"heads": 0}, "heads must be at least 1"),
        ({"depth": -1}, "depth must be at least 1"),
        ({"width": "512"}, "width must be whole numbers"),
        ({"width": 512.0}, "whole numbers"),
        ({"layout": "smpl"}, "layout is 'smpl'; wanted one of"),
        ({"block_order": "random"}, "block_order is 'random'"),
        ({"dropout": 0}, "unknown entries"),
    ],
)
def test_bad_values_are_refused(change, message):
    with pytest.raises(EngineError, match=message):
        ModelConfig.from_json(FULL.to_json() | change)


def test_the_signature_of_the_papers_model():
    specs = {spec.name: spec for spec in inputs(FULL)}
    assert list(specs)[:2] == ["x_t", "timestep"] and list(specs)[-1] == "text_spans"
    assert specs["x_t"].axes == ("batch", "frames", 181)
    assert specs["keypoints"].axes == ("batch", "frames", 17, 3)
    assert specs["video"].shape(batch=2, frames=7, texts=1) == (2, 7, 1024)
    assert specs["music"].axes[-1] == 35
    assert specs["text_tokens"].shape(batch=1, frames=7, texts=4) == (1, 4, 50, 1024)
    assert {name for name, spec in specs.items() if spec.dtype == "int64"} == {"timestep", "text_spans"}
    assert {axis for spec in specs.values() for axis in spec.axes if isinstance(axis, str)} == set(DYNAMIC_AXES)
    assert [(spec.name, spec.axes[-1]) for spec in outputs(FULL)] == [("x_0", 181)]


def test_every_condition_has_a_mask_of_its_own():
    names = [spec.name for spec in inputs(FULL)]
    for name in frame_conditions(FULL):
        assert names.index(f"{name}_mask") == names.index(name) + 1


def test_conditions_of_no_width_are_not_there():
    slim = ModelConfig(video_width=0, music_width=0)
    assert set(frame_conditions(slim)) == {"keypoints", "bounding_box", "camera"}
    assert not [spec for spec in inputs(slim) if "video" in spec.name or "music" in spec.name]


def test_the_gem_layout_has_heads():
    gem = ModelConfig(layout="gem")
    assert [(s.name, s.axes[-1]) for s in outputs(gem)] == [
        ("x_0", 151),
        ("weak_perspective", 3),
        ("contact_logits", 6),
    ]
