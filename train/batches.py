"""Training batches: windows of clips become targets and conditions on the fly, so no two steps see the same thing.

A batch holds `estimation` samples (keypoints and cameras, regression from zeros) and `generation` samples (texts,
noise).  Everything random comes from the step number, so a resumed run sees what the uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.errors import InputError
from genmo.runtime.motion import FPS
from genmo.runtime.representation import LAYOUTS
from genmo.runtime.rotation import Array, matrix_from_6d, sixd_from_matrix
from genmo.runtime.skeleton import COCO_COUNT, shape_space
from genmo.train.augmentation import mirror, mirrored_caption, mix_limbs, perturb, reworded
from genmo.train.cameras import Cameras, simulate_cameras
from genmo.train.conditions import camera_condition, hide_keypoints, keypoint_conditions, project
from genmo.train.datasets.clips import Clip
from genmo.train.kinematics import coco_keypoints, forward_kinematics, rest_offsets
from genmo.train.representation import contact_labels, encode

OFTEN = 2.5
"""see Sampler"""
LEG_JOINTS = (4, 7)
"""left knee and ankle: the lengths of their offsets make a leg"""


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
    seen: Keypoints2D
    estimation: int
    """how many samples are regressed from zeros; the others are denoised"""
    only_2d: Tensor
    """[batch] bool: the clip has 2D keypoints only; its features and joints must not be learned from"""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {f.name: _moved(getattr(self, f.name), device) for f in fields(self)}
        return replace(self, **moved)


@dataclass(frozen=True, eq=False)
class Keypoints2D:
    """What a 2D annotation of the clips holds, before any of it is dropped for training."""

    pixels: Tensor
    """[batch, frames, 17, 2] image heights from the image centre"""
    shown: Tensor
    """[batch, frames, 17] bool"""
    conditions: dict[str, Tensor]
    """the conditions that an estimator would be given"""


def _moved(value: Any, device: torch.device) -> Any:
    """Tensors, dictionaries of them and dataclasses of them on another device; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: _moved(part, device) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
    return value


@dataclass(frozen=True)
class Variety:
    """How strongly samples are changed."""

    mirror: float = 0.5
    """chance that a sample is mirrored"""
    speed: float = 0.3
    """chance that a sample is played 0.8 to 1.25 times as fast"""
    shape: float = 0.6
    """spread of the change of each beta, in standard deviations of the actors"""
    mix: float = 0.3
    """chance that an estimation sample gets limbs of another"""
    perturb: float = 0.5
    """chance that an estimation sample's joints are bent a little"""
    tilt: float = 0.2
    """chance that an estimation sample leans as a whole"""
    no_text: float = 0.15
    """chance that a generation sample is trained without its text (guidance needs both)"""


def resampled(rotations: Array, translation: Array, rate: float, frames: int) -> tuple[Array, Array]:
    """`frames` frames at `rate` times the speed; rotations are blended and made orthonormal again."""
    when = np.clip(np.arange(frames) * rate, 0, len(translation) - 1)
    low = np.minimum(when.astype(int), len(translation) - 2)
    part = (when - low).astype(np.float32)
    sixd = sixd_from_matrix(rotations)
    blend = part[:, None, None]
    mixed = matrix_from_6d(sixd[low] * (1 - blend) + sixd[low + 1] * blend)
    path = translation[low] * (1 - part[:, None]) + translation[low + 1] * part[:, None]
    return mixed, path


def clip_weights(clips: list[Clip]) -> Array:
    """How often each clip is drawn: an action (first caption) by the root of its frames, shared by its clips.

    A minute of one dance is less new than a jump, and fifty walks are less new than two runs.
    """
    frames = np.array([min(clip.frames, 900) for clip in clips], np.float64)
    actions = np.unique([clip.captions[0] if clip.captions else clip.name for clip in clips], return_inverse=True)[1]
    return frames / np.sqrt(np.bincount(actions, frames))[actions]


def has_word(captions: Sequence[str], beginnings: Collection[str]) -> bool:
    """Whether a word of any caption begins with one of `beginnings`."""
    words = {word for caption in captions for word in caption.lower().split()}
    return any(word.startswith(beginning) for word in words for beginning in beginnings)


class Sampler:
    """Draws batches from clips."""

    def __init__(
        self,
        clips: list[Clip],
        variety: Variety,
        seed: int,
        subjects_2d: Collection[str] = (),
        often: Collection[str] = (),
    ) -> None:
        """`subjects_2d`: set/subject names whose 3D motion is hidden, as if they were annotated in 2D only.

        `often`: beginnings of words; generation draws clips whose captions have one OFTEN times as often.
        """
        if not clips:
            raise InputError("no clip to train on; wanted at least one *30 motion set")
        self.clips, self.variety, self.seed = clips, variety, seed
        self.only_2d = np.array([clip.subject in subjects_2d for clip in clips])
        self.weights = clip_weights(clips)
        self.often = np.array([OFTEN if has_word(clip.captions, often) else 1.0 for clip in clips])

    def eligible(self, frames: int, often: Array | float = 1.0) -> Array:
        """Probability of each clip for windows of `frames` frames: shorter clips never, so no frame is padding."""
        enough = np.array([clip.frames >= frames for clip in self.clips])
        if not enough.any():
            raise InputError(f"no clip has {frames} frames; shorten the training windows")
        weights = self.weights * often * enough
        return weights / weights.sum()

    def draw(self, step: int, estimation: int, generation: int, frames: int) -> Batch:
        """The batch of a step: `estimation` + `generation` samples of `frames` frames."""
        random = np.random.default_rng((self.seed, 2**32 + step))  # statistics use steps below zero
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        picks = np.concatenate(
            [
                random.choice(len(self.clips), estimation, p=self.eligible(frames)),
                random.choice(len(self.clips), generation, p=self.eligible(frames, self.often)),
            ]
        )
        windows = [self._window(self.clips[i], frames, random) for i in picks]
        rotations = torch.from_numpy(np.stack([w[0] for w in windows])).float()
        translation = torch.from_numpy(np.stack([w[1] for w in windows])).float()
        betas = torch.from_numpy(np.stack([w[2] for w in windows])).float()
        captions = [w[3] for w in windows]
        only_2d = torch.from_numpy(self.only_2d[picks])
        changed = mix_limbs(rotations[:estimation], self.variety.mix, generator)
        changed = perturb(changed, self.variety.perturb, self.variety.tilt, generator)
        # bending needs the 3D that a clip annotated in 2D does not have
        rotations[:estimation] = torch.where(
            only_2d[:estimation, None, None, None, None], rotations[:estimation], changed
        )
        return make_batch(rotations, translation, betas, captions, estimation, self.variety, random, generator, only_2d)

    def _window(self, clip: Clip, frames: int, random: np.random.Generator) -> tuple[Array, Array, Array, str]:
        """A stretch of a clip, perhaps faster, slower or mirrored, on a perhaps different body."""
        rate = float(np.exp(random.uniform(-0.22, 0.22))) if random.random() < self.variety.speed else 1.0
        needed = min(clip.frames, int(np.ceil((frames - 1) * rate)) + 2) if rate != 1 else frames
        start = int(random.integers(clip.frames - needed + 1))
        rotations, translation = clip.rotations[start : start + needed], clip.translation[start : start + needed]
        if rate != 1:
            rotations, translation = resampled(rotations, translation, rate, frames)
        offsets = clip.offsets
        caption = str(random.choice(clip.captions)) if clip.captions else ""
        if random.random() < self.variety.mirror:
            rotations, translation, offsets = mirror(rotations, translation, offsets)
            caption = mirrored_caption(caption)
        betas = shape_space().betas(offsets) + random.normal(0, self.variety.shape, shape_space().components.shape[0])
        scale = leg_length(shape_space().offsets(betas)) / leg_length(offsets)
        return rotations, translation * np.float32(scale), betas, reworded(caption, random)


def leg_length(offsets: Array) -> float:
    """Length in metres of the left leg of rest offsets [24, 3]."""
    return float(np.linalg.norm(offsets[list(LEG_JOINTS)], axis=-1).sum())


def make_batch(
    rotations: Tensor,
    translation: Tensor,
    betas: Tensor,
    captions: list[str],
    estimation: int,
    variety: Variety,
    random: np.random.Generator,
    generator: torch.Generator,
    only_2d: Tensor | None = None,
) -> Batch:
    """Cameras, keypoints, masks and texts for motions [batch, frames, ...]; the first `estimation` are estimated.

    Samples of `only_2d` [batch] are filmed by any camera, also those that are generated from text alone: a video
    cannot be filmed again from the front.
    """
    batch, frames = translation.shape[:2]
    only_2d = torch.zeros(batch, dtype=torch.bool) if only_2d is None else only_2d
    is_generation = torch.arange(batch) >= estimation
    kind = torch.rand(batch, generator=generator)
    text_only = is_generation & (kind < 0.75)
    root = rotations[:, 0, 0]
    facing = torch.atan2(root[:, 0, 2], root[:, 2, 2])
    global_rotations, joints = forward_kinematics(rotations, translation, rest_offsets(betas)[:, None])
    cameras = simulate_cameras(translation, facing, text_only & ~only_2d, generator)
    features = encode(rotations, translation, betas, contact_labels(joints, FPS), cameras.rotation, cameras.position)
    pixels, shown, conditions = _conditions(global_rotations, joints, cameras, generator)
    seen = Keypoints2D(pixels, shown, dict(conditions))
    _drop(conditions, text_only, is_generation & (kind < 0.9), cameras, generator)
    prompts, spans = _texts(captions, estimation, frames, variety, random)
    return Batch(features, joints, conditions, prompts, spans, cameras, seen, estimation, only_2d)


def _conditions(
    rotations: Tensor, joints: Tensor, cameras: Cameras, generator: torch.Generator
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Noisy keypoints, which of them are shown, and the conditions: keypoints, boxes, the camera's motion."""
    batch, frames = joints.shape[:2]
    # where an annotator puts a hip or an eye differs from body to body: one shift a sample and keypoint
    jitter = 0.018 * torch.randn(batch, 1, COCO_COUNT, 3, generator=generator)
    pixels, inside = project(coco_keypoints(rotations, joints, jitter), cameras)
    size = (pixels.amax(dim=2) - pixels.amin(dim=2)).amax(dim=-1).clamp(0.02, 1)[..., None, None]
    spread = 0.012 * torch.rand(batch, 1, 1, 1, generator=generator) ** 2
    pixels = pixels + size * spread * torch.randn(batch, frames, COCO_COUNT, 2, generator=generator)
    shown = hide_keypoints(inside, generator)
    conditions = {
        **keypoint_conditions(pixels, shown, cameras.focal),
        "camera": camera_condition(cameras.rotation, cameras.position),
        "camera_mask": torch.ones(batch, frames),
    }
    return pixels, shown, conditions


def _drop(
    conditions: dict[str, Tensor], text_only: Tensor, partial: Tensor, cameras: Cameras, generator: torch.Generator
) -> None:
    """Mask conditions in place: all for text-only samples, a stretch of time for `partial` ones, some by chance."""
    batch, frames = conditions["camera_mask"].shape
    time = torch.arange(frames)
    cut = (torch.rand(batch, 2, generator=generator) * frames).sort(dim=1).values
    stretch = (time >= cut[:, :1]) & (time < cut[:, 1:])
    keep = ~(text_only[:, None] | (partial[:, None] & stretch))
    chance = torch.rand(batch, 2, generator=generator)
    no_camera = chance[:, 0] < torch.where(cameras.moving, 0.15, 0.5)
    for name, kept in (
        ("keypoints", keep),
        ("bounding_box", keep & (chance[:, 1:] > 0.03)),
        ("camera", keep & ~no_camera[:, None]),
    ):
        mask = conditions[f"{name}_mask"] * kept
        conditions[f"{name}_mask"] = mask
        conditions[name] = conditions[name] * mask.reshape(*mask.shape, *[1] * (conditions[name].ndim - 2))


def _texts(
    captions: list[str], estimation: int, frames: int, variety: Variety, random: np.random.Generator
) -> tuple[list[list[str]], Tensor]:
    """Two text slots a sample: most use one over all frames, some a part of them, some split the frames in two."""
    prompts: list[list[str]] = []
    spans = np.zeros((len(captions), 2, 2), np.int64)
    for index, caption in enumerate(captions):
        without = 0.8 if index < estimation else variety.no_text
        if not caption or random.random() < without:
            prompts.append(["", ""])
            continue
        spans[index, 0] = 0, frames
        style = random.random()
        middle = int(random.integers(1, max(frames, 2)))
        if style < 0.12:
            spans[index] = [[0, middle], [middle, frames]]
            prompts.append([caption, caption])
        else:
            if style < 0.24:
                spans[index, 0] = (0, middle) if random.random() < 0.5 else (middle, frames)
            prompts.append([caption, ""])
    return prompts, torch.from_numpy(spans)


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Features to unit scale: a mean a feature, a spread a block (so a block's geometry is not distorted)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, features: Tensor) -> Normalisation:
        """Statistics of features [n, width]."""
        mean = features.mean(dim=0)
        std = torch.ones_like(mean)
        for part in LAYOUTS["genmo"].slices.values():
            std[part] = features[:, part].var(dim=0).mean().sqrt().clamp_min(1e-3)
        return cls(mean, std)

    def to(self, device: torch.device) -> Normalisation:
        return Normalisation(self.mean.to(device), self.std.to(device))

    def apply(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def undo(self, normalised: Tensor) -> Tensor:
        return normalised * self.std + self.mean
