"""genmo-get-pose: BlazePose for `genmo-run --video`, once, out of the package that carries it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.support.cli import OneLineParser, run_main, say
from genmo.runtime.video import blazepose_files as files


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=files.COMMAND,
        description=(
            f"Get the networks that genmo-run --video looks with: BlazePose ({files.LICENCE}), its detector and the "
            f"landmarks named. {files.WHEEL.title} is fetched with pip (detector, full) and {files.TARBALL.title} "
            "with npm (lite, heavy); their networks are checked, converted to ONNX and kept in "
            f"{files.cache_folder()}. The packages are not installed; after it no network is needed."
        ),
        epilog=f"Example: {files.COMMAND} && genmo-run --video me.mp4 --out me.glb",
    )
    options.add_argument(
        "models", nargs="*", metavar="|".join(sorted(files.MODELS)), help="landmarks to get (default: full)"
    )
    options.add_argument(
        "--from", action="append", default=[], metavar="FILE", dest="archives", help="a package that is here already"
    )
    return options


def run(models: Sequence[str], archives: Sequence[str]) -> None:
    """Get the networks and print their files.  Raises InputError."""
    chosen = tuple(dict.fromkeys(models)) or files.MODELS[:1]
    written = files.install(chosen, tuple(Path(one) for one in archives), lambda line: say(f"{files.COMMAND}: {line}"))
    print("\n".join(map(str, written)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 a package that cannot be had (one line on stderr)."""

    def command() -> None:
        options = parser()
        read = options.parse_args(arguments)
        unknown = [one for one in read.models if one not in files.MODELS]
        if unknown:
            options.error(f"{unknown[0]!r} is no network; wanted {', '.join(sorted(files.MODELS))}")
        run(read.models, read.archives)

    return run_main(files.COMMAND, command)


if __name__ == "__main__":
    sys.exit(main())
