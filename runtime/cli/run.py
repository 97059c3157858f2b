"""genmo-run: texts, keypoints, keyframes or a whole timeline in, motion files out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from genmo.runtime.cli import bench
from genmo.runtime.cli.outputs import OutputFormat, Outputs, check_output, output_format, save_all, view_all
from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.cli.run_between import check_between, made_between
from genmo.runtime.cli.run_options import AUTO, PROGRAM, RunOptions, flag
from genmo.runtime.cli.run_parser import read_options
from genmo.runtime.cli.run_subjects import Subjects, check_subject_options, draw_overlay, find_subjects, with_ending
from genmo.runtime.cli.run_timeline import check_auto, notes, timeline_of, title_of
from genmo.runtime.conditions.provenance import sources_of
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import SHIPPED, TOKENS, Engine, family_of, load_engine
from genmo.runtime.engine.token_bundle import TokenEngine, load_token_engine
from genmo.runtime.model import MotionModel, Result
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.resampling import frames_at
from genmo.runtime.support.cli import run_main, say
from genmo.runtime.support.cpus import stay_on
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import AnyModel, TokenModel


@dataclass(frozen=True, eq=False)
class Take:
    """The motions of one person, or of a timeline without people."""

    person: int | None
    timeline: Timeline
    title: str
    result: Result


def run(options: RunOptions) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    if options.verbose:
        logging.basicConfig(level=logging.INFO, format=f"{PROGRAM}: %(message)s")
    if options.bench:
        measure(options)
        return
    if options.prompts:
        list_prompts(options)
        return
    form = check_outputs(options)
    model, subjects, takes = make(options)
    all_notes = [note for take in takes for note in (*notes(take.timeline, options), *take.result.notes)]
    taken_for_granted = list(dict.fromkeys(all_notes))
    if not options.json:
        for note in [*taken_for_granted, *engine_notes(model, options)]:
            say(f"{PROGRAM}: note: {note}")
    outputs = write(takes, subjects, options, form)
    if options.view:
        view(takes, outputs, form)
    if options.json:
        facts = report(model, takes[0].result, outputs.written) | length_of(takes[0].result, options)
        facts |= {"people": list(subjects.people)} if subjects.people else {}
        print(json.dumps(facts | {"notes": taken_for_granted}))
    elif outputs.written:
        print("\n".join(outputs.written))
    outputs.check()


def make(options: RunOptions) -> tuple[AnyModel, Subjects, list[Take]]:
    """Read what the motions are made from, and make them.  Raises GenmoError."""
    check_subject_options(options)
    if options.between:
        return make_between(options)
    check_auto(options)
    early = options.video is not None or options.seconds == AUTO  # a bad engine should not cost the time a video takes
    model = load(options) if early else None
    if options.video is not None and isinstance(model, TokenModel):
        raise InputError(f"--video with {options.engine}, which estimates nothing; wanted an engine of GENMO")
    subjects = find_subjects(options, None if isinstance(model, TokenModel) else model)
    lengths = None if model is None else model.natural_length
    people: list[int | None] = [*subjects.people] or [None]
    timelines = {person: timeline_of(options, *subjects.spans(person), subjects.notes, lengths) for person in people}
    engine: AnyModel = model or load(options)
    takes = [
        Take(person, timeline, title_of(timeline, options), follow(engine, timeline, options))
        for person, timeline in timelines.items()
    ]
    return engine, subjects, takes


def make_between(options: RunOptions) -> tuple[AnyModel, Subjects, list[Take]]:
    """`--between`.  Raises GenmoError."""
    check_between(options)
    model = load(options)
    if isinstance(model, TokenModel):
        raise InputError(f"--between with {options.engine}, which makes motion tokens; wanted an engine of GENMO")
    return model, find_subjects(options, model), [Take(None, *made_between(model, options))]


def check_outputs(options: RunOptions) -> OutputFormat:
    """How the files are written.  Raises InputError, before any work, where they cannot be."""
    if not options.out and not options.view:
        raise InputError("nothing to do with the motion; wanted --out FILE to write it, or --view to look at it")
    for out in options.out:
        check_output(out)
    return output_format(
        options.out,
        options.out_fps,
        options.character,
        options.character_map,
        in_place=options.in_place,
        root_bone=options.root_bone,
        ground=options.ground,
    )


def write(takes: Sequence[Take], subjects: Subjects, options: RunOptions, form: OutputFormat) -> Outputs:
    """Write every `--out` of every person, and the overlay."""
    outputs = Outputs()
    for take in takes:
        ending = "" if take.person is None else subjects.ending(take.person)
        paths = [with_ending(out, ending) for out in options.out]
        save_all(take.result.motions, paths, take.title, sources_of(take.timeline), form, outputs)
    if options.overlay is not None:
        motions = {take.person: take.result.motions[0] for take in takes if take.person is not None}
        outputs.write(Path(options.overlay), partial(draw_overlay, options, subjects, motions))
    return outputs


def view(takes: Sequence[Take], outputs: Outputs, form: OutputFormat) -> None:
    """Open all motions in the browser; the page counts as an output."""
    titled = [
        (take.title, *form.shown(motion, sources_of(take.timeline))) for take in takes for motion in take.result.motions
    ]
    page, missing = view_all(titled, outputs.written, form.ground)
    if page not in outputs.written:
        outputs.written.append(page)
    if missing is not None:
        say(f"{PROGRAM}: note: {missing}")


def report(model: AnyModel, result: Result, written: Sequence[str]) -> dict[str, object]:
    """What `--json` prints; the errors, in millimetres, only where there were constraints, a list of all samples."""
    timings = result.timings
    facts: dict[str, object] = {
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
        "outputs": list(written),
    }
    if result.errors[0].keyframes is not None:
        facts["keyframe_error_mm"] = [error.keyframes for error in result.errors]
    if result.errors[0].places is not None:
        facts["constraint_error_mm"] = [{"mean": error.places, "max": error.worst_place} for error in result.errors]
    return facts


def length_of(result: Result, options: RunOptions) -> dict[str, object]:
    """Length and rate of what was written."""
    rate = options.out_fps or FPS
    motion = result.motions[0]
    return {"frames": frames_at(motion.frames, FPS, rate, motion.loops), "fps": rate}


def measure(options: RunOptions) -> None:
    """`--bench`: print how fast the engine is here."""
    model = load(options)
    if isinstance(model, TokenModel):
        raise InputError("--bench with an engine of motion tokens; wanted one of GENMO")
    rows, facts = bench.bench(model, progress_bar()), bench.facts(model, options.threads)
    print(json.dumps(bench.as_json(rows, facts)) if options.json else bench.table(rows, facts))


def list_prompts(options: RunOptions) -> None:
    """`--prompts`: print prompts that the engine was trained on, one a line.  Raises InputError where it has none."""
    load = load_token_engine if family_of(options.engine) == TOKENS else load_engine
    engine: Engine | TokenEngine = load(options.engine or SHIPPED)
    if engine.known_prompts is None or not engine.known_prompts.prompts:
        raise InputError(
            f"{engine.folder} has no list of prompts; wanted an engine of a checkpoint that has prompts.json"
        )
    prompts = list(engine.known_prompts.prompts)
    print(json.dumps({"prompts": prompts}) if options.json else "\n".join(prompts))


def load(options: RunOptions) -> AnyModel:
    """The engine that the options name; with `--cpus`, the whole process stays on them."""
    if options.cpus:
        stay_on(options.cpus)
    if family_of(options.engine) == TOKENS:
        return load_tokens(options)
    return MotionModel.load(
        options.engine,
        backend=options.backend,
        device=options.device,
        threads=options.threads,
        precision=options.precision,
        cpus=options.cpus,
        body=options.body,
    )


def load_tokens(options: RunOptions) -> TokenModel:
    """The engine of motion tokens that the options name.  Raises InputError for options that it has no use for."""
    unused = options.first_given("precision", "body", "chunk")
    if unused is not None:
        raise InputError(f"{flag(unused)} is not for engines of motion tokens; leave it out")
    assert options.engine is not None
    return TokenModel.load(
        options.engine, backend=options.backend, device=options.device, threads=options.threads or len(options.cpus)
    )


def follow(model: AnyModel, timeline: Timeline, options: RunOptions) -> Result:
    """The motions of one timeline.  Raises InputError for `--tries` where one take is made."""
    single = "a loop" if timeline.loop is not None else "keypoints" if timeline.keypoints else None
    if single is not None and options.tries not in (None, 1):
        raise InputError(f"--tries is {options.tries} with {single}, of which one take is made; leave --tries out")
    if isinstance(model, TokenModel):
        return model.follow(
            timeline,
            samples=options.samples,
            tries=options.tries,
            clean_feet=options.clean_feet,
            split_texts=options.split_texts,
            progress=progress_bar(),
        )
    return model.follow(
        timeline,
        samples=options.samples,
        tries=options.tries,
        clean_keypoints=options.clean_keypoints,
        fit=options.fit,
        clean_feet=options.clean_feet,
        split_texts=options.split_texts,
        chunk=options.chunk,
        progress=progress_bar(),
    )


def engine_notes(model: AnyModel, options: RunOptions) -> list[str]:
    """What ran the engine, for those who asked for something."""
    chosen = options.backend or options.device or options.precision
    return [f"the engine ran in {model.backend} on {model.device}"] if chosen else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or a file that could not be written (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
