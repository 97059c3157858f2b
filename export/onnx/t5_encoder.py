"""`--text-encoder`: the encoder of a T5 (a `transformers` folder) as one ONNX graph, with its tokenizer.

T5: Raffel et al. 2020; gated feed-forward layers: Shazeer 2020 (T5 1.1, mT5).  The network is here twice: in torch to
compare with, and node by node as the graph.  In fp16 the weights and most products are float16; the residual stream,
norms, softmax and the feed-forward's second layer are computed in float32, because their numbers leave float16's range
in released weights, and so is every weight that does not fit it.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors
import torch
from onnx import helper
from torch import Tensor
from torch.nn import functional

from genmo.export.onnx.graphs import write_onnx
from genmo.export.onnx.onnx_builder import PRECISIONS, Graph, Precision
from genmo.runtime.engine.text_cached import CACHE_SCHEME, plain
from genmo.runtime.engine.text_t5 import T5_SCHEME, T5TextEncoder, open_tokenizer, t5_inputs, t5_outputs
from genmo.runtime.support.errors import GenmoError, InputError, first_line
from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, check_file, quoted, read_json, read_text
from genmo.train.network.safe_unpickle import Archive, StoredTensor

LARGEST_SIZE = 2**20
ENCODER, TOKENIZER, CACHE = "text_encoder.onnx", "tokenizer.json", "prompts.npy"
TEXT_PRECISIONS = ("fp32", "fp16")
GATES = {"fp32": 1e-4, "fp16": 2e-2}
"""largest error of a token's vector, relative to its length, against the network in torch in float32"""
PROBES = ("a person walks forward", "a man jumps, then turns left and sits down on a chair", "dance")
HIDDEN = -1e9
LARGEST_HALF = 6e4
_FILES = ["config.json", "tokenizer.json", "*.safetensors", "model.safetensors.index.json", "pytorch_model.bin"]
Tensors = Mapping[str, Tensor]


class TextParityError(GenmoError):
    """The text encoder's graph differs from the network by more than its gate."""

    exit_status = 1


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
        if (
            not all(type(size) is int and 0 < size <= LARGEST_SIZE for size in (*sizes, buckets, distance))
            or buckets % 4
        ):
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


def wanted_shapes(config: T5Config) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights of an encoder but the embedding's."""
    inner, width = config.heads * config.head_width, config.width
    shapes: dict[str, tuple[int, ...]] = {"encoder.final_layer_norm": (width,)}
    first = ("wi_0", "wi_1") if config.gated else ("wi",)
    for block in range(config.depth):
        at = f"encoder.block.{block}.layer"
        shapes |= {f"{at}.0.SelfAttention.{name}": (inner, width) for name in "qkv"}
        shapes |= {f"{at}.0.SelfAttention.o": (width, inner), f"{at}.0.layer_norm": (width,)}
        shapes |= {f"{at}.1.DenseReluDense.{name}": (config.mlp_width, width) for name in first}
        shapes |= {f"{at}.1.DenseReluDense.wo": (width, config.mlp_width), f"{at}.1.layer_norm": (width,)}
    shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias"] = (config.buckets, config.heads)
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def read_t5(folder: Path) -> T5:
    """The encoder in a `transformers` folder, in float32; a decoder beside it is passed over.

    Raises InputError for a folder that is not one, missing or misshapen weights, or weights that are not finite.
    """
    config = T5Config.read(folder)
    wanted = wanted_shapes(config)
    bias = "layer.0.SelfAttention.relative_attention_bias.weight"
    optional = {f"encoder.block.{block}.{bias}" for block in range(1, config.depth)}
    found = _read_weights(folder, {*wanted, *optional, "shared.weight", "encoder.embed_tokens.weight"})
    if "shared.weight" not in found and "encoder.embed_tokens.weight" in found:
        found["shared.weight"] = found["encoder.embed_tokens.weight"]
    for name, shape in wanted.items():
        if name not in found:
            raise InputError(f"{folder}: its weights have no {name}; wanted the encoder that config.json describes")
        if tuple(found[name].shape) != shape:
            raise InputError(f"{folder}: {name} is {list(found[name].shape)}; config.json says {list(shape)}")
    if "shared.weight" not in found or found["shared.weight"].shape[1:] != (config.width,):
        raise InputError(f"{folder}: its weights have no embedding of {config.width} channels")
    weights = {name: tensor.float() for name, tensor in found.items()}
    bad = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"{folder}: {bad[0]} holds NaN or infinity; wanted finite weights")
    return T5(config, weights)


def _read_weights(folder: Path, names: set[str]) -> dict[str, Tensor]:
    """Those of the named tensors that the folder holds; nothing of it is run."""
    found: dict[str, Tensor] = {}
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        check_file(path, "the weights of a T5", MAX_WEIGHTS_BYTES)
        try:
            with safetensors.safe_open(path, framework="pt") as opened:
                found |= {name: opened.get_tensor(name) for name in opened.keys() if name in names}
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    pickled = folder / "pytorch_model.bin"
    if not files and pickled.is_file():
        with Archive(pickled) as archive:
            if not isinstance(archive.content, dict):
                raise InputError(f"{pickled}: not a dictionary of tensors")
            stored = {k: v for k, v in archive.content.items() if k in names and isinstance(v, StoredTensor)}
            found |= {name: archive.tensor(tensor) for name, tensor in stored.items()}
    elif not files:
        raise InputError(f"{folder}: no model.safetensors and no pytorch_model.bin; wanted the weights of a T5")
    return found


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
    place = torch.arange(tokens)
    by_distance = buckets_of(config, tokens)[place[None] - place[:, None] + tokens - 1]
    hidden = HIDDEN * (1 - token_mask)[:, None, None]
    x = t5.embedding[token_ids]
    for block in range(config.depth):
        y = _norm(x, t5.weight(block, "layer.0.layer_norm"), config)
        projected = (y @ t5.weight(block, f"layer.0.SelfAttention.{name}").T for name in "qkv")
        q, k, v = (part.view(batch, tokens, config.heads, -1).transpose(1, 2) for part in projected)
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


class T5Graph:
    """Builds `text_encoder.onnx`, for any batch and up to `tokens` tokens."""

    def __init__(self, t5: T5, tokens: int, precision: Precision) -> None:
        self.t5, self.config, self.tokens = t5, t5.config, tokens
        self.graph = Graph(precision)
        self.inputs = [self.graph.input(spec) for spec in t5_inputs()]

    def build(self) -> onnx.ModelProto:
        """The model."""
        g, (ids, mask) = self.graph, self.inputs
        self._places(ids)
        absent = g("Sub", g.constant(1.0), mask)
        self.hidden = g("Unsqueeze", g("Mul", absent, g.constant(HIDDEN)), g.integers(1, 2))
        stored = self._stored(self.t5.embedding.numpy())
        x = g.cast(g("Gather", stored, ids, dtype=g.type_of(stored), axis=0), "float32")
        for block in range(self.config.depth):
            x = g("Add", x, self._attention(x, block))
            x = g("Add", x, self._feed_forward(x, block))
        g.name(self._norm(x, self.t5.weights["encoder.final_layer_norm.weight"]), "token_vectors")
        return g.model("text_encoder", t5_outputs(self.config.width))

    def _places(self, ids: str) -> None:
        """Distance of every key from every query [tokens, tokens], as a row of the tables of biases."""
        g = self.graph
        count = g("Squeeze", g("Shape", ids, dtype="int64", start=1), g.integers(0))
        place = g("Range", g.constant(0, "int64"), count, g.constant(1, "int64"))
        distance = g("Sub", g("Unsqueeze", place, g.integers(0)), g("Unsqueeze", place, g.integers(1)))
        self.rows = g("Add", distance, g.constant(self.tokens - 1, "int64"))
        self.biases: dict[int, str] = {}

    def _bias(self, block: int) -> str:
        """[1, heads, tokens, tokens]; the same node for blocks that share a table."""
        g, table = self.graph, self.t5.bias_table(block)
        if id(table) not in self.biases:
            by_distance = table[buckets_of(self.config, self.tokens)].T.numpy()  # [heads, distances]
            gathered = g("Gather", g.constant(by_distance), self.rows, axis=1)
            self.biases[id(table)] = g("Unsqueeze", gathered, g.integers(0))
        return self.biases[id(table)]

    def _stored(self, weight: np.ndarray) -> str:
        """A weight in the graph's type, or in float32 where its numbers are too large for that."""
        fits = float(np.abs(weight).max(initial=0.0)) < LARGEST_HALF
        return self.graph.constant(weight, self.graph.precision.weights if fits else "float32")

    def _linear(self, x: str, weight: Tensor, exact: bool = False) -> str:
        """x W^T in float32, of a product in the graph's type or, `exact`, in float32."""
        g = self.graph
        stored = self._stored(weight.T.numpy())
        compute = "float32" if exact else g.type_of(stored)
        return g.cast(g("MatMul", g.cast(x, compute), g.cast(stored, compute)), "float32")

    def _norm(self, x: str, weight: Tensor) -> str:
        g = self.graph
        mean = g("ReduceMean", g("Mul", x, x), g.integers(-1), keepdims=1)
        root = g("Sqrt", g("Add", mean, g.constant(self.config.epsilon)))
        return g("Mul", g("Div", x, root), g.constant(weight.numpy()))

    def _attention(self, x: str, block: int) -> str:
        g, config = self.graph, self.config
        y = self._norm(x, self.t5.weight(block, "layer.0.layer_norm"))
        split = g.integers(0, 0, config.heads, config.head_width)

        def part(name: str, perm: list[int]) -> str:
            projected = self._linear(y, self.t5.weight(block, f"layer.0.SelfAttention.{name}"))
            return g("Transpose", g("Reshape", projected, split), perm=perm)

        scores = g("MatMul", part("q", [0, 2, 1, 3]), part("k", [0, 2, 3, 1]))
        weights = g("Softmax", g("Add", g("Add", scores, self._bias(block)), self.hidden), axis=-1)
        mixed = g("Transpose", g("MatMul", weights, part("v", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        mixed = g("Reshape", mixed, g.integers(0, 0, config.heads * config.head_width))
        return self._linear(mixed, self.t5.weight(block, "layer.0.SelfAttention.o"))

    def _feed_forward(self, x: str, block: int) -> str:
        g = self.graph
        y = self._norm(x, self.t5.weight(block, "layer.1.layer_norm"))

        def first(name: str) -> str:
            return self._linear(y, self.t5.weight(block, f"layer.1.DenseReluDense.{name}"))

        hidden = g("Mul", g.gelu(first("wi_0")), first("wi_1")) if self.config.gated else g("Relu", first("wi"))
        return self._linear(hidden, self.t5.weight(block, "layer.1.DenseReluDense.wo"), exact=True)


def local_folder(place: str) -> Path:
    """The folder of `--text-encoder`: a folder here, or one of the hub, fetched (weights of one kind, no code).

    Raises InputError when there is neither.
    """
    folder = Path(place)
    if folder.is_dir():
        return folder
    if place.startswith((".", "/", "~")) or place.count("/") > 1:
        raise InputError(f"--text-encoder {place}: no such folder; wanted a T5 folder as transformers saves it")
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            f'--text-encoder {place}: no such folder; to fetch it from the hub: pip install "genmo-motion[t5]"'
        ) from None
    try:
        return Path(huggingface_hub.snapshot_download(place, allow_patterns=_FILES))
    except Exception as error:  # network, names and rights: the library has many kinds
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InputError(f"--text-encoder {place}: no such folder, and the hub did not give it ({first})") from None


def read_prompts(path: str | Path) -> list[str]:
    """The prompts of a file, one a line, each once; empty lines are passed over.  Raises InputError without any."""
    lines = read_text(path, "a file of prompts for --cache-prompts").splitlines()
    prompts = list(dict.fromkeys(filter(None, map(plain, lines))))
    if not prompts:
        raise InputError(f"--cache-prompts {path}: no prompt in it; wanted one a line")
    return prompts


def add_text_encoder(
    place: str,
    out: Path,
    tokens: int,
    width: int,
    precision: str = "fp32",
    prompts: Sequence[str] | None = None,
    fitted: Callable[[onnx.ModelProto], onnx.ModelProto] = lambda model: model,
    notes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the T5 encoder of `place`, or with `prompts` only what it makes of them, into the engine folder `out`.

    `tokens`: of a text at most; `width`: channels that the engine wants of a token; `fitted`: the profile.
    Returns what `engine.json` says about it.  Raises InputError for a bad encoder or one of another width,
    TextParityError when the graph is over its gate; the caller removes `out` then.
    """
    folder = local_folder(place)
    t5 = read_t5(folder)
    if t5.config.width != width:
        raise InputError(f"{place}: its tokens have {t5.config.width} channels; the checkpoint's texts have {width}")
    if not (folder / TOKENIZER).is_file():
        raise InputError(
            f"{folder}: no tokenizer.json; transformers makes it: AutoTokenizer.from_pretrained(T5).save_pretrained(T5)"
        )
    shutil.copyfile(folder / TOKENIZER, out / TOKENIZER)
    model = T5Graph(t5, tokens, PRECISIONS[precision]).build()
    model = fitted(model) if prompts is None else model
    helper.set_model_props(model, {"graph": "text_encoder", **(notes or {}), "precision": precision})
    written = write_onnx(model, out / ENCODER)
    del model  # gigabytes
    encoder = T5TextEncoder(out / ENCODER, out / TOKENIZER, tokens, width)
    error = _parity(t5, encoder, out / TOKENIZER, prompts or PROBES, precision)
    described = {
        "source": Path(place).name,
        "about": f"T5 encoder, {t5.config.depth} blocks of {width} channels, {precision}",
        "precision": precision,
        "largest_relative_error": float(f"{error:.2g}"),
    }
    if prompts is None:
        return {"kind": T5_SCHEME, "file": ENCODER, "tokenizer": TOKENIZER, **described}
    encoded = [encoder.encode(prompt) for prompt in prompts]
    lengths = [int(mask.sum()) for _, mask in encoded]
    np.save(out / CACHE, np.concatenate([v[:n] for (v, _), n in zip(encoded, lengths, strict=True)]))
    del encoder  # which holds the files open
    for path in (*written, out / TOKENIZER):
        path.unlink()
    described["about"] = f"{len(prompts)} prompts embedded ahead of time by a {described['about']}"
    return {"kind": CACHE_SCHEME, "file": CACHE, "prompts": list(prompts), "lengths": lengths, **described}


def _parity(t5: T5, encoder: T5TextEncoder, tokenizer: Path, prompts: Sequence[str], precision: str) -> float:
    """Largest relative error of a token's vector.  Raises TextParityError over the gate, InputError for a tokenizer
    that is not this network's."""
    opened, worst = open_tokenizer(tokenizer, encoder.tokens), 0.0
    for prompt in prompts:
        ids = torch.tensor([opened.encode(prompt).ids])
        if ids.numel() == 0 or ids.max() >= len(t5.embedding):
            raise InputError(f"tokenizer.json has tokens that the weights do not know, for {prompt!r}; wanted its own")
        wanted = encode(t5, ids, torch.ones(ids.shape))[0].numpy()
        ours = encoder.encode(prompt)[0][: len(wanted)]
        error = np.linalg.norm(ours - wanted, axis=-1) / np.maximum(np.linalg.norm(wanted, axis=-1), 1e-12)
        worst = max(worst, float(error.max()))
    if not worst <= GATES[precision]:
        raise TextParityError(
            f"the {precision} text encoder is {worst:.1e} from its network, over the gate of {GATES[precision]:.0e}; "
            "nothing was written"
        )
    return worst
