"""Training of the text-motion evaluator.

    python -m genmo.train.evaluation.train_text_motion --data SET [--data SET] --out DIR [--leave-out set/subject ...]

Training is contrastive (InfoNCE both ways).  Captions repeat: a motion whose own captions include another's wording
is no wrong answer to it, and such pairs are left out of the loss; R-precision leaves them out of its pools.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genmo.runtime.motion.mirror import mirror
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.augmentation import mirrored_caption
from genmo.train.data.batch_sampler import clip_weights
from genmo.train.datasets.clips import Clip, split_clips
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.text_motion_evaluator import Evaluator, save_evaluator
from genmo.train.evaluation.text_motion_features import (
    LONGEST,
    SHORTEST,
    features_of,
    motion_features,
    same_wording,
    wording,
)
from genmo.train.evaluation.text_motion_network import TextMotion, contrastive_loss
from genmo.train.evaluation.text_motion_report import metrics_row

PROGRAM = "python -m genmo.train.evaluation.train_text_motion"
LOG_EVERY = 50
"""steps"""


@dataclass(frozen=True)
class Plan:
    """How an evaluator is trained."""

    steps: int = 3000
    batch: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


def usable(clips: Sequence[Clip]) -> list[Clip]:
    """Clips with a caption and enough frames."""
    return [clip for clip in clips if clip.captions and clip.frames >= SHORTEST]


def _silent(record: dict[str, float]) -> None:
    pass


def train(
    clips: Sequence[Clip],
    plan: Plan,
    progress: bool = False,
    log: Callable[[dict[str, float]], object] = _silent,
) -> TextMotion:
    """A model trained on the captioned clips; its weights are rounded to fp16, as they are stored.

    `log` is given the mean loss of every LOG_EVERY steps.  Raises InputError when there are fewer than two clips.
    """
    from tqdm import trange

    clips = usable(clips)
    if len(clips) < 2:
        raise InputError(f"{len(clips)} clips with captions and {SHORTEST} frames; wanted at least two to tell apart")
    torch.manual_seed(plan.seed)
    random = np.random.default_rng(plan.seed)
    model = TextMotion()
    _normalise(model, clips, random)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.steps, pct_start=min(0.1, max(2 / plan.steps, 0.01))
    )
    weights = clip_weights(list(clips))
    weights = weights / weights.sum()
    bar = trange(plan.steps, desc="text-motion", disable=not progress)
    recent: list[float] = []
    for step in bar:
        loss = _loss(model, clips, weights, min(plan.batch, len(clips)), random)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(loss.item())
        bar.set_postfix(loss=f"{recent[-1]:.3f}", refresh=False)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == plan.steps:
            log({"step": step + 1, "loss": round(sum(recent) / len(recent), 4)})
            recent = []
    model.half().float().eval()
    return model


def _normalise(model: TextMotion, clips: Sequence[Clip], random: np.random.Generator) -> None:
    picks = random.choice(len(clips), min(len(clips), 400), replace=False)
    sample = np.concatenate([features_of(clips[i]) for i in picks])
    model.mean.copy_(torch.from_numpy(sample.mean(axis=0)))
    model.std.copy_(torch.from_numpy(np.maximum(sample.std(axis=0), 0.02)))


def _loss(model: TextMotion, clips: Sequence[Clip], weights: Array, batch: int, random: np.random.Generator) -> Tensor:
    """One batch: windows of different clips, half of them mirrored, each with one of its captions."""
    picked = [clips[i] for i in random.choice(len(clips), batch, replace=False, p=weights)]
    features, captions, wordings = [], [], []
    for clip in picked:
        frames = min(clip.frames, int(random.integers(SHORTEST * 2, LONGEST + 1)))
        start = int(random.integers(clip.frames - frames + 1))
        span = slice(start, start + frames)
        pose, path, offsets = clip.rotations[span], clip.translation[span], clip.offsets
        words = clip.captions
        if random.random() < 0.5:
            pose, path, offsets = mirror(pose, path, offsets)
            words = tuple(mirrored_caption(caption) for caption in words)
        features.append(motion_features(pose, path, offsets))
        captions.append(str(random.choice(words)))
        wordings.append({wording(caption) for caption in words})
    same = torch.tensor([[wording(caption) in words for words in wordings] for caption in captions])
    texts = model.encode_texts(captions, text_dropout=0.15)
    return contrastive_loss(texts, model.encode_motions(features), same, model.sharpness)


@dataclass(frozen=True)
class EvaluatorOptions:
    """What the command of this module was asked to do."""

    data: tuple[str, ...]
    out: Path
    leave_out: tuple[str, ...]
    plan: Plan


def read_options(arguments: Sequence[str] | None) -> EvaluatorOptions:
    """The options of the command line.  Raises InputError for a bad number."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="a motion set; repeatable")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the evaluator")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SET/SUBJECT", help="subjects to validate on")
    parser.add_argument("--steps", type=int, default=Plan.steps, help="training steps (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=Plan.batch, help="motions a step (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.batch < 2:
        raise InputError(f"--steps {args.steps} --batch {args.batch}; wanted at least 1 step and 2 motions a step")
    plan = Plan(steps=args.steps, batch=args.batch, seed=args.seed)
    return EvaluatorOptions(tuple(args.data), args.out, tuple(args.leave_out), plan)


def run(options: EvaluatorOptions) -> None:
    """Train an evaluator, save it and print its description.  Raises GenmoError with the line for the user."""
    plan = options.plan
    clips = [clip for folder in options.data for clip in read_clips(folder)]
    kept, held_out = split_clips(clips, list(options.leave_out))
    log: list[str] = []
    model = train(kept, plan, sys.stderr.isatty(), lambda record: log.append(json.dumps(record)))
    description = {
        "data": sorted(Path(folder).name for folder in options.data),
        "left_out": sorted(options.leave_out),
        "clips": len(usable(kept)),
        "steps": plan.steps,
        "batch": plan.batch,
        "seed": plan.seed,
        "validation": _validation(model, usable(held_out)),
    }
    digest = save_evaluator(options.out, model, description)
    write_aside(options.out / "log.jsonl", "\n".join(log) + "\n")
    print(json.dumps(description | {"sha256": digest}, indent=1))


def _validation(model: TextMotion, clips: list[Clip]) -> dict[str, Any] | None:
    """R-precision and MM-Dist of real motions that were left out; None where they are too few for pools of 32."""
    captions = [clip.captions[0] for clip in clips]
    evaluator, same = Evaluator(model, ""), same_wording(captions, clips)
    if not clips or int((~same).sum(axis=1).min()) < 31:
        return None
    row = metrics_row(evaluator.embed_texts(captions), truth := evaluator.embed_motions(clips), truth, same, 32, 0)
    return {"clips": len(clips)} | {name: round(row[name], 4) for name in ("R@1", "R@2", "R@3", "MM-Dist", "Diversity")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="train")


if __name__ == "__main__":
    sys.exit(main())
