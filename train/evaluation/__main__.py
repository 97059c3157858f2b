"""genmo-eval: the command of `genmo.train.evaluation.report` and of the other tables of the paper.

PyTorch is imported when the options are read, so that `--help` works without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genmo.runtime.conditions.timeline import MAX_GUIDANCE
from genmo.runtime.denoiser.conventions import GENMO
from genmo.runtime.engine.bundle import TOKENS, family_of
from genmo.runtime.model import MotionModel
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel, TokenModel
from genmo.runtime.tokens.decoding import STEPS

if TYPE_CHECKING:
    from genmo.train.datasets.clips import Clip
    from genmo.train.evaluation.report import Subject

PROGRAM = "genmo-eval"
MAX_STEPS = 1000
SINGLE_SAMPLES = 2
"""of a completion, over which the errors of single samples are averaged"""


@dataclass(frozen=True)
class EvalOptions:
    """What `genmo-eval` was asked to do."""

    engine: str | None
    checkpoint: str | None
    """run in PyTorch instead of an engine"""
    data: tuple[str, ...]
    subjects: tuple[str, ...]
    clips: int
    steps_table: tuple[int, ...] | None
    """numbers of steps of Table 8, () for the usual ones; None: not that table"""
    recorded: bool
    dance: bool
    in_betweening: bool
    obey: bool
    sweep: bool
    prompts: int
    tries: int | None
    guidance: float | None
    body: str | None
    samples: int | None
    steps: int | None
    rounds: int
    evaluator: str | None
    json: bool
    out: tuple[Path, ...]


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(prog=PROGRAM, description="Measure an engine on held-out people and on prompts.")
    what = options.add_mutually_exclusive_group()
    what.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    what.add_argument("--checkpoint", metavar="DIR", help="a checkpoint folder instead, run in PyTorch")
    options.add_argument("--data", action="append", default=[], metavar="SET", help="a motion set; repeatable")
    options.add_argument("--subjects", nargs="*", default=[], help="set/subject names (default: the engine's own)")
    options.add_argument("--clips", type=int, default=0, metavar="N", help="only N of their clips, evenly taken")
    table = options.add_mutually_exclusive_group()
    table.add_argument(
        "--steps-table",
        type=int,
        nargs="*",
        metavar="K",
        help="Table 8 instead: estimation and generation in 1, 2, 5, 10 and 50 steps, or in those named",
    )
    table.add_argument(
        "--recorded", action="store_true", help="Tables 1 to 3 instead: from what recordings' own cameras saw"
    )
    table.add_argument(
        "--dance", action="store_true", help="motions from the music of held-out dances instead: FID_k, FID_g, PFC, BAS"
    )
    table.add_argument(
        "--in-betweening", action="store_true", help="Table 6 instead: motion between keyframes and in gaps"
    )
    table.add_argument(
        "--obey", action="store_true", help="whether motions do what prompts say instead; --data only for real numbers"
    )
    options.add_argument("--sweep", action="store_true", help="with --obey: a table over guidance and steps as well")
    options.add_argument("--prompts", type=int, default=0, metavar="N", help="with --obey: only N of each list")
    options.add_argument(
        "--tries", type=int, metavar="N", help="with --obey: takes of each motion (default: the engine's)"
    )
    options.add_argument("--guidance", type=float, help="with --obey: weight of the text (default: the engine's)")
    options.add_argument("--body", metavar="FILE", help="with --recorded: a body file, for the error of its vertices")
    options.add_argument(
        "--samples", type=int, help="motions an action (default: 8), a clip between keyframes (10), a prompt (4)"
    )
    options.add_argument(
        "--steps", type=int, help=f"steps of generation (default: {GENMO.steps}), between keyframes (50)"
    )
    options.add_argument("--rounds", type=int, default=3, help="motions a caption (default: %(default)s)")
    options.add_argument(
        "--evaluator",
        metavar="DIR",
        help="of R-precision and FID: what train_text_motion wrote, or the folder of a published one; none: leave them "
        "out (default: the one that ships with genmo)",
    )
    options.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options.add_argument(
        "--out", type=Path, action="append", default=[], metavar="FILE", help="write .md or .json as well; repeatable"
    )
    return options


def read_options(arguments: Sequence[str] | None) -> EvalOptions:
    """The options of the command line.  Raises InputError for what cannot be used or does not go together."""
    values = vars(parser().parse_args(arguments))
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    options = EvalOptions(**{**values, **lists})
    _check_outputs(options.out)
    for name, least in (("clips", 0), ("rounds", 1), ("samples", 1), ("prompts", 0), ("tries", 1)):
        value = values[name]
        if value is not None and value < least:
            raise InputError(f"--{name} is {value}; wanted at least {least}")
    if options.body is not None and not options.recorded:
        raise InputError("--body without --recorded; wanted both, for the error of vertices")
    if not options.data and not options.obey:
        raise InputError("no --data; wanted a motion set to measure on, e.g. --data path/to/cmu30")
    if not options.obey and (options.sweep or options.prompts or (options.guidance, options.tries) != (None, None)):
        raise InputError("--sweep, --prompts, --tries or --guidance without --obey; wanted both, or none of them")
    if options.guidance is not None and not abs(options.guidance) <= MAX_GUIDANCE:
        raise InputError(f"--guidance is {options.guidance:g}; wanted {-MAX_GUIDANCE:g} to {MAX_GUIDANCE:g}")
    if options.steps is not None and not 1 <= options.steps <= MAX_STEPS:
        raise InputError(f"--steps is {options.steps}; wanted 1 to {MAX_STEPS}")
    return options


def _check_outputs(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.suffix not in (".md", ".json"):
            raise InputError(f"--out {path}: wanted a file that ends in .md or .json")
        if not path.resolve().parent.is_dir():
            raise InputError(f"--out {path}: no such folder; make it first")


def measure(options: EvalOptions) -> tuple[dict[str, Any], str]:
    """The report and its tables in Markdown.  Raises GenmoError for what cannot be used."""
    from genmo.train.evaluation import report
    from genmo.train.evaluation.guo_evaluator import read_evaluator
    from genmo.train.evaluation.text_motion_evaluator import SHIPPED

    if options.checkpoint is None and family_of(options.engine) == TOKENS:
        return _of_tokens(options)
    model = _load_model(options)
    if options.obey:
        return _obey(options, model)
    subject = report.read_subject(model, list(options.data), list(options.subjects), options.clips)
    if options.recorded:
        return _recorded(options, subject)
    if options.dance:
        return _dance(options, subject)
    if options.in_betweening:
        return _in_betweening(options, model, subject.about, subject.held_out)
    evaluator = None if options.evaluator == "none" else read_evaluator(options.evaluator or SHIPPED, subject.held_out)
    if options.steps_table is not None:
        return _few_steps(options, subject, evaluator)
    required = options.evaluator is not None
    result = report.evaluate(
        subject, options.samples or 8, options.steps or GENMO.steps, evaluator, options.rounds, required
    )
    return result, report.markdown(result)


def _load_model(options: EvalOptions) -> MotionModel:
    if options.checkpoint is None:
        return MotionModel.load(options.engine)
    from genmo.train.evaluation.torch_model import load_motion_model

    return load_motion_model(options.checkpoint)


def _recorded(options: EvalOptions, subject: Subject) -> tuple[dict[str, Any], str]:
    from genmo.train.evaluation import recorded
    from genmo.train.geometry.mesh import read_mesh

    mesh = None if options.body is None else read_mesh(options.body)
    result = subject.about | recorded.report(subject.model, subject.held_out, mesh, sys.stderr.isatty())
    return result, recorded.markdown(result)


def _dance(options: EvalOptions, subject: Subject) -> tuple[dict[str, Any], str]:
    from genmo.train.evaluation import dance

    progress = sys.stderr.isatty()
    result = subject.about | dance.report(subject.model, subject.held_out, options.rounds, options.steps, progress)
    return result, dance.markdown(result)


def _of_tokens(options: EvalOptions) -> tuple[dict[str, Any], str]:
    """What there is to measure of an engine of motion tokens."""
    from genmo.train.evaluation.report import subject_clips

    if not (options.obey or options.in_betweening):
        raise InputError("an engine of motion tokens estimates nothing; wanted --in-betweening or --obey")
    model = TokenModel.load(str(options.engine))
    if options.obey:
        return _obey(options, model)
    subjects, held_out, _ = subject_clips(model, list(options.data), list(options.subjects), options.clips)
    return _in_betweening(options, model, {"validation_subjects": subjects, "clips": len(held_out)}, held_out)


def _in_betweening(
    options: EvalOptions, model: AnyModel, about: dict[str, Any], clips: list[Clip]
) -> tuple[dict[str, Any], str]:
    from genmo.train.evaluation import completion, inbetweening

    tokens = isinstance(model, TokenModel)
    samples, steps = options.samples or 10, options.steps or (STEPS if tokens else 50)
    progress = sys.stderr.isatty()
    result = about | inbetweening.report(model, clips, samples, steps, progress=progress)
    result |= completion.report(model, clips, min(samples, SINGLE_SAMPLES), options.steps, progress=progress)
    return result, f"{inbetweening.markdown(result)}\n\n{completion.markdown(result)}"


def _obey(options: EvalOptions, model: AnyModel) -> tuple[dict[str, Any], str]:
    from genmo.train.datasets.clips import middle
    from genmo.train.evaluation import obey, obey_page
    from genmo.train.evaluation.report import subject_clips
    from genmo.train.evaluation.simulated import true_joints
    from genmo.train.evaluation.text_motion_features import LONGEST

    real: Sequence[Clip] = ()
    if options.data:
        _, real, every = subject_clips(model, list(options.data), list(options.subjects), options.clips)
        obey.check_left_out(every)
    seeds, progress = options.samples or obey.SEEDS, sys.stderr.isatty()
    result = obey.report(
        model,
        seeds,
        options.steps,
        options.guidance,
        tries=options.tries,
        prompts=options.prompts,
        real=(true_joints(middle(clip, LONGEST)) for clip in real),
        progress=progress,
    )
    if options.sweep:
        result["sweep"] = obey.sweep(model, seeds, prompts=options.prompts, progress=progress)
    return result, obey_page.markdown(result)


def _few_steps(options: EvalOptions, subject: Subject, evaluator: Any) -> tuple[dict[str, Any], str]:
    from genmo.train.evaluation import few_steps
    from genmo.train.evaluation.generation import clips_of_actions
    from genmo.train.evaluation.text_motion_report import action_yardstick

    counts = list(options.steps_table or few_steps.STEPS)
    table = few_steps.report(subject.model, subject.held_out, evaluator, counts, options.rounds, sys.stderr.isatty())
    table["yardstick"] = evaluator and action_yardstick(evaluator, clips_of_actions(subject.every))
    result = subject.about | table
    return result, few_steps.markdown(result)


def run(options: EvalOptions) -> None:
    """Measure, write and print.  Raises GenmoError with the line for the user."""
    result, tables = measure(options)
    from genmo.train.metrics.paper_tables import plain

    as_json = json.dumps(plain(result), indent=1)
    for path in options.out:
        write_aside(path, (as_json if path.suffix == ".json" else tables) + "\n")
    print(as_json if options.json else tables)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="train")


if __name__ == "__main__":
    sys.exit(main())
