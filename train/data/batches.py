"""Training batches: windows of clips become targets and conditions on the fly, so no two steps see the same thing.

A batch holds `estimation` samples (keypoints and cameras, regression from zeros) and `generation` samples (texts,
noise).  Everything random comes from the step number, so a resumed run sees what the uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import matrix_from_6d, sixd_from_matrix
from genmo.runtime.motion.skeleton import COCO_COUNT, shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.augmentation import mirror, mirrored_caption, mix_limbs, perturb, reworded
from genmo.train.data.recorded_cameras import Footage, annotated, filmed_by, footage_of
from genmo.train.data.simulated_cameras import simulate_cameras
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import FEATURES, Recording
from genmo.train.geometry.cameras import Cameras
from genmo.train.geometry.conditions import camera_condition, hide_keypoints, keypoint_conditions, project
from genmo.train.geometry.kinematics import coco_keypoints, forward_kinematics, rest_offsets
from genmo.train.geometry.representation import contact_labels, encode
from genmo.train.settings.augmentation import AugmentationConfig

Integers = npt.NDArray[np.integer[Any]]
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
    local: Tensor
    """[batch] bool: the clip knows poses and what its camera saw, but neither gravity nor the path"""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {f.name: _moved(getattr(self, f.name), device) for f in fields(self)}
        return replace(self, **moved)


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
class Window:
    """A sample before it is filmed."""

    rotations: Array
    translation: Array
    betas: Array
    caption: str
    footage: Footage | None
    features: dict[str, Array]
    """"video" and "music" [frames, width], where there are some"""


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


class BatchSampler:
    """Draws batches from clips."""

    def __init__(
        self,
        clips: list[Clip],
        variety: AugmentationConfig,
        seed: int,
        subjects_2d: Collection[str] = (),
        often: Collection[str] = (),
        features: Mapping[str, int] | None = None,
        reword: bool = True,
    ) -> None:
        """`subjects_2d`: set/subject names whose 3D motion is hidden, as if they were annotated in 2D only.

        `often`: beginnings of words; generation draws clips whose captions have one OFTEN times as often.
        `features`: "video" and "music" with their widths, where the network takes them; `reword`: let words stand for
        others.
        """
        if not clips:
            raise InputError("no clip to train on; wanted at least one *30 motion set")
        self.clips, self.variety, self.seed, self.reword = clips, variety, seed, reword
        self.features = dict(features or {})
        truths = np.array([getattr(clip, "truth", "world") for clip in clips])
        self.only_2d = np.array([clip.subject in subjects_2d for clip in clips]) | (truths == "keypoints")
        self.local = truths == "local"
        self.weights = clip_weights(clips)
        self.often = np.array([OFTEN if has_word(clip.captions, often) else 1.0 for clip in clips])

    def eligible(self, frames: int, often: Array | float = 1.0) -> Array:
        """Probability of each clip for windows of `frames` frames: shorter clips never, so no frame is padding."""
        enough = np.array([clip.frames >= frames for clip in self.clips])
        if not enough.any():
            raise InputError(f"no clip has {frames} frames; shorten the training windows")
        weights = self.weights * often * enough
        if not weights.any():
            raise InputError(f"no clip of {frames} frames knows where down is; wanted some, or generation=0")
        return weights / weights.sum()

    def _picks(self, estimation: int, generation: int, frames: int, random: np.random.Generator) -> Integers:
        """Which clips a batch is made of.  What is generated has to know where down is."""
        picks = [random.choice(len(self.clips), estimation, p=self.eligible(frames))]
        if generation:
            known = self.eligible(frames, self.often * ~self.local)
            picks.append(random.choice(len(self.clips), generation, p=known))
        return np.concatenate(picks)

    def draw(self, step: int, estimation: int, generation: int, frames: int) -> Batch:
        """The batch of a step: `estimation` + `generation` samples of `frames` frames."""
        random = np.random.default_rng((self.seed, 2**32 + step))  # statistics use steps below zero
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        picks = self._picks(estimation, generation, frames, random)
        windows = [self._window(self.clips[i], frames, random) for i in picks]
        rotations, translation, betas = (
            torch.from_numpy(np.stack([getattr(w, part) for w in windows])).float()
            for part in ("rotations", "translation", "betas")
        )
        sources = Sources(
            only_2d=torch.from_numpy(self.only_2d[picks]),
            local=torch.from_numpy(self.local[picks]),
            footage=[w.footage for w in windows],
            features={name: _stacked(windows, name, width) for name, width in self.features.items()},
        )
        # bending and mixing need the 3D that a clip annotated in 2D does not have, and footage would show the old pose
        free = ~sources.only_2d & torch.tensor([w.footage is None for w in windows])
        (free_places,) = free[:estimation].nonzero(as_tuple=True)
        if len(free_places):
            changed = mix_limbs(rotations[free_places], self.variety.mix, generator)
            rotations[free_places] = perturb(changed, self.variety.perturb, self.variety.tilt, generator)
        captions = [w.caption for w in windows]
        return make_batch(rotations, translation, betas, captions, estimation, self.variety, random, generator, sources)

    def _window(self, clip: Clip, frames: int, random: np.random.Generator) -> Window:
        """A stretch of a clip: as its own camera saw it, or perhaps faster, slower or mirrored, on a perhaps different
        body."""
        if isinstance(clip, Recording) and self._as_filmed(clip, random):
            start = int(random.integers(clip.frames - frames + 1))
            if (footage := footage_of(clip, start, frames)) is not None:
                return self._filmed(clip, footage, start, random)
        music = self._feature(clip, "music")
        # faster music has other features
        faster = random.random() < self.variety.speed and music is None
        rate = float(np.exp(random.uniform(-0.22, 0.22))) if faster else 1.0
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
        features = {} if music is None else {"music": music[start : start + frames]}
        return Window(rotations, translation * np.float32(scale), betas, self._said(caption, random), None, features)

    def _as_filmed(self, clip: Recording, random: np.random.Generator) -> bool:
        """Whether a window is seen by the recording's own camera."""
        if clip.truth != "world" or self._feature(clip, "video") is not None:
            return True
        own = clip.keypoints is not None or clip.camera is not None
        return own and bool(random.random() < self.variety.own_camera)

    def _filmed(self, clip: Recording, footage: Footage, start: int, random: np.random.Generator) -> Window:
        """A stretch as it was recorded: another body, speed or side would not be what the camera saw."""
        span = slice(start, start + len(footage.rotation))
        features = {name: values[span] for name in FEATURES if (values := self._feature(clip, name)) is not None}
        caption = str(random.choice(clip.captions)) if clip.captions else ""
        said = self._said(caption, random)
        betas = shape_space().betas(clip.offsets)
        return Window(clip.rotations[span], clip.translation[span], betas, said, footage, features)

    def _said(self, caption: str, random: np.random.Generator) -> str:
        return reworded(caption, random) if self.reword else caption

    def _feature(self, clip: Clip, name: str) -> Array | None:
        """A clip's features, if the network takes them."""
        found: Array | None = getattr(clip, name, None) if name in self.features else None
        return found


def _stacked(windows: Sequence[Window], name: str, width: int) -> tuple[Tensor, Tensor]:
    """Features [batch, frames, width], zero where a window has none, and which windows [batch] have some."""
    frames = len(windows[0].translation)
    values = np.zeros((len(windows), frames, width), np.float32)
    there = np.array([name in window.features for window in windows])
    for place, window in enumerate(windows):
        if there[place]:
            values[place] = window.features[name]
    return torch.from_numpy(values), torch.from_numpy(there)


def leg_length(offsets: Array) -> float:
    """Length in metres of the left leg of rest offsets [24, 3]."""
    return float(np.linalg.norm(offsets[list(LEG_JOINTS)], axis=-1).sum())


def make_batch(
    rotations: Tensor,
    translation: Tensor,
    betas: Tensor,
    captions: list[str],
    estimation: int,
    variety: AugmentationConfig,
    random: np.random.Generator,
    generator: torch.Generator,
    sources: Sources | None = None,
) -> Batch:
    """Cameras, keypoints, masks and texts for motions [batch, frames, ...]; the first `estimation` are estimated.

    Samples of `only_2d` are filmed by any camera, also those that are generated from text alone: a video cannot be
    filmed again from the front.
    """
    batch, frames = translation.shape[:2]
    sources = Sources.none(batch) if sources is None else sources
    only_2d = sources.only_2d
    is_generation = torch.arange(batch) >= estimation
    kind = torch.rand(batch, generator=generator)
    text_only = is_generation & (kind < 0.75)
    root = rotations[:, 0, 0]
    facing = torch.atan2(root[:, 0, 2], root[:, 2, 2])
    global_rotations, joints = forward_kinematics(rotations, translation, rest_offsets(betas)[:, None])
    cameras = filmed_by(simulate_cameras(translation, facing, text_only & ~only_2d, generator), sources.footage)
    features = encode(rotations, translation, betas, contact_labels(joints, FPS), cameras.rotation, cameras.position)
    pixels, shown, conditions = _conditions(global_rotations, joints, cameras, generator, sources)
    seen = Keypoints2D(pixels, shown, dict(conditions))
    _drop(conditions, text_only, is_generation & (kind < 0.9), cameras, generator)
    _drop_music(conditions, seen, is_generation, variety.no_text, generator)
    prompts, spans = _texts(captions, estimation, frames, variety, random)
    local = sources.local
    return Batch(features, joints, conditions, prompts, spans, cameras, seen, estimation, only_2d, local)


def _conditions(
    rotations: Tensor, joints: Tensor, cameras: Cameras, generator: torch.Generator, sources: Sources
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Noisy keypoints, which of them are shown, and the conditions: keypoints, boxes, the camera's motion, features."""
    batch, frames = joints.shape[:2]
    # where an annotator puts a hip or an eye differs from body to body: one shift a sample and keypoint
    jitter = 0.018 * torch.randn(batch, 1, COCO_COUNT, 3, generator=generator)
    pixels, inside = project(coco_keypoints(rotations, joints, jitter), cameras)
    size = (pixels.amax(dim=2) - pixels.amin(dim=2)).amax(dim=-1).clamp(0.02, 1)[..., None, None]
    spread = 0.012 * torch.rand(batch, 1, 1, 1, generator=generator) ** 2
    pixels = pixels + size * spread * torch.randn(batch, frames, COCO_COUNT, 2, generator=generator)
    pixels, inside = annotated(pixels, inside, sources.footage)
    shown = hide_keypoints(inside, generator)
    tracked = torch.tensor([own is None or own.tracked for own in sources.footage]) & ~sources.local
    tracked = tracked.float()[:, None]
    conditions = {
        **keypoint_conditions(pixels, shown, cameras.focal),
        "camera": camera_condition(cameras.rotation, cameras.position) * tracked[..., None],
        "camera_mask": tracked.expand(batch, frames),
    }
    for name, (values, there) in sources.features.items():
        conditions |= {name: values, f"{name}_mask": there[:, None].expand(batch, frames).float()}
    return pixels, shown, conditions


def _drop(
    conditions: dict[str, Tensor], text_only: Tensor, partial: Tensor, cameras: Cameras, generator: torch.Generator
) -> None:
    """Mask what a camera sees, in place: all for text-only samples, a stretch of time for `partial` ones, some by
    chance."""
    batch, frames = conditions["camera_mask"].shape
    time = torch.arange(frames)
    cut = (torch.rand(batch, 2, generator=generator) * frames).sort(dim=1).values
    stretch = (time >= cut[:, :1]) & (time < cut[:, 1:])
    keep = ~(text_only[:, None] | (partial[:, None] & stretch))
    chance = torch.rand(batch, 2, generator=generator)
    no_camera = chance[:, 0] < torch.where(cameras.moving, 0.15, 0.5)
    kept = {
        "keypoints": keep,
        "bounding_box": keep & (chance[:, 1:] > 0.03),
        "camera": keep & ~no_camera[:, None],
    }
    if "video" in conditions:
        # keypoints without the video, and the video without keypoints: users have either
        alone = torch.rand(batch, 1, generator=generator)
        kept |= {"video": keep & (alone > 0.2), "keypoints": keep & ((alone < 0.8) | ~_any(conditions["video_mask"]))}
    for name, where in kept.items():
        _mask(conditions, name, where)


def _any(mask: Tensor) -> Tensor:
    return mask.amax(dim=1, keepdim=True) > 0


def _mask(conditions: dict[str, Tensor], name: str, kept: Tensor) -> None:
    """Keep a condition where `kept` [batch, frames]; it is zero elsewhere."""
    mask = conditions[f"{name}_mask"] * kept
    conditions[f"{name}_mask"] = mask
    conditions[name] = conditions[name] * mask.reshape(*mask.shape, *[1] * (conditions[name].ndim - 2))


def _drop_music(
    conditions: dict[str, Tensor], seen: Keypoints2D, generation: Tensor, without: float, generator: torch.Generator
) -> None:
    """Music is too weak to estimate from: only generation hears it, all but a share `without` (guidance needs both)."""
    if "music" in conditions:
        heard = generation & (torch.rand(len(generation), generator=generator) >= without)
        _mask(conditions, "music", heard[:, None])
        _mask(seen.conditions, "music", torch.zeros_like(heard)[:, None])


def _texts(
    captions: list[str], estimation: int, frames: int, variety: AugmentationConfig, random: np.random.Generator
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
