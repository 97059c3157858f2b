"""MotionModel: load an engine once, make motions from it.  Immutable; safe to share between threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genmo.runtime import sampler
from genmo.runtime.backends import log, open_denoiser
from genmo.runtime.borders import calmed, calmed_motion, seamless
from genmo.runtime.chunks import ChunkedDenoiser, chunk_frames, reach
from genmo.runtime.conditions import CameraSpan, Keypoints, KeypointSpan, Text
from genmo.runtime.engine import Engine, load_engine
from genmo.runtime.errors import InputError
from genmo.runtime.feet import FeetOptions
from genmo.runtime.feet import clean_feet as cleaned
from genmo.runtime.fit import CameraPose, fit_shape, rays_of
from genmo.runtime.fit import fit as fit_pose
from genmo.runtime.keyframes import NO_KEYFRAMES, NO_PLACES, Keyframes, Misses, Places, misses
from genmo.runtime.meet import grounded, known, meet, placed, projected, spread
from genmo.runtime.motion import Camera, Motion
from genmo.runtime.representation import Layout, decode, gravity_view_yaw, root_in_camera
from genmo.runtime.rotation import (
    Array,
    axis_angle_from_matrix,
    matrix_from_6d,
    matrix_from_axis_angle,
    matrix_from_yaw,
    rotate,
    transpose,
)
from genmo.runtime.skeleton import JOINTS, forward_kinematics
from genmo.runtime.timeline import DEFAULT_FRAMES, DEFAULT_GUIDANCE, DEFAULT_STEPS, Timeline
from genmo.runtime.work import Progress, Work, nobody

FIT_WORK = 5  # steps of the denoiser that count as much as the fit, when the share of work done is told
FADE = 10  # frames from an end of the keypoints over which the estimate makes way for what is generated
LEVEL_FRAMES = 31  # a second
GROUND_SHARE = 5  # per cent of a shot's frames in which its lowest foot is taken to be at or under the ground
# The world of a camera need not have its ground at 0.  Under keypoints the feet know the path better than the
# integrated velocity does, so the root follows them for longer, and doubtful contacts count (chosen on people of the
# training set).
SEEN_FEET = FeetOptions(ground=None, horizon=300, enter=0.4, leave=0.3)
UNSEEN_FEET = FeetOptions(horizon=300, enter=0.4, leave=0.3)
_FEET = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]


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
    misses: list[Misses]
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
        to genmo (`genmo.runtime.backends`); `MotionModel.backend` and `device` tell what it was.
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
        places: Places = NO_PLACES,
        steps: int | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        seed: int = 0,
        samples: int = 1,
        fit: bool = True,
        clean_feet: bool = True,
        chunk: int | None = None,
        progress: Progress = nobody,
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
        progress: Progress = nobody,
    ) -> Result:
        """Motions that obey a timeline, made in one pass; the same timeline and engine give the same motions.

        Keypoints alone are estimated in one step from zeros unless the timeline has `steps`; anything else is sampled
        in `steps` (default 10) steps, around what one step estimates where there are keypoints.  `fit` turns the joints
        of motions with keypoints until they project onto them (`genmo.runtime.fit`); `clean_feet` makes planted feet
        stand still (`genmo.runtime.feet`).  Keyframes are met exactly, places nearly (`genmo.runtime.meet`).
        `chunk`: frames that the network is given at a time, with what they depend on around them, which bounds its
        memory and leaves the answer as it is (`genmo.runtime.chunks`); 0 is one pass, None one pass up to four
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
        camera = joined_camera(timeline)
        conditioned = time.perf_counter()
        fits = fit and bool(timeline.keypoints)
        work = Work(timeline.estimated_in_part + timeline.step_count + FIT_WORK * fits, progress)
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
            self._decode(features, timeline, camera, work.stretch(n * share, share) if fits else None, clean_feet)
            for n, features in enumerate(outputs["x_0"])
        ]
        progress(1.0)
        decoded = time.perf_counter()
        times = (1000 * (b - a) for a, b in ((started, conditioned), (conditioned, stepped), (stepped, decoded)))
        return Result(
            motions, Timings(*times), [misses(motion, timeline.keyframes, timeline.places) for motion in motions]
        )

    def _denoiser(self, frames: int, chunk: int | None, work: Work) -> sampler.Denoiser:
        """The denoiser for a motion of so many frames: in one pass or in chunks."""
        config = self.engine.config
        length = chunk_frames(config, frames, chunk)
        if not length:
            return self.denoiser
        log.info("%d frames in chunks of at most %d, with %d around them", frames, length, reach(config))
        return ChunkedDenoiser(self.denoiser, config, length, work.stretch(0, 1))

    def _generated(
        self,
        denoiser: sampler.Denoiser,
        conditions: sampler.Arrays,
        timeline: Timeline,
        camera: Camera,
        samples: int,
        work: Work,
    ) -> sampler.Arrays:
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

    def _seen(self, denoiser: sampler.Denoiser, conditions: sampler.Arrays, timeline: Timeline) -> _Seen:
        """What is estimated where a motion that is generated elsewhere has keypoints or video.

        A sample of what keypoints leave open is further from the truth than its mean, which one step gives
        (`docs/log.md`).
        """
        width, given = self.engine.config.motion_layout.width, sampler.without_guided(conditions)
        features = sampler.estimate(denoiser, given, (1, timeline.frames, width))["x_0"][0]
        shown = np.maximum(given["keypoints_mask"][0], given.get("video_mask", given["keypoints_mask"])[0])
        return _Seen(features, _share_seen(shown))

    def _known(self, timeline: Timeline, camera: Camera, seen: _Seen | None) -> sampler.Known | None:
        """What was seen, keyframes and places as the sampler wants them: in normalised features."""
        if seen is None and not timeline.constrained:
            return None
        mean, std, layout = self.engine.mean, self.engine.std, self.engine.config.motion_layout
        held = _held(timeline)
        values, there = known(timeline.keyframes, layout, camera, held)
        values = np.where(there, (values - mean) / std, 0)
        if seen is not None:
            values, there = np.where(there, values, seen.features), there | (seen.share == 1)

        def correct(x_0: Array) -> Array:
            if seen is not None:
                x_0 = np.asarray(x_0 + seen.share * (seen.features - x_0))
            if not timeline.constrained:
                return x_0
            features = x_0.astype(np.float64) * std + mean
            met = [projected(one, layout, camera, timeline.keyframes, timeline.places, held) for one in features]
            return np.asarray((np.stack(met) - mean) / std, np.float32)

        return sampler.Known(values.astype(np.float32), there, correct)

    def _texts(self, texts: Sequence[Text], frames: int) -> sampler.Arrays:
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
        self, normalised: Array, timeline: Timeline, camera: Camera, fitting: Progress | None, clean: bool
    ) -> Motion:
        """The motion of an answer [frames, features]; `fitting` hears of the fit, None leaves it out."""
        layout = self.engine.config.motion_layout

        def joints(features: Array, part: slice) -> Array:
            filming = Camera(camera.rotation[part], camera.position[part])
            return decode(features, layout, filming).joints_world()

        features = seamless(normalised * self.engine.std + self.engine.mean, timeline.borders)
        features = calmed(features, _edges(timeline), joints)
        motion = decode(features, layout, camera)
        motion = levelled(motion, _heights(features, layout, timeline, motion))
        if fitting is not None:
            motion = fitted(motion, root_in_camera(features, layout), timeline.keypoints, fitting)
        return _finished(motion, timeline, clean)


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


def _finished(motion: Motion, timeline: Timeline, clean: bool) -> Motion:
    """The decoded motion put in its world, cleaned, calmed, and made to meet its keyframes and places, in this order.

    Whatever is done to a whole motion after the decoding is done here, and meeting comes last: keyframes are exact.
    """
    shots = timeline.shots
    if shots and shots[0].camera is not None:
        motion = placed(motion, _frames_of(shots[0], motion.frames))
        motion = cleaned(motion, SEEN_FEET) if clean else motion
    else:
        motion = grounded(motion)
        if clean:
            motion = cleaned(motion, FeetOptions() if timeline.sampled else UNSEEN_FEET)
        if not shots and not timeline.constrained:
            motion = faced_forward(motion)
    motion = calmed_motion(motion, _edges(timeline))  # a fit that ends there, or a foot that lets go, may jerk again
    motion = meet(motion, timeline.keyframes, timeline.places, _held(timeline))
    if not shots:
        return replace(motion, camera=None, joints_camera=None)
    if any(shot.camera is None for shot in shots):
        return replace(motion, camera=None)
    return seen_again(motion, timeline)


def _edges(timeline: Timeline) -> list[int]:
    """The frames around which nothing may jerk: borders of conditions, and keyframes."""
    return [*timeline.borders, *map(int, timeline.keyframes.frames)]


def _frames_of(span: KeypointSpan | CameraSpan, frames: int) -> npt.NDArray[np.bool_]:
    """[frames] which lie in a span."""
    at = np.arange(frames)
    return (at >= span.start) & (at < span.end)


def _held(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """[frames] where a person was seen by a camera whose world is the motion's."""
    first = timeline.shots[0] if timeline.shots else None
    if first is None or first.camera is None or isinstance(first, CameraSpan):
        return np.zeros(timeline.frames, np.bool_)
    return _frames_of(first, timeline.frames)


def _stops(shots: Sequence[KeypointSpan | CameraSpan], frames: int) -> list[int]:
    """Where the camera of each shot ends: where the next shot starts."""
    return [*(shot.start for shot in shots[1:]), frames][: len(shots)]


def joined_camera(timeline: Timeline) -> Camera:
    """The camera of every frame of the motion; a level one that stands still where none is known.

    Between two shots the camera stands still at its last pose.  The next shot has a world of its own, which is turned
    about +y and moved so that its camera starts there with the same heading: the person's heading against the camera
    is what the network continues.
    """
    frames, shots = timeline.frames, timeline.shots
    joined = _static_camera(frames)
    for index, (shot, stop) in enumerate(zip(shots, _stops(shots, frames), strict=True)):
        camera = _static_camera(shot.frames) if shot.camera is None else shot.camera
        begin = shot.start if index else 0
        if index:
            yaw = gravity_view_yaw(joined.rotation[begin - 1]) - gravity_view_yaw(camera.rotation[0])
            turn = matrix_from_yaw(yaw)
            shift = joined.position[begin - 1] - rotate(turn, camera.position[0])
            camera = Camera(turn @ camera.rotation, rotate(turn, camera.position) + shift)
        at = np.clip(np.arange(begin, stop) - shot.start, 0, shot.frames - 1)
        joined.rotation[begin:stop], joined.position[begin:stop] = camera.rotation[at], camera.position[at]
    return joined


def seen_again(motion: Motion, timeline: Timeline) -> Motion:
    """The motion with the cameras of all shots but the first turned about +y and moved to where they see it."""
    assert motion.camera is not None and motion.joints_camera is not None
    shots = timeline.shots
    rotation, position = motion.camera.rotation.copy(), motion.camera.position.copy()
    joints = motion.joints_world()
    for shot, stop in zip(shots[1:], _stops(shots, motion.frames)[1:], strict=True):
        part, seen = slice(shot.start, stop), slice(shot.start, shot.end)
        points = rotate(rotation[seen, None], motion.joints_camera[seen]) + position[seen, None]
        there, here = (x - x.mean(axis=(0, 1)) for x in (points, joints[seen]))
        sine = (there[..., 2] * here[..., 0] - there[..., 0] * here[..., 2]).sum()
        turn = matrix_from_yaw(np.arctan2(sine, (there[..., [0, 2]] * here[..., [0, 2]]).sum()))
        shift = joints[seen].mean(axis=(0, 1)) - rotate(turn, points.mean(axis=(0, 1)))
        rotation[part], position[part] = turn @ rotation[part], rotate(turn, position[part]) + shift
    return replace(motion, camera=Camera(rotation, position))


def _noise(seed: int, sample: int, frames: int, width: int) -> Array:
    """[frames, width]; row i does not depend on how many rows follow."""
    return np.random.default_rng((seed, sample)).standard_normal((frames, width), np.float32)


def _static_camera(frames: int) -> Camera:
    """A level camera at the origin that looks along +z."""
    return Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (frames, 1, 1)), np.zeros((frames, 3)))


def fitted(motion: Motion, root: Array, spans: Sequence[KeypointSpan], progress: Progress = nobody) -> Motion:
    """The motion with its shape changed and its joints turned until they project onto the keypoints.

    `root` [frames, 3, 3] is its root in the camera frame.  The world's root turns with it; the path stays.
    `progress` hears the share that is done where there is much to do.
    """
    if not spans:
        return motion
    assert motion.joints_camera is not None
    in_camera = np.concatenate([root[:, None], motion.rotations[:, 1:]], axis=1)
    roots, motion = motion.joints_camera[:, 0], _shaped(motion, in_camera, spans)
    seen = forward_kinematics(in_camera, roots, motion.rest_offsets)[1]
    work = Work(len(spans), progress)
    for number, span in enumerate(spans):
        part = slice(span.start, span.end)
        pose = fit_pose(
            CameraPose(in_camera[part], seen[part, 0], motion.rest_offsets),
            span.keypoints,
            progress=work.stretch(number, 1),
        )
        at = np.arange(span.start, span.end)
        # the keypoints end, the correction fades: none of it would be a jerk
        turned = axis_angle_from_matrix(pose.rotations @ transpose(in_camera[part])).reshape(span.frames, -1)
        turns = matrix_from_axis_angle(spread(at, turned, motion.frames).reshape(in_camera.shape[:-1]))
        moved = spread(at, pose.root - seen[part, 0], motion.frames)
        in_camera = turns @ in_camera
        seen = forward_kinematics(in_camera, seen[:, 0] + moved, motion.rest_offsets)[1]
    rotations = in_camera.copy()
    rotations[:, 0] = motion.rotations[:, 0] @ transpose(root) @ in_camera[:, 0]
    return replace(motion, rotations=rotations, joints_camera=seen)


def _shaped(motion: Motion, in_camera: Array, spans: Sequence[KeypointSpan]) -> Motion:
    """The motion on the body that all its keypoints fit best; `in_camera` [frames, 24, 3, 3] are its rotations."""
    assert motion.joints_camera is not None
    at = np.concatenate([np.arange(span.start, span.end) for span in spans])
    rays, seen = (np.concatenate(parts) for parts in zip(*(rays_of(s.keypoints, s.frames) for s in spans), strict=True))
    pose = CameraPose(in_camera[at], motion.joints_camera[at, 0], motion.rest_offsets)
    return replace(motion, betas=fit_shape(pose, rays, seen, motion.betas))


def heights_in_camera(features: Array, layout: Layout, camera: Camera | None) -> Array | None:
    """Height of the root [frames] in metres, over any fixed level, as the camera sees it; None: not observable.

    Without a known camera it is the predicted one, which then stands still: its mean tilt is used.
    """
    blocks = layout.split(features)
    if "root_translation_camera" not in blocks:
        return None
    seen = blocks["root_translation_camera"]
    if camera is None:
        return rotate(matrix_from_6d(blocks["camera_orientation"].mean(axis=0)), seen)[:, 1]
    return (camera.position + rotate(camera.rotation, seen))[:, 1]


def _heights(features: Array, layout: Layout, timeline: Timeline, motion: Motion) -> Array | None:
    """Height of the root [frames] over all shots of a timeline, for `levelled`; `motion` is the decoded one.

    Worlds of different shots have nothing in common but the ground, so every shot, and every gap between two, has its
    lowest feet brought to one level.
    """
    shots = timeline.shots
    if len(shots) < 2:
        return heights_in_camera(features, layout, motion.camera if shots and shots[0].camera is not None else None)
    assert motion.camera is not None
    parts, begin = [], 0
    for shot in shots:
        parts += [(begin, shot.start, False), (shot.start, shot.end, shot.camera is not None)]
        begin = shot.end
    parts.append((begin, motion.frames, False))
    feet = motion.joints_world()[:, _FEET, 1].min(axis=-1) - motion.translation[:, 1]
    heights = np.zeros(motion.frames)
    for part, filmed in ((slice(start, stop), filmed) for start, stop, filmed in parts if start < stop):
        camera = Camera(motion.camera.rotation[part], motion.camera.position[part]) if filmed else None
        found = heights_in_camera(features[part], layout, camera)
        if found is None:
            return None
        heights[part] = found - np.percentile(found + feet[part], GROUND_SHARE)
    return heights


def levelled(motion: Motion, heights: Array | None) -> Motion:
    """The motion whose height follows `heights` [frames] slowly and its own velocity quickly.

    Integrated velocity drifts, and a person who floats shows it at once; the height in the camera does not drift
    but trembles.  Their difference, averaged over a second, is taken off; half a second has not drifted yet.
    """
    side = LEVEL_FRAMES // 2
    if heights is None or motion.frames <= side:
        return motion
    drift = np.pad(motion.translation[:, 1] - heights, side, mode="reflect", reflect_type="odd")
    mean = np.convolve(drift, np.ones(LEVEL_FRAMES) / LEVEL_FRAMES, mode="valid")
    shift = np.zeros_like(motion.translation)
    shift[:, 1] = mean - mean[0]
    return replace(motion, translation=motion.translation - shift)


def faced_forward(motion: Motion) -> Motion:
    """The motion turned and shifted so that it starts over the origin, facing +z."""
    forward = motion.rotations[0, 0, :, 2]
    turn = matrix_from_yaw(-np.arctan2(forward[0], forward[2]))
    start = rotate(turn, motion.translation[0]) * np.array([1.0, 0.0, 1.0])
    return motion.moved(turn, -start)
