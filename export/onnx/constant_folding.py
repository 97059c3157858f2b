"""What is constant is computed once: the denoiser's weights as the step graph wants them.

- attention's 1 / sqrt(head width) goes into the query weights;
- interleaved rotary pairs become two halves by reordering the query and key channels;
- the timestep table goes through its MLP and the condition projection: 1000 rows, added to the token;
- the null text is one token, so its attention is its value: one vector a layer (not so in the released GEM-SMPL
  weights, whose null text is fifty tokens: there it is one of the texts);
- constants after a head go into its last layer.
Folded in float64, stored in float32.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from genmo.export.onnx.onnx_builder import Linear
from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.support.arrays import Array
from genmo.train.network.denoiser import Denoiser, RopeBlock, TextBlock
from genmo.train.network.gem import SMALLEST_SCALE, MotionHead, SummedTextAttention, WeakPerspectiveHead


@dataclass(frozen=True, eq=False)
class Norm:
    """LayerNorm."""

    weight: Array
    bias: Array
    epsilon: float


@dataclass(frozen=True, eq=False)
class Mlp:
    """x + second(gelu(first(norm(x))))"""

    norm: Norm
    first: Linear
    second: Linear


@dataclass(frozen=True, eq=False)
class SelfAttention:
    """Windowed self-attention.  Channels of `qkv`: first halves of all heads' queries, of all keys, second halves of
    both, values."""

    norm: Norm
    qkv: Linear
    out: Linear


@dataclass(frozen=True, eq=False)
class TextAttention:
    """Attention to the texts, whose keys and values come from outside."""

    norm: Norm
    q: Linear
    out: Linear
    null: Array | None
    """[width] value of the null text, which frames under no text get; None: the null text is among the texts"""
    bias_per_text: bool
    """the bias of `out` is added once for every text that reaches a frame, not once"""


@dataclass(frozen=True, eq=False)
class Module:
    """One GENMO module."""

    attention: SelfAttention
    attention_mlp: Mlp
    text: tuple[TextAttention, Mlp] | None
    """None: the network reads no texts"""


@dataclass(frozen=True, eq=False)
class Head:
    """second(gelu(first(x))), in float32"""

    first: Linear
    second: Linear
    exact_gelu: bool
    averaged: slice | None = None
    """channels that are the same at all frames of a motion: their mean"""
    smallest: float | None = None
    """the first channel is at least this"""


@dataclass(frozen=True, eq=False)
class FoldedStep:
    """All that `step.onnx` holds."""

    config: ModelConfig
    motion_in: Array
    """[features, width]"""
    time: Array
    """[1000, width] added to the token at a timestep"""
    modules: tuple[Module, ...]
    norm: Norm | None
    heads: dict[str, Head]
    innovation: Head | None
    """logarithms of what was missed of each joint; None: the answer is that of the heads"""


def double(tensor: Tensor) -> Array:
    """A weight in float64."""
    array: Array = tensor.detach().cpu().double().numpy()
    return array


def single(array: Array) -> Array:
    """What is stored of a folded weight: float32, contiguous."""
    return np.ascontiguousarray(array, np.float32)


def linear(layer: nn.Linear, columns: Array | slice = slice(None), scale: Array | float = 1.0) -> Linear:
    """Output channels `columns` of a layer, times `scale`."""
    weight, bias = double(layer.weight)[columns], double(layer.bias)[columns]
    return Linear(single((weight * np.reshape(scale, (-1, 1))).T), single(bias * scale))


def norm(layer: nn.LayerNorm) -> Norm:
    """The same, as numpy."""
    return Norm(single(double(layer.weight)), single(double(layer.bias)), layer.eps)


def rotary_order(width: int, heads: int) -> Array:
    """Order of the 3 x width channels of queries, keys and values: see SelfAttention."""
    channel = np.arange(3 * width).reshape(3, heads, width // heads // 2, 2)
    return np.concatenate([channel[:2, ..., 0].ravel(), channel[:2, ..., 1].ravel(), channel[2].ravel()])


def _mlp(block: RopeBlock | TextBlock) -> Mlp:
    return Mlp(norm(block.mlp_norm), linear(block.mlp[0]), linear(block.mlp[2]))


def _self_attention(block: RopeBlock, config: ModelConfig) -> SelfAttention:
    order = rotary_order(config.width, config.heads)
    scale = np.where(order < config.width, (config.width // config.heads) ** -0.5, 1.0)
    layers = block.attention
    return SelfAttention(norm(block.attention_norm), linear(layers.qkv, order, scale), linear(layers.out))


def _text_block(block: nn.Module, config: ModelConfig, null: Array | None) -> tuple[TextAttention, Mlp] | None:
    if not isinstance(block, TextBlock):
        return None
    layers, value = block.attention, None
    if null is not None:
        value = single(double(layers.kv.weight)[config.width :] @ null + double(layers.kv.bias)[config.width :])
    q = linear(layers.q, scale=(config.width // config.heads) ** -0.5)
    summed = isinstance(layers, SummedTextAttention)
    return TextAttention(norm(block.attention_norm), q, linear(layers.out), value, summed), _mlp(block)


def _head(head: nn.Module) -> Head:
    """Raises TypeError for a kind that the step graph does not know."""
    if isinstance(head, MotionHead):
        return replace(_head(head.mlp), averaged=head.betas)
    if isinstance(head, WeakPerspectiveHead):
        inner = _head(head.mlp)
        scale, shift = double(head.std), double(head.mean)
        weight, bias = inner.second.weight * scale, inner.second.bias * scale + shift
        return replace(inner, second=Linear(single(weight), single(bias)), smallest=SMALLEST_SCALE)
    if not isinstance(head, nn.Sequential):
        raise TypeError(f"a head of type {type(head).__name__} has no form in the step graph")
    first, gelu, second = head
    return Head(linear(first), linear(second), gelu.approximate == "none")


def folds_null_text(denoiser: Denoiser) -> bool:
    """Whether the null text is one token, so that its attention is a constant."""
    return hasattr(denoiser, "null_text")


def reads_texts(denoiser: Denoiser) -> bool:
    """Whether the network has text blocks."""
    return all(isinstance(block, TextBlock) for block in denoiser.text_blocks)


def _in_double(module: nn.Module, x: Array) -> Array:
    """What a module answers in float64; it stays as it is."""
    with torch.no_grad():
        answer: Array = copy.deepcopy(module).double()(torch.from_numpy(x)).numpy()
    return answer


def _time(denoiser: Denoiser) -> Array:
    projected = copy.deepcopy(denoiser.condition_in)
    if isinstance(projected, nn.Linear):
        nn.init.zeros_(projected.bias)  # it is in the conditions
    return _in_double(nn.Sequential(denoiser.time, projected), double(denoiser.timestep_table))


def fold(denoiser: Denoiser) -> FoldedStep:
    """The step's weights of a denoiser; the biases of its input layers are in the conditions (`onnx_export`)."""
    config = denoiser.config
    null = _in_double(denoiser.text_in, double(denoiser.null_text)) if folds_null_text(denoiser) else None
    modules = (
        Module(_self_attention(rope, config), _mlp(rope), _text_block(text, config, null))
        for rope, text in zip(denoiser.rope_blocks, denoiser.text_blocks, strict=True)
    )
    motion_in: Array = np.zeros((config.motion_layout.width, config.width))
    if isinstance(denoiser.motion_in, nn.Linear):
        motion_in = double(denoiser.motion_in.weight).T
    return FoldedStep(
        config,
        single(motion_in),
        single(np.broadcast_to(_time(denoiser), (schedule.STEPS, config.width))),
        tuple(modules),
        norm(denoiser.norm) if isinstance(denoiser.norm, nn.LayerNorm) else None,
        {name: _head(head) for name, head in denoiser.heads.items()},
        None if denoiser.innovation is None else _head(denoiser.innovation.log_variance),
    )
