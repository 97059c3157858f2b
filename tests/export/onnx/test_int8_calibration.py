"""Balancing ranges changes no number that the step computes, only how evenly 8 bits are used."""

import numpy as np
import onnxruntime
import pytest
import torch

from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import example_inputs
from genmo.export.onnx.int8_calibration import equalise, input_ranges
from genmo.export.onnx.onnx_builder import FP32, PRECISIONS
from genmo.export.onnx.step_graph import step_model
from genmo.runtime.denoiser.signature import step_inputs
from genmo.train.network.denoiser import Denoiser

FRAMES = 40


@pytest.fixture(scope="module")
def denoiser(tiny_model):
    """With a few channels of LayerNorm far louder than the others, as trained models have them."""
    model = Denoiser(tiny_model.config).eval()
    model.load_state_dict(tiny_model.denoiser.state_dict())
    with torch.no_grad():
        for block in [*model.rope_blocks, *model.text_blocks]:
            for norm in (block.attention_norm, block.mlp_norm):
                norm.weight[:2] *= 30
        for block in model.rope_blocks:
            block.attention.qkv.weight[-32:-30] *= 30
    return model


def inputs_of(denoiser, seed):
    arrays = example_inputs(denoiser.config, np.random.default_rng(seed), batch=2, frames=FRAMES, texts=1)
    return arrays


def answers(model, config):
    """A step with one text, from random tensors of the step's own signature."""
    random = np.random.default_rng(5)
    sizes = {"batch": 2, "frames": FRAMES, "prompted": 1, "texts": 1, "words": config.text_tokens}
    arrays = {spec.name: random.normal(size=spec.shape(**sizes)) for spec in step_inputs(config)}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays |= {"timestep": np.array([3, 700]), "text_reach": np.array([[[5, 30]]])}
    return onnxruntime.InferenceSession(model.SerializeToString()).run(["x_0"], arrays)[0]


def test_ranges_are_the_largest_inputs(denoiser):
    """By hand for the first layer that is not the residual's: mixed values into `out`, over two runs."""
    seen = []
    hook = denoiser.rope_blocks[0].attention.out.register_forward_hook(lambda _, given, out: seen.append(given[0]))
    ranges = input_ranges(denoiser, [inputs_of(denoiser, 0), inputs_of(denoiser, 1)])
    hook.remove()
    wanted = torch.cat([x.abs().flatten(0, 1) for x in seen]).amax(dim=0)
    np.testing.assert_allclose(ranges["rope_blocks.0.attention.out"], wanted)
    assert len(seen) == 2 and {len(r) for r in ranges.values()} == {32}
    assert not any(module._forward_pre_hooks for module in denoiser.modules())


def test_the_function_stays_the_same(denoiser):
    step = fold(denoiser)
    balanced = equalise(step, input_ranges(denoiser, [inputs_of(denoiser, 0)]))
    before, after = (answers(step_model(s, FP32), denoiser.config) for s in (step, balanced))
    np.testing.assert_allclose(after, before, atol=2e-4)
    assert not np.allclose(step.modules[0].attention.qkv.weight, balanced.modules[0].attention.qkv.weight)


def test_8_bits_are_used_better(denoiser):
    step = fold(denoiser)
    exact = answers(step_model(step, FP32), denoiser.config)
    balanced = equalise(step, input_ranges(denoiser, [inputs_of(denoiser, 0)]))
    plain, better = (
        np.abs(answers(step_model(s, PRECISIONS["int8"]), denoiser.config) - exact).mean() for s in (step, balanced)
    )
    assert better < 0.7 * plain
