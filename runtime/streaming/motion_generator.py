"""MotionGenerator: motion without end, from prompts, paths and sticks that change while it runs.

What is unusual:
- blocks of at most one window; the last frames of the motion so far open every block as known frames, mixed with noise
  to the level of x_t before each step;
- those frames are encoded anew for every block from the camera of the training set's texts, in front of the person: no
  block is further from the training data than the first, however far the person has walked;
- what the network would still change of the known frames at the border is eased out over the frames after it;
- where the root is to go is a smooth plan; every prediction's root is led onto it (`streaming.root_steering`), so that
  the next step of the sampler walks there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES, JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.denoiser import sampler
from genmo.runtime.engine.bundle import LoadedEngine
from genmo.runtime.motion.bodies import on_own_body
from genmo.runtime.motion.motion import FPS, MAX_FRAMES, Motion, join_motions
from genmo.runtime.motion.skeleton import BETA_COUNT
from genmo.runtime.streaming.block_sampler import BlockSampler
from genmo.runtime.streaming.performer import Performer
from genmo.runtime.streaming.root_plan import Command
from genmo.runtime.streaming.stream_inputs import check_layout
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

OVERLAP = 30
BLOCK = 60


class MotionGenerator:
    """Endless generation for one person; mutable, for one thread at a time.

    `prompt`, `texts`, `command` and `constrain` may be used at any time: the next frame that is requested begins the
    change.  World: right-handed, y up, metres; the motion starts over the origin, facing +z, on the ground y = 0, or on
    the path of its `command`, or where `start` ends, and goes on from wherever it is.
    `prompt`: None for what people do at the speed of the command (`streaming.gaits`); they stand without one.
    `start`: a motion at 30 fps, on the ground y = 0, that the first frame continues.
    `overlap`, `block`: known and new frames of a block, together at most the model's window (120).
    `steps`, `guidance`: of the sampler, fewer and stronger than offline to keep up with the clock; `seed`: the same
    calls give the same motion.
    `body` [10]: the person's shape (None: as the network makes it).  `first_block`: frames after which the first block
    is replaced, so that those of many people come one after the other.
    `clean_feet`: planted feet stand still (`genmo.runtime.refine.foot_locking`); a foot is pinned where it lands.

    Raises InputError for options that do not fit, and for engines without a text encoder.
    """

    def __init__(
        self,
        model: LoadedEngine,
        prompt: str | None = None,
        *,
        command: Command | None = None,
        start: Motion | None = None,
        steps: int = sampler.LIVE_STEPS,
        guidance: float = sampler.LIVE_GUIDANCE,
        seed: int = 0,
        overlap: int = OVERLAP,
        block: int = BLOCK,
        clean_feet: bool = True,
        body: Array | None = None,
        first_block: int | None = None,
    ) -> None:
        check_options(model, overlap, block, seed, body)
        self._sampler = BlockSampler(model.engine, model.denoiser, steps, guidance)
        self._encoder = model.engine.text_encoder
        self.performer = Performer(
            model.engine,
            overlap=overlap,
            block=block,
            seed=seed,
            clean_feet=clean_feet,
            body=body,
            first_block=first_block,
        )
        if start is not None:
            self.performer.start_from(checked_start(start))
        self.prompt, self.command = prompt, command

    @property
    def frame(self) -> int:
        """The number of the next frame: how many were answered."""
        return self.performer.frame

    @property
    def prompt(self) -> str | None:
        """What the person does where `texts` say nothing; raises InputError for a prompt that the engine cannot
        take."""
        return self.performer.directions.prompt

    @prompt.setter
    def prompt(self, prompt: str | None) -> None:
        self.check_texts(() if prompt is None else (Text(prompt),))
        self.performer.direct(replace(self.performer.directions, prompt=prompt))

    @property
    def texts(self) -> tuple[Text, ...]:
        """Prompts with spans [start, end) in frames of the generator, before which and between which `prompt` holds."""
        return self.performer.directions.texts

    @texts.setter
    def texts(self, texts: Sequence[Text]) -> None:
        self.check_texts(texts)
        self.performer.direct(replace(self.performer.directions, texts=tuple(texts)))

    @property
    def command(self) -> Command | None:
        """Where the person goes: a `Stick`, a `RootPath`, or None for wherever the prompt leads."""
        return self.performer.directions.command

    @command.setter
    def command(self, command: Command | None) -> None:
        self.performer.direct(replace(self.performer.directions, command=command))

    def constrain(self, keyframes: Keyframes = NO_KEYFRAMES, targets: JointTargets = NO_JOINT_TARGETS) -> None:
        """Poses and places of joints at frames of the generator that are still to come, in place of those set before.

        Raises InputError for frames that were answered already.
        """
        for frames in (keyframes.frames, targets.frames):
            if len(frames) and frames.min() < self.frame:
                raise InputError(f"frame {frames.min()} of a constraint is past; wanted {self.frame} or later")
        self.performer.direct(replace(self.performer.directions, keyframes=keyframes, targets=targets))

    def next(self, frames: int) -> Motion:
        """The next `frames` frames of the motion.  Requesting them at once or one by one gives the same frames.

        Raises InputError for a number that is not 1 to 65536.
        """
        if not 1 <= frames <= MAX_FRAMES:
            raise InputError(f"frames is {frames}; wanted 1 to {MAX_FRAMES}")
        parts: list[Motion] = []
        while frames:
            if not self.performer.left:
                (block,) = self._sampler.sample([self.performer.request()])
                self.performer.receive(block)
            parts.append(self.performer.take(min(frames, self.performer.left)))
            frames -= parts[-1].frames
        return join_motions(parts)

    def check_texts(self, texts: Sequence[Text]) -> None:
        """Raises InputError for prompts that the engine cannot take."""
        if self._encoder is None:
            raise InputError("this engine has no text encoder; wanted an engine with one")
        for text in texts:
            self._encoder.encode(text.prompt)


def check_options(model: LoadedEngine, overlap: int, block: int, seed: int, body: Array | None) -> None:
    """Raises InputError for an engine or options with which there is no endless motion."""
    config = model.engine.config
    check_layout(config)
    if overlap < 1 or block < 1 or overlap + block > config.window:
        raise InputError(
            f"overlap and block are {overlap} and {block}; wanted 1 or more, together at most {config.window}"
        )
    if seed < 0:
        raise InputError(f"seed is {seed}; wanted 0 or more")
    if body is not None and (np.shape(body) != (BETA_COUNT,) or not np.isfinite(body).all()):
        raise InputError(f"body is {list(np.shape(body))}; wanted [{BETA_COUNT}] finite numbers")


def checked_start(start: Motion) -> Motion:
    """The motion to go on from.  Raises InputError for one that is at another rate."""
    if start.fps != FPS:
        raise InputError(
            f"the start has {start.fps:g} frames a second; wanted {FPS:g} (genmo.runtime.motion.resampling)"
        )
    if not start.frames:
        raise InputError("the start has no frames; wanted at least one")
    return on_own_body(start)
