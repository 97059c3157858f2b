"""Keypoints as detectors make them and as the runtime's cleaning leaves them (`genmo.runtime.conditions`).

Sizes are those of BlazePose on real videos: white noise of 0.1 to 0.3 % of the person's height, errors that fade over a
tenth of a second and more of 0.8 to 2 %, hips and shoulders that are defined otherwise by 3 to 5 %.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.conditions.keypoint_cleaning import CUT, NOISE_FOR_ONE_FRAME
from genmo.runtime.motion.skeleton import COCO_COUNT, COCO_KEYPOINTS
from genmo.train.data.simulated_cameras import uniform
from genmo.train.settings.augmentation import AugmentationConfig

BODY_HEIGHT = 1.7
"""metres"""
WHITE = 0.012
"""largest white noise, a standard deviation, as a share of the person's size on the image; small ones are commoner"""
DRIFT = 0.015
"""largest error with memory, likewise"""
MEMORY = 0.4, 0.95
"""its correlation from frame to frame"""
WIDEST = 3.0
"""frames, the width of the Gaussian that noise is smoothed with at most"""
RATES = 2, 6
"""frames from one detection to the next at low rates"""
LONGEST_EXCHANGE = 12
LONGEST_STRAY = 6
LONGEST_ON_OTHER_LIMB = 30
"""frames"""

_NAMES = [name for name, _, _ in COCO_KEYPOINTS]
_OTHER_SIDE = [
    _NAMES.index(name.replace("left", "x").replace("right", "left").replace("x", "right")) for name in _NAMES
]


def _points(*endings: str, side: str = "") -> Tensor:
    return torch.tensor([name.endswith(endings) and name.startswith(side) for name in _NAMES])


def point_definitions(batch: int, share: float, generator: torch.Generator) -> Tensor:
    """Where a detector has its points in the frames of their joints [batch, 1, 17, 3], metres.

    Every point a little elsewhere, one shift a sample; for a `share` of the samples both hips and both shoulders up or
    down and apart by 3 to 5 % of the height.
    """
    shift = 0.018 * torch.randn(batch, 1, COCO_COUNT, 3, generator=generator)
    for part in ("hip", "shoulder"):
        size = uniform(generator, (batch, 1, 1), 0.03, 0.05) * BODY_HEIGHT
        angle = uniform(generator, (batch, 1, 1), -torch.pi, torch.pi)
        moved = size * (torch.rand(batch, 1, 1, generator=generator) < share)
        for side, outward in (("left", 1.0), ("right", -1.0)):
            point = _NAMES.index(f"{side}_{part}")
            shift[..., point, 0] += (0.5 * outward * moved * angle.sin())[..., 0]
            shift[..., point, 1] += (moved * angle.cos())[..., 0]
    return shift


def detected(
    pixels: Tensor, visible: Tensor, options: AugmentationConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Points [batch, frames, 17, 2] on the image and which are seen [batch, frames, 17], with a detector's errors."""
    batch = len(pixels)
    size = (pixels.amax(dim=2) - pixels.amin(dim=2)).amax(dim=-1).clamp(0.02, 1)[..., None, None]

    def chance(share: float) -> Tensor:
        return torch.rand(batch, generator=generator) < share

    white = WHITE * torch.rand(batch, 1, 1, 1, generator=generator) ** 2
    noisy = pixels + size * white * torch.randn(pixels.shape, generator=generator)
    drift = DRIFT * torch.rand(batch, 1, 1, 1, generator=generator) * chance(options.drift)[:, None, None, None]
    noisy = noisy + size * drift * remembered(pixels.shape, generator)
    noisy = _astray(noisy, size, chance(options.astray), generator)
    noisy = _on_other_limb(noisy, chance(options.astray), generator)
    noisy = _exchanged(noisy, chance(options.exchanged), generator)
    cleaned = chance(options.cleaned)
    noisy[cleaned] = smoothed(noisy[cleaned], (white[cleaned, 0, 0, 0] / NOISE_FOR_ONE_FRAME).sqrt().clamp(max=WIDEST))
    steps = torch.randint(RATES[0], RATES[1] + 1, (batch,), generator=generator)
    visible = visible.clone()
    for index in chance(options.low_rate).nonzero()[:, 0].tolist():
        noisy[index], visible[index] = at_low_rate(noisy[index], visible[index], int(steps[index]))
    return noisy, visible


def remembered(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Unit normal noise [batch, frames, ...] that remembers a share of itself from frame to frame (AR(1)), each sample
    its own share of MEMORY."""
    batch, frames = shape[:2]
    memory = uniform(generator, (batch, 1, 1), *MEMORY)
    lag = torch.arange(frames)[:, None] - torch.arange(frames)
    weights = torch.where(lag >= 0, memory ** lag.clamp_min(0), 0.0) * (1 - memory**2).sqrt()
    weights[:, :, 0] /= (1 - memory[:, :, 0] ** 2).sqrt()  # the first frame has no past and the same spread
    white = torch.randn(batch, frames, shape[2:].numel(), generator=generator)
    return (weights @ white).reshape(shape)


def smoothed(points: Tensor, width: Tensor) -> Tensor:
    """Points [batch, frames, ...] under a Gaussian over time of `width` [batch] frames that leaves lines as they are,
    at the ends too: the value of the weighted least-squares line (`keypoint_cleaning.smooth`, all of them seen)."""
    frames = points.shape[1]
    offset = torch.arange(frames) - torch.arange(frames)[:, None]  # [frames, neighbours]
    width = width.clamp_min(1e-3)[:, None, None]
    near = torch.exp(-0.5 * (offset / width) ** 2) * (offset.abs() <= (CUT * width).ceil())
    mass, lean, spread = ((near * offset**power).sum(dim=-1, keepdim=True) for power in range(3))
    determinant = mass * spread - lean**2
    lined = determinant > 1e-6 * mass**2  # else no neighbour counts
    weights = torch.where(lined, near * (spread - lean * offset) / torch.where(lined, determinant, 1.0), near / mass)
    return (weights @ points.flatten(2)).reshape(points.shape)


def at_low_rate(points: Tensor, visible: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Points [frames, 17, 2] and which are seen of one sample detected at every `step`-th frame; between two detections
    a cubic through them and their neighbours (Catmull and Rom), seen where both are."""
    frames = len(points)
    knots = torch.arange(0, frames, step)
    time = torch.arange(frames)
    before = (time // step).clamp_max(len(knots) - 1)
    after = (before + 1).clamp_max(len(knots) - 1)
    at = points[knots]
    slope = (
        at[(torch.arange(len(knots)) + 1).clamp_max(len(knots) - 1)] - at[(torch.arange(len(knots)) - 1).clamp_min(0)]
    ) / 2
    x = ((time - knots[before]) / step).clamp(0, 1)[:, None, None] * (after > before)[:, None, None]
    curve = (
        at[before] * (1 + 2 * x) * (1 - x) ** 2
        + slope[before] * x * (1 - x) ** 2
        + at[after] * x**2 * (3 - 2 * x)
        - slope[after] * x**2 * (1 - x)
    )
    return curve, visible[knots][before] & (visible[knots][after] | (x[:, 0] == 0))


def _spans(chosen: Tensor, frames: int, longest: int, generator: torch.Generator) -> Tensor:
    """[batch, frames] bool: one span of up to `longest` frames in each of the `chosen` [batch] samples."""
    length = uniform(generator, (len(chosen), 1), 1, longest + 1).long()
    start = (uniform(generator, (len(chosen), 1), 0, 1) * frames).long()
    time = torch.arange(frames)
    return (time >= start) & (time < start + length) & chosen[:, None]


def _astray(pixels: Tensor, size: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """A point or two of the chosen samples up to half a body away for a few frames."""
    batch, frames = pixels.shape[:2]
    during = _spans(chosen, frames, LONGEST_STRAY, generator)[..., None]
    point = torch.rand(batch, 1, COCO_COUNT, generator=generator) < 0.1
    away = 0.2 * size * torch.randn(batch, 1, COCO_COUNT, 2, generator=generator)
    return pixels + away * (during & point)[..., None]


def _on_other_limb(pixels: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """An arm or a leg of the chosen samples on the other side's for a while: detectors guess what they do not see."""
    batch, frames = pixels.shape[:2]
    during = _spans(chosen, frames, LONGEST_ON_OTHER_LIMB, generator)[..., None]
    limbs = torch.stack(
        [_points(*ends, side=s) for ends in (("elbow", "wrist"), ("knee", "ankle")) for s in ("left", "right")]
    )
    limb = limbs[torch.multinomial(torch.tensor([0.35, 0.35, 0.15, 0.15]), batch, True, generator=generator)][:, None]
    return torch.where((during & limb)[..., None], pixels[:, :, _OTHER_SIDE], pixels)


def _exchanged(pixels: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Left for right in some frames of the chosen samples: all points, or the legs."""
    batch, frames = pixels.shape[:2]
    during = _spans(chosen, frames, LONGEST_EXCHANGE, generator)[..., None]
    whole = torch.rand(batch, 1, 1, generator=generator) < 0.4
    return torch.where(
        (during & (whole | _points("hip", "knee", "ankle")))[..., None], pixels[:, :, _OTHER_SIDE], pixels
    )
