"""TokenModel: an engine of motion tokens (GenM3) makes motions of texts and keyframes, as `MotionModel` does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.actions.names import Said
from genmo.runtime.conditions.text_sequence import with_texts_in_order
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.backends.token_graphs import TokenGraphs
from genmo.runtime.engine.text_conditions import said_by, text_notes
from genmo.runtime.engine.token_bundle import TokenEngine, load_token_engine
from genmo.runtime.model import MotionModel, Result, TimelineModel, Timings, notes_of_sample
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.token_features import decode_motion
from genmo.runtime.refine.example_takes import References, example_references
from genmo.runtime.refine.multi_shot import join_cameras
from genmo.runtime.refine.pipeline import Context, Features, finish_motion
from genmo.runtime.refine.steadying import steadied
from genmo.runtime.refine.takes import Take, best_number, rows_of_takes
from genmo.runtime.refine.token_choice import TRIES, best_try
from genmo.runtime.refine.token_revision import features_of_whole_tokens, masked_tokens, with_kept_parts
from genmo.runtime.refine.token_spans import Stretch, given_tokens, stretches, windows
from genmo.runtime.refine.token_takes import TAKES, TASTE, example_tokens
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress
from genmo.runtime.tokens.decoding import (
    CANDIDATES,
    GIVEN_GUIDANCE,
    GUIDANCE,
    MAX_STEPS,
    STEPS,
    Mixture,
    expected,
    fill,
    guided,
)

MASKS = 1
"""beside a seed, for which tokens a revision makes anew"""


@dataclass(frozen=True, eq=False)
class TokenModel(TimelineModel):
    """An engine of motion tokens and the library that runs it.  Immutable; safe to share between threads."""

    engine: TokenEngine
    graphs: TokenGraphs
    device: str = "cpu"
    backend: str = "onnxruntime"
    load_ms: float = 0.0

    @classmethod
    def load(
        cls, folder: str | Path, *, backend: str | None = None, device: str | None = None, threads: int = 0
    ) -> TokenModel:
        """The model of an engine folder, or of the name of one that ships.

        `backend`: "onnxruntime" (None), "openvino" or "tensorrt" (its plans: `genmo.export.tensorrt.build_plans`);
        `device`: "cpu" or "cuda"; `threads`: 0 for all cores.
        Raises EngineError for a bad folder, InputError for other backends, BackendError for one that is not installed.
        """
        start = time.perf_counter()
        engine, backend = load_token_engine(folder), backend or "onnxruntime"
        device = device or ("cuda" if backend == "tensorrt" else "cpu")
        graphs = TokenGraphs(engine, device, threads, backend)
        return cls(engine, graphs, device, backend, load_ms=1000 * (time.perf_counter() - start))

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
        """Motions that obey the texts, keyframes, joint targets and revision of a timeline.

        Runs of keyframes are kept as tokens where they cover all four frames of one, and what is between is filled in
        to fit, several times, of which the best is kept (`refine.token_choice`); at the end every keyframe is met
        exactly (`refine.constraint_solver`), single ones too.  Where there are none, takes are told apart by what texts
        say, half of them begin from examples (`refine.takes`, `refine.token_takes`), and one is made of texts that say
        nothing that can be measured.  `tries`: how many in place of the usual number.  `steps` are passes a window
        (default: 10); `guidance` is 3 unless asked for, 1 where frames are given.
        Raises InputError for keypoints, video, music and cameras, since tokens estimate nothing.
        """
        started = time.perf_counter()
        _check(timeline, samples, tries)
        notes = timeline.cut_texts
        if split_texts and self.engine.text_encoder is not None:
            timeline, divided = with_texts_in_order(timeline)
            notes += divided
        notes += text_notes(self.engine, timeline.texts)
        timeline = _settled(timeline)
        said = () if tries == 1 else said_by(self.engine, timeline.texts, timeline.frames)
        parts = stretches(timeline.texts, timeline.frames)
        texts = {part.prompt: self._text(part.prompt) for part in parts}
        given = self._given(timeline)
        conditioned, stepping = time.perf_counter(), 0.0
        takes = _take_count(timeline, said, tries)
        batches = rows_of_takes(samples, takes)
        motions: list[Motion] = []
        for number, rows in enumerate(batches):
            share = Progress(len(batches), progress).part(number, 1)
            ids, random, references = self._begun(timeline, given, rows, takes, said)
            began = time.perf_counter()
            filled = self._filled(timeline, parts, texts, ids, random, share)
            stepping += time.perf_counter() - began
            made = (
                [self._finished(timeline, filled, said, references, clean_feet)]
                if takes > 1
                else [self._finished(timeline, filled.row(row), (), (), clean_feet) for row in range(len(rows))]
            )
            for motion, of_motion in made:
                notes += notes_of_sample(of_motion, len(motions), samples)
                motions.append(motion)
        progress(1.0)
        timings = Timings.between(started, conditioned, conditioned + stepping, time.perf_counter())
        return Result.of(timeline, motions, timings, notes)

    def _begun(
        self, timeline: Timeline, given: Numbers, rows: range, takes: int, said: Sequence[Said]
    ) -> tuple[Numbers, list[np.random.Generator], list[References]]:
        """What is known of the rows [rows, tokens, parts], what they are drawn with, and the examples of each."""
        ids = np.tile(given, (len(rows), 1, 1))
        random = [np.random.default_rng((timeline.seed, *divmod(row, takes))) for row in rows]
        examples = self.engine.examples if said and takes > 1 else None
        if examples is None or timeline.constrained or timeline.revision is not None:
            return ids, random, []
        references = example_references(examples, said, timeline.seed, rows.start // takes, takes)
        return example_tokens(references, ids, self._encode, self.engine.config.mask_id, random), random, references

    def _finished(
        self,
        timeline: Timeline,
        filled: Mixture,
        said: Sequence[Said],
        references: Sequence[References],
        clean_feet: bool,
    ) -> Take:
        """The best of the takes `filled` [takes, tokens, ...], finished, and what is noted of it."""
        layout, given = self.engine.config.motion_layout, len(timeline.keyframes.frames)
        features = self.features_of(filled)[:, : timeline.frames]
        if not given and timeline.revision is None:  # frames that are given are not for it to change
            features = np.stack([steadied(take, layout) for take in features])
        takes = [decode_motion(take) for take in features]
        best = 0
        if given and len(takes) > 1:
            best = best_try(features, timeline.keyframes)
        elif len(takes) > 1:
            best = best_number([take.joints_world() for take in takes], said, references, taste=TASTE)
        context = Context(timeline, join_cameras(timeline), Features(features[best], layout), clean_feet=clean_feet)
        finished = finish_motion(takes[best], context)
        if timeline.revision is not None:
            finished = with_kept_parts(finished, timeline.revision)
        return finished, context.notes

    def features_of(self, mixture: Mixture) -> Array:
        """Features [batch, 4 tokens, 269], not normalised, of tokens."""
        return self.engine.normalisation.restored(self.graphs.decode(mixture))

    def _given(self, timeline: Timeline) -> Numbers:
        """Ids [tokens, parts] of what is known, masked where it is not."""
        config = self.engine.config
        if timeline.revision is None:
            nothing = [config.mask_id] * len(config.part_names)
            return given_tokens(timeline.keyframes, timeline.frames, self._encode, nothing)
        ids = self._encode(features_of_whole_tokens(timeline.revision))
        return masked_tokens(ids, timeline.revision, config, np.random.default_rng((timeline.seed, MASKS)))

    def _encode(self, features: Array) -> Numbers:
        normalised = self.engine.normalisation.normalised(features).astype(np.float32)
        ids: Numbers = self.graphs.encode(normalised[None])[0]
        return ids

    def _filled(
        self,
        timeline: Timeline,
        parts: Sequence[Stretch],
        texts: dict[str, tuple[Array, Array]],
        ids: Numbers,
        random: Sequence[np.random.Generator],
        progress: ProgressCallback,
    ) -> Mixture:
        """`ids` [rows, tokens, parts] with all that is masked filled in, window by window; `random`: a generator a
        row.  What is known in all rows at the end of a window leads it there."""
        config = self.engine.config
        assert timeline.steps is not None and timeline.guidance is not None
        known = (ids != config.mask_id).all(axis=(0, 2))
        made = Mixture.of(ids, min(CANDIDATES, config.codes))
        for part in parts:
            rows = guided(*texts[part.prompt], len(ids), timeline.guidance)
            for first, end in windows(part, known, self.engine.longest):
                window = slice(first, end)
                free = ids[:, window] == config.mask_id
                ids[:, window], _ = fill(self.graphs, ids[:, window], rows, config, random, timeline.steps)
                settled = expected(self.graphs, ids[:, window], free, rows, config)
                made.ids[:, window][free], made.shares[:, window][free] = settled.ids[free], settled.shares[free]
                known[window] = True
                progress(0.95 * float(known.mean()))
        return made

    def _text(self, prompt: str) -> tuple[Array, Array]:
        """Rows [words, width] and mask [words] of a prompt.  Raises InputError where the engine knows no texts."""
        config, encoder = self.engine.config, self.engine.text_encoder
        if not prompt:  # frames without a text
            return np.zeros((2, config.text_width), np.float32), np.zeros(2, np.float32)
        if encoder is None:
            raise InputError(f"text {prompt!r}: this engine has no text encoder; wanted an engine with one, or no text")
        rows, mask = encoder.encode(prompt)
        count = max(int(mask.sum()), 2)
        return np.asarray(rows[:count], np.float32), np.asarray(mask[:count], np.float32)


AnyModel = MotionModel | TokenModel
"""what has `generate` and `follow`"""


def _settled(timeline: Timeline) -> Timeline:
    """With the steps and the guidance that are usual, where it does not say."""
    given = len(timeline.keyframes.frames) or timeline.revision is not None
    usual = GIVEN_GUIDANCE if given else GUIDANCE
    steps = STEPS if timeline.steps is None else timeline.steps
    return replace(timeline, steps=steps, guidance=usual if timeline.guidance is None else timeline.guidance)


def _take_count(timeline: Timeline, said: Sequence[Said], tries: int | None) -> int:
    """How many takes are made of each motion: one of texts alone where they say nothing to tell takes apart by."""
    if len(timeline.keyframes.frames):
        return TRIES if tries is None else tries
    return (TAKES if tries is None else tries) if said else 1


def _check(timeline: Timeline, samples: int, tries: int | None) -> None:
    if tries is not None and tries < 1:
        raise InputError(f"tries is {tries}; wanted 1 or more")
    if timeline.loop is not None:
        raise InputError(
            "a loop, which motion tokens do not make; wanted an engine of the diffusion family, or no loop"
        )
    if samples < 1:
        raise InputError(f"samples is {samples}; wanted at least 1 sample")
    if not all(text.prompt for text in timeline.texts):
        raise InputError("text is ''; wanted at least one word in Latin letters")
    if timeline.steps is not None and not 1 <= timeline.steps <= MAX_STEPS:
        raise InputError(f"--steps is {timeline.steps}; wanted 1 to {MAX_STEPS}")
    if timeline.keypoints or timeline.features or timeline.cameras:
        raise InputError(
            "this engine makes motion of texts and keyframes; it estimates nothing from keypoints, video, cameras or "
            "music: leave --engine out for the engine that ships, or leave them out"
        )
