"""Windows of motion for the tokens' training: features on the mean skeleton, by the step's number alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion.mirror import mirror
from genmo.runtime.motion.token_features import leg_scale, to_features
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.augmentation import change_speed, mix_limbs, perturb
from genmo.train.datasets.clips import Clip
from genmo.train.settings.token_config import TokenVariety

Window = tuple[Array, Array, Array]
"""rotations [frames, 24, 3, 3], path [frames, 3], rest offsets [24, 3]"""


class TokenWindows:
    """Draws windows of clips that are true in the world."""

    def __init__(self, clips: Sequence[Clip], weights: Array, variety: TokenVariety, seed: int) -> None:
        """`weights` [clips]: how often each is drawn.  Raises InputError where no clip is true in the world."""
        chosen = [number for number, clip in enumerate(clips) if clip.truth == "world"]
        if not chosen:
            raise InputError("config: no clip in data holds its motion in the world; tokens want some")
        self.clips, self.variety, self.seed = [clips[number] for number in chosen], variety, seed
        self.weights = np.asarray(weights)[chosen]

    def draw(self, step: int, batch: int, frames: int) -> Tensor:
        """Features [batch, frames, 269] of a step's windows, not normalised.

        Raises InputError where no clip has as many frames.
        """
        random = np.random.default_rng((self.seed, 2**32 + step))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        weights = self.weights * [clip.frames >= frames for clip in self.clips]
        if not weights.any():
            raise InputError(f"no clip in the world has {frames} frames; shorten the training windows")
        picks = random.choice(len(self.clips), batch, p=weights / weights.sum())
        windows = [self._window(self.clips[int(pick)], frames, random) for pick in picks]
        rotations = torch.from_numpy(np.stack([window[0] for window in windows])).float()
        options = self.variety
        rotations = perturb(mix_limbs(rotations, options.mix, generator), options.perturb, options.tilt, generator)
        path, offsets = (np.stack([window[part] for window in windows]) for part in (1, 2))
        return torch.from_numpy(to_features(rotations.numpy(), path, leg_scale(offsets))).float()

    def _window(self, clip: Clip, frames: int, random: np.random.Generator) -> Window:
        """A stretch of a clip, perhaps at another speed, perhaps mirrored."""
        rate = float(np.exp(random.uniform(-0.22, 0.22))) if random.random() < self.variety.speed else 1.0
        needed = frames if rate == 1 else min(clip.frames, int(np.ceil((frames - 1) * rate)) + 2)
        start = int(random.integers(clip.frames - needed + 1))
        rotations, path = clip.rotations[start : start + needed], clip.translation[start : start + needed]
        if rate != 1:
            rotations, path = change_speed(rotations, path, rate, frames)
        window = rotations, path, clip.offsets
        return mirror(*window) if random.random() < self.variety.mirror else window


def even_windows(clips: Sequence[Clip], frames: int, most: int) -> Tensor:
    """Features [n, frames, 269] of at most `most` windows of clips, evenly taken, as they were recorded.

    Raises InputError where no clip has as many frames.
    """
    starts = [(clip, at) for clip in clips for at in range(0, clip.frames - frames + 1, frames)]
    if not starts:
        raise InputError(f"no validation clip has {frames} frames; wanted longer ones, or no validation subjects")
    chosen = [starts[int(index)] for index in np.linspace(0, len(starts) - 1, min(most, len(starts)))]
    rotations, path = (
        np.stack([getattr(clip, name)[at : at + frames] for clip, at in chosen])
        for name in ("rotations", "translation")
    )
    scale = leg_scale(np.stack([clip.offsets for clip, _ in chosen]))
    return torch.from_numpy(to_features(rotations, path, scale)).float()
