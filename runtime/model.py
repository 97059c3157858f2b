"""MotionModel: load an engine once, make motions from it.  Immutable; safe to share between threads."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from genmo.runtime.actions.names import Said
from genmo.runtime.conditions.constraints import ConstraintErrors, constraint_errors
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan, Text
from genmo.runtime.conditions.text_arms import with_arms_apart
from genmo.runtime.conditions.text_sequence import with_texts_in_order
from genmo.runtime.conditions.timeline import Timeline, with_clean_keypoints
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.arms_apart import ArmsApart, arm_share
from genmo.runtime.denoiser.chunking import ChunkedDenoiser, chunk_frames, receptive_field
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.engine.bundle import Engine, load_engine
from genmo.runtime.engine.natural_length import NaturalLength, natural_length
from genmo.runtime.engine.open_denoiser import log, open_denoiser
from genmo.runtime.engine.text_conditions import said_by, text_conditions, text_notes
from genmo.runtime.engine.token_bundle import TokenEngine
from genmo.runtime.motion.motion import MAX_FRAMES, Motion
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.readers.body_file import read_smplx_body
from genmo.runtime.refine.cycles import Circle, circle_of, led_circle, unrolled, unrolled_texts
from genmo.runtime.refine.example_takes import References, example_references
from genmo.runtime.refine.joining import TRIES, between_timeline, filled, smoothest
from genmo.runtime.refine.multi_shot import join_cameras
from genmo.runtime.refine.pipeline import Context, Features, finish
from genmo.runtime.refine.takes import best_of, rows_of_takes, takes_wanted
from genmo.runtime.refine.timeline_sampling import answers
from genmo.runtime.support.arrays import Arrays
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress

GAIT_PROBE = 60  # frames of the motion in which a gait is looked for, beyond two of the lengths asked for
FIT_WORK = 5  # steps of the denoiser that take as long as the fit, for the share of work that is done


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on the conditions, the denoiser's steps and the decoding."""

    condition_ms: float
    step_ms: float
    decode_ms: float

    @classmethod
    def between(cls, started: float, conditioned: float, stepped: float, decoded: float) -> Timings:
        """Of four moments, seconds of one clock."""
        return cls(*(1000 * (b - a) for a, b in pairwise((started, conditioned, stepped, decoded))))


@dataclass(frozen=True, eq=False)
class Result:
    """The result of following a timeline."""

    motions: list[Motion]
    timings: Timings
    errors: list[ConstraintErrors]
    """how far each motion is from keyframes and joint targets, millimetres"""
    notes: tuple[str, ...] = ()
    """what the motions may be judged by, one line each: texts that were divided, words that the engine was not trained
    on or that reach beyond the end, limbs that were slowed down, keyframes under the ground"""

    @classmethod
    def of(cls, timeline: Timeline, motions: list[Motion], timings: Timings, notes: Sequence[str]) -> Result:
        """With the errors of motions that obey the timeline."""
        errors = [constraint_errors(motion, timeline.keyframes, timeline.places) for motion in motions]
        return cls(motions, timings, errors, tuple(notes))


def notes_of_sample(notes: Sequence[str], sample: int, samples: int) -> list[str]:
    """Notes on one motion, with its number where there are several."""
    return list(notes) if samples == 1 else [f"sample {sample}: {note}" for note in notes]


class TimelineModel(ABC):
    """What makes motions of texts and timelines, whatever its network is."""

    engine: Engine | TokenEngine

    def natural_length(self, texts: str | Sequence[Text]) -> NaturalLength:
        """How long a motion of these texts takes by itself (`engine.natural_length`): a jump 1.6 s, a walk, which says
        no end, the usual four.  Raises InputError for no text, and for one without a word."""
        return natural_length((Text(texts),) if isinstance(texts, str) else texts, self.engine.text_lengths)

    def generate(
        self,
        texts: str | Sequence[Text],
        frames: int | None = 120,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        seed: int = 0,
        samples: int = 1,
        clean_feet: bool = True,
        split_texts: bool = True,
        tries: int | None = None,
    ) -> list[Motion]:
        """Motions for a text, or several with frames of their own.  The same seed gives the same motions.

        `frames`: 30 a second; None: as long as the texts take (`natural_length`).
        `split_texts`: see `follow`.  `tries`: takes that are made of each motion, as one batch, of which the one is
        kept whose joints do most of what all its texts say (`refine.takes`); None: 6 (of motion tokens 8), or one where
        no text says anything that can be measured, and with an engine that has no reader of texts.
        """
        prompts = (Text(texts),) if isinstance(texts, str) else tuple(texts)
        frames = self.natural_length(prompts).frames if frames is None else frames
        timeline = Timeline(frames, prompts, steps=steps, guidance=guidance, seed=seed)
        return self.follow(
            timeline, samples=samples, clean_feet=clean_feet, split_texts=split_texts, tries=tries
        ).motions

    @abstractmethod
    def follow(
        self,
        timeline: Timeline,
        *,
        samples: int = 1,
        clean_feet: bool = True,
        split_texts: bool = True,
        tries: int | None = None,
        progress: ProgressCallback = no_progress,
    ) -> Result:
        """Motions that obey a timeline; the same timeline and engine give the same motions."""


@dataclass(frozen=True, eq=False)
class MotionModel(TimelineModel):
    """An engine and the library that runs it."""

    engine: Engine
    denoiser: sampler.Denoiser
    device: str = "cpu"
    backend: str = ""
    load_ms: float = 0.0
    body: SmplBody | None = None
    """the user's SMPL-X body, for engines whose betas are SMPL-X's"""

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
        body: str | Path | None = None,
    ) -> MotionModel:
        """The model of an engine folder; None: the engine that ships with genmo.

        `backend`: "native", "onnxruntime", "openvino" or "tensorrt"; `device`: "cpu" or "cuda"; `threads`: on the
        processor, 0 for all cores that this process may use; `precision`: "fp32", or "i16" for native, "bf16" for
        OpenVINO; `cpus`: a thread on each of these logical CPUs, for ONNX Runtime (pin the calling thread to the first
        yourself).  None leaves the choice to genmo (`genmo.runtime.engine.open_denoiser`); `MotionModel.backend` and
        `device` have the choice.
        `body`: the user's SMPL-X body (`SMPLX_NEUTRAL.npz`), for engines of released weights, which know a person's
        shape only as SMPL-X's; without it the person has genmo's mean skeleton.
        Raises EngineError for a bad folder, BackendError for a missing library or device, InputError for a bad body.
        """
        start = time.perf_counter()
        engine = load_engine(folder)
        person = None if body is None else _body_for(engine, body)
        running = open_denoiser(
            engine.denoiser,
            engine.config,
            backend=backend,
            device=device,
            threads=threads,
            precision=precision,
            cpus=cpus,
        )
        elapsed = 1000 * (time.perf_counter() - start)
        return cls(engine, running.denoiser, running.device, running.backend, elapsed, person)

    def estimate(
        self, keypoints: Keypoints, *, clean_keypoints: bool = True, fit: bool = True, clean_feet: bool = True
    ) -> Motion:
        """The motion that the keypoints show: one step, then fitted to them, feet cleaned; deterministic."""
        timeline = Timeline(keypoints.frames, keypoints=(KeypointSpan(keypoints),))
        return self.follow(timeline, clean_keypoints=clean_keypoints, fit=fit, clean_feet=clean_feet).motions[0]

    def follow(
        self,
        timeline: Timeline,
        *,
        samples: int = 1,
        clean_keypoints: bool = True,
        fit: bool = True,
        clean_feet: bool = True,
        split_texts: bool = True,
        tries: int | None = None,
        chunk: int | None = None,
        progress: ProgressCallback = no_progress,
    ) -> Result:
        """Motions that obey a timeline, made in one pass; the same timeline and engine give the same motions.

        Keypoints alone are estimated in one step from zeros unless the timeline has `steps`; all else is sampled in so
        many (default: 10, released weights 50), around what one step estimates where there are keypoints.
        `clean_keypoints` smooths and mends keypoints first (`conditions.keypoint_cleaning`); `fit` turns the joints of
        motions with keypoints until they project onto them (`refine.reprojection_fit`); `clean_feet` makes planted feet
        stand still (`refine.foot_locking`); `split_texts` gives each action of a text that names several in order
        frames of its own (`conditions.text_sequence`) and arms what it says of them alone (`conditions.text_arms`), as
        `Result.notes` tells.  `tries`: see `generate`; None: 12 between keyframes, where a take is to be like the
        others, too.  One is made of loops and beside keypoints.  Keyframes are satisfied exactly, joint targets nearly.
        `chunk`: frames that the network takes at a time, with what they depend on around them, which bounds its memory
        and leaves the answer as it is (`denoiser.chunking`); 0 is one pass, None one pass up to four minutes.
        `progress` is called with the share of the work done, 0 to 1.  World: that of the first keypoints where their
        camera is known; else that of keyframes and joint targets, or one where the motion stands on the ground, y = 0.
        Raises InputError for conditions that the engine does not take, and options that do not fit.
        """
        started = time.perf_counter()
        _check_samples(samples, timeline)
        config, rules = self.engine.config, self.engine.config.conventions
        timeline, arms, notes = self._texts(timeline, split_texts)
        said = self._said(timeline, arms, tries)
        tries = takes_wanted(said, timeline, tries, usual=self.engine.text_reader is not None)
        timeline, arms, circle = self._unrolled(timeline.settled(rules), arms)
        timeline = with_clean_keypoints(timeline) if clean_keypoints else timeline
        conditions = timeline.conditions(config) | text_conditions(self.engine, timeline.texts, timeline.frames)
        camera, normalisation = join_cameras(timeline), self.engine.normalisation
        conditioned, stepping = time.perf_counter(), 0.0
        fits, between = fit and bool(timeline.keypoints), timeline.keyframes.between
        batches = self._batches(timeline, said, samples, tries)
        steps = timeline.estimated_in_part + timeline.step_count
        work = Progress(len(batches) * steps + FIT_WORK * fits, progress)
        denoiser = self._arms_apart(self._chunked(timeline.frames, chunk, work), arms, timeline.frames)
        given = denoiser, conditions, timeline, camera, normalisation
        of_engine: dict[str, Any] = {"conventions": rules, "body": self.body, "circle": circle}
        context = partial(Context, timeline, camera, fit=fits, clean_feet=clean_feet, **of_engine)
        motions: list[Motion] = []
        for batch, (rows, references) in enumerate(batches):
            began = time.perf_counter()
            outputs = answers(*given, rows, work.after(batch * steps), references=references, **of_engine)
            stepping += time.perf_counter() - began
            takes = _finished(outputs, normalisation, context, work.part(0, FIT_WORK) if fits else no_progress)
            for motion, of_motion in [best_of(takes, said, references, between)] if tries > 1 else takes:
                notes += notes_of_sample(of_motion, len(motions), samples)
                motions.append(motion)
        progress(1.0)
        timings = Timings.between(started, conditioned, conditioned + stepping, time.perf_counter())
        return Result.of(timeline, motions, timings, notes)

    def between(
        self,
        first: Motion,
        second: Motion,
        seconds: float,
        *,
        text: str | None = None,
        seed: int = 0,
        move: bool = True,
    ) -> Motion:
        """The first motion, `seconds` of made-up frames, and the second motion, as one (`refine.joining`).

        Of `TRIES` samples the smoothest is kept; momentum and contacts go on from the first into the second.  `move`:
        the second is turned and moved over the ground to where the first is heading; else it stays where it is, and the
        way there is made.  `text`: what happens in these seconds and around them.  30 frames a second, on the first
        one's skeleton.
        Raises InputError for seconds that are too few or too many.
        """
        timeline, first, second = between_timeline(first, second, seconds, text, seed, move=move)
        tries = [filled(first, second, made) for made in self.follow(timeline, samples=TRIES, tries=1).motions]
        return smoothest(tries, first.frames, tries[0].frames - second.frames)

    def _unrolled(self, timeline: Timeline, arms: tuple[Text, ...]) -> tuple[Timeline, tuple[Text, ...], Circle | None]:
        """What is sampled for a looped timeline and for texts of the arms, and the period; others stay.

        The period is found by making a motion that does not loop, where the timeline does not tell it.
        """
        if timeline.loop is None:
            return timeline, arms, None
        if timeline.loop == "exact" and timeline.velocity is not None:
            led = led_circle(timeline.frames, timeline.velocity)
            return unrolled(timeline, led), unrolled_texts(arms, led), led
        whole = all((text.start, text.end) == (0, None) for text in timeline.texts)
        frames = min(2 * timeline.frames + GAIT_PROBE, MAX_FRAMES) if whole else timeline.frames
        loop = timeline.loop if whole else "exact"  # spans are in the length that was asked for
        endless = replace(timeline, loop=None, velocity=None, frames=frames)
        free = self.follow(endless, split_texts=False, tries=1).motions[0]
        circle = circle_of(free, replace(timeline, loop=loop))
        return unrolled(timeline, circle), unrolled_texts(arms, circle), circle

    def _texts(self, timeline: Timeline, split: bool) -> tuple[Timeline, tuple[Text, ...], list[str]]:
        """The timeline with its texts as the engine is given them, what they say of the arms alone, and notes."""
        encoder = self.engine.text_encoder
        arms: tuple[Text, ...] = ()
        notes = timeline.cut_texts
        if split and encoder is not None and encoder.any_text:
            timeline, in_order = with_texts_in_order(timeline)
            timeline, arms, at_once = with_arms_apart(timeline)
            notes += [*in_order, *at_once]
        return timeline, arms, [*notes, *text_notes(self.engine, [*timeline.texts, *arms])]

    def _said(self, timeline: Timeline, arms: Sequence[Text], tries: int | None) -> tuple[Said, ...]:
        """What takes are told apart by; nothing where one is to be made.  Raises InputError for tries below 1."""
        if tries is not None and tries < 1:
            raise InputError(f"tries is {tries}; wanted 1 or more")
        if tries == 1 or timeline.loop is not None or timeline.keypoints:
            return ()
        return said_by(self.engine, timeline.texts, timeline.frames, arms)

    def _batches(
        self, timeline: Timeline, said: Sequence[Said], samples: int, tries: int
    ) -> list[tuple[range, list[References]]]:
        """The rows that are sampled together and what each is to be like: the takes of a motion, or all motions.

        Examples stand for texts alone: where something else is asked for, that leads.
        """
        alone = tries > 1 and not (timeline.constrained or timeline.references or timeline.features)
        examples = self.engine.examples if alone else None
        return [
            (rows, example_references(examples, said, timeline.seed, sample, tries) if examples else [])
            for sample, rows in enumerate(rows_of_takes(samples, tries))
        ]

    def _arms_apart(self, denoiser: sampler.Denoiser, arms: tuple[Text, ...], frames: int) -> sampler.Denoiser:
        """The denoiser with arms that follow their own texts, if there are some."""
        if not arms:
            return denoiser
        texts = text_conditions(self.engine, arms, frames)
        return ArmsApart(denoiser, texts, arm_share(self.engine.normalisation.layout, texts["text_spans"][0], frames))

    def _chunked(self, frames: int, chunk: int | None, work: Progress) -> sampler.Denoiser:
        """The denoiser for a motion of so many frames: in one pass or in chunks."""
        config = self.engine.config
        length = chunk_frames(config, frames, chunk)
        if not length:
            return self.denoiser
        log.info("%d frames in chunks of at most %d, with %d around them", frames, length, receptive_field(config))
        return ChunkedDenoiser(self.denoiser, config, length, work.part(0, 1))


def _finished(
    outputs: Arrays, normalisation: Normalisation, context: Callable[..., Context], progress: ProgressCallback
) -> list[tuple[Motion, list[str]]]:
    """The finished motion of each row of the network's answers, and what is to be noted of it.

    `context` makes the rest of a row's; `progress` hears the share of the fits that are done.
    """
    made: list[tuple[Motion, list[str]]] = []
    fits = Progress(len(outputs["x_0"]), progress)
    for row, values in enumerate(normalisation.restored(outputs["x_0"])):
        heads = {name: array[row] for name, array in outputs.items() if name != "x_0"}
        of_row = context(Features(values, normalisation.layout), heads, progress=fits.part(row, 1))
        made.append((finish(of_row), of_row.notes))
    return made


def _check_samples(samples: int, timeline: Timeline) -> None:
    """Raises InputError for a number of samples that cannot be made, and for what only motion tokens do."""
    if timeline.revision is not None:
        raise InputError(
            "parts or a share of a motion made anew, which engines of motion tokens do; wanted --engine "
            "tokens, or a span of frames alone"
        )
    if samples < 1:
        raise InputError(f"samples is {samples}; wanted at least 1 sample")
    if samples > 1 and not timeline.sampled:
        raise InputError(f"samples is {samples}; estimation has one answer: give steps to sample from keypoints")


def _body_for(engine: Engine, path: str | Path) -> SmplBody:
    """The body file at `path`; raises InputError for an engine that has no use for it."""
    if engine.config.motion_layout.shape_space != "smplx":
        raise InputError(f"{path}: this engine's betas are genmo's own; leave --body out, or wanted released weights")
    return read_smplx_body(path)
