"""Where each weight of an engine lies inside its ONNX files: the table "native" of engine.json.

libgenmo reads weights where ONNX files hold them, as bytes at an offset, so an engine has no second copy of them and
the library no protobuf parser.  A weight is found by its contents: whatever lies at an offset equals it bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from genmo.export.onnx.constant_folding import (
    FoldedStep,
    Head,
    Mlp,
    Norm,
    fold,
    norm,
    reads_texts,
    single,
)
from genmo.export.onnx.graphs import export_graphs
from genmo.export.onnx.onnx_builder import Linear
from genmo.runtime.denoiser import residual_gain
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, read_bytes
from genmo.train.network.denoiser import Denoiser, KeypointEmbedding
from genmo.train.network.gem import BLOCK_EPS, FAMILIES, GemDenoiser, GvhmrDenoiser, SumOfConditions

FORMAT = 1
FLOAT = onnx.TensorProto.FLOAT


def network_of_distinct_weights(config: ModelConfig, one_bias: bool, family: str = "genmo") -> Denoiser:
    """A denoiser in which no two weights are alike, biases and norms included; `family`: a key of FAMILIES.

    `one_bias`: but for the biases of the two input layers.  They have the same gradients, so training leaves them
    equal, and the tracer stores equal tensors once.
    """
    denoiser = FAMILIES[family](config)
    generator = torch.Generator().manual_seed(0)
    for parameter in denoiser.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    if one_bias:
        denoiser.condition_in.bias.data.copy_(denoiser.motion_in.bias)
    return denoiser


def has_one_bias(conditions: onnx.ModelProto) -> bool:
    """Whether a conditions graph stores the biases of the two input layers once."""
    return all(tensor.name != "denoiser.condition_in.bias" for tensor in conditions.graph.initializer)


def can_describe(denoiser: nn.Module) -> bool:
    """Whether libgenmo runs such a network: GENMO's own, and the released ones."""
    own = type(denoiser) is Denoiser and set(denoiser.heads) == {"x_0"}
    return own or type(denoiser) in (GemDenoiser, GvhmrDenoiser)


def weights_by_role(denoiser: Denoiser) -> Arrays:
    """Every weight that libgenmo reads, as the fp32 graphs hold it: layers [in, out], vectors [n]."""
    step = _step_weights(fold(denoiser.eval()))
    if isinstance(denoiser, GemDenoiser):
        return step | _released_conditions(denoiser) | _released_texts(denoiser)
    return step | _condition_weights(denoiser) | _text_weights(denoiser)


def _step_weights(step: FoldedStep) -> Arrays:
    roles: Arrays = {"step.motion_in.weight": step.motion_in, "step.time": step.time}
    for index, module in enumerate(step.modules):
        name, attention = f"step.modules.{index}", module.attention
        roles |= _norm(f"{name}.attention", attention.norm) | _layer(f"{name}.attention.qkv", attention.qkv)
        roles |= _layer(f"{name}.attention.out", attention.out) | _mlp(f"{name}.attention_mlp", module.attention_mlp)
        if module.text is None:
            continue
        text, mlp = module.text
        roles |= _norm(f"{name}.text", text.norm) | _layer(f"{name}.text.q", text.q)
        roles |= _layer(f"{name}.text.out", text.out) | _mlp(f"{name}.text_mlp", mlp)
        if text.null is not None:
            roles[f"{name}.text.null"] = single(text.null)
    if step.norm is not None:
        roles |= _norm("step", step.norm)
    for kind, head in step.heads.items():
        roles |= _head(f"step.heads.{kind}", head)
    if step.innovation is not None:
        roles |= _head("step.innovation", step.innovation)
        roles["step.innovation.kernel"] = single(residual_gain.kernel())
        roles["step.innovation.roots"] = single(residual_gain.roots())
        roles["step.innovation.trusts"] = single(residual_gain.trusts())
    return roles


def _layer(name: str, layer: Linear) -> Arrays:
    return {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}


def _norm(name: str, layer: Norm) -> Arrays:
    return {f"{name}.norm.weight": layer.weight, f"{name}.norm.bias": layer.bias}


def _mlp(name: str, mlp: Mlp) -> Arrays:
    return _norm(name, mlp.norm) | _layer(f"{name}.first", mlp.first) | _layer(f"{name}.second", mlp.second)


def _head(name: str, head: Head) -> Arrays:
    return _layer(f"{name}.first", head.first) | _layer(f"{name}.second", head.second)


def _module(name: str, layer: nn.Module) -> Arrays:
    """The parameters of a linear layer as the traced graphs hold them."""
    return {
        f"{name}.weight": single(layer.weight.detach().numpy().T),
        f"{name}.bias": single(layer.bias.detach().numpy()),
    }


def _condition_weights(denoiser: Denoiser) -> Arrays:
    roles = _module("conditions.in", denoiser.condition_in)
    roles["conditions.motion_bias"] = single(denoiser.motion_in.bias.detach().numpy())
    for kind, embed in denoiser.conditions.embed.items():
        name = f"conditions.{kind}"
        roles[f"{name}.absent"] = single(denoiser.conditions.absent[kind].detach().numpy())
        roles |= _module(f"{name}.first", embed.fuse[0]) | _module(f"{name}.second", embed.fuse[2])
        if isinstance(embed, KeypointEmbedding):
            roles |= _module(f"{name}.point", embed.point)
            roles |= {f"{name}.{part}": single(getattr(embed, part).detach().numpy()) for part in ("unseen", "place")}
    return roles


def _text_weights(denoiser: Denoiser) -> Arrays:
    roles = _module("texts.in", denoiser.text_in)
    for index, words in enumerate(denoiser.word_layers):
        attention, mlp = f"texts.words.{index}.attention", f"texts.words.{index}.mlp"
        roles |= _module(f"{attention}.qkv", words.qkv) | _module(f"{attention}.out", words.out)
        roles |= _module(f"{mlp}.first", words.mlp[0]) | _module(f"{mlp}.second", words.mlp[2])
        roles |= _norm(attention, norm(words.attention_norm)) | _norm(mlp, norm(words.mlp_norm))
    for index, block in enumerate(denoiser.text_blocks):
        roles |= _module(f"texts.modules.{index}.key_value", block.attention.kv)
    return roles


def _released_conditions(denoiser: GemDenoiser) -> Arrays:
    """Of released weights: layers of every condition, and where they have flags, those behind them."""
    conditions = denoiser.conditions
    assert isinstance(conditions, SumOfConditions)
    points = conditions.keypoints
    roles = _module("conditions.keypoints.point", points.point) | _pair("conditions.keypoints", points.fuse)
    roles["conditions.keypoints.unseen"] = single(points.unseen.detach().numpy())
    for kind, embed in conditions.embed.items():
        name = f"conditions.{kind}"
        if isinstance(embed[0], nn.LayerNorm):
            roles |= _norm(name, norm(embed[0])) | _module(f"{name}.first", embed[1])
        else:
            roles |= _pair(name, embed)
        if kind in conditions.flagged:
            roles |= _pair(f"{name}.flagged", conditions.flagged[kind])
    if isinstance(denoiser.condition_in, nn.Linear):
        roles |= _module("conditions.in", denoiser.condition_in)
    return roles


def _pair(name: str, layers: nn.Module) -> Arrays:
    """Two linear layers with an activation between them."""
    assert isinstance(layers, nn.Sequential)
    return _module(f"{name}.first", layers[0]) | _module(f"{name}.second", layers[2])


def _released_texts(denoiser: GemDenoiser) -> Arrays:
    """Of GEM-SMPL: GVHMR reads no texts."""
    if not reads_texts(denoiser):
        return {}
    return _text_weights(denoiser) | {"texts.places": single(denoiser.timestep_table.numpy())}


def paired_weights(
    reference: onnx.ModelProto, stored: onnx.ModelProto
) -> Iterator[tuple[onnx.TensorProto, onnx.TensorProto]]:
    """The float32 arrays of two graphs of one network, the same part of it together: the tracer's names change from
    version to version, the order does not.  Raises EngineError for graphs of different networks."""
    both = [
        [
            each
            for each in model.graph.initializer
            if each.data_type == onnx.TensorProto.FLOAT and math.prod(each.dims) > 1
        ]
        for model in (reference, stored)
    ]
    if [list(tensor.dims) for tensor in both[0]] != [list(tensor.dims) for tensor in both[1]]:
        raise EngineError(
            "the graphs are of another network, or of one that was never trained; wanted a trained engine"
        )
    return zip(*both, strict=True)


def paired_arrays(
    reference: Sequence[onnx.ModelProto], stored: Sequence[onnx.ModelProto]
) -> Iterator[tuple[Array, Array]]:
    """`paired_weights` of several graphs, as arrays."""
    for models in zip(reference, stored, strict=True):
        for pair in paired_weights(*models):
            ours, theirs = map(numpy_helper.to_array, pair)
            yield ours, theirs


class WeightLookup:
    """Where the engine's graphs hold what a network of known weights has in the graphs of its own export."""

    def __init__(self, pairs: Iterable[tuple[Array, Array]]) -> None:
        """`pairs`: an array of the known network, and the engine's in its place."""
        self._found: dict[bytes, Array] = {}
        for array, ours in pairs:
            for view in (array, array.T):
                self._found[view.tobytes()] = ours if view is array else ours.T

    def required(self, array: Array, name: str) -> Tensor:
        """What the engine has where the reference has `array`, in float64.  Raises EngineError for nothing."""
        slot = self._found.get(array.tobytes())
        if slot is None:
            raise EngineError(f"{name} is not among the stored weights; wanted an engine that this genmo exported")
        return torch.from_numpy(slot.astype(np.float64)).reshape(array.shape)


def _stored(roles: Arrays, reference: Mapping[str, onnx.ModelProto], stored: Mapping[str, onnx.ModelProto]) -> Arrays:
    """What `stored` graphs hold in the place of each of the `reference` graphs' weights."""
    found = {
        (graph, ours.raw_data): theirs.raw_data
        for graph in GRAPHS
        for ours, theirs in paired_weights(reference[graph], stored[graph])
    }
    arrays: Arrays = {}
    for role, array in roles.items():
        graph = role.partition(".")[0]
        data = found.get((graph, array.tobytes()))
        if data is None:
            raise EngineError(f"{graph}.onnx: {role} is not where this genmo writes it; export the engine again")
        arrays[role] = np.frombuffer(data, np.float32).reshape(array.shape)
    return arrays


def native_table(denoiser: Denoiser, graphs: Graphs) -> dict[str, Any]:
    """The table of an engine whose fp32 graphs of `denoiser` are written.

    Raises EngineError for a weight that is in none of its files."""
    return _table(weights_by_role(denoiser), _epsilon(denoiser), graphs)


def native_table_of_engine(config: ModelConfig, profile: str, graphs: Graphs) -> dict[str, Any]:
    """The table of an engine without its checkpoint: the graphs of another network of the same config tell which of the
    engine's initializers is what.  Raises EngineError for graphs that this genmo would write otherwise."""
    stored = {name: onnx.load(getattr(graphs, name)) for name in GRAPHS}
    family = family_of(config, stored["texts"])
    reference = network_of_distinct_weights(config, family == "genmo" and has_one_bias(stored["conditions"]), family)
    roles = _stored(weights_by_role(reference), export_graphs(reference, profile=profile), stored)
    return _table(roles, _epsilon(reference), graphs)


def family_of(config: ModelConfig, texts: onnx.ModelProto) -> str:
    """Whose network an engine's is, a key of FAMILIES: GVHMR's graph of texts has no weights."""
    if config.layout == "genmo":
        return "genmo"
    return "gem" if any(len(tensor.dims) == 2 for tensor in texts.graph.initializer) else "gvhmr"


def _epsilon(denoiser: Denoiser) -> float:
    """Of the norms in the modules."""
    return denoiser.norm.eps if isinstance(denoiser.norm, nn.LayerNorm) else BLOCK_EPS


def _table(roles: Arrays, epsilon: float, graphs: Graphs) -> dict[str, Any]:
    files = {graph: _contents(getattr(graphs, graph)) for graph in GRAPHS}
    tensors = {role: _location(role, array, files[role.partition(".")[0]]) for role, array in roles.items()}
    return {"format": FORMAT, "dtype": "float32", "norm_epsilon": epsilon, "tensors": tensors}


def _contents(path: Path) -> list[tuple[str, bytes]]:
    """A graph's file and, where it has one, the file of its weights: name and bytes."""
    beside = path.with_name(f"{path.name}.data")
    paths = [path, *[beside] * beside.exists()]
    return [(each.name, read_bytes(each, "a file of an engine", MAX_WEIGHTS_BYTES)) for each in paths]


def _location(role: str, array: Array, files: Sequence[tuple[str, bytes]]) -> list[Any]:
    """File, offset in bytes, shape."""
    for name, data in files:
        offset = data.find(array.tobytes())
        if offset >= 0:
            return [name, offset, list(array.shape)]
    raise EngineError(f"{files[0][0]}: {role} is in none of its tensors; wanted an fp32 engine of this genmo")
