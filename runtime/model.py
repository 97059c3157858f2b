"""MotionModel: load an engine once, make motions from it.  Immutable; safe to share between threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.constraints import (
    NO_JOINT_TARGETS,
    NO_KEYFRAMES,
    ConstraintErrors,
    JointTargets,
    Keyframes,
    constraint_errors,
)
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan, Text
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES, DEFAULT_GUIDANCE, DEFAULT_STEPS, Timeline
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.chunking import ChunkedDenoiser, chunk_frames, receptive_field
from genmo.runtime.engine.bundle import Engine, load_engine
from genmo.runtime.engine.open_denoiser import log, open_denoiser
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import decode, root_in_camera
from genmo.runtime.refine.grounding import correct_height_drift, shot_heights
from genmo.runtime.refine.inpainting import inpainting_features, project_onto_constraints
from genmo.runtime.refine.multi_shot import join_cameras, root_anchored
from genmo.runtime.refine.pipeline import FIT_WORK, edges, finished, fit_to_keypoints
from genmo.runtime.refine.transitions import remove_steps, smooth_transitions
from genmo.runtime.support import arrays
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress

FADE = 10  # frames from an end of the keypoints over which the estimate makes way for what is generated


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on the conditions, the denoiser's steps and the decoding."""

    condition_ms: float
    step_ms: float
    decode_ms: float


@dataclass(frozen=True, eq=False)
class Result:
    """What following a timeline gave."""

    motions: list[Motion]
    timings: Timings
    misses: list[ConstraintErrors]
    """how far each motion is from keyframes and places, millimetres"""


@dataclass(frozen=True, eq=False)
class MotionModel:
    """An engine and the library that runs it."""

    engine: Engine
    denoiser: sampler.Denoiser
    device: str = "cpu"
    backend: str = ""
    load_ms: float = 0.0

    @classmethod
    def load(
        cls,
        folder: str | Path | None = None,
        *,
        backend: str | None = None,
        device: str | None = None,
        threads: int = 0,
        precision: str | None = None,
        cpus: Sequence[int] = (),
    ) -> MotionModel:
        """The model of an engine folder; None: the engine that ships with genmo.

        `backend`: "onnxruntime", "openvino" or "tensorrt"; `device`: "cpu" or "cuda"; `threads`: on the processor, 0
        for all cores that this process may use; `precision`: "fp32" or "bf16", for OpenVINO; `cpus`: a thread on each
        of these logical CPUs, for ONNX Runtime (pin the calling thread to the first yourself).  None leaves the choice
        to genmo (`genmo.runtime.engine.open_denoiser`); `MotionModel.backend` and `device` tell what it was.
        Raises EngineError for a bad folder, BackendError for a missing library or device.
        """
        start = time.perf_counter()
        engine = load_engine(folder)
        running = open_denoiser(engine, backend=backend, device=device, threads=threads, precision=precision, cpus=cpus)
        elapsed = 1000 * (time.perf_counter() - start)
        return cls(engine, running.denoiser, running.device, running.backend, elapsed)

    def estimate(self, keypoints: Keypoints, *, fit: bool = True, clean_feet: bool = True) -> Motion:
        """The motion that the keypoints show: one step, then fitted to them, feet cleaned; deterministic."""
        return self.run(keypoints=keypoints, fit=fit, clean_feet=clean_feet)[0][0]

    def generate(
        self,
        texts: str | Sequence[Text],
        frames: int = 120,
        *,
        steps: int = DEFAULT_STEPS,
        guidance: float = DEFAULT_GUIDANCE,
        seed: int = 0,
        samples: int = 1,
        clean_feet: bool = True,
    ) -> list[Motion]:
        """Motions for a text, or several with frames of their own.  The same seed gives the same motions."""
        prompts = [Text(texts)] if isinstance(texts, str) else texts
        return self.run(
            prompts,
            None,
            frames,
            steps=steps,
            guidance=guidance,
            seed=seed,
            samples=samples,
            clean_feet=clean_feet,
        )[0]

    def run(
        self,
        texts: Sequence[Text] = (),
        keypoints: Keypoints | None = None,
        frames: int | None = None,
        *,
        keyframes: Keyframes = NO_KEYFRAMES,
        places: JointTargets = NO_JOINT_TARGETS,
        steps: int | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        seed: int = 0,
        samples: int = 1,
        fit: bool = True,
        clean_feet: bool = True,
        chunk: int | None = None,
        progress: ProgressCallback = no_progress,
    ) -> tuple[list[Motion], Timings]:
        """Motions under any mix of conditions, `samples` of them: `follow` for the usual case.

        `frames` defaults to those of the keypoints, or 120.  The other options are those of `Timeline` and `follow`.
        """
        timeline = Timeline(
            frames=(DEFAULT_FRAMES if keypoints is None else keypoints.frames) if frames is None else frames,
            texts=tuple(texts),
            keypoints=() if keypoints is None else (KeypointSpan(keypoints),),
            keyframes=keyframes,
            places=places,
            steps=steps,
            guidance=guidance,
            seed=seed,
        )
        result = self.follow(timeline, samples=samples, fit=fit, clean_feet=clean_feet, chunk=chunk, progress=progress)
        return result.motions, result.timings

    def follow(
        self,
        timeline: Timeline,
        *,
        samples: int = 1,
        fit: bool = True,
        clean_feet: bool = True,
        chunk: int | None = None,
        progress: ProgressCallback = no_progress,
    ) -> Result:
        """Motions that obey a timeline, made in one pass; the same timeline and engine give the same motions.

        Keypoints alone are estimated in one step from zeros unless the timeline has `steps`; anything else is sampled
        in `steps` (default 10) steps, around what one step estimates where there are keypoints.  `fit` turns the joints
        of motions with keypoints until they project onto them (`refine.reprojection_fit`);
        `clean_feet` makes planted feet stand still (`refine.foot_locking`).  Keyframes are met exactly, places nearly
        (`refine.constraint_solver`).
        `chunk`: frames that the network is given at a time, with what they depend on around them, which bounds its
        memory and leaves the answer as it is (`denoiser.chunking`); 0 is one pass, None one pass up to four
        minutes.  `progress` hears the share of the work that is done, 0 to 1.
        World: that of the first keypoints where their camera is known; else that of the keyframes and places, or one
        in which the motion stands on the ground, y = 0.
        Raises InputError for conditions that the engine does not take, and options that do not fit.
        """
        started = time.perf_counter()
        if samples < 1:
            raise InputError(f"samples is {samples}; wanted at least 1 sample")
        if samples > 1 and not timeline.sampled:
            raise InputError(f"samples is {samples}; estimation has one answer: give steps to sample from keypoints")
        conditions = timeline.conditions(self.engine.config) | self._texts(timeline.texts, timeline.frames)
        camera = join_cameras(timeline)
        conditioned = time.perf_counter()
        fits = fit and bool(timeline.keypoints)
        work = Progress(timeline.estimated_in_part + timeline.step_count + FIT_WORK * fits, progress)
        denoiser = self._denoiser(timeline.frames, chunk, work)
        if timeline.sampled:
            outputs = self._generated(denoiser, conditions, timeline, camera, samples, work)
        else:
            width = self.engine.config.motion_layout.width
            outputs = sampler.estimate(denoiser, conditions, (1, timeline.frames, width))
            work.done(1)
        stepped = time.perf_counter()
        share = FIT_WORK / samples
        motions = [
            self._decode(features, timeline, camera, work.part(n * share, share) if fits else None, clean_feet)
            for n, features in enumerate(outputs["x_0"])
        ]
        progress(1.0)
        decoded = time.perf_counter()
        times = (1000 * (b - a) for a, b in ((started, conditioned), (conditioned, stepped), (stepped, decoded)))
        return Result(
            motions,
            Timings(*times),
            [constraint_errors(motion, timeline.keyframes, timeline.places) for motion in motions],
        )

    def _denoiser(self, frames: int, chunk: int | None, work: Progress) -> sampler.Denoiser:
        """The denoiser for a motion of so many frames: in one pass or in chunks."""
        config = self.engine.config
        length = chunk_frames(config, frames, chunk)
        if not length:
            return self.denoiser
        log.info("%d frames in chunks of at most %d, with %d around them", frames, length, receptive_field(config))
        return ChunkedDenoiser(self.denoiser, config, length, work.part(0, 1))

    def _generated(
        self,
        denoiser: sampler.Denoiser,
        conditions: arrays.Arrays,
        timeline: Timeline,
        camera: Camera,
        samples: int,
        work: Progress,
    ) -> arrays.Arrays:
        """What the sampler makes of a timeline, around what keypoints show."""
        width, seen, before = self.engine.config.motion_layout.width, None, 0
        if timeline.estimated_in_part:
            seen, before = self._seen(denoiser, conditions, timeline), 1
            work.done(before)
        noise = np.stack([_noise(timeline.seed, index, timeline.frames, width) for index in range(samples)])
        return sampler.generate(
            denoiser,
            {name: np.repeat(array, samples, axis=0) for name, array in conditions.items()},
            noise,
            timeline.step_count,
            timeline.guidance,
            lambda step: work.done(before + step),
            self._known(timeline, camera, seen),
        )

    def _seen(self, denoiser: sampler.Denoiser, conditions: arrays.Arrays, timeline: Timeline) -> _Seen:
        """What is estimated where a motion that is generated elsewhere has keypoints or video.

        A sample of what keypoints leave open is further from the truth than its mean, which one step gives
        (`docs/log.md`).
        """
        width, given = self.engine.config.motion_layout.width, sampler.without_guided(conditions)
        features = sampler.estimate(denoiser, given, (1, timeline.frames, width))["x_0"][0]
        shown = np.maximum(given["keypoints_mask"][0], given.get("video_mask", given["keypoints_mask"])[0])
        return _Seen(features, _share_seen(shown))

    def _known(self, timeline: Timeline, camera: Camera, seen: _Seen | None) -> sampler.Inpainting | None:
        """What was seen, keyframes and places as the sampler wants them: in normalised features."""
        if seen is None and not timeline.constrained:
            return None
        mean, std, layout = self.engine.mean, self.engine.std, self.engine.config.motion_layout
        held = root_anchored(timeline)
        values, there = inpainting_features(timeline.keyframes, layout, camera, held)
        values = np.where(there, (values - mean) / std, 0)
        if seen is not None:
            values, there = np.where(there, values, seen.features), there | (seen.share == 1)

        def correct(x_0: Array) -> Array:
            if seen is not None:
                x_0 = np.asarray(x_0 + seen.share * (seen.features - x_0))
            if not timeline.constrained:
                return x_0
            features = x_0.astype(np.float64) * std + mean
            met = [
                project_onto_constraints(one, layout, camera, timeline.keyframes, timeline.places, held)
                for one in features
            ]
            return np.asarray((np.stack(met) - mean) / std, np.float32)

        return sampler.Inpainting(values.astype(np.float32), there, correct)

    def _texts(self, texts: Sequence[Text], frames: int) -> arrays.Arrays:
        """Text arrays [1, texts, ...]; without a text one empty slot, which the null text fills."""
        config = self.engine.config
        if texts and self.engine.text_encoder is None:
            where = f"{texts[0].source}: " if texts[0].source else ""
            raise InputError(f"{where}this engine has no text encoder; wanted an engine with one, or no text")
        tokens = np.zeros((1, max(len(texts), 1), config.text_tokens, config.text_width), np.float32)
        mask = np.zeros(tokens.shape[:3], np.float32)
        spans = np.zeros((*tokens.shape[:2], 2), np.int64)
        for index, text in enumerate(texts):
            assert self.engine.text_encoder is not None
            end = frames if text.end is None else min(text.end, frames)
            try:
                tokens[0, index], mask[0, index] = self.engine.text_encoder.encode(text.prompt)
            except InputError as error:
                raise InputError(f"{text.source}: {error}" if text.source else str(error)) from None
            spans[0, index] = text.start, end
        return {"text_tokens": tokens, "text_token_mask": mask, "text_spans": spans}

    def _decode(
        self, normalised: Array, timeline: Timeline, camera: Camera, fitting: ProgressCallback | None, clean: bool
    ) -> Motion:
        """The motion of an answer [frames, features]; `fitting` hears of the fit, None leaves it out."""
        layout = self.engine.config.motion_layout

        def joints(features: Array, part: slice) -> Array:
            filming = Camera(camera.rotation[part], camera.position[part])
            return decode(features, layout, filming).joints_world()

        features = remove_steps(normalised * self.engine.std + self.engine.mean, timeline.borders)
        features = smooth_transitions(features, edges(timeline), joints)
        motion = decode(features, layout, camera)
        motion = correct_height_drift(motion, shot_heights(features, layout, timeline, motion))
        if fitting is not None:
            motion = fit_to_keypoints(motion, root_in_camera(features, layout), timeline.keypoints, fitting)
        return finished(motion, timeline, clean)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What was estimated from keypoints and video."""

    features: Array
    """[frames, features] normalised"""
    share: Array
    """[frames, 1] how much of it is taken, 0 to 1"""


def _share_seen(shown: Array) -> Array:
    """[frames, 1] float32: 1 where a person is `shown` [frames], rising over FADE frames from each that is not."""
    frames, unseen = np.arange(len(shown)), shown == 0
    far = len(shown) + FADE
    before = np.maximum.accumulate(np.where(unseen, frames, -far))
    after = np.minimum.accumulate(np.where(unseen, frames, 2 * far)[::-1])[::-1]
    apart = np.minimum(frames - before, after - frames)
    return np.asarray(np.clip(apart / FADE, 0, 1)[:, None], np.float32)


def _noise(seed: int, sample: int, frames: int, width: int) -> Array:
    """[frames, width]; row i does not depend on how many rows follow."""
    return np.random.default_rng((seed, sample)).standard_normal((frames, width), np.float32)
