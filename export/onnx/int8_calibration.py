"""8-bit layers lose least when all their input channels have about the same range: measured on motion, then folded.

A channel's range moves from the activation into the weight that reads it, half of the way (SmoothQuant, Xiao et al.
2023, alpha 1/2).  Activations come from a LayerNorm, or are mixed values of self-attention, so the division costs
nothing at run time: it goes into the LayerNorm, or into the layer that makes the values.  The function stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from genmo.export.onnx.constant_folding import FoldedStep, Mlp, Module, Norm, single
from genmo.export.onnx.onnx_builder import Linear
from genmo.runtime.support.arrays import Array, Arrays
from genmo.train.network.denoiser import Denoiser

Ranges = dict[str, Array]
"""name of a PyTorch layer of the blocks -> largest magnitude of each of its input channels"""


@torch.no_grad()
def input_ranges(denoiser: Denoiser, inputs: Sequence[Arrays]) -> Ranges:
    """Ranges of the inputs of all linear layers in the blocks, over runs on some arrays of the signature."""
    ranges: Ranges = {}
    hooks = []
    for name, module in denoiser.named_modules():
        if isinstance(module, nn.Linear) and "_blocks." in name:

            def note(layer: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                largest = inputs[0].abs().flatten(0, -2).amax(dim=0).double().numpy()
                ranges[name] = np.maximum(ranges.get(name, 0.0), largest)

            hooks.append(module.register_forward_pre_hook(note))
    try:
        for arrays in inputs:
            denoiser({name: torch.from_numpy(array) for name, array in arrays.items()})
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


def equalise(step: FoldedStep, ranges: Ranges) -> FoldedStep:
    """The same step with its channels' ranges balanced between activations and weights."""
    return replace(step, modules=tuple(_module(m, ranges, index) for index, m in enumerate(step.modules)))


def _factors(channels: Array, weight: Array) -> Array:
    """What to divide the input channels by; `weight` [in, out]."""
    largest = np.abs(weight).max(axis=1)
    factors: Array = np.sqrt(np.maximum(channels, 1e-5) / np.maximum(largest, 1e-5))
    return factors


def _divided(norm: Norm, layer: Linear, channels: Array) -> tuple[Norm, Linear]:
    factors = _factors(channels, layer.weight)
    divided = replace(norm, weight=single(norm.weight / factors), bias=single(norm.bias / factors))
    return divided, replace(layer, weight=single(layer.weight * factors[:, None]))


def _mlp(mlp: Mlp, ranges: Ranges, block: str) -> Mlp:
    norm, first = _divided(mlp.norm, mlp.first, ranges[f"{block}.mlp.0"])
    return replace(mlp, norm=norm, first=first)


def _module(module: Module, ranges: Ranges, index: int) -> Module:
    block = f"rope_blocks.{index}"
    norm, qkv = _divided(module.attention.norm, module.attention.qkv, ranges[f"{block}.attention.qkv"])
    out = module.attention.out
    values = _factors(ranges[f"{block}.attention.out"], out.weight)
    scale = np.concatenate([np.ones(qkv.weight.shape[1] - len(values)), 1 / values])
    qkv = Linear(single(qkv.weight * scale), single(qkv.bias * scale))
    attention = replace(
        module.attention, norm=norm, qkv=qkv, out=replace(out, weight=single(out.weight * values[:, None]))
    )
    text = module.text
    if text is not None:
        block = f"text_blocks.{index}"
        norm, q = _divided(text[0].norm, text[0].q, ranges[f"{block}.attention.q"])
        text = replace(text[0], norm=norm, q=q), _mlp(text[1], ranges, block)
    return Module(attention, _mlp(module.attention_mlp, ranges, f"rope_blocks.{index}"), text)
