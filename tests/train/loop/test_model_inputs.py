"""A batch as inputs: texts by sample, and features that a batch has none of as masked zeros."""

from types import SimpleNamespace

import torch

from genmo.runtime.denoiser.config import ModelConfig
from genmo.train.loop.model_inputs import absent_conditions, text_inputs


def test_texts_go_back_to_their_samples():
    """Tokens of texts 0 and 1 are the first sample's, of 2 and 3 the second's."""
    batch = SimpleNamespace(prompts=[["a", "b"], ["c", "d"]], spans=torch.zeros(2, 2, 2))
    tokens = torch.arange(4.0)[:, None, None].expand(4, 3, 5)
    inputs = text_inputs(batch, tokens, torch.ones(4, 3))
    assert inputs["text_tokens"].shape == (2, 2, 3, 5) and inputs["text_token_mask"].shape == (2, 2, 3)
    assert inputs["text_tokens"][..., 0, 0].tolist() == [[0, 1], [2, 3]] and inputs["text_spans"] is batch.spans


def test_features_that_are_missing_are_masked_zeros():
    config = ModelConfig(video_width=6, music_width=4)
    seen = {name: torch.ones(2, 7) for name in ("keypoints", "keypoints_mask", "bounding_box", "camera")}
    conditions = seen | {"music": torch.ones(2, 7, 4), "music_mask": torch.ones(2, 7)}
    absent = absent_conditions(config, conditions)
    assert set(absent) == {"video", "video_mask"} and absent["video"].shape == (2, 7, 6)
    assert not absent["video"].any() and not absent["video_mask"].any()
    assert absent_conditions(ModelConfig(video_width=0, music_width=0), conditions) == {}
