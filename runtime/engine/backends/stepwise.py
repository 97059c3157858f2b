"""A denoiser in parts: conditions and texts once a sequence, the step as often as the sampler wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.sampler import Step
from genmo.runtime.denoiser.signature import (
    condition_inputs,
    condition_outputs,
    outputs,
    sampler_inputs,
    sampler_outputs,
    step_inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import EngineError

if TYPE_CHECKING:  # an engine's text encoder runs a graph too, so the engine imports this file
    from genmo.runtime.engine.graphs import Graphs

Specs = tuple[TensorSpec, ...]


class GraphSession(Protocol):
    """A loaded graph of some library."""

    def keep(self, arrays: Arrays) -> dict[str, Any]:
        """Inputs in the library's own form, for many calls."""

    def __call__(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""


class StepwiseDenoiser:
    """The graphs of an engine behind the sampler's protocol; `load(path, inputs, outputs)` opens one of them.

    `fewest_prompted`: 1 where the library cannot take texts without rows; a motion without text then gets an empty one.
    `fused_steps`: whether the library runs the sampler's graph, where the engine has one.
    """

    def __init__(
        self,
        graphs: Graphs,
        config: ModelConfig,
        load: Callable[[Path, Specs, Specs], GraphSession],
        fewest_prompted: int = 0,
        fused_steps: bool = True,
    ) -> None:
        self._fewest_prompted = fewest_prompted
        self._config, self._outputs = config, outputs(config)
        self._null_is_folded = graphs.null_is_folded
        self._fuse = load(graphs.conditions, condition_inputs(config), condition_outputs(config))
        self._read = load(graphs.texts, text_inputs(config), text_outputs(config))
        self._step = load(graphs.step, step_inputs(config), self._outputs)
        self.fused_steps = graphs.fused_steps if fused_steps else 0
        if graphs.sampler is not None and fused_steps:
            self._sampler = load(graphs.sampler, sampler_inputs(config), sampler_outputs(config))

    def __call__(self, inputs: Arrays) -> Arrays:
        """Arrays of `signature.inputs` -> those of `signature.outputs`, everything computed."""
        conditions = {name: array for name, array in inputs.items() if name not in ("x_t", "timestep")}
        return self._run(self._kept(conditions), {"x_t": inputs["x_t"], "timestep": inputs["timestep"]})

    def prepare(self, conditions: Arrays) -> Step:
        """What a sequence's steps share, computed once; the step."""
        kept = self._kept(conditions)

        def step(x_t: Array, timestep: int) -> Arrays:
            return self._run(kept, {"x_t": x_t, "timestep": np.full(len(x_t), timestep, np.int64)})

        return step

    def sample(self, conditions: Arrays, noise: Array, guidance: float) -> Arrays:
        """All steps of the guided sampler in one call, for engines that were exported with `--fuse-steps`.

        `conditions` of 2 x motions: with, then without what guidance acts on; `noise` [motions, frames, features].
        """
        arrays = {"noise": noise, "guidance": np.array([guidance], np.float32)}
        return self._checked(self._sampler(self._kept(conditions), arrays), *noise.shape[:2])

    def _kept(self, conditions: Arrays) -> dict[str, Any]:
        names = [spec.name for spec in condition_inputs(self._config)]
        fused = self._fuse({}, {name: conditions[name] for name in names})
        texts = {spec.name: conditions[spec.name] for spec in text_inputs(self._config)}
        prompted = count_prompted(texts) if self._null_is_folded else len(fused["fused"])
        prompted = max(prompted, self._fewest_prompted)
        if prompted == 0:
            return self._step.keep(fused | no_texts(self._config))
        return self._step.keep(fused | self._read({}, {name: array[:prompted] for name, array in texts.items()}))

    def _run(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        return self._checked(self._step(kept, arrays), *arrays["x_t"].shape[:2])

    def _checked(self, answer: Arrays, batch: int, frames: int) -> Arrays:
        for spec in self._outputs:
            expected, shape = spec.shape(batch=batch, frames=frames), answer[spec.name].shape
            if shape != expected:
                raise EngineError(f"the engine answers {spec.name} {list(shape)}; wanted {list(expected)}")
        return answer


def count_prompted(texts: Arrays) -> int:
    """Motions of the batch up to the last one that a text reaches."""
    spans = texts["text_spans"]
    spoken = (texts["text_token_mask"].max(axis=-1) > 0) & (spans[..., 1] > spans[..., 0])
    return int(np.flatnonzero(spoken.any(axis=-1)).max(initial=-1)) + 1


def no_texts(config: ModelConfig) -> Arrays:
    """The text inputs of a step for motions that no text reaches: without rows."""
    sizes = {"prompted": 0, "texts": 1, "words": config.text_tokens}
    return {spec.name: np.zeros(spec.shape(**sizes), spec.dtype) for spec in text_outputs(config)}
