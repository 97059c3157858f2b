"""GenM3's ablations in small, on our data: what of the paper helps here, with seeds and intervals.

    python benchmarks/token_ablation.py --data ../shared/data/cmu30 --runs runs/token-ablation \
        --out benchmarks/results/token_ablation.md

Stage 1: expert convolutions, weights that depend on the motion, a code for each part of the body, residual codes.
Stage 3, over the reference's tokens of the same seed: pathways, experts, sparse experts, the motion descriptor in both
readings of equation 2, and half of the steps spent on pretraining.  Every variant has the reference's seeds, steps and
batches.  A finished run is not repeated, one that was stopped begins again, and the page is written after every seed
from what is finished.  Exit status: 0 done, 2 bad input.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from ablation import difference, interval, machine_line
from torch import Tensor
from torch.nn import functional

from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.train.loop.token_stages import FILE, HELD_OUT_FILE
from genmo.train.loop.token_trainer import TokenTrainer
from genmo.train.network.masked_transformer import Experts
from genmo.train.network.mevq import Codebook
from genmo.train.network.token_model import TokenModel
from genmo.train.settings.token_config import TokenTrainConfig, read_token_config, token_config_file

REFERENCE = "reference"
MODEL = [
    "model.parts=limbs", "model.codes=128", "model.code_width=8", "model.vq_width=96", "model.width=96",
    "model.plain_layers=1", "model.path_layers=2", "model.heads=4", "model.expert_width=256", "batch=32", "bf16=false",
    "threads=1", "warmup=20", "learning_rate=1e-3", "ema=0.98",
]  # fmt: skip
TOKENS_SCORES = {"mm": "held-out people, mm", "train_mm": "training, mm", "root_mm": "end of the path, mm"}
MASKED_SCORES = {"nll": "half masked", "gap_nll": "a gap masked", "all_nll": "all masked", "train_nll": "training"}
Change = Callable[[TokenModel], None]


class ResidualCodebook(Codebook):
    """Two levels of codes, the second for what the first leaves; an id is both, first x codes + second."""

    def __init__(self, parts: int, codes: int, width: int) -> None:
        super().__init__(parts, codes, width)
        self.rest = Codebook(parts, codes, width)
        self.own = codes

    def nearest(self, z: Tensor) -> Tensor:
        first = super().nearest(z)
        return first * self.own + self.rest.nearest(z - super().chosen(first))

    def chosen(self, ids: Tensor) -> Tensor:
        return super().chosen(ids // self.own) + self.rest.chosen(ids % self.own)

    def follow(self, z: Tensor, ids: Tensor) -> None:
        first = ids // self.own
        left = z - super().chosen(first)
        super().follow(z, first)
        self.rest.follow(left, ids % self.own)

    def begin_anew(self, z: Tensor, dead: Tensor) -> None:
        super().begin_anew(z, dead)
        if bool(dead.all()):  # the first step
            self.rest.begin_anew(z - super().chosen(super().nearest(z)), dead)


class SparseExperts(Experts):
    """The likeliest expert of a token alone, weighed as it is."""

    def forward(self, x: Tensor) -> Tensor:
        shares = self.gate(x).softmax(dim=-1)
        shares = shares * functional.one_hot(shares.argmax(dim=-1), shares.shape[-1])
        hidden = functional.gelu(self.inner(x)).unflatten(-1, (-1, self.each))
        made: Tensor = self.outer((hidden * shares.to(hidden.dtype)[..., None]).flatten(-2)) + shares @ self.bias
        return made


def residual(model: TokenModel) -> None:
    """Two levels of half as many codes: as many vectors in all."""
    config = model.config
    book = ResidualCodebook(len(config.part_names), config.codes // 2, config.code_width)
    model.vq.codebook = book.to(model.vq.codebook.codes.device)


def sparse(model: TokenModel) -> None:
    for module in model.modules():
        if isinstance(module, Experts):
            module.__class__ = SparseExperts


def token_variants(base: TokenTrainConfig) -> dict[str, tuple[TokenTrainConfig, Change | None]]:
    """Variants of stage 1, each with what is changed in the network beyond its config."""
    model = base.model
    return {
        REFERENCE: (base, None),
        "one expert": (replace(base, model=replace(model, vq_experts=1)), None),
        "experts weighed by the motion": (replace(base, model=replace(model, gate="dynamic")), None),
        "one code for all of the body": (replace(base, model=replace(model, parts="whole")), None),
        "beta = 1": (replace(base, commitment=1.0), None),
        "residual codes, two levels": (base, residual),
    }


def masked_variants(base: TokenTrainConfig) -> dict[str, tuple[TokenTrainConfig, Change | None]]:
    """Variants of stage 3."""
    model = base.model
    layers = model.plain_layers + model.path_layers
    return {
        REFERENCE: (base, None),
        "pathways in the last layer alone": (
            replace(base, model=replace(model, plain_layers=layers - 1, path_layers=1)),
            None,
        ),
        "one expert a pathway": (replace(base, model=replace(model, experts=1)), None),
        "sparse experts": (base, sparse),
        "no descriptor": (replace(base, model=replace(model, context="none")), None),
        "descriptor as the prose has it": (replace(base, model=replace(model, context="motion")), None),
        "half of the steps on pretraining": (replace(base, steps=base.steps // 2), None),
    }


def trained(config: TokenTrainConfig, folder: Path, change: Change | None, store: Path | None) -> dict[str, float]:
    """The last validation of a run, which is made unless it is finished; `store`: a run whose tokens are the same."""
    done = folder / "scores.json"
    if done.is_file():
        found: dict[str, float] = json.loads(done.read_text())
        return found
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (FILE, HELD_OUT_FILE):
        if store is not None and (store / name).is_file():
            shutil.copyfile(store / name, folder / name)
    trainer = TokenTrainer(config, folder)
    if change is not None:
        change(trainer.model)
        trainer.average = copy.deepcopy(trainer.model)
    trainer.run()
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    scores: dict[str, float] = [line["validation"] for line in lines if "validation" in line][-1]
    write_aside(done, json.dumps(scores) + "\n")
    return scores


def run_seed(seed: int, base: TokenTrainConfig, args: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of every variant of both stages with one seed."""
    found: dict[str, dict[str, dict[str, float]]] = {"tokens": {}, "masked": {}}
    first = replace(base, stage=1, seed=seed, steps=args.token_steps, validate_every=args.token_steps)
    root = args.runs / str(seed)
    for name, (config, change) in token_variants(first).items():
        found["tokens"][name] = trained(config, root / f"tokens-{_file(name)}", change, None)
    tokens, reference = root / f"tokens-{REFERENCE}", root / f"masked-{REFERENCE}"
    third = replace(base, stage=3, seed=seed, init=str(tokens), steps=args.steps, validate_every=args.steps)
    third = replace(third, frames=(64,), windows=args.windows)
    for name, (config, change) in masked_variants(third).items():
        folder = root / f"masked-{_file(name)}"
        if config.steps < third.steps:
            before = root / "pretrained"
            trained(replace(config, stage=2, validate_every=config.steps), before, None, None)
            config = replace(config, init=str(before), validate_every=config.steps)
        found["masked"][name] = trained(config, folder, change, None if name == REFERENCE else reference)
    return found


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def table(scores: Sequence[Mapping[str, Mapping[str, float]]], columns: Mapping[str, str]) -> list[str]:
    """Rows of a table: the reference's means, and of the others what is different seed by seed; lower is better."""
    lines = [f"| | {' | '.join(columns.values())} |", "|---" * (1 + len(columns)) + "|"]
    for name in scores[0]:
        cells = []
        for column in columns:
            values = {str(seed): found[name][column] for seed, found in enumerate(scores)}
            reference = {str(seed): found[REFERENCE][column] for seed, found in enumerate(scores)}
            mean, half = interval(list(values.values())) if name == REFERENCE else difference(values, reference)
            said = f"{mean:.4g}" if name == REFERENCE else f"{mean:+.3g}"
            said = said if math.isnan(half) else f"{said} ± {half:.2g}"
            cells.append(f"**{said}**" if name != REFERENCE and abs(mean) > half else said)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def page(scores: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]], args: argparse.Namespace) -> str:
    """The page of the seeds that are finished."""
    model = args.base.model
    return "\n".join(
        [
            "# GenM3's ablations in small",
            "",
            f"Written by `python benchmarks/token_ablation.py`. {len(scores)} seeds; stage 1 {args.token_steps} steps, "
            f"stage 3 {args.steps} steps of {args.base.batch} windows of 64 frames, {model.codes} codes for each of "
            f"{len(model.part_names)} parts, {model.vq_width} and {model.width} channels: a thousandth of the paper's "
            "work, and minutes of one core. **What is found here need not hold for a network that is trained to "
            "its end**, and what differs by less than its interval is not found.",
            "",
            f"Data: {', '.join(Path(folder).name for folder in args.data)}; people held out: "
            f"{', '.join(args.base.validation_subjects)}. The first row of each table has means, the others "
            "differences from it, seed by seed, below zero where the variant is better; ± is half of a 95 % interval "
            "(Student's t), **bold** where it leaves out 0.",
            "",
            "Stage 1: what comes back of motions made tokens (24 joints, root-relative).",
            "",
            *table([found["tokens"] for found in scores], TOKENS_SCORES),
            "",
            "Stage 3: negative log-likelihood of the codes of held-out people.",
            "",
            *table([found["masked"] for found in scores], MASKED_SCORES),
            "",
            f"Residual codes: two levels of {model.codes // 2}, as many vectors in all and more bits a token. Sparse "
            "experts: the likeliest one of each token alone. Half of the steps on pretraining: stage 2, then stage 3, "
            "as many steps in all.",
            "",
            f"Machine: {machine_line()}.",
        ]
    ) + "\n"  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="a motion set; repeatable")
    parser.add_argument("--validation", nargs="*", default=["cmu30/07", "cmu30/13", "cmu30/35", "cmu30/49"])
    parser.add_argument("--runs", type=Path, default=Path("runs/token-ablation"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.md")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--token-steps", type=int, default=400, help="of stage 1 (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of stage 3 (default: %(default)s)")
    parser.add_argument("--windows", type=int, default=3000, help="made tokens of for stage 3 (default: %(default)s)")
    parser.add_argument("--override", nargs="*", default=[], metavar="key=value", help="of the config, for all")
    args = parser.parse_args(arguments)
    try:
        if args.seeds < 1 or args.token_steps < 1 or args.steps < 2:
            raise InputError("--seeds and --token-steps: wanted at least 1; --steps: at least 2")
        preset = token_config_file("tokens")
        assert preset is not None
        base = read_token_config(preset, [*MODEL, *args.override])
        args.base = replace(
            base, data=tuple(args.data), data_share=(), validation_subjects=tuple(args.validation), save_every=10**6
        )
        scores = []
        for seed in range(args.seeds):
            scores.append(run_seed(seed, args.base, args))
            write_aside(args.out, page(scores, args))
    except GenmoError as error:
        print(f"token_ablation: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(args.out)
    return 0


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    sys.exit(main())
