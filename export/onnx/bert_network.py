"""A BERT encoder in torch: its weights as `transformers` saves them, and the network that the graph is held to.

BERT: Devlin et al. 2019.  Sentence encoders such as all-MiniLM-L6-v2 are BERTs whose tokens' vectors are averaged,
which is left to the network that reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from genmo.export.onnx.t5_network import HIDDEN, LARGEST_SIZE, Tensors, read_weights
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted, read_json

PREFIXES = ("", "bert.")
"""before the names of the weights: of the encoder alone, and of one with a head"""


@dataclass(frozen=True)
class BertConfig:
    """Sizes of an encoder, of its `config.json`."""

    width: int
    heads: int
    depth: int
    mlp_width: int
    positions: int
    """tokens of a text at most"""
    epsilon: float

    @classmethod
    def read(cls, folder: Path) -> BertConfig:
        """Raises InputError for a folder that holds no BERT, or one of a kind that is not known."""
        path = folder / "config.json"
        try:
            stored = read_json(path, "the configuration of a BERT")
            names = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size")
            width, heads, depth, mlp_width = sizes = [stored[name] for name in names]
            positions, epsilon = stored["max_position_embeddings"], float(stored.get("layer_norm_eps", 1e-12))
            kind = stored.get("hidden_act", "gelu"), stored.get("position_embedding_type", "absolute")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not the configuration of a BERT ({quoted(error)})") from None
        if kind != ("gelu", "absolute"):
            raise InputError(f"{path}: has {' and '.join(map(quoted, kind))}; wanted gelu and absolute positions")
        fits = all(type(size) is int and 0 < size <= LARGEST_SIZE for size in (*sizes, positions))
        if not fits or width % heads:
            raise InputError(f"{path}: its sizes are not positive whole numbers that make a BERT")
        return cls(width, heads, depth, mlp_width, positions, epsilon)


@dataclass(frozen=True, eq=False)
class Bert:
    """An encoder's weights, under the names that `transformers` gives them."""

    config: BertConfig
    weights: Tensors

    def pair(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a layer."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    @property
    def embedding(self) -> Tensor:
        """[vocabulary, width]"""
        return self.weights["embeddings.word_embeddings.weight"]

    @property
    def places(self) -> Tensor:
        """[positions, width]: what is added at each place of a text; all tokens are of the first type."""
        types = self.weights["embeddings.token_type_embeddings.weight"]
        return self.weights["embeddings.position_embeddings.weight"] + types[0]


def weight_shapes(config: BertConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of an encoder but the embeddings of tokens and of their types."""
    width, inner = config.width, config.mlp_width
    shapes: dict[str, tuple[int, ...]] = {"embeddings.position_embeddings.weight": (config.positions, width)}
    layers: dict[str, tuple[int, ...]] = {"embeddings.LayerNorm": (width,)}
    for block in range(config.depth):
        layer = f"encoder.layer.{block}"
        layers |= {f"{layer}.attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        layers |= {f"{layer}.attention.output.dense": (width, width), f"{layer}.attention.output.LayerNorm": (width,)}
        layers |= {f"{layer}.intermediate.dense": (inner, width), f"{layer}.output.dense": (width, inner)}
        layers |= {f"{layer}.output.LayerNorm": (width,)}
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def read_bert(folder: Path) -> Bert:
    """The encoder in a `transformers` folder, in float32.

    Raises InputError for a folder that is not one, missing or misshapen weights, or weights that are not finite.
    """
    config = BertConfig.read(folder)
    shapes = weight_shapes(config)
    tables = [f"embeddings.{name}_embeddings.weight" for name in ("word", "token_type")]
    names = {prefix + name for prefix in PREFIXES for name in (*shapes, *tables)}
    found = read_weights(folder, names)
    stored = {name.removeprefix("bert."): tensor.float() for name, tensor in found.items()}
    for name, shape in shapes.items():
        if name not in stored:
            raise InputError(f"{folder}: its weights have no {name}; wanted the encoder that config.json describes")
        if tuple(stored[name].shape) != shape:
            raise InputError(f"{folder}: {name} is {list(stored[name].shape)}; config.json says {list(shape)}")
    for name in tables:
        if name not in stored or stored[name].shape[1:] != (config.width,):
            raise InputError(f"{folder}: its weights have no {name} of {config.width} channels")
    bad = [name for name, tensor in stored.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"{folder}: {bad[0]} holds NaN or infinity; wanted finite weights")
    return Bert(config, stored)


@torch.no_grad()
def encode(bert: Bert, token_ids: Tensor, token_mask: Tensor) -> Tensor:
    """The network in torch, float32: ids and mask [batch, tokens] -> vectors [batch, tokens, width]."""
    config, (batch, tokens) = bert.config, token_ids.shape
    hidden = HIDDEN * (1 - token_mask)[:, None, None]

    def linear(x: Tensor, name: str) -> Tensor:
        weight, bias = bert.pair(name)
        return x @ weight.T + bias

    def norm(x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (config.width,), *bert.pair(f"{name}.LayerNorm"), config.epsilon)

    x = norm(bert.embedding[token_ids] + bert.places[:tokens], "embeddings")
    for block in range(config.depth):
        layer = f"encoder.layer.{block}"
        projected = (linear(x, f"{layer}.attention.self.{name}") for name in ("query", "key", "value"))
        q, k, v = (matrix.view(batch, tokens, config.heads, -1).transpose(1, 2) for matrix in projected)
        scores = q @ k.mT * q.shape[-1] ** -0.5 + hidden
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = norm(x + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output")
        inner = functional.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output")
    return x
