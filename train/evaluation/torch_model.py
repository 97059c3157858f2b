"""A checkpoint behind the runtime's `MotionModel`: what is measured of it is what its engine would do, in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from genmo.runtime import MotionModel
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.engine.text_ngram import TextEncoder
from genmo.runtime.support.arrays import Arrays
from genmo.train.network.checkpoint import Checkpoint, load_checkpoint


class TorchDenoiser:
    """A PyTorch denoiser as the runtime's `Denoiser`: numpy arrays in and out, on the CPU."""

    def __init__(self, denoiser: torch.nn.Module) -> None:
        self.denoiser = denoiser.eval()

    @torch.no_grad()
    def __call__(self, inputs: Arrays) -> Arrays:
        predicted = self.denoiser({name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in inputs.items()})
        return {name: tensor.float().numpy() for name, tensor in predicted.items()}


def motion_model(
    checkpoint: Checkpoint, folder: str | Path = "", text_encoder: TextEncoder | None = None
) -> MotionModel:
    """The model of a checkpoint; its prompts are encoded by the runtime's encoder with the checkpoint's table.

    `folder` is where the checkpoint came from, for messages; `text_encoder`: of one whose tokens come from outside.
    """
    model, encoder = checkpoint.model, checkpoint.model.text_encoder
    engine = Engine(
        folder=Path(folder),
        config=model.config,
        mean=checkpoint.normalisation.mean.cpu().numpy(),
        std=checkpoint.normalisation.std.cpu().numpy(),
        text_encoder=text_encoder if encoder is None else encoder.as_runtime(),
        description={"provenance": checkpoint.provenance},
        known_prompts=checkpoint.known_prompts,
        text_reader=checkpoint.text_reader,
        text_lengths=checkpoint.text_lengths,
        read_examples=lambda: checkpoint.examples,
    )
    return MotionModel(engine, TorchDenoiser(model.denoiser), "cpu", "torch")


def load_motion_model(folder: str | Path) -> MotionModel:
    """The model of a checkpoint folder.  Raises InputError when it is none."""
    return motion_model(load_checkpoint(folder), folder)
