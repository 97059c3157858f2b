"""The paper's ablations in small, on our data: one command, the same budget each, with seeds and intervals.

    python benchmarks/ablation.py --data ../shared/data/cmu30 --runs runs/ablation --out docs/ablation.md

Variants (Tables 4 to 7 and appendix G of the paper): dual mode, diffusion only, regression only; half of the people
with 3D and the other half left out, or with their 2D keypoints only (equation 6); cross-attention fusion.  Every
variant trains with every seed for the same steps and samples a step, in a folder of its own below --runs: a run that
was stopped goes on where it was, a finished one is not repeated, and the page is written from what is finished.
Exit status: 0 done, 2 bad input.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import machine
import numpy as np

from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.train.datasets.clips import Clip, middle
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.few_steps import captioned, generation_row
from genmo.train.evaluation.simulated import estimates, spread_out
from genmo.train.evaluation.text_motion_evaluator import SHIPPED, load_evaluator
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.evaluation.torch_model import load_motion_model
from genmo.train.loop.trainer import train
from genmo.train.metrics.paper_tables import estimation_row
from genmo.train.settings.config import TrainConfig, read_config

REFERENCE = "dual mode"
VALIDATION = ("07", "13", "35", "49", "94")
"""subjects of cmu30 that the shipped engine never saw; --validation names others"""
MODEL = ["model.width=96", "model.depth=2", "model.heads=4", "model.mlp_width=192"]
ESTIMATION = ("PA-MPJPE", "MPJPE", "WA-MPJPE100", "W-MPJPE100")
GENERATION = ("FID", "R@3", "Diversity")
# two-sided 95 % points of Student's t, by degrees of freedom; 1.96 is their limit
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def variants(base: TrainConfig, half: Sequence[str]) -> dict[str, TrainConfig]:
    """Every variant's config; `half`: the subjects whose 3D is taken away for 2D training."""
    samples = base.estimation + base.generation
    return {
        REFERENCE: base,
        "diffusion only": replace(base, objective="diffusion"),
        "regression only": replace(base, objective="regression", estimation=samples, generation=0),
        "half with 3D, half left out": replace(base, leave_out=tuple(half)),
        "half with 3D, half with 2D only": replace(base, subjects_2d=tuple(half)),
        "cross-attention fusion": replace(base, fusion="cross_attention"),
    }


def halves(clips: Sequence[Clip], validation: Sequence[str]) -> list[str]:
    """Training subjects with about half of the frames: every second one by the length of its recordings."""
    frames: dict[str, int] = {}
    for clip in clips:
        if clip.subject not in validation:
            frames[clip.subject] = frames.get(clip.subject, 0) + clip.frames
    return sorted(frames, key=lambda subject: (-frames[subject], subject))[1::2]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean of repeated runs and half the width of its 95 % interval (Student's t); not known for a single run."""
    array = np.asarray(values, np.float64)
    if len(array) < 2:
        return float(array.mean()), math.nan
    point = STUDENT[len(array) - 2] if len(array) - 2 < len(STUDENT) else 1.96
    return float(array.mean()), float(point * array.std(ddof=1) / math.sqrt(len(array)))


def difference(variant: Mapping[str, float], reference: Mapping[str, float]) -> tuple[float, float]:
    """The same for variant minus reference, seed by seed (both began from the same seed); both {seed: value}."""
    return interval([variant[seed] - reference[seed] for seed in variant if seed in reference])


def fingerprint(config: TrainConfig, settings: Mapping[str, Any]) -> str:
    """What a stored score belongs to: a change of the config or of the evaluation makes it void."""
    stored = {**config.to_json(), "data": [Path(folder).name for folder in config.data], **settings}
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


def score(
    folder: Path, clips: Sequence[Clip], evaluator: str, steps: int, rounds: int, texts: bool
) -> dict[str, float]:
    """Errors of the checkpoint in `folder` on windows of held-out clips, the network alone; generation with `texts`."""
    model = load_motion_model(folder)
    windows = [middle(clip, LONGEST) for clip in clips]
    row = estimation_row(list(estimates(model, windows, fit=False, clean_feet=False)), draws=2)
    found = {name: row[name].value for name in ESTIMATION}
    if texts:
        generated, _ = generation_row(model, captioned(clips), load_evaluator(evaluator), steps, rounds)
        found |= {name: getattr(generated[name], "value", generated[name]) for name in GENERATION}
    return found


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train and score what is not yet; everything that is finished, by variant and seed."""
    validation = [name for folder in args.data for name in _subjects(folder, args.validation)]
    clips = [clip for folder in args.data for clip in read_clips(folder)]
    held_out = spread_out([clip for clip in clips if clip.subject in validation and clip.frames >= 40], args.clips)
    if not held_out:
        raise InputError(f"no clip of the validation subjects {validation}; name others with --validation")
    base = read_config(args.config, [*MODEL, *args.override])
    base = replace(
        base,
        data=tuple(args.data),
        data_share=(),
        validation_subjects=tuple(validation),
        steps=args.steps,
        validate_every=max(args.steps, 1),
        save_every=args.save_every,
    )
    every = variants(base, halves(clips, validation))
    wanted = args.only or list(every)
    unknown = sorted(set(wanted) - set(every))
    if unknown:
        raise InputError(f"--only {unknown[0]!r}; wanted some of {', '.join(every)}")
    settings = {"clips": len(held_out), "generation_steps": args.generation_steps, "rounds": args.rounds}
    settings["evaluator"] = load_evaluator(args.evaluator).sha256 if args.evaluator != "none" else "none"
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for seed in range(args.seeds):
        for name in wanted:
            folder = args.runs / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
            found = _one(replace(every[name], seed=seed), folder, held_out, settings, args)
            scores.setdefault(name, {})[str(seed)] = found
            print(f"{name}, seed {seed}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return {"scores": scores, "config": base, "settings": settings, "half": halves(clips, validation)}


def _subjects(folder: str, names: Sequence[str]) -> list[str]:
    """The set/subject names of a set that `names` (subjects, or set/subject) means."""
    there = {clip.subject for clip in read_clips(folder)}
    return sorted(subject for subject in there if subject in names or subject.split("/", 1)[1] in names)


def _one(
    config: TrainConfig, folder: Path, held_out: Sequence[Clip], settings: Mapping[str, Any], args: argparse.Namespace
) -> dict[str, float]:
    """The scores of one run, which is trained, or trained further, unless it is finished."""
    mark, stored = fingerprint(config, settings), folder / "scores.json"
    if stored.is_file():
        done = json.loads(stored.read_text())
        if done["fingerprint"] == mark:
            return done["scores"]
    trained = folder / "config.json"
    own = fingerprint(config, {})
    if trained.is_file() and json.loads(trained.read_text())["fingerprint"] != own:
        raise InputError(f"{folder}: a run with other settings; remove it, or choose other --runs")
    folder.mkdir(parents=True, exist_ok=True)
    write_aside(trained, json.dumps({"fingerprint": own}) + "\n")
    train(config, folder)
    texts = args.evaluator != "none" and config.generation > 0
    found = score(folder, held_out, args.evaluator, args.generation_steps, args.rounds, texts)
    write_aside(stored, json.dumps({"fingerprint": mark, "scores": found}, indent=1) + "\n")
    return found


def page(result: Mapping[str, Any], args: argparse.Namespace) -> str:
    """The page: means over seeds with intervals, and differences from the reference."""
    scores, config, settings = result["scores"], result["config"], result["settings"]
    names = [name for name in (*ESTIMATION, *GENERATION) if any(name in s for seeds in scores.values() for s in
             seeds.values())]  # fmt: skip
    model = config.model
    lines = [
        "# Ablations in small",
        "",
        f"Written by `python benchmarks/ablation.py`. {args.seeds} seeds, {config.steps} steps of "
        f"{config.estimation + config.generation} samples each, {model.depth} modules of {model.width} channels: far "
        "below the paper's size, so the paper's numbers are not to be expected, and what is found need not hold there.",
        "",
        f"Data: {', '.join(Path(folder).name for folder in args.data)}. Errors in mm, {settings['clips']} windows of "
        f"at most {LONGEST} frames of {', '.join(config.validation_subjects)}, one step, the camera given, the network "
        f"alone (no fit, no cleaned feet). Generation: {settings['generation_steps']} steps, {settings['rounds']} "
        f"rounds, evaluator {settings['evaluator'][:12]}. ± is half of a 95 % interval over seeds (Student's t).",
        "",
        f"| variant | {' | '.join(names)} |",
        "|---" * (1 + len(names)) + "|",
    ]
    for variant, seeds in scores.items():
        lines.append(f"| {variant} | {' | '.join(_cell(seeds, name) for name in names)} |")
    if REFERENCE in scores and len(scores) > 1:
        lines += [
            "",
            f"Differences from {REFERENCE}, seed by seed; **bold** where the interval leaves out 0.",
            "",
            f"| variant | {' | '.join(names)} |",
            "|---" * (1 + len(names)) + "|",
        ]
        for variant, seeds in scores.items():
            if variant != REFERENCE:
                cells = [_difference_cell(seeds, scores[REFERENCE], name) for name in names]
                lines.append(f"| {variant} | {' | '.join(cells)} |")
    half = ", ".join(result["half"])
    lines += [
        "",
        "What the variants are: *dual mode* regresses the first samples of a batch from zeros and denoises the others; "
        "*diffusion only* denoises all of the same samples; *regression only* regresses as many, none of them from "
        "text (so it cannot be asked for text). Of the two halves, one has its 3D taken away "
        f"({half}): left out, or trained on through its 2D keypoints (equation 6). *Cross-attention fusion* makes "
        "tokens of the conditions instead of adding them to the frames (appendix G).",
        "",
        f"Machine: {machine_line()}.",
    ]
    return "\n".join(lines) + "\n"


def machine_line() -> str:
    """Where it ran, on one line."""
    versions = ", ".join(f"{name} {machine.package_version(name)}" for name in ("torch", "numpy"))
    return f"{machine.cpu_model()}, {machine.usable_cpus()} CPUs; {versions}; commit {machine.commit()}"


def _values(seeds: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return {seed: found[name] for seed, found in seeds.items() if name in found}


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _cell(seeds: Mapping[str, Mapping[str, float]], name: str) -> str:
    values = _values(seeds, name)
    if not values:
        return ""
    mean, half = interval(list(values.values()))
    return _number(mean) if math.isnan(half) else f"{_number(mean)} ± {_number(half)}"


def _difference_cell(seeds: Mapping[str, Any], reference: Mapping[str, Any], name: str) -> str:
    values = _values(seeds, name)
    if not values:
        return ""
    mean, half = difference(values, _values(reference, name))
    said = f"{mean:+.3g}" if math.isnan(half) else f"{mean:+.3g} ± {half:.2g}"
    return f"**{said}**" if abs(mean) > half else said


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="a motion set; repeatable")
    parser.add_argument("--validation", nargs="*", default=list(VALIDATION), help="subjects that nobody trains on")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), metavar="DIR", help="where the runs go")
    parser.add_argument("--out", type=Path, default=Path("docs/ablation.md"), metavar="FILE.md")
    parser.add_argument("--config", default="small", help="preset or YAML file (default: %(default)s, made narrower)")
    parser.add_argument("--override", nargs="*", default=[], metavar="key=value", help="of the config, for all")
    parser.add_argument("--steps", type=int, default=1500, help="of every run (default: %(default)s)")
    parser.add_argument("--save-every", type=int, default=100, metavar="N")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="VARIANT", help="some of the variants")
    parser.add_argument("--clips", type=int, default=0, metavar="N", help="held-out clips, evenly taken (0: all)")
    parser.add_argument("--generation-steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2, help="motions a caption")
    parser.add_argument("--evaluator", default=str(SHIPPED), metavar="DIR", help="of FID and R@3; none: leave them out")
    args = parser.parse_args(arguments)
    try:
        if args.seeds < 1 or args.steps < 1 or args.rounds < 1:
            raise InputError("--seeds, --steps and --rounds: wanted at least 1 each")
        if not args.out.absolute().parent.is_dir():
            raise InputError(f"--out {args.out}: no such folder; make it first")
        write_aside(args.out, page(run(args), args))
    except GenmoError as error:
        print(f"ablation: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
