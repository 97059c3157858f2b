"""MotionGenerator: motion without end, from prompts that change while it runs.

What is unusual:
- blocks of at most one window; the last frames of the motion so far open every block as known frames, mixed with noise
  as far as x_t is before each step;
- those frames are filmed again for every block by the camera of the training set's texts, in front of the person: no
  block is further from the training data than the first, however far the person has walked;
- what the network would still change of the known frames at the border is eased out over the frames after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.timeline import MAX_GUIDANCE
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.engine.bundle import LoadedEngine
from genmo.runtime.motion.motion import MAX_FRAMES, Camera, Motion
from genmo.runtime.motion.representation import decode, encode
from genmo.runtime.motion.rotation import heading, normalize
from genmo.runtime.motion.skeleton import (
    BALL_HEIGHT,
    BETA_COUNT,
    CONTACT_JOINTS,
    FOOT_JOINTS,
    JOINT_COUNT,
    forward_kinematics,
    shape_space,
)
from genmo.runtime.refine.foot_locking import FootLocker, contact_scores
from genmo.runtime.refine.grounding import support_heights
from genmo.runtime.refine.limb_limits import limit_limb_speed
from genmo.runtime.streaming.ring_buffer import RingBuffer
from genmo.runtime.streaming.root_tracker import RootTracker
from genmo.runtime.streaming.stream_inputs import absent, check_layout
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

OVERLAP = 30
BLOCK = 60
EASE = 20
"""frames over which a difference at a border disappears"""
# Twin of the camera of texts in `genmo.train.data.simulated_cameras.simulate_cameras`: static, level with the chest, in
# front.
CAMERA_DISTANCE = 5.8
CAMERA_HEIGHT = 1.2
PELVIS_HEIGHT = 0.95
_ONE, _UNSEEN = np.array([0]), np.zeros((1, 3))


class MotionGenerator:
    """Endless generation for one person; mutable, for one thread at a time.

    Set `prompt` at any time: the next frame that is requested begins the change.  World: right-handed, y up, metres;
    the motion starts over the origin, facing +z, on the ground y = 0, and goes on from wherever it is.
    `overlap`, `block`: known and new frames of a block, together at most the model's window (120).
    `steps`, `guidance`: of the sampler, fewer and stronger than offline to keep up with the clock; `seed`: the same
    calls give the same motion.
    `clean_feet`: planted feet stand still (`genmo.runtime.refine.foot_locking`); a foot is pinned where it lands.

    Raises InputError for options that do not fit, and for engines without a text encoder.
    """

    def __init__(
        self,
        model: LoadedEngine,
        prompt: str,
        *,
        steps: int = sampler.LIVE_STEPS,
        guidance: float = sampler.LIVE_GUIDANCE,
        seed: int = 0,
        overlap: int = OVERLAP,
        block: int = BLOCK,
        clean_feet: bool = True,
    ) -> None:
        config = model.engine.config
        check_layout(config)
        if overlap < 1 or block < 1 or overlap + block > config.window:
            raise InputError(
                f"overlap and block are {overlap} and {block}; wanted 1 or more, together at most {config.window}"
            )
        if seed < 0 or not abs(guidance) <= MAX_GUIDANCE:
            raise InputError(
                f"seed and guidance are {seed} and {guidance:g}; wanted 0 or more, and at most {MAX_GUIDANCE:g}"
            )
        schedule.step_timesteps(steps)  # raises for a number that cannot be
        self._engine, self._denoiser = model.engine, model.denoiser
        self._config, self._layout = config, config.motion_layout
        self._steps, self._guidance = steps, guidance
        self._random = np.random.default_rng(seed)
        self._overlap, self._window = overlap, overlap + block
        self._past = RingBuffer(
            overlap,
            1,
            {
                "rotations": ((JOINT_COUNT, 3, 3), np.float64),
                "translation": ((3,), np.float64),
                "contacts": ((len(CONTACT_JOINTS),), np.float64),
            },
        )
        self._path = RootTracker(1, surveyed=False, heights=False)
        self._betas: Array = np.zeros(BETA_COUNT)
        self._answered = 0
        """frames answered so far, counted up to the window"""
        self._block = _Block.of(self._window)
        self._cleaner = FootLocker(0) if clean_feet else None
        self.prompt = prompt

    @property
    def prompt(self) -> str:
        """What the person does; raises InputError for a prompt that the engine cannot take."""
        return self._prompt

    @prompt.setter
    def prompt(self, prompt: str) -> None:
        if self._engine.text_encoder is None:
            raise InputError("this engine has no text encoder; wanted an engine with one")
        tokens, mask = self._engine.text_encoder.encode(prompt)
        # the known frames hear it too: a text that began at the border would be heard as a jolt there
        self._text = {"text_tokens": tokens[None, None], "text_token_mask": mask[None, None]}
        self._prompt = prompt
        self._block.left = 0  # frames made for the old prompt are not shown

    def next(self, frames: int) -> Motion:
        """The next `frames` frames of the motion.  Asking for them at once or one by one gives the same frames.

        Raises InputError for a number that is not 1 to 65536.
        """
        if not 1 <= frames <= MAX_FRAMES:
            raise InputError(f"frames is {frames}; wanted 1 to {MAX_FRAMES}")
        rotations, translation = np.empty((frames, JOINT_COUNT, 3, 3)), np.empty((frames, 3))
        contacts = np.empty((frames, len(CONTACT_JOINTS)))
        for frame in range(frames):
            if not self._block.left:
                self._make()
            made, index = self._block, self._window - self._block.left
            if self._answered:
                place = self._path.advance(_ONE, made.step[[index]], _UNSEEN, made.feet[[index]])
            else:
                place = self._path.start(_ONE, _UNSEEN, made.feet[[index]])
            rotations[frame], translation[frame] = made.rotations[index], place[0]
            contacts[frame] = made.contacts[index]
            self._past.push({"rotations": rotations[frame], "translation": place[0], "contacts": contacts[frame]})
            self._answered = min(self._answered + 1, self._window)
            made.left -= 1
            if self._cleaner is not None:
                # after the past was kept: the next block goes on from the frames as they were made
                clean = self._cleaner.push(
                    Motion(rotations[[frame]], translation[[frame]], self._betas, contacts=contacts[[frame]])
                )
                rotations[frame], translation[frame] = clean.rotations[0], clean.translation[0]
        return Motion(rotations, translation, betas=self._betas, contacts=contacts)

    def _make(self) -> None:
        """Make the next block: known frames first, if any frame was answered."""
        held = min(self._answered, self._overlap)
        past = self._past.last(("rotations", "translation", "contacts"), _ONE, held) if held else None
        if past is None:
            camera, known = facing_camera(0.0, np.zeros(3), self._window), None
        else:
            old = Motion(past["rotations"][0], past["translation"][0], self._betas, contacts=past["contacts"][0])
            camera = facing_camera(
                float(heading(old.rotations[0, 0, :, 2])), old.translation.mean(axis=0), self._window
            )
            known = self._known(encode(old, Camera(camera.rotation[:held], camera.position[:held]), self._layout))
        noise = self._random.standard_normal((1, self._window, self._layout.width), np.float32)
        conditions = absent(self._config, 1, self._window) | self._text
        conditions["text_spans"][...] = 0, self._window
        outputs = sampler.generate(
            self._denoiser, conditions, noise, self._steps, self._guidance, lambda step: None, known
        )
        features = outputs["x_0"][0].astype(np.float64) * self._engine.std + self._engine.mean
        if past is None:
            first = decode(features, self._layout, camera)
            self._betas = first.betas
            camera = facing_camera(-float(heading(first.rotations[0, 0, :, 2])), np.zeros(3), self._window)
        self._fill(decode(features, self._layout, camera), held)

    def _known(self, features: Array) -> sampler.Inpainting:
        """The features [held, features] as the sampler wants them: normalised, in a window."""
        held, width = features.shape
        values = np.zeros((self._window, width), np.float32)
        values[:held] = (features - self._engine.mean) / self._engine.std
        there = np.zeros(values.shape, bool)
        there[:held] = True
        # a frame's velocity leads to the next one, which nobody knows for the last
        there[held - 1, self._layout.slices["root_velocity"]] = False
        return sampler.Inpainting(values, there, lambda x_0: ease_from_known(x_0, values, there))

    def _fill(self, motion: Motion, held: int) -> None:
        """Keep the new frames of a decoded window for `next`, limbs no faster than people's."""
        made, (motion, _) = self._block, limit_limb_speed(motion, max(held, 1))  # the first frame faces +z
        assert motion.contacts is not None
        offsets = shape_space().offsets(self._betas)
        relative = forward_kinematics(motion.rotations, np.zeros_like(motion.translation), offsets)[1]
        planted = contact_scores(motion.joints_world()[:, FOOT_JOINTS], motion.contacts, motion.fps).max(axis=1)
        made.rotations[:] = motion.rotations
        made.step[1:] = np.diff(motion.translation, axis=0)
        made.feet[:] = support_heights(relative, planted) + BALL_HEIGHT
        made.contacts[:] = motion.contacts
        made.left = self._window - held


@dataclass(eq=False)
class _Block:
    """A window as decoded, of which the last `left` frames wait to be asked for."""

    rotations: Array
    """[window, 24, 3, 3], root in the world"""
    step: Array
    """[window, 3] metres in the world, from the frame before"""
    feet: Array
    """[window] height over the root of a foot joint that stands where the body does, metres"""
    contacts: Array
    """[window, 6]"""
    left: int = 0

    @classmethod
    def of(cls, window: int) -> _Block:
        """Room for a window, nothing in it."""
        rotations, contacts = np.zeros((window, JOINT_COUNT, 3, 3)), np.zeros((window, len(CONTACT_JOINTS)))
        return cls(rotations, np.zeros((window, 3)), np.zeros(window), contacts)


def facing_camera(yaw: float, place: Array, frames: int) -> Camera:
    """The camera of texts: it stands before a person at `place` [3] with the heading `yaw` (radians) and looks at them.

    `place` is of the pelvis; the height of the camera is over the ground, y = 0.
    """
    around = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    position = place * [1, 0, 1] + CAMERA_DISTANCE * around + [0, CAMERA_HEIGHT, 0]
    target = place * [1, 0, 1] + [0, PELVIS_HEIGHT, 0]
    forward = normalize(target - position)
    right = normalize(np.cross(forward, [0.0, 1.0, 0.0]))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=-1)
    return Camera(np.tile(rotation, (frames, 1, 1)), np.tile(position, (frames, 1)))


def ease_from_known(x_0: Array, values: Array, there: Array) -> Array:
    """x_0 [batch, frames, features] that goes through the known `values` [frames, features] where they are `there`.

    Each feature is known up to some frame.  There the difference and its slope are taken up and led to zero over
    EASE frames by a cubic (Hermite), so that the step into the new frames is as smooth as the network's own.
    """
    frames = np.arange(len(values))[:, None]
    last = there.sum(axis=0) - 1
    difference = np.where(there, values - x_0, 0)
    columns = np.arange(values.shape[1])
    end = difference[:, np.maximum(last, 0), columns]
    slope = np.where(last > 0, end - difference[:, np.maximum(last - 1, 0), columns], 0) * EASE
    s = np.clip((frames - last) / EASE, 0, 1)
    offset = (1 + 2 * s) * (1 - s) ** 2 * end[:, None] + s * (1 - s) ** 2 * slope[:, None]
    led = x_0 + np.where(last >= 0, offset, 0)
    return np.where(there, values, led).astype(np.float32)
