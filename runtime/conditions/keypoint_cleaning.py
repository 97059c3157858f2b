"""Keypoints as detectors make them, cleaned before anything else sees them: pure functions of [frames, 17, 3] points.

A detector trembles, loses points for some frames, throws one across the image and takes left for right.  In this order:
1. swapped sides are swapped back, of the whole body or the legs, where keeping the sides would make them jump;
2. points far from where they were just before and after are hidden;
3. short gaps are bridged by a cubic through the detections around them;
4. points are smoothed by a Gaussian as wide as their own noise asks for, each detection weighted by its confidence.

Noiseless points come out as they went in: the width goes to zero with the noise.  Lengths are in person's heights:
the larger side of the box around the visible points, its median over the clip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.keypoints import VISIBLE, Keypoints
from genmo.runtime.motion.rotation import length
from genmo.runtime.motion.skeleton import COCO_KEYPOINTS
from genmo.runtime.support.arrays import Array, Flags

LONGEST_GAP = 15
"""frames that are bridged, half a second: beyond it the network knows the pose better than a curve does"""
NOISE_FOR_ONE_FRAME = 0.0016
"""noise, as a share of the person's height, that is smoothed by a Gaussian of one frame; the width is its square root.
Chosen on BlazePose's detections of real videos, whose noise is coloured: white noise alone would do with 0.004."""
WIDEST = 5.0
"""frames, the width of the Gaussian at most"""
CUT = 3.0
"""widths at which the Gaussian ends"""
STEADY = 2.0
"""frames, the width of the Gaussian for confidences"""
FEWEST = 48
"""third differences from which the noise is taken; fewer tell nothing"""
OUTLIER = 0.3
"""heights from the median of the five frames around it beyond which a point is an outlier"""
JUMP = 0.15
"""heights a frame that no joint moves in relation to its body: with none, there is no outlier to look for"""
EXCHANGE = 0.05
"""heights: how much further a pair of sides must jump on average before it counts as exchanged"""
MINORITY = 0.002
"""heights a pair and frame that exchanged sides cost, so that the detector is right in most frames"""
WHITE_TO_THIRD_DIFFERENCE = 0.6745 * 20**0.5
"""median absolute third difference of white noise of unit standard deviation"""

_NAMES = [name for name, _, _ in COCO_KEYPOINTS]
_PAIRS = {part: (_NAMES.index(f"left_{part}"), _NAMES.index(f"right_{part}")) for part in (
    "eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")}  # fmt: skip
_SIDES = np.array(list(_PAIRS.values())).T  # [2, pairs] numbers of the left and the right points
# what detectors exchange; single limbs are left alone: right arms that cross look like exchanged ones
EXCHANGED = (tuple(_PAIRS), ("hip", "knee", "ankle"), ("knee", "ankle"))


def clean_keypoints(keypoints: Keypoints) -> Keypoints:
    """The keypoints of one person with sides put right, outliers hidden, short gaps bridged and noise smoothed."""
    points, feet = _cleaned(keypoints.points, keypoints.feet, keypoints.noise)
    return replace(keypoints, points=points, feet=feet, noise=0.0)


def clean_points(points: Array, noise: float | None = None) -> Array:
    """`clean_keypoints` of points [frames, 17, 3]: pixels and confidence, 30 a second; `noise` as in `Keypoints`."""
    return _cleaned(points, None, noise)[0]


def _cleaned(points: Array, feet: Array | None, noise: float | None) -> tuple[Array, Array | None]:
    """`clean_points`, and the same of heels and toes [frames, 4, 3] at the ends of their legs."""
    height = person_height(points)
    if height == 0:
        return points, feet
    sided = exchange_sides(points, height)
    if feet is not None:
        exchanged = (sided[:, _PAIRS["ankle"]] != points[:, _PAIRS["ankle"]]).any(axis=(1, 2))  # [frames]
        feet = np.where(exchanged[:, None, None], feet[:, [2, 3, 0, 1]], feet)
    points = hide_outliers(sided, height)
    width = smoothing_width(noise_level(points, height) if noise is None else noise)
    return _smoothed(points, width), None if feet is None else _smoothed(feet, width)


def _smoothed(points: Array, width: float) -> Array:
    return steady_confidence(smooth(bridge_gaps(points), width))


def framing_notes(points: Array, source: str) -> tuple[str, ...]:
    """A line for the user where points [frames, 17, 3] show no hips in most frames that show anybody; else none."""
    visible = points[..., 2] > VISIBLE
    detected, hips = visible.any(axis=1), visible[:, _PAIRS["hip"]].any(axis=1)
    if detected.sum() < 2 * (detected & ~hips).sum():
        share = 100 * (detected & ~hips).sum() / detected.sum()
        return (
            f"{source}: the hips are out of sight in {share:.0f} % of the frames: size, place "
            "and legs are guessed (poses are off by twice as much); wanted a camera that sees the hips too",
        )
    return ()


def person_height(points: Array) -> float:
    """Pixels: the larger side of the box around the visible of the points [frames, 17, 3], its median over the frames
    with at least two; 0 where nobody is seen."""
    visible = points[..., 2] > VISIBLE
    detected = visible.sum(axis=1) >= 2
    if not detected.any():
        return 0.0
    low: Array = np.where(visible[..., None], points[..., :2], np.inf)[detected].min(axis=1)
    high: Array = np.where(visible[..., None], points[..., :2], -np.inf)[detected].max(axis=1)
    return float(np.median((high - low).max(axis=-1)))


def noise_level(points: Array, height: float) -> float:
    """Standard deviation of the white part of the noise of points [frames, 17, 3], as a share of `height` pixels.

    From the median absolute third difference of points seen in four frames on end, which motion hardly reaches; 0 where
    there are too few of them.
    """
    visible = points[..., 2] > VISIBLE
    whole = visible[:-3] & visible[1:-2] & visible[2:-1] & visible[3:]
    if whole.sum() < FEWEST:
        return 0.0
    third = np.abs(np.diff(points[..., :2], n=3, axis=0)[whole])  # [visible runs of four, 2]
    return float(np.median(third) / (WHITE_TO_THIRD_DIFFERENCE * height))


def smoothing_width(noise: float) -> float:
    """Standard deviation in frames of the Gaussian for a `noise_level`."""
    return float(min(np.sqrt(noise / NOISE_FOR_ONE_FRAME), WIDEST))


def smooth(points: Array, width: float) -> Array:
    """Points [frames, 17, 3] under a Gaussian of `width` frames; each neighbour is weighted by its confidence.

    Normalised convolution (Knutsson and Westin, 1993) with a kernel made free of bias where the points are seen
    unevenly: a line stays a line.  What is not visible stays as it is, and so do all confidences.
    """
    radius = int(np.ceil(CUT * width))
    if width < 0.05 or len(points) < 3:
        return points
    weight = np.where(points[..., 2] > VISIBLE, points[..., 2], 0)  # [frames, 17]
    frames = len(points)
    padded = _padded(points[..., :2] * weight[..., None], radius)
    weights = _padded(weight, radius)
    moments, sums = np.zeros((3, *weight.shape)), np.zeros((2, *weight.shape, 2))  # [3, frames, 17], [2, frames, 17, 2]
    for offset in range(-radius, radius + 1):
        share = np.exp(-0.5 * (offset / width) ** 2)
        window = slice(radius + offset, radius + offset + frames)
        for power in range(3):
            moments[power] += share * offset**power * weights[window]
        for power in range(2):
            sums[power] += share * offset**power * padded[window]
    # the value at offset 0 of the weighted least-squares line; a mean where the neighbours span no line
    spread = moments[0] * moments[2] - moments[1] ** 2
    lined = (spread > 1e-9 * np.maximum(moments[0], 1e-12) ** 2) & (moments[0] > 0)
    line = moments[2, ..., None] * sums[0] - moments[1, ..., None] * sums[1]
    fitted = np.where(lined[..., None], line / np.where(lined, spread, 1)[..., None], points[..., :2])
    smoothed = points.copy()
    smoothed[..., :2] = np.where((weight > 0)[..., None], fitted, points[..., :2])
    return smoothed


def steady_confidence(points: Array) -> Array:
    """Points [frames, 17, 3] whose confidence is averaged over a few frames, so that it does not cross a threshold back
    and forth; of what has a place only, and what is unseen in all of these frames stays so."""
    if len(points) < 3:
        return points
    radius = int(np.ceil(CUT * STEADY))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / STEADY) ** 2)
    has_position = points[..., 2] > 0
    mass, count = np.zeros_like(points[..., 2]), np.zeros_like(points[..., 2])
    padded, present = (_padded(x, radius) for x in (points[..., 2], has_position))
    for offset, tap in enumerate(taps):
        mass += tap * padded[offset : offset + len(points)]
        count += tap * present[offset : offset + len(points)]
    steady = points.copy()
    steady[..., 2] = np.where(has_position, mass / np.maximum(count, 1e-12), points[..., 2])
    return steady


def _padded(values: npt.NDArray[Any], radius: int, fill: float = 0.0) -> Array:
    """Values [frames, ...] with `radius` frames of `fill` on each side; float64."""
    padded = np.full((len(values) + 2 * radius, *values.shape[1:]), fill)
    padded[radius : radius + len(values)] = values
    return padded


def bridge_gaps(points: Array) -> Array:
    """Points [frames, 17, 3] with gaps of up to LONGEST_GAP frames bridged by a cubic Hermite through the detections
    around them, whose slopes are those of Catmull and Rom; the confidence falls towards the middle of a gap."""
    bridged = points.copy()
    visible = points[..., 2] > VISIBLE
    for point in np.flatnonzero((~visible).any(axis=0) & (visible.sum(axis=0) >= 2)):
        frames = np.flatnonzero(visible[:, point])  # [K]
        gap = np.diff(frames) - 1  # [K - 1]
        if not ((gap > 0) & (gap <= LONGEST_GAP)).any():
            continue
        missing = np.setdiff1d(np.arange(frames[0], frames[-1]), frames)
        after = np.searchsorted(frames, missing)
        missing, after = (x[gap[after - 1] <= LONGEST_GAP] for x in (missing, after))
        values = points[frames, point]  # [K, 3]
        length = np.diff(frames)[after - 1][:, None].astype(np.float64)
        x = (missing - frames[after - 1])[:, None] / length
        slope = _slopes(frames, values[:, :2])
        position = _hermite(x, length, *(v[i] for i in (after - 1, after) for v in (values[:, :2], slope)))
        lower = np.minimum(values[after - 1, 2], values[after, 2])
        away = np.minimum(missing - frames[after - 1], frames[after] - missing)
        bridged[missing, point, :2] = position
        bridged[missing, point, 2] = np.maximum(lower * (1 - 0.3 * away / LONGEST_GAP), np.nextafter(VISIBLE, 1))
    return bridged


def _slopes(frames: npt.NDArray[np.intp], values: Array) -> Array:
    """Slopes [K, 2] in pixels a frame of `values` [K, 2] at `frames` [K], from the neighbour before to that after;
    a long gap beside a detection says nothing of how fast it moves there."""
    step = np.diff(frames)[:, None].astype(np.float64)
    rise = np.diff(values, axis=0) / step
    weight = np.where(step <= LONGEST_GAP + 1, 1 / step, 1e-9)
    total = np.zeros((len(frames), 1))
    slopes = np.zeros_like(values)
    for rows in (slice(None, -1), slice(1, None)):
        slopes[rows] += weight * rise
        total[rows] += weight
    return np.asarray(slopes / total)


def _hermite(x: Array, length: Array, start: Array, leave: Array, end: Array, arrive: Array) -> Array:
    """The cubic at `x` 0..1 of a stretch of `length` frames, from `start` with slope `leave` to `end` with `arrive`."""
    return np.asarray(
        start * (1 + 2 * x) * (1 - x) ** 2
        + leave * length * x * (1 - x) ** 2
        + end * x**2 * (3 - 2 * x)
        - arrive * length * x**2 * (1 - x)
    )


def hide_outliers(points: Array, height: float) -> Array:
    """Points [frames, 17, 3] with confidence 0 where one is OUTLIER heights from the median of the two frames before
    it, itself and the two after, in relation to the middle of its body."""
    visible = points[..., 2] > VISIBLE
    positions = np.where(visible[..., None], points[..., :2], np.nan)
    with np.errstate(invalid="ignore"):
        detected = np.asarray(visible.any(axis=1), np.bool_)
        local = positions - np.where(detected[:, None], _median(positions, axis=1), 0)[:, None]
        if len(points) < 3 or not (np.abs(np.diff(local, axis=0)) > JUMP * height).any():
            return points
        padded = _padded(local, 2, np.nan)
        around = _median(np.stack([padded[k : k + len(points)] for k in range(5)]), axis=0)  # [frames, 17, 2]
        outlier = length(local - around) > OUTLIER * height
    result = points.copy()
    result[..., 2] = np.where(outlier, 0, points[..., 2])
    return result


def _median(values: Array, axis: int) -> Array:
    """Median over an axis of what is not NaN (the lower of the middle two); NaN where all is."""
    ordered = np.sort(values, axis=axis)  # NaN last
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    return np.asarray(np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=axis).squeeze(axis))


def exchange_sides(points: Array, height: float) -> Array:
    """Points [frames, 17, 3] with left and right exchanged back where the detector took one for the other.

    Of the whole body, then of the legs, then of the lower legs: a dynamic programme over two states a frame finds
    where exchanging them makes the points jump least.  Only pairs of which both are seen are looked at, and jumps that
    are not EXCHANGE heights a pair shorter change nothing: sides that lie close together stay as the detector said.
    """
    jumps = _jumps(points)
    for parts in EXCHANGED:
        chosen = [list(_PAIRS).index(name) for name in parts]
        same, crossed, pairs = (each[:, chosen].sum(axis=1) for each in jumps)
        exchanged = _exchanged_frames(same, crossed, pairs, height)
        if exchanged.any():
            points = points.copy()
            left, right = (_SIDES[side, chosen] for side in (0, 1))
            rows = np.flatnonzero(exchanged)[:, None]
            points[rows, left], points[rows, right] = points[rows, right], points[rows, left]
            jumps = _jumps(points)
    return points


def _exchanged_frames(same: Array, crossed: Array, pairs: Array, height: float) -> Flags:
    """In which frames [frames] the sides are exchanged, from the jumps of so many `pairs` [frames] if they stay the
    `same` and if they are `crossed` [frames]."""
    switch = EXCHANGE * height * np.maximum(pairs, 1)
    if (same <= crossed + switch).all():
        return np.zeros(len(same), np.bool_)
    stay, turn = same.tolist(), (crossed + switch).tolist()
    cost = (MINORITY * height * pairs).tolist()
    best, source = [0.0, cost[0]], []
    for frame in range(1, len(same)):
        kept, changed = ([best[0] + s[frame], best[1] + s[frame]] for s in (stay, turn))
        source.append((changed[1] < kept[0], changed[0] < kept[1]))
        best = [min(kept[0], changed[1]), min(kept[1], changed[0]) + cost[frame]]
    state = int(best[1] < best[0])
    states = [state]
    for came in reversed(source):
        state ^= int(came[state])
        states.append(state)
    return np.array(states[::-1], np.bool_)


def _jumps(points: Array) -> tuple[Array, Array, Array]:
    """How far the pairs [frames, pairs] jump in pixels from when both sides of them were last seen, if the sides stay
    and if they change, and 1 where there is something to compare, else 0; of points [frames, 17, 3]."""
    left, right = points[:, _SIDES[0]], points[:, _SIDES[1]]
    visible = (left[..., 2] > VISIBLE) & (right[..., 2] > VISIBLE)
    frames = np.arange(len(left))[:, None]
    last = np.maximum.accumulate(np.where(visible, frames, -1), axis=0)  # [frames, pairs]
    before = np.concatenate([np.full_like(last[:1], -1), last[:-1]])
    comparable = visible & (before >= 0) & (frames - before <= LONGEST_GAP)
    ago = np.maximum(before, 0)[..., None]  # [frames, pairs, 1]
    was_left, was_right = (np.take_along_axis(side[..., :2], ago, axis=0) for side in (left, right))

    def jump(a: Array, b: Array) -> Array:
        return length(a - b)

    a, b = left[..., :2], right[..., :2]
    same, crossed = jump(a, was_left) + jump(b, was_right), jump(a, was_right) + jump(b, was_left)
    return comparable * same, comparable * crossed, comparable.astype(np.float64)
