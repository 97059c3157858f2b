"""genmo-train CONFIG [key=value ...] --out DIR

PyTorch is imported when the options are read, so that `--help` works without it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.settings.config import presets, read_config
from genmo.train.settings.token_config import read_token_config, token_config_file, token_presets

PROGRAM = "genmo-train"


@dataclass(frozen=True)
class TrainOptions:
    """What `genmo-train` was asked to do."""

    config: str
    """a YAML file or the name of a preset"""
    overrides: tuple[str, ...]
    """key=value"""
    out: Path | None
    measure_feed: float | None
    """seconds to measure the loader for, instead of training"""


def read_options(arguments: Sequence[str] | None) -> TrainOptions:
    """The options of the command line.  Raises InputError for a bad number."""
    parser = OneLineParser(
        prog=PROGRAM, description="Train a denoiser, or a stage of motion tokens; run again to resume."
    )
    parser.add_argument(
        "config", help=f"a YAML file or a preset ({', '.join([*presets(), 'tokens', *token_presets()])})"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. steps=2000 model.depth=6")
    parser.add_argument("--out", type=Path, metavar="DIR", help="checkpoint folder")
    parser.add_argument(
        "--measure-feed",
        type=float,
        metavar="SECONDS",
        help="train nothing: print samples a second of the loader alone and with the model, measured for so long each",
    )
    args = parser.parse_intermixed_args(arguments)
    if args.measure_feed is not None and not args.measure_feed > 0:
        raise InputError(f"--measure-feed is {args.measure_feed}; wanted seconds above 0")
    if args.measure_feed is None and args.out is None:
        parser.error("the following arguments are required: --out")
    return TrainOptions(args.config, tuple(args.overrides), args.out, args.measure_feed)


def run(options: TrainOptions) -> None:
    """Train, or measure the loader.  Raises GenmoError with the line for the user."""
    if (tokens := token_config_file(options.config)) is not None:
        _run_tokens(options, tokens)
        return
    config = read_config(options.config, options.overrides)
    from genmo.train.loop import throughput, trainer

    if options.measure_feed is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(throughput.measure(config, Path(folder), options.measure_feed)))
    elif options.out is not None:
        trainer.train(config, options.out)


def _run_tokens(options: TrainOptions, path: Path) -> None:
    config = read_token_config(path, options.overrides)
    if options.out is None:
        raise InputError("--measure-feed is for denoisers: batches of tokens cost next to nothing; wanted --out DIR")
    from genmo.train.loop.token_trainer import train_tokens

    train_tokens(config, options.out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="train")


if __name__ == "__main__":
    sys.exit(main())
