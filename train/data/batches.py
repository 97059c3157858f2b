"""Training batches: windows of clips become targets and conditions on the fly, so that no two steps are the same.

A batch holds `estimation` samples (keypoints and cameras, regression from zeros) and `generation` samples (texts,
noise).  Everything random comes from the step number, so a resumed run gets what the uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion.motion import FPS
from genmo.train.data.body_variation import reproportioned, straightened
from genmo.train.data.condition_dropout import (
    Caption,
    draw_text_spans,
    drop_music,
    drop_observations,
    hide_keypoints,
    without_music,
)
from genmo.train.data.detector_errors import detected, point_definitions
from genmo.train.data.framing import cut_by_frame
from genmo.train.data.known_frames import KnownFrames, draw_known_frames
from genmo.train.data.recorded_cameras import Footage, annotated, filmed_by
from genmo.train.data.simulated_cameras import simulate_cameras
from genmo.train.geometry.cameras import Cameras
from genmo.train.geometry.conditions import camera_condition, keypoint_conditions, project
from genmo.train.geometry.kinematics import coco_keypoints, forward_kinematics, rest_offsets
from genmo.train.geometry.representation import contact_labels, encode
from genmo.train.settings.augmentation import AugmentationConfig

TEXT_ONLY = 0.75
"""share of the generation samples that have nothing but a text"""
PARTLY_SEEN = 0.9
"""up to this share, generation samples that have more lose it over a stretch of time"""


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's samples; estimation samples come first."""

    features: Tensor
    """[batch, frames, width] clean motion, not normalised"""
    joints: Tensor
    """[batch, frames, 24, 3] world joints, metres"""
    conditions: dict[str, Tensor]
    """per-frame conditions of the signature and their masks"""
    prompts: list[list[str]]
    """texts a sample, "" for none; the same count for all"""
    spans: Tensor
    """[batch, texts, 2] frames that each text reaches"""
    cameras: Cameras
    keypoints_2d: Keypoints2D
    estimation: int
    """how many samples are regressed from zeros; the others are denoised"""
    only_2d: Tensor
    """[batch] bool: the clip has 2D keypoints only; its features and joints must not be learned from"""
    local: Tensor
    """[batch] bool: the clip knows poses and what its camera saw, but neither gravity nor the path"""
    known: KnownFrames | None = None
    """frames that are given; None: none"""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {f.name: _moved(getattr(self, f.name), device) for f in fields(self)}
        return replace(self, **moved)


@dataclass(frozen=True, eq=False)
class MotionWindows:
    """The motions of a batch, before cameras film them."""

    rotations: Tensor
    """[batch, frames, 24, 3, 3] local, joint 0 in the world"""
    translation: Tensor
    """[batch, frames, 3] pelvis in the world, metres"""
    betas: Tensor
    """[batch, 10]"""
    captions: list[Caption]


@dataclass(frozen=True)
class Randomness:
    """The two generators that a batch draws from."""

    numpy: np.random.Generator
    torch: torch.Generator

    @classmethod
    def seeded(cls, seed: int, step: int) -> Randomness:
        """Those of a run's step; statistics use steps below zero."""
        random = np.random.default_rng((seed, 2**32 + step))
        return cls(random, torch.Generator().manual_seed(int(random.integers(2**62))))


@dataclass(frozen=True, eq=False)
class Sources:
    """What the recordings of a batch bring along besides motions and captions."""

    only_2d: Tensor
    """[batch] bool, see Batch"""
    local: Tensor
    """[batch] bool, see Batch"""
    footage: Sequence[Footage | None]
    """what a sample's own camera saw; None: it is filmed by a simulated one"""
    features: dict[str, tuple[Tensor, Tensor]]
    """"video" and "music" where the network takes them: values [batch, frames, width] and which samples have some"""

    @classmethod
    def none(cls, batch: int) -> Sources:
        """Of motions alone."""
        nowhere = torch.zeros(batch, dtype=torch.bool)
        return cls(nowhere, nowhere, [None] * batch, {})


@dataclass(frozen=True, eq=False)
class Keypoints2D:
    """What a 2D annotation of the clips holds, before any of it is dropped for training."""

    pixels: Tensor
    """[batch, frames, 17, 2] image heights from the image centre"""
    visible: Tensor
    """[batch, frames, 17] bool"""
    conditions: dict[str, Tensor]
    """the conditions that an estimator would be given"""


def _moved(value: Any, device: torch.device) -> Any:
    """Tensors, dictionaries of them and dataclasses of them on another device; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: _moved(entry, device) for name, entry in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
    return value


def make_batch(
    windows: MotionWindows,
    estimation: int,
    options: AugmentationConfig,
    random: Randomness,
    sources: Sources | None = None,
) -> Batch:
    """Cameras, keypoints, masks and texts for motions; the first `estimation` are estimated.

    Samples of `only_2d` are filmed by any camera, also those that are generated from text alone: a video cannot be
    filmed again from the front.
    """
    batch, frames = windows.translation.shape[:2]
    sources = Sources.none(batch) if sources is None else sources
    windows = _varied(windows, sources, options, random.torch)
    rotations, translation = windows.rotations, windows.translation
    is_generation = torch.arange(batch) >= estimation
    kind = torch.rand(batch, generator=random.torch)
    text_only = is_generation & (kind < TEXT_ONLY)
    root = rotations[:, 0, 0]
    facing = torch.atan2(root[:, 0, 2], root[:, 2, 2])
    global_rotations, joints = forward_kinematics(rotations, translation, rest_offsets(windows.betas)[:, None])
    canonical = text_only & ~sources.only_2d
    near = ~text_only & (torch.rand(batch, generator=random.torch) < options.near_camera)
    cameras = filmed_by(simulate_cameras(translation, facing, canonical, random.torch, near), sources.footage)
    contacts = contact_labels(joints, FPS)
    features = encode(rotations, translation, windows.betas, contacts, cameras.rotation, cameras.position)
    pixels, visible, conditions = _conditions(global_rotations, joints, cameras, options, random.torch, sources)
    keypoints_2d = Keypoints2D(pixels, visible, without_music(conditions))
    drop_observations(conditions, text_only, is_generation & (kind < PARTLY_SEEN), cameras.moving, random.torch)
    drop_music(conditions, is_generation, options.no_text, random.torch)
    prompts, spans = draw_text_spans(windows.captions, estimation, frames, options.no_text, random.numpy)
    in_world = is_generation & ~(sources.only_2d | sources.local)
    return Batch(
        features=features,
        joints=joints,
        conditions=conditions,
        prompts=prompts,
        spans=spans,
        cameras=cameras,
        keypoints_2d=keypoints_2d,
        estimation=estimation,
        only_2d=sources.only_2d,
        local=sources.local,
        known=draw_known_frames(in_world, frames, options.keyframes, random.torch) if in_world.any() else None,
    )


def _varied(
    windows: MotionWindows, sources: Sources, options: AugmentationConfig, generator: torch.Generator
) -> MotionWindows:
    """Other bodies and straighter legs, for samples that no camera of their own has filmed."""
    free = ~sources.only_2d & torch.tensor([own is None for own in sources.footage])
    chance = torch.rand(2, len(free), generator=generator)
    translation, betas = reproportioned(
        windows.translation, windows.betas, free & (chance[0] < options.proportions), generator
    )
    straight = free & (chance[1] < options.straight_legs)
    rotations, translation = straightened(windows.rotations, translation, betas, straight, generator)
    return MotionWindows(rotations, translation, betas, windows.captions)


def _conditions(
    rotations: Tensor,
    joints: Tensor,
    cameras: Cameras,
    options: AugmentationConfig,
    generator: torch.Generator,
    sources: Sources,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Noisy keypoints [batch, frames, 17, 2], which are visible, and the conditions before any is dropped."""
    batch, frames = joints.shape[:2]
    definitions = point_definitions(batch, options.definitions, generator)
    pixels, inside = project(coco_keypoints(rotations, joints, definitions), cameras)
    pixels, inside = detected(pixels, inside, options, generator)
    pixels, inside = annotated(pixels, inside, sources.footage)
    visible = hide_keypoints(cut_by_frame(pixels, inside, options.framing, generator), generator)
    tracked = torch.tensor([own is None or own.tracked for own in sources.footage]) & ~sources.local
    tracked = tracked.float()[:, None]
    conditions = {
        **keypoint_conditions(pixels, visible, cameras.focal),
        "camera": camera_condition(cameras.rotation, cameras.position) * tracked[..., None],
        "camera_mask": tracked.expand(batch, frames),
    }
    for name, (values, present) in sources.features.items():
        conditions |= {name: values, f"{name}_mask": present[:, None].expand(batch, frames).float()}
    return pixels, visible, conditions
