"""Keypoints that the image does not hold: people cut by its border, and the busts that webcams show."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.motion.skeleton import COCO_KEYPOINTS
from genmo.train.data.simulated_cameras import uniform

_NAMES = [name for name, _, _ in COCO_KEYPOINTS]
LOWER_BODY = tuple(i for i, name in enumerate(_NAMES) if name.endswith(("hip", "knee", "ankle")))
KINDS = {"border": 0.4, "lower_body": 0.25, "chest": 0.15, "side": 0.1, "half": 0.1}
"""share of each kind of cut: at a height of the person, below the waist, below the chest, at a vertical line, and all
points of the left or of the right side of the body"""
WHOLE = 0.7
"""share of the cuts that last for the whole window; the others last for a stretch of it"""


def cut_by_frame(pixels: Tensor, visible: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Hide what another framing would leave out of a `share` of the samples: the mask that is left.

    pixels [batch, frames, 17, 2]: image heights, y down; visible [batch, frames, 17] bool.
    """
    batch, frames = visible.shape[:2]
    kind = torch.multinomial(torch.tensor(list(KINDS.values())), batch, replacement=True, generator=generator)
    named = {name: (kind == index)[:, None, None] for index, name in enumerate(KINDS)}
    x, y = pixels.unbind(-1)
    top, bottom = (getattr(y, extreme)(dim=2).median(dim=1).values[:, None, None] for extreme in ("amin", "amax"))
    left, right = (getattr(x, extreme)(dim=2).median(dim=1).values[:, None, None] for extreme in ("amin", "amax"))
    height = uniform(generator, (batch, 1, 1), 0.25, 0.85)
    height = torch.where(named["chest"], 0.2 + 0.25 * height, height)
    below = y > top + height * (bottom - top)
    across = left + uniform(generator, (batch, 1, 1), 0.3, 0.7) * (right - left)
    first = torch.rand(batch, 1, 1, generator=generator) < 0.5
    beside = torch.where(first, x < across, x > across)
    lower = torch.zeros(len(_NAMES), dtype=torch.bool)
    lower[list(LOWER_BODY)] = True
    of_side = torch.where(first, _side("left"), _side("right"))
    hidden = (
        (below & (named["border"] | named["chest"]))
        | (lower & (named["lower_body"] | named["chest"]))
        | (beside & named["side"])
        | (of_side & named["half"])
    )
    ends = (uniform(generator, (batch, 2), 0, 1) * frames).sort(dim=1).values
    whole = torch.rand(batch, 1, generator=generator) < WHOLE
    time = torch.arange(frames)
    during = whole | ((time >= ends[:, :1]) & (time < ends[:, 1:]))
    chosen = torch.rand(batch, 1, generator=generator) < share
    return visible & ~(hidden & (during & chosen)[..., None])


def _side(side: str) -> Tensor:
    return torch.tensor([name.startswith(side) for name in _NAMES])
