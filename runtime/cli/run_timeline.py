"""What the options of `genmo-run` ask for: the timeline of a motion, and the notes on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from genmo.runtime.cli.edit_span import FORM, EditedMotion, edited_motion
from genmo.runtime.cli.keyframe_picks import parse_pick, picked_keyframes
from genmo.runtime.cli.run_options import AUTO, KEYPOINT_OPTIONS, STATIC, VIDEO_OPTIONS, RunOptions, flag
from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, JointTargets, Keyframes, joined_keyframes
from genmo.runtime.conditions.spans import FeatureSpan, KeypointSpan, Text
from genmo.runtime.conditions.text_sequence import natural_frames
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES, Timeline
from genmo.runtime.engine.natural_length import NaturalLength
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.readers.constraints import read_joint_targets, read_keyframes
from genmo.runtime.readers.music import read_music
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.support.errors import InputError

SAMPLING = ("seed", "steps", "guidance", "loop")
OF_CONSTRAINTS = ("keyframes", "keyframe", "edit", "constraints")
OF_TIMELINE = ("text", "keypoints", *OF_CONSTRAINTS, "frames", "seconds", "music", "video")
"""options whose place is in the file of `--timeline`"""
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
    return Text(match["prompt"], start or 0, end, unit="seconds")


def _tells_time(tail: str) -> bool:
    """Whether what follows an @ is digits with signs and words of time between them, and nothing else."""
    words = re.findall(r"[^\W\d_]+", tail.lower())
    return re.match(r"[^\w]*\d", tail) is not None and "'" not in tail and set(words) <= _TIME_WORDS


def length_in_frames(frames: int | None, seconds: float | None) -> int | None:
    """Frames that the options ask for, or None."""
    if seconds is not None:
        if not 0 < seconds <= MAX_FRAMES / FPS:
            raise InputError(f"--seconds is {seconds:g}; wanted more than 0, at most {int(MAX_FRAMES / FPS)}")
        return max(1, round(seconds * FPS))
    return frames


Lengths = Callable[[Sequence[Text]], NaturalLength]
"""how long a motion of texts takes by itself, as the engine has it"""


def timeline_of(
    options: RunOptions,
    keypoints: tuple[KeypointSpan, ...] = (),
    video: tuple[FeatureSpan, ...] = (),
    subject_notes: tuple[str, ...] = (),
    lengths: Lengths | None = None,
) -> Timeline:
    """What the options ask for: `--timeline`, with its seed, steps, guidance and loop replaced where they are given, or
    the timeline that the other options describe, with the `keypoints` and `video` features of one person; `lengths` is
    for `--seconds auto`.
    Raises InputError for what cannot be.
    """
    sampling = {name: value for name in SAMPLING if (value := getattr(options, name)) is not None}
    if options.timeline is not None:
        return replace(_read_timeline(options, options.timeline), **sampling)
    if not keypoints and options.first_given("text", "music", *OF_CONSTRAINTS) is None:
        raise InputError("nothing to make a motion from; wanted --text or --keypoints, or --keyframes or --timeline")
    if options.edit is None and (alone := options.first_given("edit_parts", "vary")) is not None:
        raise InputError(f"{flag(alone)} without --edit; wanted --edit {FORM} too, the motion that it is about")
    texts = tuple(parse_text(argument) for argument in options.text)
    music = None if options.music is None else read_music(options.music)
    edited = None if options.edit is None else _edited(options, options.edit)
    keyframes = _keyframes(options) if edited is None else edited.keyframes
    joint_targets = NO_JOINT_TARGETS if options.constraints is None else read_joint_targets(options.constraints)
    frames = _asked_length(options) if edited is None else edited.frames
    if lengths is not None and options.seconds == AUTO:
        natural = lengths(texts)
        frames = _with_constraints(natural.frames, keyframes, joint_targets)
        subject_notes += (NaturalLength(frames, natural.goes_on and frames == natural.frames).note(texts),)
    if frames is None:
        ends = [text.end for text in texts if text.end is not None]
        if options.split_texts and not keypoints and music is None:
            open_ended = [text for text in texts if text.end is None]
            ends += [text.start + taken for text in open_ended if (taken := natural_frames(text.prompt)) is not None]
        frames = _default_length(keypoints, None if music is None else len(music), ends)
        frames = _with_constraints(frames, keyframes, joint_targets)
    music_spans = () if music is None else (FeatureSpan("music", music[:frames], source=str(options.music)),)
    return Timeline(
        frames,
        texts,
        keypoints,
        features=(*music_spans, *video),
        keyframes=keyframes,
        places=joint_targets,
        revision=None if edited is None else edited.revision,
        notes=subject_notes,
        unit="frames" if options.seconds is None else "seconds",
        **sampling,
    )


def check_auto(options: RunOptions) -> None:
    """Raise InputError for what has a length of its own beside `--seconds auto`, and for no text."""
    if options.seconds != AUTO:
        return
    name = options.first_given("keypoints", "video", "music", "edit", "between", "timeline")
    if name is not None:
        raise InputError(f"--seconds auto together with {flag(name)}, which has a length; leave --seconds out")
    if not options.text:
        raise InputError("--seconds auto without --text; wanted a text, whose action takes a time, or a number")


def _asked_length(options: RunOptions) -> int | None:
    return length_in_frames(options.frames, None if isinstance(options.seconds, str) else options.seconds)


def _with_constraints(frames: int, *constraints: Keyframes | JointTargets) -> int:
    """So many frames, or as many as reach to the last of the constraints."""
    return max([frames, *(int(each.frames.max()) + 1 for each in constraints if len(each.frames))])


def _keyframes(options: RunOptions) -> Keyframes:
    """Those of `--keyframes` and of every `--keyframe`."""
    whole = [] if options.keyframes is None else [read_keyframes(options.keyframes)]
    return joined_keyframes([*whole, picked_keyframes([parse_pick(pick, "--keyframe") for pick in options.keyframe])])


def _edited(options: RunOptions, argument: str) -> EditedMotion:
    """The motion of `--edit`.  Raises InputError for options that do not go with it."""
    name = options.first_given("keypoints", "video", "music", "keyframes", "keyframe", "frames", "seconds")
    if name is not None:
        raise InputError(f"{flag(name)} together with --edit; wanted --text and --edit, which keeps the rest")
    return edited_motion(argument, options.edit_parts, options.vary)


def _read_timeline(options: RunOptions, path: str) -> Timeline:
    name = options.first_given(*OF_TIMELINE, *KEYPOINT_OPTIONS, *VIDEO_OPTIONS)
    if name is not None:
        raise InputError(f"{flag(name)} together with --timeline; wanted it in {path}, which says when")
    return read_timeline(path)


def _default_length(keypoints: tuple[KeypointSpan, ...], music: int | None, ends: list[int]) -> int:
    """Frames where no option says it: of the keypoints, else of the music, and at least to the last of the `ends` of
    texts; with texts alone to that, or the usual number where they have no end."""
    if keypoints or music is not None:
        return max([keypoints[0].frames if keypoints else music or 0, *ends])
    return max(ends, default=DEFAULT_FRAMES)


def notes(timeline: Timeline, options: RunOptions) -> list[str]:
    """What was taken for granted."""
    without_camera = [span for span in timeline.keypoints if span.camera is None and options.camera != STATIC]
    sources = [span.source or options.keypoints for span in without_camera if options.video is None]
    static = [f"no camera_to_world in {source}; the camera is taken for static" for source in sources]
    return [*timeline.notes, *static]


def title_of(timeline: Timeline, options: RunOptions) -> str:
    """What stands over a picture of the motion: its texts, else the name of a file that it came from."""
    prompts = " / ".join(text.prompt for text in timeline.texts)
    name = options.first_given("timeline", "keypoints", "video", "music", "keyframes", "constraints")
    if name is None and options.keyframe:
        return Path(parse_pick(options.keyframe[0], "--keyframe").file).stem.encode("utf-8", "replace").decode()
    if prompts or name is None:
        return prompts
    return Path(getattr(options, name)).stem.encode("utf-8", "replace").decode()  # a name need not be text
