"""What a sample is not given: hidden keypoints, dropped conditions, texts over a part of the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion.skeleton import COCO_KEYPOINTS
from genmo.train.data.simulated_cameras import uniform

LEG_KEYPOINTS = tuple(i for i, (name, _, _) in enumerate(COCO_KEYPOINTS) if name.endswith(("knee", "ankle")))


def hide_keypoints(visible: Tensor, generator: torch.Generator) -> Tensor:
    """Hide visible points [batch, frames, 17] (bool) as occluders do: points, joints for a while, legs, all of a frame.

    The mask that is left, of the same shape.
    """
    batch, frames, points = visible.shape

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < share

    time = torch.arange(frames)

    def spans(longest: int) -> Tensor:
        """[batch, frames, 1] bool: one span of up to `longest` frames a sample."""
        length = (uniform(generator, (batch, 1), 1, longest)).long()
        start = (uniform(generator, (batch, 1), 0, 1) * frames).long() - length // 2
        return ((time >= start) & (time < start + length))[..., None]

    # a share of the samples keeps every point: users with a clean view are the common case
    rate = torch.rand(batch, 1, 1, generator=generator) ** 2 * 0.5
    hidden = (torch.rand(batch, frames, points, generator=generator) < rate) & chance(0.4, batch, 1, 1)
    hidden |= chance(0.2, batch, 1, points) & spans(90) & chance(0.3, batch, 1, 1)
    legs = torch.zeros(points, dtype=torch.bool)
    legs[list(LEG_KEYPOINTS)] = True
    hidden |= legs & spans(frames) & chance(0.08, batch, 1, 1)
    hidden |= spans(30) & chance(0.15, batch, 1, 1)
    return visible & ~hidden


def drop_observations(
    conditions: dict[str, Tensor], text_only: Tensor, partial: Tensor, moving: Tensor, generator: torch.Generator
) -> None:
    """Mask what comes from a camera, in place; `text_only`, `partial` and `moving` are [batch] bool.

    All of it for `text_only` samples, a stretch of time for `partial` ones, and some by chance; the motion of a
    `moving` camera is kept more often.
    """
    batch, frames = conditions["camera_mask"].shape
    time = torch.arange(frames)
    cut = (torch.rand(batch, 2, generator=generator) * frames).sort(dim=1).values
    stretch = (time >= cut[:, :1]) & (time < cut[:, 1:])
    keep = ~(text_only[:, None] | (partial[:, None] & stretch))
    chance = torch.rand(batch, 2, generator=generator)
    no_camera = chance[:, 0] < torch.where(moving, 0.15, 0.5)
    kept = {
        "keypoints": keep,
        "bounding_box": keep & (chance[:, 1:] > 0.03),
        "camera": keep & ~no_camera[:, None],
    }
    if "video" in conditions:
        # keypoints without the video, and the video without keypoints: users have either
        alone = torch.rand(batch, 1, generator=generator)
        kept |= {"video": keep & (alone > 0.2), "keypoints": keep & ((alone < 0.8) | ~_any(conditions["video_mask"]))}
    for name, frames_kept in kept.items():
        _mask(conditions, name, frames_kept)


def _any(mask: Tensor) -> Tensor:
    return mask.amax(dim=1, keepdim=True) > 0


def _mask(conditions: dict[str, Tensor], name: str, kept: Tensor) -> None:
    """Keep a condition where `kept` [batch, frames]; it is zero elsewhere."""
    mask = conditions[f"{name}_mask"] * kept
    conditions[f"{name}_mask"] = mask
    conditions[name] = conditions[name] * mask.reshape(*mask.shape, *[1] * (conditions[name].ndim - 2))


def drop_music(conditions: dict[str, Tensor], generation: Tensor, without: float, generator: torch.Generator) -> None:
    """Mask music, in place, of all but `generation` samples [batch] and of a share `without` of these.

    Music is too weak to estimate from; guidance needs samples with it and without.
    """
    if "music" in conditions:
        kept = generation & (torch.rand(len(generation), generator=generator) >= without)
        _mask(conditions, "music", kept[:, None])


def without_music(conditions: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy of the conditions with all music masked."""
    masked = dict(conditions)
    if "music" in masked:
        _mask(masked, "music", torch.zeros_like(masked["music_mask"]))
    return masked


@dataclass(frozen=True)
class Caption:
    """A window's text, or the texts of its two parts."""

    text: str
    """"" for none"""
    then: str = ""
    """what holds from frame `cut` on; "" where `text` holds for all frames"""
    cut: int = 0
    whole: bool = False
    """`text` was measured over all frames: its counts, angles and order are not true of a part of them"""


def draw_text_spans(
    captions: Sequence[Caption], estimation: int, frames: int, no_text: float, random: np.random.Generator
) -> tuple[list[list[str]], Tensor]:
    """Prompts and spans [batch, 2, 2] (first frame, end) of two text slots a sample.

    A caption of two parts uses both.  Of the others most use one slot over all frames; some whose captions hold for any
    part of the frames use one over a part, or split the frames in two.  A share `no_text` of the generation samples and
    most of the first `estimation` samples have none.
    """
    prompts: list[list[str]] = []
    spans = np.zeros((len(captions), 2, 2), np.int64)
    for index, caption in enumerate(captions):
        without = 0.8 if index < estimation else no_text
        if not caption.text or random.random() < without:
            prompts.append(["", ""])
            continue
        spans[index, 0] = 0, frames
        if caption.then:
            spans[index] = [[0, caption.cut], [caption.cut, frames]]
            prompts.append([caption.text, caption.then])
            continue
        style = 1.0 if caption.whole else random.random()
        middle = int(random.integers(1, max(frames, 2)))
        if style < 0.12:
            spans[index] = [[0, middle], [middle, frames]]
            prompts.append([caption.text, caption.text])
        else:
            if style < 0.24:
                spans[index, 0] = (0, middle) if random.random() < 0.5 else (middle, frames)
            prompts.append([caption.text, ""])
    return prompts, torch.from_numpy(spans)
