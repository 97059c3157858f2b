"""The manifest of a library: what a state machine or motion matching reads beside the files (`docs/clips.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from genmo.runtime.clips.library import Clip
from genmo.runtime.clips.measuring import root_of, stands
from genmo.runtime.clips.spec import LibrarySpec
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.root_motion import repeated
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.support.arrays import Array, Flags

VERSION = 1
_FEET = ("left_foot", "right_foot")
_LANDS = (0.0, 0.5)
"""the phase in which the left and the right foot land"""


def manifest(
    clips: list[Clip], spec: LibrarySpec, files: Mapping[str, str], own_files: Mapping[str, list[str]]
) -> dict[str, Any]:
    """The manifest as JSON values.  `files`: by what they are; `own_files`: the files of each clip, by its name."""
    loops = {clip.name: clip for clip in clips if clip.kind == "loop"}
    phases = {name: gait_phase(standing_of(clip), True) for name, clip in loops.items()}
    return {
        "format": "genmo-clips",
        "version": VERSION,
        "fps": FPS,
        "axes": {"up": "+y", "ahead": "+z", "left": "+x", "unit": "metre", "angle": "degrees to the left"},
        "joints": list(JOINTS),
        "seed": spec.seed,
        "limits": asdict(spec.limits),
        "files": dict(files),
        "clips": [_clip(clip, phases, own_files.get(clip.name, [])) for clip in clips],
    }


def _clip(clip: Clip, phases: Mapping[str, list[float] | None], own_files: list[str]) -> dict[str, Any]:
    motion, asked = clip.motion, asdict(clip.asked)
    root, standing = root_of(motion), standing_of(clip)
    entry: dict[str, Any] = {
        "name": clip.name,
        "kind": clip.kind,
        "files": own_files,
        "text": clip.text,
        "frames": motion.frames,
        "seconds": _rounded((motion.frames - 1) / FPS),
        "loop": motion.loops,
    }
    for key, loop, frame in (("from", "start", clip.leave), ("to", "end", clip.enter)):
        if frame is not None:
            name = asked[loop]
            of_loop = phases[name]
            phase = None if of_loop is None else of_loop[frame]
            entry[key] = {"clip": name, "frame": frame, "phase": phase}
    numbers = ("speed", "direction", "turn", "ahead", "rise", "seconds")
    entry["asked"] = {name: asked[name] for name in numbers if asked.get(name) is not None}
    entry["measured"] = {name: _rounded(value) for name, value in asdict(clip.found).items()}
    entry["meets"], entry["misses"] = not clip.missed, list(clip.missed)
    entry["root"] = {
        "x": _rounded_list(root.position[:, 0]),
        "z": _rounded_list(root.position[:, 2]),
        "heading": _rounded_list(np.degrees(root.yaw)),
    }
    entry["contacts"] = {foot: _spans(standing[:, side]) for side, foot in enumerate(_FEET)}
    entry["phase"] = gait_phase(standing, motion.loops)
    return entry


def standing_of(clip: Clip) -> Flags:
    """Whether left and right foot stand [frames, 2]; of a loop as it plays again and again."""
    if not clip.motion.loops:
        return stands(clip.motion)
    period = clip.motion.frames - 1
    return stands(repeated(clip.motion, 3))[period : 2 * period + 1]


def gait_phase(standing: Flags, loops: bool) -> list[float] | None:
    """The phase of each frame: 0 where the left foot lands, 0.5 where the right one does, and even between.

    Before the first landing and after the last one of what does not loop it goes on as it went.  None where the feet do
    not land in turn.
    """
    landings = sorted(
        (int(frame), side) for side in (0, 1) for frame in np.flatnonzero(standing[1:, side] & ~standing[:-1, side]) + 1
    )
    frames = len(standing)
    if loops:  # the last frame is the first
        landings = [(frame % (frames - 1), side) for frame, side in landings]
        if len(landings) < 2 or len(landings) % 2:
            return None
        landings = sorted(landings)
        landings.append((landings[0][0] + frames - 1, landings[0][1]))
    sides = [side for _, side in landings]
    times = np.array([frame for frame, _ in landings], np.float64)
    in_turn = all(one != other for one, other in zip(sides, sides[1:], strict=False)) and bool(
        (np.diff(times) > 0).all()
    )
    if len(landings) < 2 or not in_turn:
        return None
    values = _LANDS[sides[0]] + 0.5 * np.arange(len(landings))
    index = np.arange(frames, dtype=np.float64)
    slopes = np.diff(values) / np.diff(times)
    phase = np.interp(index, times, values)
    phase = np.where(index < times[0], values[0] + slopes[0] * (index - times[0]), phase)
    phase = np.where(index > times[-1], values[-1] + slopes[-1] * (index - times[-1]), phase)
    return _rounded_list(phase % 1.0)


def _spans(flags: Flags) -> list[list[int]]:
    """[start, end) of where `flags` [frames] are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [[int(start), int(end)] for start, end in edges.reshape(-1, 2)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _rounded_list(values: Array) -> list[float]:
    return [round(float(value), 4) for value in values]
