"""The obey report: whether an engine does what prompts say, judged by what the joints do.

Each prompt is made with several seeds through `MotionModel`, everything on as `genmo-run` has it, and each motion is
judged by the prompt's predicate (`obey_prompts`).  A prompt is obeyed when three quarters of its seeds are.
"""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.refine.takes import TAKES
from genmo.runtime.refine.token_takes import TAKES as TOKEN_TAKES
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel, TokenModel
from genmo.runtime.tokens import decoding
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation.obey_prompts import LEFT_OUT, MEASURED, PREDICATES, TRAINED, Prompt
from genmo.train.evaluation.simulated import spread_out
from genmo.train.evaluation.text_motion_features import wording
from genmo.train.metrics.action_measures import MEASURES, Signals, mirrored_joints

SEEDS, OBEYED = 4, 0.75
NEW_WORDS, MEASURED_WORDS = "phrasings left out of training", "sentences of measured captions"
LISTS = {NEW_WORDS: LEFT_OUT, MEASURED_WORDS: MEASURED, "captions of the sets": TRAINED}
PARTS = {"": (0.0, 1.0), "start": (0.0, 0.3), "end": (0.7, 1.0), "first": (0.0, 0.5), "second": (0.5, 1.0)}
GUIDANCES, STEPS = (1.25, 2.0, 2.5, 3.0, 4.0), (4, 10, 20)
FLYING = ("run", "jog", "jump", "hop", "flight", "speeds up", "slows down", "throws")
"""words of predicates whose motions may leave the ground"""
_NUMBER = r"-?\d+(?:\.\d+)?"
_CONDITION = re.compile(rf"(?:(\w+): )?(\w+) (?:([<>]) ({_NUMBER})|({_NUMBER})\.\.({_NUMBER}))")


@dataclass(frozen=True)
class Condition:
    """A measure of a part of the motion and the open interval in which it has to be."""

    part: str
    measure: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Of "measure > 1", "measure < 1" or "measure 1..2", with "part: " before it for a part of the motion.

        Raises ValueError for anything else.
        """
        match = _CONDITION.fullmatch(text)
        if match is None or match[2] not in MEASURES or (match[1] or "") not in PARTS:
            raise ValueError(f"condition {text!r}; wanted e.g. 'start: speed < 0.4' with a measure of action_measures")
        part, measure, sign, bound, low, high = match.groups()
        if sign:
            low, high = (bound, "inf") if sign == ">" else ("-inf", bound)
        return cls(part or "", measure, float(low), float(high))

    def value(self, signals: Signals) -> float:
        first, end = (round(share * signals.frames) for share in PARTS[self.part])
        return MEASURES[self.measure](signals.cut(first, end))

    def holds(self, signals: Signals) -> bool:
        return self.low < self.value(signals) < self.high


@functools.cache
def conditions(predicate: str) -> dict[str, Condition]:
    """The conditions of a predicate by their text."""
    return {text: Condition.parse(text) for text in PREDICATES[predicate].conditions}


def signals_of_side(joints: Array, side: str) -> Signals:
    """The signals of world joints [frames, 24, 3], of the person in a mirror for the right side."""
    return Signals.of(mirrored_joints(joints) if side == "right" else joints)


def obeys(signals: Signals, predicate: str) -> bool:
    """Whether a motion does what the predicate says, on the left side if it has sides."""
    return all(condition.holds(signals) for condition in conditions(predicate).values())


def values(signals: Signals, predicate: str) -> dict[str, float]:
    """What the conditions of a predicate measure."""
    return {text: round(condition.value(signals), 3) for text, condition in conditions(predicate).items()}


def quality(joints: Array, *, may_fly: bool) -> dict[str, float]:
    """False flights, speeds and the floor of world joints [frames, 24, 3].

    `top_speed` m/s, of any joint; `acceleration` m/s^2, the 99th percentile over joints and frames; `floor` metres,
    how far the lowest joint of a second and a half (a jump lasts less) moves up and down over the motion.
    """
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * FPS
    acceleration = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1) * FPS**2
    lowest = joints[..., 1].min(axis=1)
    window = min(45, len(lowest))
    ground = np.lib.stride_tricks.sliding_window_view(lowest, window).min(axis=-1)
    return {
        "false_flights": 0.0 if may_fly else float(len(Signals.of(joints).flights)),
        "top_speed": float(speed.max()),
        "acceleration": float(np.percentile(acceleration, 99)),
        "floor": float(np.ptp(ground)),
    }


def _may_fly(prompt: Prompt) -> bool:
    return any(word in prompt.predicate for word in FLYING)


def judge(
    model: AnyModel, prompt: Prompt, seeds: int, steps: int | None, guidance: float | None, tries: int | None = None
) -> dict[str, Any]:
    """A prompt's row: for each seed whether it obeys, obeys with left for right, what was measured, and the quality."""
    obeyed, other_side, measured, qualities = [], [], [], []
    started = time.perf_counter()
    opposite = {"left": "right", "right": "left"}.get(prompt.side)
    for seed in range(seeds):
        frames = round(prompt.seconds * FPS)
        (motion,) = model.generate(prompt.text, frames, steps=steps, guidance=guidance, seed=seed, tries=tries)
        joints = motion.joints_world()
        signals = signals_of_side(joints, prompt.side)
        obeyed.append(obeys(signals, prompt.predicate))
        mirrored = opposite is not None and not obeyed[-1]
        other_side.append(mirrored and obeys(signals_of_side(joints, str(opposite)), prompt.predicate))
        measured.append(values(signals, prompt.predicate))
        qualities.append(quality(joints, may_fly=_may_fly(prompt)))
    return {
        "prompt": prompt.text,
        "group": prompt.group,
        "predicate": prompt.predicate,
        "side": prompt.side,
        "passes": sum(obeyed),
        "seeds": seeds,
        "seconds": (time.perf_counter() - started) / seeds,
        "obeyed": sum(obeyed) >= math.ceil(OBEYED * seeds),
        "wrong_side": sum(other_side),
        "measured": measured,
        "quality": qualities,
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of prompts obeyed and of motions that obey; of motions that obey on some side, the share on the right."""
    sided = [row for row in rows if row["side"]]
    right, wrong = sum(row["passes"] for row in sided), sum(row["wrong_side"] for row in sided)
    made = sum(row["seeds"] for row in rows)
    return {
        "prompts": len(rows),
        "obeyed": sum(row["obeyed"] for row in rows),
        "share": sum(row["obeyed"] for row in rows) / len(rows),
        "passes": sum(row["passes"] for row in rows) / made,
        "side_right": right / (right + wrong) if right + wrong else None,
        "side_motions": right + wrong,
        "seconds": float(np.mean([row["seconds"] for row in rows])),
        "quality": _mean_quality([one for row in rows for one in row["quality"]]),
    }


def _mean_quality(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means, the 95th percentile of the top speed and the worst floor."""
    mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    mean["fastest"] = float(np.percentile([one["top_speed"] for one in found], 95))
    mean["worst_floor"] = max(one["floor"] for one in found)
    return mean


def real_quality(motions: Iterable[Array]) -> dict[str, float]:
    """The same numbers of real motions, world joints [frames, 24, 3] of people who may fly."""
    return _mean_quality([quality(joints, may_fly=True) for joints in motions])


def check_left_out(clips: Iterable[Clip]) -> None:
    """Raises InputError when a prompt that is left out of training is, word for word, a caption of the clips."""
    captions = {wording(caption) for clip in clips for caption in clip.captions}
    known = [prompt.text for prompt in LEFT_OUT if wording(prompt.text) in captions]
    if known:
        raise InputError(
            f"prompts that the obey report leaves out of training are captions of --data: {', '.join(known)}; wanted "
            "data without them, or other words in train/evaluation/obey_prompts.py"
        )


def _chosen(prompts: int) -> dict[str, Sequence[Prompt]]:
    """The prompts of each list, at most so many of each, evenly taken (0: all)."""
    return {name: spread_out(listed, prompts) for name, listed in LISTS.items()}


def judged(
    model: AnyModel,
    lists: dict[str, Sequence[Prompt]],
    seeds: int,
    steps: int | None,
    guidance: float | None,
    bar: Any = None,
    tries: int | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each list's prompts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, prompts in lists.items():
        found[name] = []
        for prompt in prompts:
            found[name].append(judge(model, prompt, seeds, steps, guidance, tries))
            if bar is not None:
                bar.update()
    return found


def report(
    model: AnyModel,
    seeds: int = SEEDS,
    steps: int | None = None,
    guidance: float | None = None,
    *,
    tries: int | None = None,
    prompts: int = 0,
    real: Iterable[Array] = (),
    progress: bool = False,
) -> dict[str, Any]:
    """The obey report.  `prompts` of each list (0: all); `real`: world joints of real motions to hold quality against;
    `tries`: takes of each motion, as in `MotionModel.generate`.  What one take does stands beside the best of several.

    Raises InputError for an engine without a text encoder.
    """
    from tqdm import tqdm

    if model.engine.text_encoder is None:
        raise InputError("this engine has no text encoder, so there is nothing to obey; wanted one that takes texts")
    lists, (usual_steps, usual_guidance) = _chosen(prompts), _usual(model)
    chosen = tries != 1 and model.engine.text_reader is not None
    usual = TOKEN_TAKES if isinstance(model, TokenModel) else TAKES
    total = (1 + chosen) * sum(map(len, lists.values()))
    with tqdm(total=total, disable=not progress, desc="obey", unit="prompt") as bar:
        rows = judged(model, lists, seeds, steps, guidance, bar, tries if chosen else None)
        single = judged(model, lists, seeds, steps, guidance, bar, 1) if chosen else {}
    motions = list(real)
    return {
        "seeds": seeds,
        "takes": (tries or usual) if chosen else 1,
        "trained_on_measured": trained_on_measured(model),
        "steps": steps or usual_steps,
        "guidance": usual_guidance if guidance is None else guidance,
        "lists": {name: {"total": summary(found), "groups": by_group(found)} for name, found in rows.items()},
        "one_take": {name: {"total": summary(found), "groups": by_group(found)} for name, found in single.items()},
        "real_quality": real_quality(motions) if motions else None,
        "prompts": rows,
    }


def _usual(model: AnyModel) -> tuple[int, float]:
    """Steps and guidance of an engine where none are asked for."""
    if isinstance(model, TokenModel):
        return decoding.STEPS, decoding.GUIDANCE
    rules = model.engine.config.conventions
    return rules.steps, rules.guidance


def trained_on_measured(model: AnyModel) -> bool:
    """Whether the engine's training had measured captions, by its provenance."""
    settings = model.engine.description.get("provenance", {}).get("train", {}).get("captions", {})
    return bool(settings.get("measured", 0) or settings.get("balanced", 0))


def by_group(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A summary a group, in the order of the table of predicates."""
    order = dict.fromkeys(predicate.group for predicate in PREDICATES.values())
    found = {group: [row for row in rows if row["group"] == group] for group in order}
    return {group: summary(listed) for group, listed in found.items() if listed}


def sweep(
    model: AnyModel,
    seeds: int = SEEDS,
    *,
    prompts: int = 0,
    guidances: Sequence[float] = GUIDANCES,
    steps: Sequence[int] = STEPS,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """A row a guidance and number of steps: the summary of each list."""
    from tqdm import tqdm

    lists, found = _chosen(prompts), []
    total = len(guidances) * len(steps) * sum(map(len, lists.values()))
    with tqdm(total=total, disable=not progress, desc="guidance and steps", unit="prompt") as bar:
        for guidance in guidances:
            for count in steps:
                rows = judged(model, lists, seeds, count, guidance, bar)
                summaries = {name: summary(listed) for name, listed in rows.items()}
                found.append({"guidance": guidance, "steps": count, "lists": summaries})
    return found
