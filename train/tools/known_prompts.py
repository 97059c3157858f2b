"""Write what a checkpoint was trained on in words beside it, where its run did not.

    python -m genmo.train.tools.known_prompts CHECKPOINT CONFIG [key=value ...]

Draws batches (of motion tokens: windows) as the run of CONFIG did and keeps their words and the prompts that stand for
all in `prompts.json`, which `genmo-export` puts into the engine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.engine.known_prompts import FILE, KnownPrompts
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.load_sets import drawn_weights, load_data, read_training_data
from genmo.train.data.seen_prompts import SeenPrompts
from genmo.train.data.token_drawing import drawn_captions, token_sampler
from genmo.train.network.checkpoint import load_checkpoint
from genmo.train.network.token_model import load_token_checkpoint
from genmo.train.settings.config import read_config
from genmo.train.settings.token_config import TokenTrainConfig, read_token_config, token_config_file

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
    file = token_config_file(args.config)
    if file is None:
        known = of_batches(args.checkpoint, args.config, args.overrides, args.batches)
    else:
        known = of_windows(args.checkpoint, read_token_config(file, args.overrides))
    if known is None:
        raise InputError(f"no clip of {args.config} has a caption; wanted some, as genmo-train reads them")
    write_aside(args.checkpoint / FILE, json.dumps(known.to_json(), indent=1) + "\n")
    print(f"{args.checkpoint / FILE}: {len(known.prompts)} prompts, {len(known.words)} words")


def of_batches(folder: Path, source: str, overrides: Sequence[str], batches: int) -> KnownPrompts | None:
    """Of a denoiser's run: what the first batches say."""
    checkpoint, config = load_checkpoint(folder), read_config(source, overrides)
    sampler, seen = read_training_data(config).sampler, SeenPrompts(checkpoint.known_prompts)
    for step in range(batches):
        for texts in sampler.draw(step, 0, max(config.generation, 1), max(config.frames)).prompts:
            seen.add(texts)
    return seen.known(checkpoint.model.text_encoder)


def of_windows(folder: Path, config: TokenTrainConfig) -> KnownPrompts | None:
    """Of stage 3 of motion tokens: what its windows say."""
    encoder, sets, seen = load_token_checkpoint(folder).model.text_encoder, config.sets(), SeenPrompts()
    clips, _, shares = load_data(sets)
    sampler = token_sampler(config, clips, config.captions)
    sampler.weights = drawn_weights(sets, clips, shares)
    seen.add(drawn_captions(sampler, config.windows, config.frames, config.seed))
    return seen.known(encoder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
