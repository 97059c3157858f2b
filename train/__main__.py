"""genmo-train CONFIG [key=value ...] --out DIR"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from genmo.runtime.support.cli import OneLineParser
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.train.loop.trainer import measure, train
from genmo.train.settings.config import presets, read_config


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    parser = OneLineParser(prog="genmo-train", description="Train a denoiser; run again to resume.")
    parser.add_argument("config", help=f"a YAML file or a preset ({', '.join(presets())})")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. steps=2000 model.depth=6")
    parser.add_argument("--out", type=Path, metavar="DIR", help="checkpoint folder")
    parser.add_argument(
        "--measure-feed",
        type=float,
        metavar="SECONDS",
        help="train nothing: print samples a second of the loader alone and with the model, measured for so long each",
    )
    args = parser.parse_intermixed_args(arguments)
    try:
        config = read_config(args.config, args.overrides)
        if args.measure_feed is not None:
            if args.measure_feed <= 0:
                raise InputError(f"--measure-feed is {args.measure_feed}; wanted seconds above 0")
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps(measure(config, Path(folder), args.measure_feed)))
        elif args.out is None:
            parser.error("the following arguments are required: --out")
        else:
            train(config, args.out)
    except (GenmoError, OSError) as error:  # OSError: a full disk, a folder that cannot be written
        print(f"genmo-train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
