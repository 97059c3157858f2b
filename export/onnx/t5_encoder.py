"""`--text-encoder`: the encoder of a T5 or a BERT (a `transformers` folder) as one ONNX graph, with its tokenizer.

The networks are here twice, in torch to compare with (`t5_network`, `bert_network`) and node by node as the graphs
(`t5_graph`, `bert_graph`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor

from genmo.export.onnx.bert_graph import BertGraph
from genmo.export.onnx.bert_network import encode as encode_bert
from genmo.export.onnx.bert_network import read_bert
from genmo.export.onnx.graphs import write_onnx
from genmo.export.onnx.onnx_builder import PRECISIONS, Precision
from genmo.export.onnx.t5_graph import T5Graph
from genmo.export.onnx.t5_network import encode, read_t5
from genmo.export.options import TextEncoderOptions
from genmo.runtime.engine.text_cached import CACHE_SCHEME
from genmo.runtime.engine.text_t5 import BERT_SCHEME, T5_SCHEME, T5TextEncoder, open_tokenizer
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.safe_read import read_json

ENCODER, TOKENIZER, CACHE = "text_encoder.onnx", "tokenizer.json", "prompts.npy"
TEXT_PRECISIONS = ("fp32", "fp16")
GATES = {"fp32": 1e-4, "fp16": 2e-2}
"""largest error of a token's vector, relative to its length, against the network in torch in float32"""
PROBES = ("a person walks forward", "a man jumps, then turns left and sits down on a chair", "dance")
_FILES = ["config.json", "tokenizer.json", "*.safetensors", "model.safetensors.index.json", "pytorch_model.bin"]


class TextParityError(GenmoError):
    """The text encoder's graph differs from the network by more than its gate."""

    exit_status = 1


def local_folder(source: str) -> Path:
    """The folder of `--text-encoder`: a folder here, or one of the hub, fetched (weights of one kind, no code).

    Raises InputError when there is neither.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise InputError(f"--text-encoder {source}: no such folder; wanted a T5 folder as transformers saves it")
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            f'--text-encoder {source}: no such folder; to fetch it from the hub: pip install "genmo-motion[t5]"'
        ) from None
    try:
        return Path(huggingface_hub.snapshot_download(source, allow_patterns=_FILES))
    except Exception as error:  # network, names and rights: the library has many kinds
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InputError(f"--text-encoder {source}: no such folder, and the hub did not give it ({first})") from None


@dataclass(frozen=True, eq=False)
class Network:
    """A text encoder that was read."""

    kind: str
    """T5 or BERT"""
    scheme: str
    """`kind` of engine.json"""
    width: int
    depth: int
    vocabulary: int
    encode: Callable[[Tensor, Tensor], Tensor]
    """ids and mask [batch, tokens] -> vectors [batch, tokens, width], in torch"""
    graph: Callable[[int, Precision], onnx.ModelProto]
    """of so many tokens at most"""


def read_network(folder: Path, tokens: int) -> Network:
    """The encoder of a folder.  Raises InputError for what is none, or reads fewer than `tokens` tokens."""
    path = folder / "config.json"
    stored = read_json(path, "the configuration of a T5 or a BERT") if path.is_file() else None
    if not isinstance(stored, dict) or stored.get("model_type") != "bert":
        t5 = read_t5(folder)
        vocabulary = len(t5.embedding)
        return Network(
            "T5", T5_SCHEME, t5.config.width, t5.config.depth, vocabulary, partial(encode, t5),
            lambda tokens, precision: T5Graph(t5, tokens, precision).build(),
        )  # fmt: skip
    bert = read_bert(folder)
    if bert.config.positions < tokens:
        raise InputError(f"{folder}: reads {bert.config.positions} tokens of a text; the checkpoint's have {tokens}")
    return Network(
        "BERT", BERT_SCHEME, bert.config.width, bert.config.depth, len(bert.embedding), partial(encode_bert, bert),
        lambda tokens, precision: BertGraph(bert, tokens, precision).build(),
    )  # fmt: skip


def _keep(model: onnx.ModelProto) -> onnx.ModelProto:
    return model


def add_text_encoder(
    options: TextEncoderOptions,
    out: Path,
    tokens: int,
    width: int,
    fitted: Callable[[onnx.ModelProto], onnx.ModelProto] = _keep,
    notes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write a T5's or BERT's encoder, or with prompts only what it makes of them, into the engine folder `out`.

    `tokens`: of a text at most; `width`: channels that the engine takes of a token; `fitted`: the profile.
    Returns what `engine.json` says about it.  Raises InputError for a bad encoder or one of another width,
    TextParityError when the graph is over its gate; the caller removes `out` then.
    """
    folder, precision, prompts = local_folder(options.source), options.precision, options.prompts
    network = read_network(folder, tokens)
    if network.width != width:
        raise InputError(
            f"{options.source}: its tokens have {network.width} channels; the checkpoint's texts have {width}"
        )
    if not (folder / TOKENIZER).is_file():
        raise InputError(
            f"{folder}: no tokenizer.json; transformers makes it: AutoTokenizer.from_pretrained(T5).save_pretrained(T5)"
        )
    shutil.copyfile(folder / TOKENIZER, out / TOKENIZER)
    model = network.graph(tokens, PRECISIONS[precision])
    model = fitted(model) if prompts is None else model
    helper.set_model_props(model, {"graph": "text_encoder", **(notes or {}), "precision": precision})
    written = write_onnx(model, out / ENCODER)
    del model  # gigabytes
    encoder = T5TextEncoder(out / ENCODER, out / TOKENIZER, tokens, width)
    error = _parity(network, encoder, out / TOKENIZER, prompts or PROBES, precision)
    described = {
        "source": Path(options.source).name,
        "about": f"{network.kind} encoder, {network.depth} blocks of {width} channels, {precision}",
        "precision": precision,
        "largest_relative_error": float(f"{error:.2g}"),
    }
    if prompts is None:
        return {"kind": network.scheme, "file": ENCODER, "tokenizer": TOKENIZER, **described}
    lengths = _write_cache(encoder, prompts, out / CACHE)
    del encoder  # which holds the files open
    for path in (*written, out / TOKENIZER):
        path.unlink()
    described["about"] = f"{len(prompts)} prompts embedded ahead of time by a {described['about']}"
    return {"kind": CACHE_SCHEME, "file": CACHE, "prompts": list(prompts), "lengths": lengths, **described}


def _write_cache(encoder: T5TextEncoder, prompts: Sequence[str], path: Path) -> list[int]:
    """Write the token vectors of all prompts [tokens, width], one after the other; how many each has."""
    encoded = [encoder.encode(prompt) for prompt in prompts]
    lengths = [int(mask.sum()) for _, mask in encoded]
    np.save(path, np.concatenate([vectors[:n] for (vectors, _), n in zip(encoded, lengths, strict=True)]))
    return lengths


def _parity(network: Network, encoder: T5TextEncoder, tokenizer: Path, prompts: Sequence[str], precision: str) -> float:
    """Largest relative error of a token's vector.  Raises TextParityError over the gate, InputError for a tokenizer
    that is not this network's."""
    opened, worst = open_tokenizer(tokenizer, encoder.tokens), 0.0
    for prompt in prompts:
        ids = torch.tensor([opened.encode(prompt).ids])
        if ids.numel() == 0 or ids.max() >= network.vocabulary:
            raise InputError(f"tokenizer.json has tokens that the weights do not know, for {prompt!r}; wanted its own")
        reference = network.encode(ids, torch.ones(ids.shape))[0].numpy()
        difference = encoder.encode(prompt)[0][: len(reference)] - reference
        error = np.linalg.norm(difference, axis=-1) / np.maximum(np.linalg.norm(reference, axis=-1), 1e-12)
        worst = max(worst, float(error.max()))
    if not worst <= GATES[precision]:
        raise TextParityError(
            f"the {precision} text encoder is {worst:.1e} from its network, over the gate of {GATES[precision]:.0e}; "
            "nothing was written"
        )
    return worst
