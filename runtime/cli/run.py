"""genmo-run: texts, keypoints, keyframes or a whole timeline in, motion files out."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from genmo.runtime.cli import bench
from genmo.runtime.cli.outputs import check_output, save_all, view_all, wanted_of
from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.cli.run_options import PROGRAM, parser
from genmo.runtime.cli.run_subjects import check_seen, save_seen, seen_of, with_ending
from genmo.runtime.cli.run_timeline import notes, timeline_of, title_of
from genmo.runtime.conditions.provenance import sources_of
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.model import MotionModel, Result
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.resampling import frames_at
from genmo.runtime.support.atomic_write import all_or_none
from genmo.runtime.support.cpus import stay_on
from genmo.runtime.support.errors import GenmoError, InputError


def report(model: MotionModel, result: Result, written: list[str]) -> dict[str, object]:
    """What `--json` prints; the errors, in millimetres, only where something was to be met, a list of all samples."""
    timings = result.timings
    told = {
        "frames": result.motions[0].frames,
        "fps": FPS,
        "samples": len(result.motions),
        "device": model.device,
        "backend": model.backend,
        "engine": str(model.engine.folder),
        "load_ms": round(model.load_ms, 2),
        "condition_ms": round(timings.condition_ms, 2),
        "step_ms": round(timings.step_ms, 2),
        "decode_ms": round(timings.decode_ms, 2),
        "outputs": written,
    }
    if result.errors[0].keyframes is not None:
        told["keyframe_error_mm"] = [miss.keyframes for miss in result.errors]
    if result.errors[0].places is not None:
        told["constraint_error_mm"] = [{"mean": miss.places, "max": miss.worst_place} for miss in result.errors]
    return told


def run(args: argparse.Namespace) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    if args.bench:
        measure(args)
        return
    if not args.out and not args.view:
        raise InputError("nothing to do with the motion; wanted --out FILE to write it, or --view to look at it")
    for out in args.out:
        check_output(out)
    wanted = wanted_of(args.out, args.out_fps, args.character, args.character_map)
    check_seen(args)
    model = None if args.video is None else load(args)  # a bad engine should not cost the time that a video takes
    seen = seen_of(args, model)
    people: list[int | None] = [*seen.people] or [None]
    clips = {person: timeline_of(args, seen, person) for person in people}
    model = model or load(args)
    results = {person: follow(model, timeline, args) for person, timeline in clips.items()}
    told = list(dict.fromkeys(note for timeline in clips.values() for note in notes(timeline, args)))
    if not args.json:
        for note in [*told, *ran_on(model, args)]:
            print(f"{PROGRAM}: note: {note}", file=sys.stderr)
    written = []
    with all_or_none():
        for person, result in results.items():
            outs = [str(with_ending(out, "" if person is None else seen.ending(person))) for out in args.out]
            title, given = title_of(clips[person], args), sources_of(clips[person])
            written += save_all(result.motions, outs, title, given, wanted)
        written += save_seen(
            args, seen, {person: result.motions[0] for person, result in results.items() if person is not None}
        )
    if args.view:
        shown = [
            (title_of(clips[person], args), motion, sources_of(clips[person]))
            for person, result in results.items()
            for motion in result.motions
        ]
        page, missing = view_all(shown, written)
        written += [] if page in written else [page]
        if missing is not None:
            print(f"{PROGRAM}: note: {missing}", file=sys.stderr)
    if args.json:
        first = next(iter(results.values()))
        told_of = {"people": list(seen.people)} if seen.people else {}
        rate = args.out_fps or FPS
        length = {"frames": frames_at(first.motions[0].frames, FPS, rate), "fps": rate}
        print(json.dumps({**report(model, first, written), **length, **told_of, "notes": told}))
    else:
        print("\n".join(written))


def measure(args: argparse.Namespace) -> None:
    """`--bench`: print how fast the engine is here."""
    model = load(args)
    rows, run = bench.bench(model, progress_bar()), bench.facts(model, args.threads)
    print(json.dumps(bench.told(rows, run)) if args.json else bench.table(rows, run))


def load(args: argparse.Namespace) -> MotionModel:
    """The engine that the arguments name; with `--cpus`, the whole process stays on them."""
    if args.cpus:
        stay_on(args.cpus)
    return MotionModel.load(
        args.engine,
        backend=args.backend,
        device=args.device,
        threads=args.threads,
        precision=args.precision,
        cpus=args.cpus,
        body=args.body,
    )


def follow(model: MotionModel, timeline: Timeline, args: argparse.Namespace) -> Result:
    """The motions of one timeline."""
    return model.follow(
        timeline,
        samples=args.samples,
        fit=not args.no_fit,
        clean_feet=not args.no_clean_feet,
        chunk=args.chunk,
        progress=progress_bar(),
    )


def ran_on(model: MotionModel, args: argparse.Namespace) -> list[str]:
    """What ran the engine, for those who asked for something."""
    asked = args.backend or args.device or args.precision
    return [f"the engine ran in {model.backend} on {model.device}"] if asked else []


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    args = parser().parse_args(arguments)
    if args.verbose:
        logging.basicConfig(level=logging.INFO, format=f"{PROGRAM}: %(message)s")
    try:
        run(args)
    except GenmoError as error:
        line = " ".join(str(error).split())
        print(f"{PROGRAM}: error: {line}", file=sys.stderr)
        return 2
    except MemoryError:
        print(
            f"{PROGRAM}: error: not enough memory for this length and number of samples; ask for less", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
