"""`genmo-run --between A B`: two motion files with made-up frames between them."""

from __future__ import annotations

from pathlib import Path

from genmo.runtime.cli.run_options import AUTO, KEYPOINT_OPTIONS, RunOptions, flag
from genmo.runtime.cli.run_timeline import OF_TIMELINE
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.model import MotionModel, Result
from genmo.runtime.refine.joining import TRIES, between_timeline, filled, smoothest
from genmo.runtime.retarget.keyframes import motion_from_file
from genmo.runtime.support.errors import InputError

SECONDS = 1.0
"""between two motions, where no option says it"""
_TOGETHER = {"text", "seconds"}


def check_between(options: RunOptions) -> None:
    """Raise InputError for options that do not go with `--between`, and before any work for prompts with spans."""
    others = [name for name in (*OF_TIMELINE, *KEYPOINT_OPTIONS, "timeline", "loop", "tries") if name not in _TOGETHER]
    name = "seconds auto" if options.seconds == AUTO else options.first_given(*others)
    if name is not None:
        raise InputError(f"{flag(name)} together with --between; wanted two motions, --seconds and perhaps one --text")
    if len(options.text) > 1:
        raise InputError(f"{len(options.text)} texts with --between; wanted at most one, of what happens there")
    if options.samples > 1:
        raise InputError("--samples with --between; wanted one motion: try other --seed")


def made_between(model: MotionModel, options: RunOptions) -> tuple[Timeline, str, Result]:
    """What stands for it as a timeline, its title, and the motion.  Raises InputError."""
    first, second = (motion_from_file(path) for path in options.between)
    prompt = options.text[0] if options.text else None
    seconds = options.seconds if isinstance(options.seconds, int | float) else SECONDS
    timeline, first, second = between_timeline(first, second, seconds, prompt, options.seed or 0, move=True)
    result = model.follow(
        timeline, samples=TRIES, tries=1, clean_feet=options.clean_feet, split_texts=options.split_texts
    )
    tries = [filled(first, second, made) for made in result.motions]
    motion = smoothest(tries, first.frames, tries[0].frames - second.frames)
    whole = Result([motion], result.timings, result.errors[:1], result.notes)
    title = " to ".join(Path(path).stem.encode("utf-8", "replace").decode() for path in options.between)
    return Timeline(motion.frames, unconditioned=True), title, whole
