"""genmo-clips: a library of clips for a game in one command."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genmo.runtime.cli.clips_files import EACH, check_place, write_library
from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.clips.library import Clip, make_library
from genmo.runtime.clips.spec import EXAMPLE, LibrarySpec, read_spec
from genmo.runtime.engine.open_denoiser import BACKENDS
from genmo.runtime.model import MotionModel
from genmo.runtime.retarget.character import Character, read_character
from genmo.runtime.retarget.root_bone import check_root_bone
from genmo.runtime.retarget.write import check_holds
from genmo.runtime.support.cli import OneLineParser, run_main, say
from genmo.runtime.support.errors import InputError

PROGRAM = "genmo-clips"
MAKING = 0.9
"""share of the time that the clips take; the rest is for pictures and files"""


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Make a library of clips for one character: loops, turns, jumps, and the transitions between.",
        epilog="Example: genmo-clips --example > spec.yaml; genmo-clips spec.yaml --out library",
    )
    add = options.add_argument
    add("spec", nargs="?", metavar="SPEC.yaml", help="which clips; --example prints one")
    add("--example", action="store_true", help="print a specification of 24 clips and their transitions, and stop")
    add("--out", action="once", metavar="DIR", help="folder that is made: library.glb, manifest.json, sheet.html")
    each = "/".join(EACH)
    add("--each", action="append", default=[], metavar=each, help="a file of every clip too; repeatable")
    add(
        "--character", action="once", metavar="F.glb", help="who plays: .glb, .gltf or .vrm (default: genmo's own body)"
    )
    add(
        "--character-map",
        action="once",
        metavar="F.json",
        help="where names of bones do not tell: part -> bone of the character",
    )
    add("--no-root-bone", dest="root_bone", action="store_false", help="leave the way over the ground to the pelvis")
    add("--in-place", action="store_true", help="without the way over the ground; the manifest has it")
    add("--seed", type=int, metavar="n", help="another seed than the specification's")
    add("--samples", type=int, metavar="n", help="tries of each clip, in place of the specification's")
    add("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    add("--backend", choices=BACKENDS, help="library that runs it (default: the first of these that is installed)")
    add("--device", choices=("cpu", "cuda"), help="where the engine runs (default: cpu; tensorrt: cuda)")
    add("--threads", type=int, default=0, metavar="n", help="CPU threads (default: all cores)")
    add("--json", action="store_true", help="print one JSON object")
    return options


@dataclass(frozen=True)
class ClipsOptions:
    """What `genmo-clips` was asked to do."""

    spec: str | None
    example: bool
    out: str | None
    each: tuple[str, ...]
    character: str | None
    character_map: str | None
    root_bone: bool
    in_place: bool
    seed: int | None
    samples: int | None
    engine: str | None
    backend: str | None
    device: str | None
    threads: int
    json: bool


def read_options(arguments: Sequence[str] | None) -> ClipsOptions:
    """The options of the command line.  Raises InputError for those that cannot be."""
    values = vars(parser().parse_args(arguments))
    options = ClipsOptions(**{**values, "each": tuple(dict.fromkeys(one.lower() for one in values["each"]))})
    if options.example:
        return options
    if options.spec is None or options.out is None:
        raise InputError(
            f"nothing to do; wanted SPEC.yaml and --out DIR ({PROGRAM} --example prints a specification to begin with)"
        )
    for suffix in options.each:
        if suffix not in EACH:
            raise InputError(f"--each {suffix}: wanted one of {', '.join(EACH)}")
    if options.character_map is not None and options.character is None:
        raise InputError("--character-map without --character; wanted the character that it is about")
    return options


def asked_library(options: ClipsOptions) -> LibrarySpec:
    """The specification with what the options replace.  Raises InputError."""
    assert options.spec is not None
    spec = read_spec(options.spec)
    for name, low, high in (("seed", 0, 2**31), ("samples", 1, 50)):
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise InputError(f"--{name} is {value}; wanted {low} to {high}")
    changed = {name: getattr(options, name) for name in ("seed", "samples") if getattr(options, name) is not None}
    return replace(spec, **changed)


def performer(options: ClipsOptions) -> Character | None:
    """Who plays.  Raises InputError for a character that cannot."""
    if options.character is None:
        return None
    character = read_character(options.character, options.character_map)
    for suffix in (".glb", *options.each):
        check_holds(character, f"clip{suffix}")
    if options.root_bone:
        check_root_bone(character)
    return character


def run(options: ClipsOptions) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    if options.example:
        sys.stdout.write(EXAMPLE.read_text(encoding="utf-8"))
        return
    assert options.out is not None
    out = Path(options.out)
    spec = asked_library(options)
    check_place(out)
    character = performer(options)
    started = time.perf_counter()
    model = MotionModel.load(options.engine, backend=options.backend, device=options.device, threads=options.threads)
    bar = progress_bar()
    clips = make_library(model, spec, lambda share: bar(MAKING * share))
    write_library(
        clips,
        spec,
        out,
        each=options.each,
        character=character,
        root_bone=options.root_bone,
        in_place=options.in_place,
        progress=lambda share: bar(MAKING + (1 - MAKING) * share),
    )
    tell(clips, out, model, time.perf_counter() - started, options.json)


def tell(clips: list[Clip], out: Path, model: MotionModel, seconds: float, as_json: bool) -> None:
    """What was made, and a line for every clip that is not what was asked for."""
    if as_json:
        facts = {
            "clips": len(clips),
            "misses": {clip.name: list(clip.missed) for clip in clips if clip.missed},
            "seconds": round(seconds, 1),
            "processor_seconds": round(time.process_time(), 1),
            "backend": model.backend,
            "device": model.device,
            "outputs": [str(out / name) for name in sorted(os.listdir(out))],
        }
        print(json.dumps(facts))
        return
    for clip in clips:
        if clip.missed:
            say(f"{PROGRAM}: note: {clip.name}: {'; '.join(clip.missed)}")
    print("\n".join(str(out / name) for name in sorted(os.listdir(out))))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or a file that could not be written (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
