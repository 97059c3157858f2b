"""Write what a checkpoint was trained on in words beside it, where its run did not.

    python -m genmo.train.tools.known_prompts CHECKPOINT CONFIG [key=value ...]

Draws batches as the run of CONFIG did and keeps their words and the prompts that stand for all in `prompts.json`, which
`genmo-export` puts into the engine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.engine.known_prompts import FILE
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.load_sets import read_training_data
from genmo.train.data.seen_prompts import SeenPrompts
from genmo.train.network.checkpoint import load_checkpoint
from genmo.train.settings.config import read_config

PROGRAM = "python -m genmo.train.tools.known_prompts"


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, draw and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="folder of the checkpoint")
    parser.add_argument("config", help="the run's preset or YAML file")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as the run had them")
    parser.add_argument("--batches", type=int, default=300, metavar="N", help="to draw (default: %(default)s)")
    args = parser.parse_args(arguments)
    if args.batches < 1:
        raise InputError(f"--batches is {args.batches}; wanted at least 1")
    checkpoint, config = load_checkpoint(args.checkpoint), read_config(args.config, args.overrides)
    sampler, seen = read_training_data(config).sampler, SeenPrompts(checkpoint.known_prompts)
    for step in range(args.batches):
        for texts in sampler.draw(step, 0, max(config.generation, 1), max(config.frames)).prompts:
            seen.add(texts)
    known = seen.known(checkpoint.model)
    if known is None:
        raise InputError(f"no clip of {args.config} has a caption; wanted some, as genmo-train reads them")
    write_aside(args.checkpoint / FILE, json.dumps(known.to_json(), indent=1) + "\n")
    print(f"{args.checkpoint / FILE}: {len(known.prompts)} prompts, {len(known.words)} words")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
