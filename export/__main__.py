"""genmo-export CHECKPOINT --out ENGINE: the command of `genmo.export.pipeline`.

PyTorch and ONNX are imported when the options are read, so that `--help` works without them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genmo.export.options import ExportOptions, TextEncoderOptions, read_prompts
from genmo.export.targets import triton
from genmo.export.tensorrt import build_plans, plan_options
from genmo.export.tensorrt.plan_options import BuildOptions
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError

PROGRAM = "genmo-export"
DEFAULT_LICENCE = "unstated: say with --licence what the training data allows"
# The keys of tables in modules that need ONNX; a test compares.
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
TEXT_PRECISIONS = ("fp32", "fp16")
PROFILES = ("plain", "unity")
GRAVITIES = ("up", "down")


@dataclass(frozen=True)
class CommandOptions:
    """What `genmo-export` was asked to do."""

    engine: ExportOptions
    plans: BuildOptions | None
    """TensorRT plans to build; None: none"""
    triton: Path | None
    """model repository to write; None: none"""


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM, description="Freeze a checkpoint into an engine and prove that it is the same."
    )
    add = options.add_argument
    add("checkpoint", type=Path, help="folder of genmo-train, or gem_smpl.ckpt")
    add("--out", type=Path, required=True, metavar="ENGINE", help="engine folder to write")
    add("--data", metavar="SET", help="a *30 motion set: compare (and calibrate int8) on it; default: random")
    add("--precision", default="fp32", choices=PRECISIONS, help="of the step's linear layers and attention")
    add("--allow-error", type=float, metavar="MM", help="mean joint error to accept of bf16 or int8 (default: 1)")
    add("--statistics", metavar="FILE", help="with released weights: stats_compose.py, or .json with mean and std")
    add("--gravity", choices=GRAVITIES, help="with released weights: their y (default: measured)")
    add("--licence", default=DEFAULT_LICENCE, help="what the engine may be used for")
    add("--profile", default="plain", choices=PROFILES, help="unity: graphs that Unity and Unreal read")
    add("--fuse-steps", type=int, metavar="K", help="also the guided sampler of K steps as one graph")
    add("--text-encoder", metavar="T5|BERT", help="for a checkpoint without one: a T5 or BERT folder, or its hub id")
    add("--text-encoder-precision", default="fp32", choices=TEXT_PRECISIONS, help="default: fp32")
    add("--cache-prompts", type=Path, metavar="FILE", help="embed these prompts, one a line; leave the encoder out")
    plan_options.add_export_options(options)
    add("--triton", type=Path, metavar="DIR", help="write a Triton model repository of the engine too")
    return options


def read_options(arguments: Sequence[str] | None) -> CommandOptions:
    """The options, checked as far as they can be before any work.  Raises InputError."""
    args = parser().parse_args(arguments)
    text_encoder = None
    if args.text_encoder is not None:
        prompts = None if args.cache_prompts is None else read_prompts(args.cache_prompts)
        text_encoder = TextEncoderOptions(args.text_encoder, args.text_encoder_precision, prompts)
    elif args.cache_prompts is not None:
        raise InputError("--cache-prompts without --text-encoder; wanted the encoder that embeds the prompts")
    engine = ExportOptions(
        checkpoint=args.checkpoint,
        out=args.out,
        licence=args.licence,
        data=args.data,
        precision=args.precision,
        allowed_error=args.allow_error,
        statistics=args.statistics,
        gravity=args.gravity,
        profile=args.profile,
        fused_steps=args.fuse_steps,
        text_encoder=text_encoder,
    )
    return CommandOptions(engine, plan_options.export_options(vars(args)), args.triton)


def run(options: CommandOptions) -> None:
    """Export, then build plans and a model repository where they were asked for.  Raises GenmoError."""
    from genmo.export import pipeline, token_pipeline

    if token_pipeline.is_tokens(options.engine.checkpoint):
        if options.triton is not None:
            raise InputError("--triton is for denoisers: leave it out for motion tokens")
        if options.plans is not None:
            build_plans.check_buildable(options.plans, "fp32")  # whatever their weights are stored in
        out = token_pipeline.export_tokens(options.engine)
        if options.plans is not None:
            print(f"wrote {build_plans.build_plans(out, options.plans)}")
        print(f"wrote {out}\nnext:\n{token_pipeline.next_commands(out)}")
        return
    if options.plans is not None:
        build_plans.check_buildable(options.plans, options.engine.precision)
    if options.triton is not None:
        triton.check_place(options.triton)
    out = pipeline.export(options.engine)
    if options.plans is not None:
        print(f"wrote {build_plans.build_plans(out, options.plans)}")
    if options.triton is not None:
        names = triton.write_repository(out, options.triton)
        print(f"wrote {options.triton}\n{triton.next_commands(options.triton, names)}")
    print(f"wrote {out}\nnext:\n{pipeline.next_commands(out)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 over the parity gate, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="export")


if __name__ == "__main__":
    sys.exit(main())
