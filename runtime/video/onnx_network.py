"""One ONNX file that the user names: what it takes, what it gives, and running it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.cpus import check_threads
from genmo.runtime.support.errors import BackendError, InputError, first_line
from genmo.runtime.support.safe_read import parse_json
from genmo.runtime.video.libraries import library

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
PROPERTY = "genmo"
"""Key of the ONNX metadata under which `genmo-export-pose` writes, as JSON, what the graph itself cannot say."""


@dataclass(frozen=True)
class Output:
    """Name and shape of an output; None: a length that the graph leaves open."""

    name: str
    shape: tuple[int | None, ...]


class Network:
    """A graph with one image input [batch, 3, height, width] of float32.

    Raises InputError when the file is no such graph, BackendError when ONNX Runtime or the device is missing.
    """

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{path}: no such file; wanted a model as .onnx")
        check_threads(threads)
        onnxruntime = library("onnxruntime")
        if device not in PROVIDERS:
            raise InputError(f"device is {device!r}; wanted one of {', '.join(PROVIDERS)}")
        if PROVIDERS[device] not in onnxruntime.get_available_providers():
            raise BackendError(f'ONNX Runtime here cannot use {device}; wanted: pip install "genmo-motion[gpu]"')
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors reach the user as exceptions, once
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=[PROVIDERS[device]])
        except Exception as error:  # the library's own types share no base below Exception
            raise InputError(
                f"{path}: ONNX Runtime cannot load it ({first_line(error)}); wanted a model as .onnx"
            ) from None
        inputs = self._session.get_inputs()
        shape = _lengths(inputs[0].shape) if inputs else ()
        if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != "tensor(float)" or shape[1] not in (3, None):
            listed = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise InputError(f"{path}: takes {listed}; wanted one image as float32 [batch, 3, height, width]")
        self._input = inputs[0].name
        self.batch = shape[0]
        self.height, self.width = shape[2], shape[3]
        self.outputs = tuple(Output(one.name, _lengths(one.shape)) for one in self._session.get_outputs())
        self.properties = self._read_properties()

    def _read_properties(self) -> dict[str, Any]:
        stored = self._session.get_modelmeta().custom_metadata_map.get(PROPERTY, "{}")
        expected = "a JSON object: export it again"
        properties = parse_json(stored.encode(), f"{self.path}: its metadata {PROPERTY!r}", expected)
        if not isinstance(properties, dict):
            raise InputError(f"{self.path}: its metadata {PROPERTY!r} is no JSON object; wanted {expected}")
        return properties

    def describe(self) -> str:
        """Its outputs in words, for errors."""
        return ", ".join(
            f"{one.name} [{', '.join('?' if length is None else str(length) for length in one.shape)}]"
            for one in self.outputs
        )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of its input; the given ones where the graph leaves them open."""
        return self.width or width, self.height or height

    def __call__(self, images: Array) -> list[Array]:
        """The outputs [n, ...] for images [n, 3, height, width], in as many calls as the graph's batch needs."""
        batch = self.batch or len(images)
        results_by_chunk = []
        for start in range(0, len(images), batch):
            chunk = np.ascontiguousarray(images[start : start + batch], np.float32)
            missing = batch - len(chunk)
            filled = np.concatenate([chunk, np.zeros((missing, *chunk.shape[1:]), np.float32)]) if missing else chunk
            try:
                results = self._session.run(None, {self._input: filled})
            except Exception as error:  # as above
                raise InputError(f"{self.path}: ONNX Runtime cannot run it ({first_line(error)})") from None
            results_by_chunk.append([np.asarray(result)[: len(chunk)] for result in results])
        return [np.concatenate(column) for column in zip(*results_by_chunk, strict=True)]


def _lengths(shape: list[object]) -> tuple[int | None, ...]:
    return tuple(length if isinstance(length, int) and length > 0 else None for length in shape)
