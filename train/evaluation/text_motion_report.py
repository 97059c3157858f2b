"""The text-to-motion table: FID, R-precision, MM-Dist, Diversity and MultiModality under an evaluator."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import Motion
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation.nearest_words import nearest_clips
from genmo.train.evaluation.text_motion_evaluator import Evaluator
from genmo.train.evaluation.text_motion_features import SHORTEST, same_wording, wording
from genmo.train.metrics.sets import diversity, frechet_distance, mm_dist, multimodality, over_rounds, r_precision

KNOWN, NEW = "captions of training", "new captions"


def text_motion_report(
    evaluator: Evaluator,
    real: Sequence[Clip],
    generated: Sequence[Sequence[Motion]],
    *,
    training: Sequence[Clip] = (),
    pool: int = 32,
    seed: int = 0,
) -> dict[str, Any]:
    """The text-to-motion table: generated motions beside the real ones of the same captions.

    `made[k][i]`: motion k made for the first caption of `real[i]`.  Values of `generated` are means over k with 95 %
    intervals (a plain number for one k); MultiModality needs two.  FID's floor is that of two random halves of the
    real motions.  With `training` clips R@3 and FID stand apart for captions that are, word for word, theirs and for
    new ones, and a row "nearest words" copies the training clip whose caption is nearest.

    Raises InputError when counts differ or the captions are too few for the pool.
    """
    if not generated or any(len(motions) != len(real) for motions in generated):
        counts = ", ".join(str(len(motions)) for motions in generated) or "none"
        raise InputError(f"{counts} generated motions for {len(real)} captions; wanted one a caption in each round")
    captions = [clip.captions[0] for clip in real]
    same = same_wording(captions, real)
    texts, truth = evaluator.embed_texts(captions), evaluator.embed_motions(real)
    rounds = [evaluator.embed_motions(motions) for motions in generated]
    order = np.random.default_rng(seed).permutation(len(real))
    halves = truth[order[: len(real) // 2]], truth[order[len(real) // 2 :]]
    groups = caption_groups(captions, training) if training else {}

    def row_of(motions: Array) -> dict[str, float]:
        return metrics_row(texts, motions, truth, same, pool, seed) | apart(
            texts, motions, truth, same, groups, pool, seed
        )

    rows = [row_of(answer) for answer in rounds]
    report: dict[str, Any] = {
        "evaluator": evaluator.sha256,
        "captions": len(real),
        "rounds": len(generated),
        "apart": {name: int(chosen.sum()) for name, chosen in groups.items()},
        "real": {name: value for name, value in row_of(truth).items() if not name.startswith("FID")}
        | {"FID": frechet_distance(*halves)},
        "made": {name: over_rounds([row[name] for row in rows]) for name in rows[0]},
    }
    if training:
        report["nearest words"] = row_of(evaluator.embed_motions(nearest_clips(real, training, seed)))
    if len(rounds) > 1:
        report["made"]["MultiModality"] = multimodality(np.stack(rounds, axis=1))
    return report


def metrics_row(
    texts: Array, motions: Array, truth: Array, same: npt.NDArray[np.bool_], pool: int, seed: int
) -> dict[str, float]:
    """The metrics of motions [n, d] for texts [n, d], against real motions `truth` [m, d]; `same` as `same_wording`."""
    top = r_precision(texts, motions, same, pool=pool, seed=seed).mean(axis=0)
    return {
        "R@1": float(top[0]),
        "R@2": float(top[1]),
        "R@3": float(top[2]),
        "FID": frechet_distance(motions, truth),
        "MM-Dist": float(mm_dist(texts, motions).mean()),
        "Diversity": diversity(motions),
    }


def caption_groups(captions: Sequence[str], training: Sequence[Clip]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which captions [n] are, word for word, those of training clips, and which are new; empty groups are left out."""
    known = {wording(caption) for clip in training for caption in clip.captions}
    chosen = np.array([wording(caption) in known for caption in captions])
    return {name: mask for name, mask in ((KNOWN, chosen), (NEW, ~chosen)) if mask.sum() > 1}


def apart(
    texts: Array,
    motions: Array,
    truth: Array,
    same: npt.NDArray[np.bool_],
    groups: Mapping[str, npt.NDArray[np.bool_]],
    pool: int,
    seed: int,
) -> dict[str, float]:
    """R@3 (in pools of all motions) and FID of each group of texts [n, d] alone; arguments as of `metrics_row`."""
    found: dict[str, float] = {}
    for name, chosen in groups.items():
        top = r_precision(texts, motions, same, pool=pool, seed=seed, of=chosen).mean(axis=0)
        found |= {f"R@3, {name}": float(top[2]), f"FID, {name}": frechet_distance(motions[chosen], truth[chosen])}
    return found


def action_yardstick(
    evaluator: Evaluator, actions: Mapping[str, Sequence[Clip]], least: int = 12
) -> dict[str, Any] | None:
    """FID between the real clips of each two different actions: what a FID of generated motions is to be held against.

    Clips of two actions, and actions of fewer than `least` usable clips, are left out; None when fewer than two
    actions are left.
    """
    count: dict[str, int] = {}
    for clips in actions.values():
        for clip in clips:
            count[clip.name] = count.get(clip.name, 0) + 1
    own = {
        name: [clip for clip in clips if count[clip.name] == 1 and clip.frames >= SHORTEST]
        for name, clips in actions.items()
    }
    features = {name: evaluator.embed_motions(clips) for name, clips in own.items() if len(clips) >= max(least, 2)}
    if len(features) < 2:
        return None
    pairs = {
        f"{one} / {other}": frechet_distance(features[one], features[other])
        for one, other in itertools.combinations(features, 2)
    }
    nearest = min(pairs, key=lambda pair: pairs[pair])
    return {
        "actions": {name: len(own[name]) for name in features},
        "median": float(np.median(list(pairs.values()))),
        "least": pairs[nearest],
        "nearest": nearest,
    }
