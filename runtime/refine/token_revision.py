"""Motions of which some is made anew: which tokens are masked, and what is put back afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.revision import Revision
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_6d, matrix_from_yaw, sixd_from_matrix
from genmo.runtime.motion.token_features import to_features, twist_heading
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import FRAMES_A_TOKEN, TokenConfig
from genmo.runtime.tokens.parts import LIMBS

EASE = 5
"""frames over which a revised limb leaves what it did"""


def features_of_whole_tokens(revision: Revision) -> Array:
    """Features [4 tokens, 269] of the motion; the last frame stands still until its token is full."""
    missing = -len(revision.rotations) % FRAMES_A_TOKEN
    whole = [
        np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) for rows in (revision.rotations, revision.root)
    ]
    return to_features(*whole)


def masked_tokens(ids: Numbers, revision: Revision, config: TokenConfig, random: np.random.Generator) -> Numbers:
    """Ids [tokens, parts] of the motion with those masked that are made anew.

    Raises InputError for parts that the engine's tokens do not have.
    """
    names = config.part_names
    unknown = [name for name in revision.parts if name not in names]
    if unknown:
        raise InputError(f"the engine's tokens have no {unknown[0]!r}; they have {', '.join(names)}")
    chosen = np.array([name in revision.parts or not revision.parts for name in names])
    token = np.arange(len(ids)) * FRAMES_A_TOKEN
    inside = (token < revision.end) & (token + FRAMES_A_TOKEN > revision.start)
    free = inside[:, None] & chosen
    order = np.where(free, random.random(ids.shape), 2.0).ravel().argsort(kind="stable").argsort(kind="stable")
    count = max(1, round(revision.share * int(free.sum())))
    return np.where(order.reshape(ids.shape) < count, config.mask_id, ids)


def with_kept_parts(made: Motion, revision: Revision) -> Motion:
    """The motion with the rotations of all joints as they were but for those of the revised parts, in the span; the
    root as it was but for what belongs to path and trunk: its way and heading, and how it leans."""
    if not revision.parts:
        return made
    own = sorted(joint for name in revision.parts for joint in LIMBS[name])
    rotations, new, made_root = revision.rotations.copy(), made.rotations.copy(), made.rotations[:, :1]
    if "trunk" in revision.parts:
        turn = twist_heading(rotations[:, 0]) - twist_heading(made_root[:, 0])
        new[:, 0] = matrix_from_yaw(turn) @ made_root[:, 0]
        own = [0, *own]
    share = _inside(revision)[:, None, None]
    old, other = sixd_from_matrix(rotations[:, own]), sixd_from_matrix(new[:, own])
    rotations[:, own] = np.where(share[..., None] > 0, matrix_from_6d(old + share * (other - old)), rotations[:, own])
    if "path" in revision.parts:
        return replace(made, rotations=np.concatenate([made_root, rotations[:, 1:]], axis=1))
    return replace(made, rotations=rotations, translation=revision.root.copy())


def _inside(revision: Revision) -> Array:
    """How much of a frame is made anew [frames], 0 to 1: the change comes and goes over a few frames of the span, but
    at the motion's own ends."""
    frames = np.arange(len(revision.rotations))
    begun = 1.0 if revision.start == 0 else (frames - revision.start + 1) / (EASE + 1)
    left = 1.0 if revision.end == len(frames) else (revision.end - frames) / (EASE + 1)
    inside = (frames >= revision.start) & (frames < revision.end)
    return np.asarray(inside * smoothstep(np.clip(np.minimum(begun, left), 0.0, 1.0)))
