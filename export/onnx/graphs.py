"""The denoiser as ONNX graphs with the signature's names, for every batch, length and number of texts.

`conditions.onnx` and `texts.onnx` run once a sequence; they are traced from the PyTorch modules and stay float32.
`step.onnx` runs at every step and is written node by node (`genmo.export.onnx.step_graph`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from genmo.export.onnx.constant_folding import fold, folds_null_text, reads_texts
from genmo.export.onnx.int8_calibration import equalise, input_ranges
from genmo.export.onnx.onnx_builder import FP32, IR_VERSION, OPSET, Precision, value_info
from genmo.export.onnx.operator_profiles import PLAIN, PROFILES, fitted
from genmo.export.onnx.step_graph import sampler_model, step_model
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import (
    DYNAMIC_AXES,
    condition_inputs,
    condition_outputs,
    inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.support.arrays import Arrays
from genmo.train.network.denoiser import Denoiser

EXAMPLE = {"batch": 2, "frames": 150, "texts": 3}  # no size is 1: a 1 would be frozen into the graph
INLINE_LIMIT = 1_500_000_000  # bytes; protobuf files end at 2 GB


class Conditions(nn.Module):
    """Per-frame conditions -> `fused`, the token without x_t and timestep (their biases are in here)."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.inputs, self.outputs = condition_inputs(denoiser.config), condition_outputs(denoiser.config)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        named = {spec.name: tensor for spec, tensor in zip(self.inputs, tensors, strict=True)}
        fused = self.denoiser.condition_in(self.denoiser.conditions(named))
        bias = getattr(self.denoiser.motion_in, "bias", None)
        return (fused if bias is None else fused + bias,)


class Texts(nn.Module):
    """Texts -> what every module's text attention needs of them.

    Where the null text is folded into the step it is left out; else it comes first and reaches all frames of a motion
    without texts.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.inputs, self.outputs = text_inputs(denoiser.config), text_outputs(denoiser.config)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        tokens, mask, spans = tensors
        if not reads_texts(self.denoiser):
            return self._nothing(tokens, mask, spans)
        memory, bias, _ = self.denoiser.texts(tokens, mask, spans, 1)
        reach = spans * (mask.amax(dim=-1, keepdim=True) > 0)
        if folds_null_text(self.denoiser):
            memory, bias = memory[:, 1:], bias[:, 1:]
        else:
            spoken = (reach[..., 1:] - reach[..., :1]).amax(dim=1, keepdim=True) > 0
            null = torch.cat([torch.zeros_like(spans[:, :1, :1]), MAX_FRAMES * ~spoken], dim=-1)
            reach = torch.cat([null, reach], dim=1)
        words = memory.flatten(1, 2)
        cached = [tensor for block in self.denoiser.text_blocks for tensor in self._keys_and_values(block, words)]
        return bias, reach, *cached

    def _nothing(self, tokens: Tensor, mask: Tensor, spans: Tensor) -> tuple[Tensor, ...]:
        """Zeros in the right shapes, for a network that reads no texts."""
        config = self.denoiser.config
        words = torch.zeros_like(tokens[..., :1]).flatten(1, 2)[:, None].expand(-1, config.heads, -1, -1)
        values = words.expand(-1, -1, -1, config.width // config.heads)
        return torch.zeros_like(mask), spans, *[tensor for _ in range(config.depth) for tensor in (values.mT, values)]

    def _keys_and_values(self, block: nn.Module, words: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = block.attention.kv(words).unflatten(-1, (2, self.denoiser.config.heads, -1)).unbind(2)
        return keys.permute(0, 2, 3, 1), values.permute(0, 2, 1, 3)


def example_inputs(config: ModelConfig, random: np.random.Generator, **sizes: int) -> dict[str, np.ndarray]:
    """Random arrays of the signature for given sizes; masks are 0 or 1, spans lie inside the frames."""
    arrays = {}
    for spec in inputs(config):
        shape = spec.shape(**sizes)
        if spec.name == "timestep":
            arrays[spec.name] = random.integers(0, 1000, shape)
        elif spec.name == "text_spans":
            arrays[spec.name] = np.sort(random.integers(0, sizes["frames"] + 1, shape), axis=-1)
        elif spec.name.endswith("_mask"):
            arrays[spec.name] = random.integers(0, 2, shape).astype(np.float32)
        else:
            arrays[spec.name] = random.standard_normal(shape).astype(np.float32)
    return arrays


def _dynamic_shapes(specs: tuple[TensorSpec, ...]) -> tuple[dict[int, torch.export.Dim], ...]:
    dims = {name: torch.export.Dim(name, min=1, max=MAX_FRAMES) for name in DYNAMIC_AXES}
    return tuple(
        {axis_index: dims[axis] for axis_index, axis in enumerate(spec.axes) if isinstance(axis, str)} for spec in specs
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's progress chatter and warnings about its own internals."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def trace(module: Conditions | Texts) -> onnx.ModelProto:
    """The ONNX model of a module: dynamic axes, opset 18, no paths, the same bytes every time."""
    example = example_inputs(module.denoiser.config, np.random.default_rng(0), **EXAMPLE)
    tensors = tuple(torch.from_numpy(example[spec.name]) for spec in module.inputs)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            tensors,
            dynamo=True,
            opset_version=OPSET,
            input_names=[spec.name for spec in module.inputs],
            output_names=[spec.name for spec in module.outputs],
            dynamic_shapes=(_dynamic_shapes(module.inputs),),
            optimize=True,
        )
    model: onnx.ModelProto = clean(program.model_proto, type(module).__name__.lower())
    for value, spec in zip(model.graph.output, module.outputs, strict=True):
        value.CopyFrom(value_info(spec))  # the tracer has names of its own for axes
    return model


def export_graphs(
    denoiser: Denoiser,
    precision: Precision = FP32,
    calibration: Sequence[Arrays] = (),
    *,
    profile: str = PLAIN,
    fused_steps: int = 0,
) -> dict[str, onnx.ModelProto]:
    """All graphs of an engine by name: conditions, texts, step, and the sampler of `fused_steps` steps where wanted.

    `calibration`: arrays of the signature on which 8-bit layers are balanced; other precisions need none.
    `profile`: a key of PROFILES.  Raises InputError for graphs that the profile cannot hold, or a number of steps that
    the schedule does not have.
    """
    step = fold(denoiser.eval())
    if precision.compute == "int8" and calibration:
        step = equalise(step, input_ranges(denoiser, calibration))
    texts_for_all = PROFILES[profile].texts_for_all
    graphs = {
        "conditions": trace(Conditions(denoiser)),
        "texts": trace(Texts(denoiser)),
        "step": step_model(step, precision, texts_for_all=texts_for_all),
    }
    if fused_steps:
        graphs["sampler"] = sampler_model(step, fused_steps, precision, texts_for_all)
    return {name: fitted(model, profile) for name, model in graphs.items()}


def write_graphs(
    denoiser: Denoiser,
    folder: Path,
    precision: Precision = FP32,
    calibration: Sequence[Arrays] = (),
    *,
    profile: str = PLAIN,
    fused_steps: int = 0,
    notes: Mapping[str, str] | None = None,
) -> Graphs:
    """Export a denoiser into `folder` (see `export_graphs`), with `notes` as every graph's metadata; where its graphs
    are."""
    models = export_graphs(denoiser, precision, calibration, profile=profile, fused_steps=fused_steps)
    paths = {name: folder / f"{name}.onnx" for name in models}
    for name, model in models.items():
        helper.set_model_props(model, {"graph": name, **(notes or {})})
        write_onnx(model, paths[name])
    null_is_folded = folds_null_text(denoiser) and not PROFILES[profile].texts_for_all
    conditions, texts, step = (paths[name] for name in GRAPHS)
    return Graphs(conditions, texts, step, null_is_folded, paths.get("sampler"), fused_steps)


def clean(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Drop what the tracer noted about its own machine (stack traces, paths); state ir_version and producer."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.doc_string = "genmo", "", ""
    graph = model.graph
    graph.name, graph.doc_string = name, ""
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        item.doc_string = ""
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    del graph.value_info[:]
    return model


def write_onnx(model: onnx.ModelProto, path: Path) -> list[Path]:
    """Write the model, weights beside it when they are too large for one file; the files written."""
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) < INLINE_LIMIT:  # ByteSize() ends at 2 GB
        path.write_bytes(model.SerializeToString(deterministic=True))
        return [path]
    weights = f"{path.name}.data"
    onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=weights)
    return [path, path.with_name(weights)]
