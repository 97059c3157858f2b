"""TokenModel: an engine of motion tokens (GenM3) makes motions of texts and keyframes, as `MotionModel` does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.text_sequence import with_texts_in_order
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.backends.token_graphs import TokenGraphs
from genmo.runtime.engine.text_conditions import text_notes
from genmo.runtime.engine.token_bundle import TokenEngine, load_token_engine
from genmo.runtime.model import MotionModel, Result, TimelineModel, Timings, notes_of_sample
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.token_features import decode_motion
from genmo.runtime.refine.multi_shot import join_cameras
from genmo.runtime.refine.pipeline import Context, Features, finish_motion
from genmo.runtime.refine.steadying import steadied
from genmo.runtime.refine.token_choice import TRIES, best_try
from genmo.runtime.refine.token_revision import features_of_whole_tokens, masked_tokens, with_kept_parts
from genmo.runtime.refine.token_spans import Stretch, given_tokens, stretches, windows
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import ProgressCallback, no_progress
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
        exactly (`refine.constraint_solver`), single ones too.  `steps` are passes a window (default: 10); `guidance` is
        3 unless asked for, 1 where frames are given.
        Raises InputError for keypoints, video, music and cameras, since tokens estimate nothing, and for `tries`: their
        engines read no texts to choose among takes by.
        """
        started = time.perf_counter()
        _check(timeline, samples)
        if tries not in (None, 1):
            raise InputError(f"tries is {tries}; engines of motion tokens make one take: leave it out")
        notes = timeline.cut_texts
        if split_texts and self.engine.text_encoder is not None:
            timeline, divided = with_texts_in_order(timeline)
            notes += divided
        notes += text_notes(self.engine, timeline.texts)
        timeline = _settled(timeline)
        parts = stretches(timeline.texts, timeline.frames)
        texts = {part.prompt: self._text(part.prompt) for part in parts}
        given = self._given(timeline)
        conditioned = time.perf_counter()
        takes = TRIES if len(timeline.keyframes.frames) else 1
        filled = self._filled(timeline, parts, texts, np.tile(given, (samples, takes, 1, 1)), progress)
        stepped = time.perf_counter()
        motions: list[Motion] = []
        for sample, tried in enumerate(filled):
            features = self.features_of(tried)
            features = features[best_try(features, timeline.keyframes) if takes > 1 else 0][: timeline.frames]
            layout = self.engine.config.motion_layout
            if takes == 1 and timeline.revision is None:  # frames that are given are not for it to change
                features = steadied(features, layout)
            motion = decode_motion(features)
            context = Context(timeline, join_cameras(timeline), Features(features, layout), clean_feet=clean_feet)
            finished = finish_motion(motion, context)
            motions.append(finished if timeline.revision is None else with_kept_parts(finished, timeline.revision))
            notes += notes_of_sample(context.notes, sample, samples)
        progress(1.0)
        timings = Timings.between(started, conditioned, stepped, time.perf_counter())
        return Result.of(timeline, motions, timings, notes)

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
        progress: ProgressCallback,
    ) -> list[Mixture]:
        """`ids` [samples, tries, tokens, parts] with all that is masked filled in, window by window; a mixture for the
        tries of each sample."""
        config, lead = self.engine.config, ids.shape[:2]
        assert timeline.steps is not None and timeline.guidance is not None
        random = [np.random.default_rng((timeline.seed, *number)) for number in np.ndindex(lead)]
        ids = ids.reshape(-1, *ids.shape[2:])
        known = (ids[0] != config.mask_id).all(axis=-1)
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
        tries = lead[1]
        return [Mixture(made.ids[i : i + tries], made.shares[i : i + tries]) for i in range(0, len(ids), tries)]

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


def _check(timeline: Timeline, samples: int) -> None:
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
