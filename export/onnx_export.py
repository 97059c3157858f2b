"""The denoiser as one ONNX graph with the signature's names, for every batch, length and number of texts."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from genmo.runtime.config import ModelConfig
from genmo.runtime.signature import DYNAMIC_AXES, MAX_FRAMES, TensorSpec, inputs, outputs
from genmo.train.denoiser import Denoiser

OPSET = 18  # the newest whose files may say ir_version 8, which engines of games still read
IR_VERSION = 8
EXAMPLE = {"batch": 2, "frames": 150, "texts": 3}  # no size is 1: a 1 would be frozen into the graph
INLINE_LIMIT = 1_500_000_000  # bytes; protobuf files end at 2 GB


class Traceable(nn.Module):
    """The denoiser with positional inputs and outputs in the signature's order, and O(N W) attention."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.names = [spec.name for spec in inputs(denoiser.config)]
        self.outputs = [spec.name for spec in outputs(denoiser.config)]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        predicted = self.denoiser(dict(zip(self.names, tensors, strict=True)))
        return tuple(predicted[name] for name in self.outputs)


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
    return tuple({place: dims[axis] for place, axis in enumerate(spec.axes) if isinstance(axis, str)} for spec in specs)


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


def export_denoiser(denoiser: Denoiser) -> onnx.ModelProto:
    """The ONNX model: dynamic batch, frames and texts, opset 18, no paths, the same bytes every time."""
    config = denoiser.config
    specs = inputs(config)
    example = example_inputs(config, np.random.default_rng(0), **EXAMPLE)
    tensors = tuple(torch.from_numpy(example[spec.name]) for spec in specs)
    denoiser.eval().use_blocked_attention(True)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                Traceable(denoiser).eval(),
                tensors,
                dynamo=True,
                opset_version=OPSET,
                input_names=[spec.name for spec in specs],
                output_names=[spec.name for spec in outputs(config)],
                dynamic_shapes=(_dynamic_shapes(specs),),
                optimize=True,
            )
    finally:
        denoiser.use_blocked_attention(False)
    model: onnx.ModelProto = program.model_proto
    return clean(model)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the tracer noted about its own machine (stack traces, paths); state ir_version and producer."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.doc_string = "genmo", "", ""
    graph = model.graph
    graph.name, graph.doc_string = "denoiser", ""
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
    if model.ByteSize() < INLINE_LIMIT:
        path.write_bytes(model.SerializeToString(deterministic=True))
        return [path]
    weights = f"{path.name}.data"
    onnx.save_model(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=weights)
    return [path, path.with_name(weights)]
