"""One person of endless motion: what was answered, the block that comes, and what it is told to do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.conditions.spans import Text
from genmo.runtime.denoiser.known_frames import keyframe_condition
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.motion.motion import FPS, Camera, Motion, contact_labels, join_motions
from genmo.runtime.motion.representation import decode, encode, gravity_view_yaw
from genmo.runtime.motion.rotation import heading
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, forward_kinematics
from genmo.runtime.refine.facing import backward, facing_aside
from genmo.runtime.refine.foot_contacts import contact_scores
from genmo.runtime.refine.foot_locking import DEFAULTS, FootLocker
from genmo.runtime.refine.grounding import floor_with_steps, support_heights
from genmo.runtime.refine.limb_limits import limit_limb_speed
from genmo.runtime.refine.swing_clearance import swings_clear
from genmo.runtime.streaming.block_constraints import PINNED, BlockConstraints
from genmo.runtime.streaming.block_sampler import BlockRequest
from genmo.runtime.streaming.directions import Directions
from genmo.runtime.streaming.gaits import gait_texts
from genmo.runtime.streaming.known_past import ease_from_known, facing_camera
from genmo.runtime.streaming.root_plan import RootPlan, RootState, beginning, onto, planned, straightened
from genmo.runtime.streaming.root_steering import GROUND, STANDING, Reference, steered
from genmo.runtime.streaming.root_tracker import RootTracker
from genmo.runtime.support.arrays import Array, Arrays, Flags

_ONE, _NO_OBSERVATION = np.array([0]), np.zeros((1, 3))
STRAIGHT = 1e-3
"""radians of the body over the legs that nobody sees"""
_RECENT = 15
"""frames whose line says where a motion is and how fast, when a plan begins"""
LED_HORIZON, STOP_HORIZON = 8, 4
"""frames over which the root's slide is averaged when feet are cleaned: who is led keeps to the path, the feet do the
rest; who stops does not sway after"""


@dataclass(eq=False)
class _Block:
    """New frames, of which the first `used` were answered."""

    raw: Motion
    """as the next block continues them"""
    clean: Motion
    """as they are answered"""
    steps: Array
    """[frames, 3] metres in the world, from the frame before"""
    feet: Array
    """[frames] height over the root of a foot joint that stands where the body does, metres"""
    plan: RootPlan | None
    gaits: Sequence[int]
    """[frames] of `streaming.gaits`; empty without a plan"""
    asides: Array
    """[frames] radians by which the body is turned over the legs in `clean`"""
    used: int = 0

    @property
    def left(self) -> int:
        return self.raw.frames - self.used


@dataclass(frozen=True, eq=False)
class _Opening:
    """How the block that is being sampled begins."""

    past: Motion | None
    camera: Camera
    plan: RootPlan | None
    gaits: Sequence[int]
    back: bool = False
    """whether time runs back in the window: who walks backward does what walking ahead is then, which the network knows
    better; the past is the window's last frames"""

    @property
    def known(self) -> int:
        return 0 if self.past is None else self.past.frames

    @property
    def shown(self) -> Motion | None:
        """The past as the window has it."""
        return backward(self.past) if self.back and self.past is not None else self.past

    def known_in(self, window: int) -> slice:
        """The known frames of a window."""
        return slice(window - self.known, window) if self.back else slice(self.known)


class Performer:
    """Mutable; for one thread at a time.  `overlap` known and `block` new frames make a window; `clean_feet` as in
    `MotionGenerator`; `seed` of its noise; `body` [10] its shape, None: as the network makes it; `first_block`: how
    many frames of the first block are used."""

    def __init__(
        self,
        engine: Engine,
        *,
        overlap: int,
        block: int,
        seed: int,
        clean_feet: bool,
        body: Array | None = None,
        first_block: int | None = None,
    ) -> None:
        self.directions = Directions()
        self.frame = 0
        """number of the next frame to be answered"""
        self._engine, self._layout = engine, engine.config.motion_layout
        self._overlap, self._window = overlap, overlap + block
        self._random = np.random.default_rng(seed)
        self._tracker = RootTracker(1, surveyed=False, heights=False)
        self._locker = FootLocker(0) if clean_feet else None
        self._past: Motion | None = None
        """the last frames as generated, `overlap` at most"""
        self._planned: Array = np.zeros((0, 3))
        """[past, 3] x, z and heading of the plan in these frames; NaN where there was none"""
        self._answered: Motion | None = None
        """the last frames as answered"""
        self._state: RootState | None = None
        self._posture = RootState((0.0, 0.0), (0.0, 0.0))
        """of the last frame answered: how far its body is turned over its legs"""
        self._gait: int | None = None
        self._block: _Block | None = None
        self._opening: _Opening | None = None
        self._origin: Array = np.zeros((1, 3))
        """where the first frame is"""
        self._betas: Array | None = None if body is None else np.asarray(body, np.float64)
        self._first_block = first_block

    @property
    def left(self) -> int:
        """Frames that `take` can give before a block is needed."""
        return self._block.left if self._block else 0

    def direct(self, directions: Directions) -> None:
        """Do something else from the next frame on."""
        self.directions = directions
        self._settle()

    def start_from(self, motion: Motion) -> None:
        """Go on from the end of a motion at 30 fps, which stands on y = 0; its frames are not answered."""
        contacts = contact_labels(motion.joints_world(), FPS) if motion.contacts is None else motion.contacts
        motion = Motion(motion.rotations, motion.translation, motion.betas, contacts=contacts)
        self._betas = motion.betas
        feet, _ = _feet(motion)
        self._tracker.resume(0, motion.translation, feet + BALL_HEIGHT)
        if self._locker is not None:
            self._answered = self._locker.push(motion).cut(slice(-PINNED, None))
        self._past = motion.cut(slice(-self._overlap, None))
        self._planned = np.full((self._past.frames, 3), np.nan)

    def take(self, frames: int) -> Motion:
        """The next `frames` frames, `left` at most."""
        assert self._block is not None and frames <= self._block.left
        start = self._block.used
        self._block.used += frames
        self.frame += frames
        return self._block.clean.cut(slice(start, start + frames))

    def _settle(self) -> None:
        """Forget what of the block was not answered: everything stands where the last answered frame left it."""
        block, self._block = self._block, None
        if block is None or not block.used:
            return
        used = block.raw.cut(slice(block.used))
        self._track(self._tracker, block.steps[: block.used], block.feet[: block.used])
        if self._locker is not None:
            _clean(self._locker, used, _horizon(block.plan, block.raw.frames))
        plan = np.full((used.frames, 3), np.nan)
        last = used.frames - 1
        self._posture = replace(self._posture, aside=float(block.asides[last]), swerving=0.0)
        if block.plan is not None:
            self._posture = block.plan.states[last]
            plan = np.column_stack([block.plan.positions, block.plan.headings])[: used.frames]
            self._state, self._gait = block.plan.states[last], block.gaits[last]
        self._past = (used if self._past is None else join_motions([self._past, used])).cut(slice(-self._overlap, None))
        self._planned = np.concatenate([self._planned, plan])[-self._overlap :]
        self._answered = block.clean.cut(slice(max(block.used - PINNED, 0), block.used))

    def request(self) -> BlockRequest:
        """What the sampler needs for the next block, which `receive` takes."""
        self._settle()
        self.directions = self.directions.without_past(self.frame)
        past, known = self._past, 0 if self._past is None else self._past.frames
        new, first = self._window - known, self.frame - known
        plan = self._plan(new)
        moving, gaits = gait_texts(np.zeros(new) if plan is None else plan.speeds(), self._gait)
        back = plan is not None and plan.goes_back() and not self._told(first)
        self._opening = _Opening(past, self._camera(past, plan, back), plan, gaits, back)
        noise = self._random.standard_normal((self._window, self._layout.width), np.float32)
        texts = self.directions.texts_in(first, known, self._window, moving)
        if back:
            texts = [Text(one.prompt, self._window - one.end, self._window - one.start) for one in texts if one.end]
        values, mask, condition = self._known(self._opening)
        return BlockRequest(noise, texts, values, mask, condition, self._projection(values, mask, first))

    def _plan(self, frames: int) -> RootPlan | None:
        """Where the root goes in the next frames; None where nothing leads it."""
        command, past = self.directions.command, self._past
        if command is None:
            self._state = None
            return None
        if self._state is None and past is not None:
            recent = past.cut(slice(-_RECENT, None))
            self._state = onto(self._posture, recent.translation[:, GROUND], heading(recent.rotations[:, 0, :, 2]))
        if self._state is None:
            self._state = beginning(command, self.frame)
        return planned(self._state, command, self.frame, frames)

    def _told(self, first: int) -> bool:
        """Whether anything but a command tells what happens in the window that begins at a frame."""
        directions = self.directions
        return directions.prompt is not None or bool(directions.texts or self._constraints(first, self._window))

    def _camera(self, past: Motion | None, plan: RootPlan | None, back: bool) -> Camera:
        if plan is not None and back:  # before who is where the plan ends
            x, z = plan.positions[-self._overlap :].mean(axis=0)
            return facing_camera(float(plan.headings[-1]), np.array([x, 0.0, z]), self._window)
        if past is not None:
            yaw, pelvis = float(heading(past.rotations[0, 0, :, 2])), past.translation.mean(axis=0)
            return facing_camera(yaw, pelvis, self._window)
        if plan is None:
            return facing_camera(0.0, np.zeros(3), self._window)
        x, z = plan.positions[0]
        return facing_camera(float(plan.headings[0]), np.array([x, 0.0, z]), self._window)

    def _known(self, opening: _Opening) -> tuple[Array, Flags, Arrays]:
        """The known features of a window [window, features], normalised; which they are; the same as a condition."""
        values = np.zeros((self._window, self._layout.width), np.float32)
        mask, path = np.zeros(values.shape, np.bool_), np.full((self._window, 3), np.nan)
        past, known, camera = opening.shown, opening.known, opening.camera
        if past is None and self._betas is not None:  # nothing is a condition yet: no frame is known
            spread = self._engine.normalisation
            betas = self._layout.slices["betas"]
            values[:, betas] = (self._betas - spread.mean[betas]) / spread.std[betas]
            nothing = keyframe_condition(np.zeros_like(values), mask, self._layout, path, np.zeros(self._window))
            return values, mask | _columns(values, betas), nothing
        if past is not None:
            features = encode(past, Camera(camera.rotation[:known], camera.position[:known]), self._layout)
            where = opening.known_in(self._window)
            values[where] = self._engine.normalisation.normalised(features)
            mask[where] = True
            if not opening.back:  # a frame's velocity leads to the next one, which is unknown for the last
                mask[known - 1, self._layout.slices["root_velocity"]] = False
            path[where] = past.translation
        return values, mask, keyframe_condition(values, mask, self._layout, path, gravity_view_yaw(camera.rotation))

    def _projection(self, values: Array, mask: Flags, first: int) -> Callable[[Array], Array] | None:
        """What makes a prediction continue the known frames, follow the plan and meet keyframes and targets."""
        opening, normalisation = self._opening, self._engine.normalisation
        assert opening is not None
        reference, constraints = self._reference(opening), self._constraints(first, self._window)
        if opening.past is None and reference is None and not constraints:
            return None

        def project(x_0: Array) -> Array:
            if opening.past is not None:
                order = slice(None, None, -1 if opening.back else 1)
                x_0 = ease_from_known(x_0[None, order], values[order], mask[order])[0, order]
            if reference is None and not constraints:
                return x_0
            features = normalisation.restored(x_0)
            if reference is not None:
                features = steered(features, self._layout, opening.camera, reference)
            if constraints:
                features = constraints.met_by_features(features, self._layout, opening.camera, opening.past)
            return np.where(mask, values, normalisation.normalised(features))

        return project

    def _reference(self, opening: _Opening) -> Reference | None:
        """The plan in the whole window; in known frames where it was, or where the motion was."""
        plan, past = opening.plan, opening.past
        if plan is None:
            return None
        order = slice(None, None, -1 if opening.back else 1)
        if past is None:
            x, z = plan.positions[0]
            return Reference(0, np.array([x, 0.0, z]), plan.positions[order], plan.headings[order], opening.back)
        was = np.column_stack([past.translation[:, GROUND], np.unwrap(heading(past.rotations[:, 0, :, 2]))])
        was = np.where(np.isfinite(self._planned), self._planned, was)
        positions, headings = np.concatenate([was[:, :2], plan.positions]), np.concatenate([was[:, 2], plan.headings])
        return Reference(opening.known, past.translation[-1], positions[order], headings[order], opening.back)

    def receive(self, features: Array) -> None:
        """The window that was requested [window, features], in metres and 6D rotations: the next block."""
        opening = self._opening
        assert opening is not None
        camera, known = opening.camera, opening.known
        motion = decode(features, self._layout, camera)
        if self._betas is None:
            self._betas = motion.betas
        if opening.plan is not None and opening.past is None:
            self._origin[0, GROUND] = opening.plan.positions[0]
        elif opening.past is None:  # the first frame faces +z
            camera = facing_camera(-float(heading(motion.rotations[0, 0, :, 2])), np.zeros(3), self._window)
            motion = decode(features, self._layout, camera)
        motion = backward(motion) if opening.back else motion
        motion, _ = limit_limb_speed(replace(motion, betas=self._betas), max(known, 1))
        feet, floor = _feet(motion)
        steps = np.diff(motion.translation, axis=0, prepend=motion.translation[:1])
        steps[1:, 1] -= np.diff(floor)  # feet that drift up or down
        assert motion.contacts is not None
        kept = self.directions.frames_to_keep(self.frame, self._window - known)
        if opening.past is not None:
            kept = min(kept, self._window - self._overlap)
        elif self._first_block is not None:
            kept = min(kept, max(self._first_block, 1))
        new = slice(known, known + kept)
        steps, feet = steps[new], feet[new] + BALL_HEIGHT
        translation = self._track(copy.deepcopy(self._tracker), steps, feet)
        raw = Motion(motion.rotations[new], translation, self._betas, contacts=motion.contacts[new])
        clean = raw
        if self._locker is not None:
            past = None if self._answered is None else self._answered.joints_world()[-1, FOOT_JOINTS]
            clean = swings_clear(_clean(copy.deepcopy(self._locker), raw, _horizon(opening.plan, raw.frames)), past)
        asides = straightened(self._posture, kept) if opening.plan is None else opening.plan.asides()[:kept]
        if np.abs(asides).max() > STRAIGHT:
            clean = facing_aside(clean, asides)
        constraints = self._constraints(self.frame, raw.frames)
        if constraints:
            clean = constraints.met_by(clean, self._answered)
        self._block = _Block(raw, clean, steps, feet, opening.plan, opening.gaits, asides)

    def _constraints(self, first: int, frames: int) -> BlockConstraints:
        return BlockConstraints(self.directions.keyframes_in(first, frames), self.directions.targets_in(first, frames))

    def _track(self, tracker: RootTracker, steps: Array, feet: Array) -> Array:
        """The places [frames, 3] of the root after `steps` [frames, 3], standing on its `feet` [frames]."""
        path = np.empty_like(steps)
        begins = self._past is None
        for frame, (step, foot) in enumerate(zip(steps, feet, strict=True)):
            if begins and frame == 0:
                path[0] = tracker.start(_ONE, self._origin, foot[None])[0]
            else:
                path[frame] = tracker.advance(_ONE, step[None], _NO_OBSERVATION, foot[None])[0]
        return path


def _horizon(plan: RootPlan | None, frames: int) -> int:
    """Frames over which the root's slide is averaged in a block of `frames` under a plan, or without one."""
    if plan is None:
        return DEFAULTS.horizon
    return STOP_HORIZON if plan.speeds()[:frames].min() < STANDING else LED_HORIZON


def _clean(locker: FootLocker, motion: Motion, wanted: int) -> Motion:
    """The motion with clean feet; the horizon goes to the one that is `wanted` by a frame a frame, unseen."""
    parts, done = [], 0
    while locker.options.horizon != wanted and done < motion.frames:
        horizon = locker.options.horizon + int(np.sign(wanted - locker.options.horizon))
        locker.options = replace(locker.options, horizon=horizon)
        parts.append(locker.push(motion.cut(slice(done, done + 1))))
        done += 1
    if done < motion.frames:
        parts.append(locker.push(motion.cut(slice(done, None))))
    return join_motions(parts)


def _columns(values: Array, chosen: slice) -> Flags:
    """Which of `values` [frames, features] are in these columns."""
    mask = np.zeros(values.shape, np.bool_)
    mask[:, chosen] = True
    return mask


def _feet(motion: Motion) -> tuple[Array, Array]:
    """Heights [frames] over the root of the lowest point that carries the body, and of the floor, metres."""
    relative = forward_kinematics(motion.rotations, np.zeros_like(motion.translation), motion.rest_offsets)[1]
    contact = contact_scores(motion.joints_world()[:, FOOT_JOINTS], motion.contacts, motion.fps).max(axis=1)
    feet = support_heights(relative, contact)
    return feet, floor_with_steps(motion.translation[:, 1] + feet)
