"""The network's answers under a timeline: estimated in one step, or sampled around keypoints and constraints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.denoiser.known_frames import keyframe_condition
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.representation import encode, gravity_view_yaw
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.refine.cycles import Circle
from genmo.runtime.refine.inpainting import inpainting_features, project_onto_constraints
from genmo.runtime.refine.multi_shot import root_anchored
from genmo.runtime.support.arrays import Array, Arrays, Flags, Numbers

MOST_FRAMES = 6000  # of all rows that are sampled at once: more take memory by the gigabyte and no less time
SEAM = 4  # frames on either side of a reference's seams and borders that are left open
REFERRED = (
    "gravity_view_orientation",
    "root_velocity",
    "joint_rotations",
    "body_rotations",
    "root_orientation_camera",
    "contacts",
)
FADE = 10  # frames from an end of the keypoints over which the estimate makes way for what is generated


@dataclass(frozen=True, eq=False)
class Observed:
    """What is estimated where a motion that is generated elsewhere has keypoints or video."""

    features: Array
    """[frames, features] normalised"""
    heads: Arrays
    """[frames, ...] what the layout's heads answer"""
    share: Array
    """[frames, 1] how much of the answer is the estimate: 0 where nothing is visible, 1 well within what is"""


def answers(
    denoiser: sampler.Denoiser,
    conditions: Arrays,
    timeline: Timeline,
    camera: Camera,
    normalisation: Normalisation,
    samples: Sequence[int],
    done: Callable[[float], object],
    conventions: Conventions = GENMO,
    body: SmplBody | None = None,
    circle: Circle | None = None,
    references: Sequence[Sequence[ReferenceSpan]] = (),
) -> Arrays:
    """The network's answers under a `settled` timeline [samples, frames, ...]: `x_0`, normalised, and its heads.

    `samples`: the number of each row, the only thing beside the seed that its noise depends on; `conditions` [1, ...]
    of `signature.inputs`; `camera` of every frame; `done` is called with the steps so far, those of several parts being
    shares; `conventions`: of the weights; `body`: whose skeleton it is, for layouts whose betas are SMPL-X's.
    `circle`: the period of a timeline that was unrolled from a looped one.  `references`: what each row is to be like,
    for a timeline that has no references of its own.
    """
    width = normalisation.layout.width
    if not timeline.sampled:
        outputs = sampler.estimate(denoiser, conditions, (1, timeline.frames, width))
        done(1)
        return outputs
    observed, before = None, 0
    if timeline.estimated_in_part:
        observed, before = _observed(denoiser, conditions, (1, timeline.frames, width)), 1
        done(before)
    noise = np.stack([_noise(timeline, sample, width) for sample in samples])
    inpainting = _inpainting(timeline, camera, normalisation, observed, body)
    if circle is not None:
        noise, inpainting = circle.noise(noise), _repeating(circle, camera, normalisation)
    made = []
    parts = _parts(len(samples), timeline.frames)
    for number, part in enumerate(parts):
        like = _drafts(references[part] or (timeline.references,), timeline.frames, camera, normalisation)
        heard = partial(_share_done, done, before, number * timeline.step_count, len(parts))
        rows = {name: np.repeat(array, len(samples[part]), axis=0) for name, array in conditions.items()}
        assert timeline.guidance is not None
        given = denoiser, rows, noise[part], timeline.step_count, timeline.guidance
        made.append(sampler.generate(*given, heard, inpainting, conventions, like))
    sampled = {name: np.concatenate([one[name] for one in made]) for name in made[0]}
    if observed is None:
        return sampled
    heads = {name: head for name, head in sampled.items() if name != "x_0"}  # x_0 has what was observed already
    return sampled | {name: head + observed.share * (observed.heads[name] - head) for name, head in heads.items()}


def _parts(rows: int, frames: int) -> list[slice]:
    """Rows that are sampled together."""
    at_once = max(1, MOST_FRAMES // frames)
    return [slice(first, min(first + at_once, rows)) for first in range(0, rows, at_once)]


def _share_done(done: Callable[[float], object], before: int, of_others: int, parts: int, steps: int) -> None:
    """Tell of so many steps of one of `parts`, after as many as `of_others` of others, each a share of a step."""
    done(before + (of_others + steps) / parts)


def _noise(timeline: Timeline, sample: int, width: int) -> Array:
    """The noise [frames, width] that a sample starts from."""
    noise = np.random.default_rng((timeline.seed, sample)).standard_normal((timeline.frames, width), np.float32)
    for span in timeline.seeds:
        rng = np.random.default_rng((span.seed, sample))
        noise[span.start : span.end] = rng.standard_normal((span.end - span.start, width), np.float32)
    return noise


def _drafts(
    rows: Sequence[Sequence[ReferenceSpan]], frames: int, camera: Camera, normalisation: Normalisation
) -> sampler.Draft | None:
    """The references of each row in normalised features; one row stands for all."""
    if not any(rows):
        return None
    values, mask, until = (
        np.stack(arrays)
        for arrays in zip(*(_draft(row, frames, camera, normalisation.layout) for row in rows), strict=True)
    )
    return sampler.Draft(normalisation.normalised(values).astype(np.float32), mask, until)


def _draft(
    references: Sequence[ReferenceSpan], frames: int, camera: Camera, layout: Layout
) -> tuple[Array, Flags, Numbers]:
    """The features [frames, features] of references, which of them count, and until which timestep [frames].

    The body, its turns, its speed and its contacts are theirs; its shape and where a camera sees it are left open, and
    so are frames at seams and at borders to other frames, which follow from both sides.
    """
    values = np.zeros((frames, layout.width))
    mask = np.zeros(values.shape, np.bool_)
    until = np.zeros(frames, np.int64)
    for span in references:
        inside = slice(span.start, span.end)
        values[inside] = encode(span.motion, Camera(camera.rotation[inside], camera.position[inside]), layout)
        until[inside] = round(schedule.STEPS * (1 - span.strength)) - 1
        borders = [frame for frame in (span.start, span.end) if 0 < frame < frames]
        seams = np.asarray([*borders, *(span.start + frame for frame in span.free)])
        every = np.arange(span.start, span.end)
        if span.fade and borders:
            share = np.abs(every[:, None] - np.asarray(borders)).min(axis=1) / span.fade
            faded = np.round(schedule.STEPS * (1 - span.strength * np.minimum(share, 1))) - 1
            until[inside] = faded.astype(np.int64)
        near = (np.abs(every[:, None] - seams) < SEAM).any(axis=1)
        for name in REFERRED:
            if name in layout.slices:
                mask[inside, layout.slices[name]] = ~near[:, None]
    return values, mask, until


def _repeating(circle: Circle, camera: Camera, normalisation: Normalisation) -> sampler.Inpainting:
    """Nothing is given, and predictions are made to repeat."""
    shape = circle.unrolled_frames, normalisation.layout.width

    def project(x_0: Array) -> Array:
        restored = normalisation.restored(x_0)
        repeated = np.stack([circle.repeat(one, normalisation.layout, camera) for one in restored])
        return np.asarray(normalisation.normalised(repeated), np.float32)

    return sampler.Inpainting(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), project)


def _observed(denoiser: sampler.Denoiser, conditions: Arrays, shape: tuple[int, int, int]) -> Observed:
    """The estimate from keypoints and video alone.

    A sample of what keypoints leave open is further from the truth than its mean, which one step gives (`docs/log.md`).
    """
    unguided = sampler.without_guided(conditions)
    answer = {name: array[0] for name, array in sampler.estimate(denoiser, unguided, shape).items()}
    visible = np.maximum(unguided["keypoints_mask"][0], unguided.get("video_mask", unguided["keypoints_mask"])[0])
    return Observed(answer.pop("x_0"), answer, share_observed(visible))


def share_observed(visible: Array) -> Array:
    """[frames, 1]: 0 where `visible` [frames] is 0, and 1 from FADE frames away from it on."""
    frames, hidden = np.arange(len(visible)), visible == 0
    beyond = len(visible) + FADE
    before = np.maximum.accumulate(np.where(hidden, frames, -beyond))
    after = np.minimum.accumulate(np.where(hidden, frames, 2 * beyond)[::-1])[::-1]
    distance = np.minimum(frames - before, after - frames)
    return np.asarray(np.clip(distance / FADE, 0, 1)[:, None], np.float32)


def _inpainting(
    timeline: Timeline,
    camera: Camera,
    normalisation: Normalisation,
    observed: Observed | None,
    body: SmplBody | None,
) -> sampler.Inpainting | None:
    """The estimate, keyframes and joint targets as the sampler takes them: in normalised features."""
    if observed is None and not timeline.constrained:
        return None
    anchored = root_anchored(timeline)
    values, mask = inpainting_features(timeline.keyframes, normalisation.layout, camera, anchored)
    values = np.where(mask, normalisation.normalised(values), 0)
    if observed is not None:
        values, mask = np.where(mask, values, observed.features), mask | (observed.share == 1)

    def project(x_0: Array) -> Array:
        if observed is not None:
            x_0 = np.asarray(x_0 + observed.share * (observed.features - x_0))
        if not timeline.constrained:
            return x_0
        projected = [
            project_onto_constraints(one, normalisation.layout, camera, timeline, anchored, body)
            for one in normalisation.restored(x_0)
        ]
        return np.asarray(normalisation.normalised(np.stack(projected)), np.float32)

    path = np.full((timeline.frames, 3), np.nan)
    path[timeline.keyframes.frames] = timeline.keyframes.root
    known = keyframe_condition(values, mask, normalisation.layout, path, gravity_view_yaw(camera.rotation))
    return sampler.Inpainting(values.astype(np.float32), mask, project, known)
