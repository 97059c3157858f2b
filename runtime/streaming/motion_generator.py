"""MotionGenerator: motion without end, from prompts that change while it runs.

What is unusual:
- blocks of at most one window; the last frames of the motion so far open every block as known frames, mixed with noise
  to the level of x_t before each step;
- those frames are encoded anew for every block from the camera of the training set's texts, in front of the person: no
  block is further from the training data than the first, however far the person has walked;
- what the network would still change of the known frames at the border is eased out over the frames after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.timeline import MAX_GUIDANCE
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.denoiser.known_frames import keyframe_condition
from genmo.runtime.engine.bundle import LoadedEngine
from genmo.runtime.motion.motion import MAX_FRAMES, Camera, Motion
from genmo.runtime.motion.representation import decode, encode, gravity_view_yaw
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
from genmo.runtime.refine.foot_contacts import contact_scores
from genmo.runtime.refine.foot_locking import FootLocker
from genmo.runtime.refine.grounding import floor_with_steps, support_heights
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
_ONE, _NO_OBSERVATION = np.array([0]), np.zeros((1, 3))


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
        self._foot_locker = FootLocker(0) if clean_feet else None
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
        # the text covers the known frames too: one that began at the border would cause a jolt there
        self._text = {"text_tokens": tokens[None, None], "text_token_mask": mask[None, None]}
        self._prompt = prompt
        self._block.left = 0  # drop frames generated for the old prompt

    def next(self, frames: int) -> Motion:
        """The next `frames` frames of the motion.  Requesting them at once or one by one gives the same frames.

        Raises InputError for a number that is not 1 to 65536.
        """
        if not 1 <= frames <= MAX_FRAMES:
            raise InputError(f"frames is {frames}; wanted 1 to {MAX_FRAMES}")
        rotations, translation = np.empty((frames, JOINT_COUNT, 3, 3)), np.empty((frames, 3))
        contacts = np.empty((frames, len(CONTACT_JOINTS)))
        for frame in range(frames):
            if not self._block.left:
                self._generate_block()
            block, index = self._block, self._window - self._block.left
            if self._answered:
                position = self._path.advance(_ONE, block.step[[index]], _NO_OBSERVATION, block.feet[[index]])
            else:
                position = self._path.start(_ONE, _NO_OBSERVATION, block.feet[[index]])
            rotations[frame], translation[frame] = block.rotations[index], position[0]
            contacts[frame] = block.contacts[index]
            self._past.push({"rotations": rotations[frame], "translation": position[0], "contacts": contacts[frame]})
            self._answered = min(self._answered + 1, self._window)
            block.left -= 1
            if self._foot_locker is not None:
                # after the past was stored: the next block continues the frames as generated
                clean = self._foot_locker.push(
                    Motion(rotations[[frame]], translation[[frame]], self._betas, contacts=contacts[[frame]])
                )
                rotations[frame], translation[frame] = clean.rotations[0], clean.translation[0]
        return Motion(rotations, translation, betas=self._betas, contacts=contacts)

    def _generate_block(self) -> None:
        """Generate the next block: known frames first, if any frame was answered."""
        overlap = min(self._answered, self._overlap)
        past = self._past.last(("rotations", "translation", "contacts"), _ONE, overlap) if overlap else None
        if past is None:
            camera, inpainting = facing_camera(0.0, np.zeros(3), self._window), None
        else:
            before = Motion(past["rotations"][0], past["translation"][0], self._betas, contacts=past["contacts"][0])
            camera = facing_camera(
                float(heading(before.rotations[0, 0, :, 2])), before.translation.mean(axis=0), self._window
            )
            inpainting = self._inpainting(
                encode(before, Camera(camera.rotation[:overlap], camera.position[:overlap]), self._layout),
                before.translation,
                gravity_view_yaw(camera.rotation),
            )
        noise = self._random.standard_normal((1, self._window, self._layout.width), np.float32)
        conditions = absent(self._config, 1, self._window) | self._text
        conditions["text_spans"][...] = 0, self._window
        outputs = sampler.generate(
            self._denoiser, conditions, noise, self._steps, self._guidance, lambda step: None, inpainting
        )
        features = outputs["x_0"][0].astype(np.float64) * self._engine.std + self._engine.mean
        if past is None:
            first = decode(features, self._layout, camera)
            self._betas = first.betas
            camera = facing_camera(-float(heading(first.rotations[0, 0, :, 2])), np.zeros(3), self._window)
        self._store_block(decode(features, self._layout, camera), overlap)

    def _inpainting(self, features: Array, positions: Array, yaw: Array) -> sampler.Inpainting:
        """The features [overlap, features] as the sampler takes them: normalised, in a window; `positions`
        [overlap, 3] of the root and the headings `yaw` [window] of the camera."""
        overlap, width = features.shape
        values = np.zeros((self._window, width), np.float32)
        values[:overlap] = (features - self._engine.mean) / self._engine.std
        mask = np.zeros(values.shape, bool)
        mask[:overlap] = True
        # a frame's velocity leads to the next one, which is unknown for the last
        mask[overlap - 1, self._layout.slices["root_velocity"]] = False
        path = np.full((self._window, 3), np.nan)
        path[:overlap] = positions
        known = keyframe_condition(values, mask, self._layout, path, yaw)
        return sampler.Inpainting(values, mask, lambda x_0: ease_from_known(x_0, values, mask), known)

    def _store_block(self, motion: Motion, overlap: int) -> None:
        """Keep the new frames of a decoded window for `next`, limbs no faster than people's."""
        block, (motion, _) = self._block, limit_limb_speed(motion, max(overlap, 1))  # the first frame faces +z
        assert motion.contacts is not None
        offsets = shape_space().offsets(self._betas)
        relative = forward_kinematics(motion.rotations, np.zeros_like(motion.translation), offsets)[1]
        contact = contact_scores(motion.joints_world()[:, FOOT_JOINTS], motion.contacts, motion.fps).max(axis=1)
        feet = support_heights(relative, contact)
        block.rotations[:] = motion.rotations
        block.step[1:] = np.diff(motion.translation, axis=0)
        block.step[1:, 1] -= np.diff(floor_with_steps(motion.translation[:, 1] + feet))  # feet that drift up or down
        block.feet[:] = feet + BALL_HEIGHT
        block.contacts[:] = motion.contacts
        block.left = self._window - overlap


@dataclass(eq=False)
class _Block:
    """A window as decoded, of which the last `left` frames were not requested yet."""

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


def facing_camera(yaw: float, pelvis: Array, frames: int) -> Camera:
    """The camera of texts: it stands before a person with the heading `yaw` (radians) and looks at them.

    `pelvis` [3] in the world, metres; the height of the camera is over the ground, y = 0.
    """
    around = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    position = pelvis * [1, 0, 1] + CAMERA_DISTANCE * around + [0, CAMERA_HEIGHT, 0]
    target = pelvis * [1, 0, 1] + [0, PELVIS_HEIGHT, 0]
    forward = normalize(target - position)
    right = normalize(np.cross(forward, [0.0, 1.0, 0.0]))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=-1)
    return Camera(np.tile(rotation, (frames, 1, 1)), np.tile(position, (frames, 1)))


def ease_from_known(x_0: Array, values: Array, mask: Array) -> Array:
    """x_0 [batch, frames, features] that goes through the known `values` [frames, features] where `mask` is set.

    Each feature is known up to some frame.  From there the difference and its slope go to zero over
    EASE frames by a cubic (Hermite), so that the step into the new frames is as smooth as the network's own.
    """
    frames = np.arange(len(values))[:, None]
    last = mask.sum(axis=0) - 1
    difference = np.where(mask, values - x_0, 0)
    columns = np.arange(values.shape[1])
    end = difference[:, np.maximum(last, 0), columns]  # [batch, features]
    slope = np.where(last > 0, end - difference[:, np.maximum(last - 1, 0), columns], 0) * EASE
    s = np.clip((frames - last) / EASE, 0, 1)
    offset = (1 + 2 * s) * (1 - s) ** 2 * end[:, None] + s * (1 - s) ** 2 * slope[:, None]
    eased = x_0 + np.where(last >= 0, offset, 0)
    return np.where(mask, values, eased).astype(np.float32)
