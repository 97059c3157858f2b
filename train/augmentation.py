"""Variety from little data: mirrored people, other bodies, other speeds, recombined limbs."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.rotation import Array
from genmo.runtime.skeleton import MIRROR_JOINTS
from genmo.train.rotation import matrix_from_axis_angle

_FLIP = np.array([-1.0, 1.0, 1.0], np.float32)

# One word of a row may stand for another: CMU's captions know 150 words, users know more.
SYNONYMS = (
    ("walks", "strolls", "strides", "is walking", "wanders", "paces", "goes on foot"),
    ("runs", "sprints", "is running", "dashes", "races"),
    ("jogs", "is jogging", "runs slowly", "trots"),
    ("jumps", "leaps", "hops", "springs", "is jumping"),
    ("a person", "someone", "a man", "a woman", "a human", "the person", "the figure"),
    ("dances", "is dancing", "performs a dance"),
    ("kicks", "is kicking", "strikes with the foot"),
    ("waving", "signalling", "greeting with the arms"),
    ("boxing", "punching", "fighting", "sparring"),
    ("throws punches", "punches", "hits"),
    ("stands idle", "waits", "stands still", "stands around", "is standing"),
    ("turns around", "spins round", "turns back"),
    ("slowly", "at a slow pace", "leisurely"),
    ("briskly", "quickly", "fast", "at a brisk pace"),
    ("forward", "forwards", "ahead"),
    ("sits", "takes a seat", "is sitting"),
    ("climbs", "is climbing", "clambers up"),
    ("gets up", "rises", "stands up"),
    ("falls", "tumbles", "drops"),
    ("stealthily", "sneakily", "creeping"),
)
_ROWS = {words[0]: words for words in SYNONYMS}
_PATTERN = re.compile(r"\b(" + "|".join(sorted(map(re.escape, _ROWS), key=len, reverse=True)) + r")\b")
_SIDES = re.compile(r"\b(left|right)\b")


def reworded(caption: str, random: np.random.Generator) -> str:
    """The caption with each known word replaced, half of the time, by one of its synonyms."""

    def swap(match: re.Match[str]) -> str:
        row = _ROWS[match.group(0)]
        return str(random.choice(row)) if random.random() < 0.5 else match.group(0)

    return _PATTERN.sub(swap, caption)


def mirrored_caption(caption: str) -> str:
    """Left and right exchanged."""
    return _SIDES.sub(lambda match: "right" if match.group(0) == "left" else "left", caption)


def mirror(rotations: Array, translation: Array, offsets: Array) -> tuple[Array, Array, Array]:
    """The motion seen in the mirror x = 0: rotations [..., 24, 3, 3], translation [..., 3], offsets [..., 24, 3]."""
    flip = _FLIP[:, None] * _FLIP[None, :]
    return (
        rotations[..., MIRROR_JOINTS, :, :] * flip,
        translation * _FLIP,
        offsets[..., MIRROR_JOINTS, :] * _FLIP,
    )


UPPER_BODY = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
ARMS = (13, 14, 16, 17, 18, 19, 20, 21, 22, 23)
LEFT_ARM = (13, 16, 18, 20, 22)


def mix_limbs(rotations: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Give a `share` of the motions [batch, frames, 24, 3, 3] the upper body, the arms or one arm of another.

    Most poses that a model meets are new combinations of limbs it has seen; few clips hold them all.
    """
    batch = len(rotations)
    other = rotations[torch.randperm(batch, generator=generator)]
    mixed = torch.zeros(batch, rotations.shape[2], dtype=torch.bool)
    choice = torch.randint(0, 3, (batch,), generator=generator)
    for index, joints in enumerate((UPPER_BODY, ARMS, LEFT_ARM)):
        row = torch.zeros(rotations.shape[2], dtype=torch.bool)
        row[list(joints)] = True
        mixed |= (choice == index)[:, None] & row
    mixed &= torch.rand(batch, 1, generator=generator) < share
    return torch.where(mixed[:, None, :, None, None], other, rotations)


def perturb(rotations: Tensor, share: float, tilt: float, generator: torch.Generator) -> Tensor:
    """Bend a `share` of the motions [batch, frames, 24, 3, 3] away from what was recorded.

    Every joint but root and hands gets one small turn for the whole window (0.15 rad, half of that in the spine and
    collars); a share `tilt` also leans as a whole, as people on slopes, beams and in falls do.
    """
    batch, _, joints = rotations.shape[:3]
    chance = torch.rand(batch, 2, generator=generator)
    spread = torch.full((joints,), 0.15)
    spread[[3, 6, 9, 13, 14]] = 0.07
    spread[[0, 22, 23]] = 0.0
    turn = torch.randn(batch, joints, 3, generator=generator) * spread[:, None] * (chance[:, :1] < share)[..., None]
    bent = rotations @ matrix_from_axis_angle(turn)[:, None]
    lean = torch.randn(batch, 3, generator=generator) * torch.tensor([0.25, 0.0, 0.25]) * (chance[:, 1:] < tilt)
    bent[:, :, 0] = matrix_from_axis_angle(lean)[:, None] @ bent[:, :, 0]
    return bent
