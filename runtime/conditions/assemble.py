"""Conditions as the arrays that an engine takes."""

from __future__ import annotations

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError


def assemble(config: ModelConfig, frames: int, given: dict[str, Array]) -> dict[str, Array]:
    """Every per-frame condition of the model as float32 [1, frames, ...] with its mask; absent ones are zero.

    Raises InputError for a condition that the model does not have or of another length.
    """
    conditions = frame_conditions(config)
    unknown = sorted(set(given) - {name + end for name in conditions for end in ("", "_mask")})
    if unknown:
        raise InputError(f"this engine takes no {unknown[0]!r} condition; it takes {sorted(conditions)} and texts")
    arrays: dict[str, Array] = {}
    for name, shape in conditions.items():
        for key, wanted in ((name, (frames, *shape)), (f"{name}_mask", (frames,))):
            value = given.get(key, np.zeros(wanted))
            if value.shape != wanted:
                raise InputError(f"condition {key} is {list(value.shape)}; wanted {list(wanted)}")
            arrays[key] = np.ascontiguousarray(value[None], np.float32)
    return arrays
