"""Variety from little data: mirrored people, other bodies, other speeds, recombined limbs."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion import rotation as numpy_rotation
from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.support.arrays import Array
from genmo.train.data.simulated_cameras import wobble
from genmo.train.geometry.rotation import matrix_from_6d, matrix_from_axis_angle, sixd_from_matrix

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


_GAIT = re.compile(
    r"\b(walks|runs|jogs)\b(?!.*\b(forwards?|ahead|back|backwards?|backing|sideways|aside|sidesteps?|round|circles?)\b)"
)


def reworded(caption: str, random: np.random.Generator) -> str:
    """The caption with each known word replaced, half of the time, by one of its synonyms.

    Walking and running go forward unless they are said not to; nobody who describes a walk says so, and in CMU's
    captions only jumps do, so that a walk "forward" was made a shuffle before a jump.
    """
    if random.random() < 0.3:
        caption = _GAIT.sub(r"\1 forward", caption, count=1)

    def swap(match: re.Match[str]) -> str:
        row = _ROWS[match.group(0)]
        return str(random.choice(row)) if random.random() < 0.5 else match.group(0)

    return _PATTERN.sub(swap, caption)


def mirrored_caption(caption: str) -> str:
    """Left and right exchanged."""
    return _SIDES.sub(lambda match: "right" if match.group(0) == "left" else "left", caption)


def change_speed(rotations: Array, translation: Array, rate: float, frames: int) -> tuple[Array, Array]:
    """`frames` frames at `rate` times the speed; rotations are blended and made orthonormal again."""
    times = np.clip(np.arange(frames) * rate, 0, len(translation) - 1)
    low = np.minimum(times.astype(int), len(translation) - 2)
    share = (times - low).astype(np.float32)
    sixd = numpy_rotation.sixd_from_matrix(rotations)
    blend = share[:, None, None]
    mixed = numpy_rotation.matrix_from_6d(sixd[low] * (1 - blend) + sixd[low + 1] * blend)
    path = translation[low] * (1 - share[:, None]) + translation[low + 1] * share[:, None]
    return mixed, path


LIMBS = (
    (joint_indices("left_hip", "left_knee", "left_ankle", "left_foot"), 0.15),
    (joint_indices("right_hip", "right_knee", "right_ankle", "right_foot"), 0.15),
    (joint_indices("spine1", "spine2", "spine3"), 0.3),
    (joint_indices("neck", "head"), 0.3),
    (joint_indices("left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand"), 0.5),
    (joint_indices("right_collar", "right_shoulder", "right_elbow", "right_wrist", "right_hand"), 0.5),
)
"""joints that go together, and the chance that a mixed motion has them from another; a strange leg contradicts the
path, so legs change less often"""
SPREAD = np.full(JOINT_COUNT, 0.15, np.float32)
"""radians that joints are bent by, a standard deviation an axis"""
SPREAD[list(joint_indices("spine1", "spine2", "spine3", "left_collar", "right_collar"))] = 0.07
SPREAD[list(joint_indices("pelvis", "left_hand", "right_hand"))] = 0.0


def mix_limbs(rotations: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Give a `share` of the motions [batch, frames, 24, 3, 3] legs, spine, head or arms of others, each of its own.

    Most poses of real input are new combinations of limbs that the clips hold; few clips hold them all.
    """
    batch = len(rotations)
    chosen = torch.rand(batch, generator=generator) < share
    mixed = rotations.clone()
    for joints, chance in LIMBS:
        donor = torch.randperm(batch, generator=generator)
        taken = chosen & (torch.rand(batch, generator=generator) < chance)
        columns = list(joints)
        mixed[:, :, columns] = torch.where(
            taken[:, None, None, None, None], rotations[donor][:, :, columns], rotations[:, :, columns]
        )
    return mixed


def perturb(rotations: Tensor, share: float, tilt: float, generator: torch.Generator) -> Tensor:
    """Change a `share` of the motions [batch, frames, 24, 3, 3] away from what was recorded, in three ways:

    every joint but root and hands gets one turn for the whole window; it sways slowly about what it does; and what it
    does is made larger or smaller, about its mean.  How much is drawn a motion, most often little.  A share `tilt` also
    leans as a whole, as people on slopes, beams and in falls do, every third of them as far as in a cartwheel.
    """
    batch, frames, joints = rotations.shape[:3]
    chance = torch.rand(batch, 5, generator=generator)
    bends, sways, grows = (chance[:, :3] < share).T
    size = torch.exp(0.5 * torch.randn(batch, 2, 1, 1, 1, generator=generator))
    scaled = _larger(rotations, torch.exp(0.3 * torch.randn(batch, generator=generator)) ** grows)
    bend = size[:, 0] * torch.randn(batch, 1, joints, 3, generator=generator) * bends[:, None, None, None]
    sway = wobble(generator, batch, frames, 3 * joints).unflatten(-1, (joints, 3))
    sway = 0.7 * size[:, 1] * sway * sways[:, None, None, None]
    bent = scaled @ matrix_from_axis_angle(torch.from_numpy(SPREAD)[:, None] * (bend + sway))
    far = torch.where(chance[:, 4:] < 1 / 3, 1.0, 0.25) * torch.tensor([1.0, 0.0, 1.0])
    lean = torch.randn(batch, 3, generator=generator) * far * (chance[:, 3:4] < tilt)
    bent[:, :, 0] = matrix_from_axis_angle(lean)[:, None] @ bent[:, :, 0]
    return bent


def _larger(rotations: Tensor, factor: Tensor) -> Tensor:
    """Motions whose joints but the root move `factor` [batch] times as far from their mean over the window."""
    sixd = sixd_from_matrix(rotations)
    mean = sixd.mean(dim=1, keepdim=True)
    changed = matrix_from_6d(mean + factor[:, None, None, None] * (sixd - mean))
    changed[:, :, 0] = rotations[:, :, 0]
    return changed
