"""Engines of made-up weights in the format of GEM-SMPL and GVHMR, whose answers are near a person who stands."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from genmo.export import pipeline
from genmo.export.options import ExportOptions
from genmo.export.parity import parity
from genmo.runtime.motion.layout import LAYOUTS
from tests.export.test_released_weights import NETWORK, released, save

LAYOUT = LAYOUTS["gem"]
UNTURNED = np.array([1.0, 0, 0, 0, 1, 0])
AWAY = np.array([1.0, 0, 0, 0, -1, 0])
"""who stands upright, as a camera sees it"""


def write_released(family: str, folder: Path) -> Path:
    """The engine, exported from a checkpoint as the authors publish them."""
    state = released(family)
    for name in ("pred_cam_head", "static_conf_head"):
        state[f"{NETWORK[family]}{name}.fc2.weight"] *= 0.3
    mean, spread = np.zeros(LAYOUT.width), torch.full((LAYOUT.width, 1), 0.01)
    at = LAYOUT.slices
    mean[at["body_rotations"]] = np.tile(UNTURNED, 21)
    mean[at["gravity_view_orientation"]], mean[at["root_orientation_camera"]] = UNTURNED, AWAY
    spread[at["root_velocity"]] = 0.0005
    for part in ("weight", "bias"):
        last = state[f"{NETWORK[family]}final_layer.fc2.{part}"]
        last *= spread.reshape(-1, *[1] * (last.ndim - 1))
    std = [1.0] * LAYOUT.width  # no less is allowed
    (folder / "statistics.json").write_text(json.dumps({"mean": mean.tolist(), "std": std}))
    options = ExportOptions(
        checkpoint=save(folder, state),
        out=folder / "engine",
        licence="made up",
        statistics=str(folder / "statistics.json"),
        gravity="up",
    )
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "parity", partial(parity, lengths=(2,)))  # all of them take half a minute
        return pipeline.export(options)
