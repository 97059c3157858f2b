"""The encoder of a T5 in torch: its weights as `transformers` saves them, and the network that the graph is held to.

T5: Raffel et al. 2020; gated feed-forward layers: Shazeer 2020 (T5 1.1, mT5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from torch import Tensor
from torch.nn import functional

from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, check_file, quoted, read_json
from genmo.train.network.safe_unpickle import Archive, StoredTensor

LARGEST_SIZE = 2**20
HIDDEN = -1e9
"""added to the scores of tokens that are padding"""
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class T5Config:
    """Sizes of an encoder, of its `config.json`."""

    width: int
    heads: int
    head_width: int
    depth: int
    mlp_width: int
    buckets: int
    max_distance: int
    epsilon: float
    gated: bool
    """the feed-forward layer is gelu (its tanh form) of one product times another, else relu of one"""

    @classmethod
    def read(cls, folder: Path) -> T5Config:
        """Raises InputError for a folder that holds no T5, or one of a kind that is not known."""
        path = folder / "config.json"
        if not path.is_file():
            raise InputError(f"{folder}: no config.json; wanted a T5 folder as transformers saves it")
        try:
            stored = read_json(path, "the configuration of a T5")
            kind, projection = stored["model_type"], stored.get("feed_forward_proj", "relu")
            sizes = [stored[name] for name in ("d_model", "num_heads", "d_kv", "num_layers", "d_ff")]
            buckets, distance = (
                stored["relative_attention_num_buckets"],
                stored.get("relative_attention_max_distance", 128),
            )
            epsilon = float(stored.get("layer_norm_epsilon", 1e-6))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not the configuration of a T5 ({quoted(error)})") from None
        if kind not in ("t5", "mt5", "umt5"):
            raise InputError(f"{path}: model_type is {quoted(kind)}; wanted t5, mt5 or umt5")
        if projection not in ("relu", "gated-gelu"):
            raise InputError(f"{path}: feed_forward_proj is {quoted(projection)}; wanted relu or gated-gelu")
        fits = all(type(size) is int and 0 < size <= LARGEST_SIZE for size in (*sizes, buckets, distance))
        if not fits or buckets % 4:
            raise InputError(f"{path}: its sizes are not positive whole numbers that make a T5")
        gated = projection == "gated-gelu"
        width, heads, head_width, depth, mlp_width = sizes
        return cls(width, heads, head_width, depth, mlp_width, buckets, distance, epsilon, gated)


@dataclass(frozen=True, eq=False)
class T5:
    """An encoder's weights, under the names that `transformers` gives them."""

    config: T5Config
    weights: Tensors

    def weight(self, block: int, name: str) -> Tensor:
        """A weight of a block, e.g. `layer.0.SelfAttention.q`."""
        return self.weights[f"encoder.block.{block}.{name}.weight"]

    @property
    def embedding(self) -> Tensor:
        """[vocabulary, width]"""
        return self.weights["shared.weight"]

    def bias_table(self, block: int) -> Tensor:
        """[buckets, heads]; most have one, in the first block, for all."""
        name = "layer.0.SelfAttention.relative_attention_bias"
        own = f"encoder.block.{block}.{name}.weight"
        return self.weights[own] if own in self.weights else self.weight(0, name)


def weight_shapes(config: T5Config) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of an encoder but the embedding's."""
    inner, width = config.heads * config.head_width, config.width
    shapes: dict[str, tuple[int, ...]] = {"encoder.final_layer_norm": (width,)}
    first = ("wi_0", "wi_1") if config.gated else ("wi",)
    for block in range(config.depth):
        layer = f"encoder.block.{block}.layer"
        shapes |= {f"{layer}.0.SelfAttention.{name}": (inner, width) for name in "qkv"}
        shapes |= {f"{layer}.0.SelfAttention.o": (width, inner), f"{layer}.0.layer_norm": (width,)}
        shapes |= {f"{layer}.1.DenseReluDense.{name}": (config.mlp_width, width) for name in first}
        shapes |= {f"{layer}.1.DenseReluDense.wo": (width, config.mlp_width), f"{layer}.1.layer_norm": (width,)}
    shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias"] = (config.buckets, config.heads)
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def read_t5(folder: Path) -> T5:
    """The encoder in a `transformers` folder, in float32; a decoder beside it is passed over.

    Raises InputError for a folder that is not one, missing or misshapen weights, or weights that are not finite.
    """
    config = T5Config.read(folder)
    shapes = weight_shapes(config)
    bias = "layer.0.SelfAttention.relative_attention_bias.weight"
    optional = {f"encoder.block.{block}.{bias}" for block in range(1, config.depth)}
    stored = read_weights(folder, {*shapes, *optional, "shared.weight", "encoder.embed_tokens.weight"})
    if "shared.weight" not in stored and "encoder.embed_tokens.weight" in stored:
        stored["shared.weight"] = stored["encoder.embed_tokens.weight"]
    for name, shape in shapes.items():
        if name not in stored:
            raise InputError(f"{folder}: its weights have no {name}; wanted the encoder that config.json describes")
        if tuple(stored[name].shape) != shape:
            raise InputError(f"{folder}: {name} is {list(stored[name].shape)}; config.json says {list(shape)}")
    if "shared.weight" not in stored or stored["shared.weight"].shape[1:] != (config.width,):
        raise InputError(f"{folder}: its weights have no embedding of {config.width} channels")
    weights = {name: tensor.float() for name, tensor in stored.items()}
    bad = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"{folder}: {bad[0]} holds NaN or infinity; wanted finite weights")
    return T5(config, weights)


def read_weights(folder: Path, names: set[str]) -> dict[str, Tensor]:
    """Those of the named tensors that the folder holds; nothing of it is run."""
    tensors: dict[str, Tensor] = {}
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        check_file(path, "the weights of a text encoder", MAX_WEIGHTS_BYTES)
        try:
            with safetensors.safe_open(path, framework="pt") as opened:
                tensors |= {name: opened.get_tensor(name) for name in opened.keys() if name in names}
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    pickled = folder / "pytorch_model.bin"
    if not files and pickled.is_file():
        with Archive(pickled) as archive:
            if not isinstance(archive.content, dict):
                raise InputError(f"{pickled}: not a dictionary of tensors")
            entries = {k: v for k, v in archive.content.items() if k in names and isinstance(v, StoredTensor)}
            tensors |= {name: archive.tensor(tensor) for name, tensor in entries.items()}
    elif not files:
        raise InputError(
            f"{folder}: no model.safetensors and no pytorch_model.bin; wanted the weights of a text encoder"
        )
    return tensors


def buckets_of(config: T5Config, tokens: int) -> Tensor:
    """[2 x tokens - 1] bucket of each distance key - query, from -(tokens - 1).

    Half of the buckets are for keys after the query.  Of each half one half is exact and the rest grows with the
    logarithm of the distance, in float32, as the weights were trained.
    """
    distance = torch.arange(1 - tokens, tokens)
    half = config.buckets // 2
    exact = half // 2
    far = distance.abs()
    growth = torch.log(far.clamp(min=1).float() / exact) / math.log(config.max_distance / exact) * (half - exact)
    log_bucket = (exact + growth.long()).clamp(max=half - 1)
    return half * (distance > 0) + torch.where(far < exact, far, log_bucket)


@torch.no_grad()
def encode(t5: T5, token_ids: Tensor, token_mask: Tensor) -> Tensor:
    """The network in torch, float32: ids and mask [batch, tokens] -> vectors [batch, tokens, width]."""
    config, (batch, tokens) = t5.config, token_ids.shape
    position = torch.arange(tokens)
    by_distance = buckets_of(config, tokens)[position[None] - position[:, None] + tokens - 1]
    hidden = HIDDEN * (1 - token_mask)[:, None, None]
    x = t5.embedding[token_ids]
    for block in range(config.depth):
        y = _norm(x, t5.weight(block, "layer.0.layer_norm"), config)
        projected = (y @ t5.weight(block, f"layer.0.SelfAttention.{name}").T for name in "qkv")
        q, k, v = (matrix.view(batch, tokens, config.heads, -1).transpose(1, 2) for matrix in projected)
        scores = q @ k.mT + t5.bias_table(block)[by_distance].permute(2, 0, 1) + hidden
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + mixed @ t5.weight(block, "layer.0.SelfAttention.o").T
        y = _norm(x, t5.weight(block, "layer.1.layer_norm"), config)
        x = x + _mlp(t5, block, y) @ t5.weight(block, "layer.1.DenseReluDense.wo").T
    return _norm(x, t5.weights["encoder.final_layer_norm.weight"], config)


def _norm(x: Tensor, weight: Tensor, config: T5Config) -> Tensor:
    """RMSNorm: no mean is taken off, and there is no bias."""
    return weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + config.epsilon)


def _mlp(t5: T5, block: int, y: Tensor) -> Tensor:
    if not t5.config.gated:
        return functional.relu(y @ t5.weight(block, "layer.1.DenseReluDense.wi").T)
    gate = functional.gelu(y @ t5.weight(block, "layer.1.DenseReluDense.wi_0").T, approximate="tanh")
    return gate * (y @ t5.weight(block, "layer.1.DenseReluDense.wi_1").T)
