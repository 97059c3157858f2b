"""genmo-train CONFIG [key=value ...] --out DIR"""

from __future__ import annotations

import sys
from pathlib import Path

from genmo.runtime.__main__ import OneLineParser
from genmo.runtime.errors import GenmoError
from genmo.train.config import presets, read_config
from genmo.train.trainer import train


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(prog="genmo-train", description="Train a denoiser; run again to resume.")
    parser.add_argument("config", help=f"a YAML file or a preset ({', '.join(presets())})")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. steps=2000 model.depth=6")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="checkpoint folder")
    args = parser.parse_args(arguments)
    try:
        train(read_config(args.config, args.overrides), args.out)
    except GenmoError as error:
        print(f"genmo-train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
