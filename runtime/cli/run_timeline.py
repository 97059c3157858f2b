"""What the options of `genmo-run` ask for: the timeline of a motion, and what is told about it."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import replace
from pathlib import Path

from genmo.runtime.cli.run_subjects import OF_SEEN, STATIC, Subjects
from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES
from genmo.runtime.conditions.spans import FeatureSpan, Text
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES, Timeline
from genmo.runtime.motion.motion import FPS
from genmo.runtime.readers.constraints import read_joint_targets, read_keyframes
from genmo.runtime.readers.music import read_music
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.support.errors import InputError

_SECONDS = r"(?:\d+(?:\.\d*)?|\.\d+)"
_SPAN = re.compile(rf"(?P<prompt>.*)@(?P<start>{_SECONDS})s?-(?:(?P<end>{_SECONDS})s?)?", re.DOTALL)
_TIME_WORDS = frozenset(
    "s sec secs second seconds m min mins minutes ms h f fps frame frames t to till until e".split()
)


def parse_text(argument: str) -> Text:
    """A `--text` argument: the prompt, and `@start-end` in seconds where given: "@0-3", "@0.5-2s", "@2-" to the end.

    Raises InputError for what ends nearly so, which would become a part of the prompt.
    """
    match = _SPAN.fullmatch(argument)
    if match is None:
        tail = argument.rpartition("@")[2]
        if "@" in argument and _tells_time(tail):
            raise InputError(
                f"--text: its end {'@' + tail[:40]!r} is no span; wanted @start-end in seconds right behind the words, "
                "such as @0-3 or @1.5-4s (@2- reaches to the end)"
            )
        return Text(argument)
    start, end = (
        None if match[name] is None else round(min(float(match[name]), 1e9) * FPS) for name in ("start", "end")
    )
    return Text(match["prompt"], start or 0, end)


def _tells_time(tail: str) -> bool:
    """Whether what follows an @ is digits with signs and words of time between them, and nothing else."""
    words = re.findall(r"[^\W\d_]+", tail.lower())
    return re.match(r"[^\w]*\d", tail) is not None and "'" not in tail and set(words) <= _TIME_WORDS


def length_in_frames(frames: int | None, seconds: float | None, texts: list[Text]) -> int | None:
    """Frames asked for; with neither option the end of the last text span, or None."""
    if seconds is not None:
        if not (math.isfinite(seconds) and seconds > 0):
            raise InputError(f"--seconds is {seconds:g}; wanted more than 0")
        return max(1, round(seconds * FPS))
    ends = [text.end for text in texts if text.end is not None]
    return frames if frames is not None or not ends else max(ends)


def timeline_of(args: argparse.Namespace, seen: Subjects, person: int | None = None) -> Timeline:
    """What the arguments ask for: `--timeline`, with its seed, steps and guidance replaced where they are given, or
    the timeline that the other options describe, of one `person` of those seen.  Raises InputError for what cannot be.
    """
    told = {name: value for name in ("seed", "steps", "guidance") if (value := getattr(args, name)) is not None}
    if args.timeline is not None:
        for name in ("text", "keypoints", "keyframes", "constraints", "frames", "seconds", "music", "video", *OF_SEEN):
            if getattr(args, name) not in (None, []):
                option = name.replace("_", "-")
                raise InputError(f"--{option} together with --timeline; wanted it in {args.timeline}, which says when")
        return replace(read_timeline(args.timeline), **told)
    texts = tuple(parse_text(argument) for argument in args.text)
    frames = length_in_frames(args.frames, args.seconds, list(texts))
    keypoints, watched = seen.spans(person)
    music = None if args.music is None else read_music(args.music)
    keyframes = NO_KEYFRAMES if args.keyframes is None else read_keyframes(args.keyframes)
    places = NO_JOINT_TARGETS if args.constraints is None else read_joint_targets(args.constraints)
    if not (texts or keypoints or args.music or args.keyframes or args.constraints):
        raise InputError("nothing to make a motion from; wanted --text or --keypoints, or --keyframes or --timeline")
    if frames is None:
        frames = keypoints[0].frames if keypoints else DEFAULT_FRAMES if music is None else len(music)
        if args.seconds is None and args.frames is None:
            last = [int(part.frames.max()) + 1 for part in (keyframes, places) if len(part.frames)]
            frames = max([frames, *last])
    heard = () if music is None else (FeatureSpan("music", music[:frames], source=str(args.music)),)
    features = (*heard, *watched)
    return Timeline(
        frames, texts, keypoints, features=features, keyframes=keyframes, places=places, notes=seen.notes, **told
    )


def notes(timeline: Timeline, args: argparse.Namespace) -> list[str]:
    """What was taken for granted."""
    guessed = [span for span in timeline.keypoints if span.camera is None and args.camera != STATIC]
    unknown = [span.source or args.keypoints for span in guessed if args.video is None]
    static = [f"no camera_to_world in {source}; the camera is taken for static" for source in unknown]
    return [*timeline.notes, *static]


def title_of(timeline: Timeline, args: argparse.Namespace) -> str:
    """What stands over a picture of the motion."""
    said = " / ".join(text.prompt for text in timeline.texts)
    files = args.timeline, args.keypoints, args.video, args.music, args.keyframes, args.constraints
    return said or Path(next(file for file in files if file)).stem
