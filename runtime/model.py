"""MotionModel: load an engine once, make motions from it.  Immutable; safe to share between threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime import sampler
from genmo.runtime.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.conditions import Keypoints, Text, assemble, keypoint_conditions
from genmo.runtime.engine import Engine, load_engine
from genmo.runtime.errors import InputError
from genmo.runtime.fit import CameraPose
from genmo.runtime.fit import fit as fit_pose
from genmo.runtime.motion import Camera, Motion
from genmo.runtime.representation import Layout, decode, root_in_camera
from genmo.runtime.rotation import Array, matrix_from_6d, matrix_from_yaw, rotate, transpose
from genmo.runtime.signature import MAX_FRAMES
from genmo.runtime.skeleton import JOINTS, forward_kinematics

DEFAULT_STEPS = 5
DEFAULT_GUIDANCE = 1.5
SOLE = 0.02  # metres from a foot joint (the ball of the foot) down to the ground
LEVEL_FRAMES = 31  # a second
_FEET = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on the conditions, the denoiser's steps and the decoding."""

    condition_ms: float
    step_ms: float
    decode_ms: float


@dataclass(frozen=True, eq=False)
class MotionModel:
    """An engine and the library that runs it."""

    engine: Engine
    denoiser: sampler.Denoiser
    device: str = "cpu"
    backend: str = ""
    load_ms: float = 0.0

    @classmethod
    def load(cls, folder: str | Path | None = None, *, device: str = "cpu", threads: int = 0) -> MotionModel:
        """The model of an engine folder; None: the engine that ships with genmo.

        Raises EngineError for a bad folder, BackendError for a missing library or device.
        """
        start = time.perf_counter()
        engine = load_engine(folder)
        denoiser = OnnxRuntimeDenoiser(engine.denoiser, engine.config, device, threads)
        elapsed = 1000 * (time.perf_counter() - start)
        return cls(engine, denoiser, device, f"onnxruntime {denoiser.provider}", elapsed)

    def estimate(self, keypoints: Keypoints, *, fit: bool = True) -> Motion:
        """The motion that the keypoints show: one step, then fitted to them; deterministic."""
        return self.run(keypoints=keypoints, fit=fit)[0][0]

    def generate(
        self,
        texts: str | Sequence[Text],
        frames: int = 120,
        *,
        steps: int = DEFAULT_STEPS,
        guidance: float = DEFAULT_GUIDANCE,
        seed: int = 0,
        samples: int = 1,
    ) -> list[Motion]:
        """Motions for a text, or several with frames of their own.  The same seed gives the same motions."""
        prompts = [Text(texts)] if isinstance(texts, str) else texts
        return self.run(prompts, None, frames, steps=steps, guidance=guidance, seed=seed, samples=samples)[0]

    def run(
        self,
        texts: Sequence[Text] = (),
        keypoints: Keypoints | None = None,
        frames: int | None = None,
        *,
        steps: int | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        seed: int = 0,
        samples: int = 1,
        fit: bool = True,
        progress: Callable[[int], object] = lambda step: None,
    ) -> tuple[list[Motion], Timings]:
        """Motions under any mix of conditions, `samples` of them.

        Without texts and `steps`, keypoints are estimated in one step from zeros; otherwise motions are sampled in
        `steps` (default 5) DDIM steps.  `frames` defaults to those of the keypoints, or 120.  `fit` turns the joints
        of motions with keypoints until they project onto them (`genmo.runtime.fit`).
        Raises InputError for conditions or options that do not fit.
        """
        started = time.perf_counter()
        frames = _frame_count(frames, keypoints)
        if not texts and keypoints is None:
            raise InputError("nothing to make a motion from; wanted a text or keypoints")
        if samples < 1 or seed < 0:
            raise InputError(f"samples is {samples}, seed is {seed}; wanted at least 1 sample and a seed of 0 or more")
        if samples > 1 and not texts and steps is None:
            raise InputError(f"samples is {samples}; estimation has one answer: give steps to sample from keypoints")
        if not np.isfinite(guidance):
            raise InputError(f"guidance is {guidance}; wanted a finite number, 1 for none, 1.5 is usual")
        conditions = self._conditions(texts, keypoints, frames)
        conditioned = time.perf_counter()
        width = self.engine.config.motion_layout.width
        if not texts and steps is None:
            outputs = sampler.estimate(self.denoiser, conditions, (1, frames, width))
            progress(1)
        else:
            noise = np.stack([_noise(seed, index, frames, width) for index in range(samples)])
            repeated = {name: np.repeat(array, samples, axis=0) for name, array in conditions.items()}
            steps = DEFAULT_STEPS if steps is None else steps
            outputs = sampler.generate(self.denoiser, repeated, noise, steps, guidance, progress)
        stepped = time.perf_counter()
        motions = [self._decode(features, keypoints, fit) for features in outputs["x_0"]]
        decoded = time.perf_counter()
        times = (1000 * (b - a) for a, b in ((started, conditioned), (conditioned, stepped), (stepped, decoded)))
        return motions, Timings(*times)

    def _conditions(self, texts: Sequence[Text], keypoints: Keypoints | None, frames: int) -> sampler.Arrays:
        given = {} if keypoints is None else _padded(keypoint_conditions(keypoints), frames)
        return assemble(self.engine.config, frames, given) | self._texts(texts, frames)

    def _texts(self, texts: Sequence[Text], frames: int) -> sampler.Arrays:
        """Text arrays [1, texts, ...]; without a text one empty slot, which the null text fills."""
        config = self.engine.config
        if texts and self.engine.text_encoder is None:
            raise InputError("this engine has no text encoder; wanted an engine with one, or no text")
        tokens = np.zeros((1, max(len(texts), 1), config.text_tokens, config.text_width), np.float32)
        mask = np.zeros(tokens.shape[:3], np.float32)
        spans = np.zeros((*tokens.shape[:2], 2), np.int64)
        for index, text in enumerate(texts):
            assert self.engine.text_encoder is not None
            end = frames if text.end is None else min(text.end, frames)
            if not 0 <= text.start < end:
                raise InputError(
                    f"text {text.prompt!r} spans frames {text.start} to {end}; wanted some of 0 to {frames}"
                )
            tokens[0, index], mask[0, index] = self.engine.text_encoder.encode(text.prompt)
            spans[0, index] = text.start, end
        return {"text_tokens": tokens, "text_token_mask": mask, "text_spans": spans}

    def _decode(self, normalised: Array, keypoints: Keypoints | None, fit: bool) -> Motion:
        features = normalised.astype(np.float64) * self.engine.std + self.engine.mean
        layout = self.engine.config.motion_layout
        # without a camera file the camera is taken for level and static: its heading never changes
        known = None if keypoints is None else keypoints.camera
        frames = len(features)
        motion = decode(features, layout, _static_camera(frames) if known is None else _lengthened(known, frames))
        motion = levelled(motion, heights_in_camera(features, layout, known))
        if keypoints is None:
            return faced_forward(grounded(replace(motion, camera=None, joints_camera=None)))
        if fit:
            motion = fitted(motion, root_in_camera(features, layout), keypoints)
        return grounded(replace(motion, camera=None)) if known is None else placed(motion)


def _frame_count(frames: int | None, keypoints: Keypoints | None) -> int:
    if keypoints is not None:
        frames = keypoints.frames if frames is None else frames
        if frames < keypoints.frames:
            raise InputError(f"frames is {frames}, the keypoints have {keypoints.frames}; wanted at least as many")
    frames = 120 if frames is None else frames
    if not 1 <= frames <= MAX_FRAMES:
        raise InputError(f"frames is {frames}; wanted at least 1 and at most {MAX_FRAMES}")
    return frames


def _noise(seed: int, sample: int, frames: int, width: int) -> Array:
    """[frames, width]; row i does not depend on how many rows follow."""
    return np.random.default_rng((seed, sample)).standard_normal((frames, width), np.float32)


def _padded(conditions: sampler.Arrays, frames: int) -> sampler.Arrays:
    """Conditions [n, ...] lengthened to `frames` by frames where they are absent (zero)."""
    return {
        name: np.pad(array, [(0, frames - len(array))] + [(0, 0)] * (array.ndim - 1))
        for name, array in conditions.items()
    }


def _static_camera(frames: int) -> Camera:
    """A level camera at the origin that looks along +z."""
    rotation = np.diag([-1.0, -1.0, 1.0])
    return Camera(np.broadcast_to(rotation, (frames, 3, 3)), np.zeros((frames, 3)))


def _lengthened(camera: Camera, frames: int) -> Camera:
    """The camera, standing still at its last pose until `frames`."""
    last = np.minimum(np.arange(frames), len(camera.position) - 1)
    return Camera(camera.rotation[last], camera.position[last])


def fitted(motion: Motion, root: Array, keypoints: Keypoints) -> Motion:
    """The motion with joints turned until they project onto the keypoints.

    `root` [frames, 3, 3] is its root in the camera frame.  The world's root turns with it; the path stays.
    """
    assert motion.joints_camera is not None
    in_camera = np.concatenate([root[:, None], motion.rotations[:, 1:]], axis=1)
    pose = fit_pose(CameraPose(in_camera, motion.joints_camera[:, 0], motion.rest_offsets), keypoints)
    rotations = pose.rotations.copy()
    rotations[:, 0] = motion.rotations[:, 0] @ transpose(root) @ pose.rotations[:, 0]
    joints = forward_kinematics(pose.rotations, pose.root, pose.offsets)[1]
    return replace(motion, rotations=rotations, joints_camera=joints)


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
    there = _lengthened(camera, len(seen))
    return (there.position + rotate(there.rotation, seen))[:, 1]


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


def placed(motion: Motion) -> Motion:
    """The motion moved to where its camera sees it, on average over the frames."""
    assert motion.camera is not None and motion.joints_camera is not None
    seen = motion.camera.position + rotate(motion.camera.rotation, motion.joints_camera[:, 0])
    return replace(motion, translation=motion.translation + (seen - motion.translation).mean(axis=0))


def grounded(motion: Motion) -> Motion:
    """The motion raised or lowered so that its lowest foot stands on the ground, y = 0."""
    lowest = motion.joints_world()[:, _FEET, 1].min() - SOLE
    return replace(motion, translation=motion.translation - np.array([0.0, lowest, 0.0]))


def faced_forward(motion: Motion) -> Motion:
    """The motion turned and shifted so that it starts over the origin, facing +z."""
    forward = motion.rotations[0, 0, :, 2]
    turn = matrix_from_yaw(-np.arctan2(forward[0], forward[2]))
    start = rotate(turn, motion.translation[0]) * np.array([1.0, 0.0, 1.0])
    return motion.moved(turn, -start)
