"""The conditions of one motion over time: the `Timeline`, as the file `timeline.yaml` holds one.

Frames count from 0 at 30 a second; a span [start, end) excludes its end.  `docs/timeline.md` has every key of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from genmo.runtime.conditions.condition_arrays import camera_condition, keypoint_conditions
from genmo.runtime.conditions.constraints import (
    NO_HEADINGS,
    NO_JOINT_TARGETS,
    NO_KEYFRAMES,
    Frames,
    Headings,
    JointTargets,
    Keyframes,
)
from genmo.runtime.conditions.keypoint_cleaning import clean_keypoints
from genmo.runtime.conditions.revision import Revision
from genmo.runtime.conditions.spans import (
    CameraSpan,
    FeatureSpan,
    KeypointSpan,
    ReferenceSpan,
    SeedSpan,
    Text,
    Unit,
    length_text,
    range_text,
    time_text,
)
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

DEFAULT_FRAMES = 120
MAX_GUIDANCE = 10.0
"""beyond it texts pull motions off the ground, and the network was never near such values"""
Span = KeypointSpan | CameraSpan | FeatureSpan
Loop = Literal["gait", "exact"]
MOST_SPEED = 8.0
"""m/s that a loop may be asked for"""
SHORTEST_LOOP = 16
"""frames; over half of it at each end a cycle is joined to itself"""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The conditions of one motion of `frames` frames.

    Texts may overlap each other and everything else; keypoints may not overlap keypoints, nor cameras cameras.  Each
    keypoint span has intrinsics and a camera of its own, and a world of its own: the first one's is the motion's.
    Raises InputError for spans, keyframes and joint targets that do not lie within the motion, and for wrong options.
    """

    frames: int = DEFAULT_FRAMES
    texts: tuple[Text, ...] = ()
    keypoints: tuple[KeypointSpan, ...] = ()
    cameras: tuple[CameraSpan, ...] = ()
    """cameras of frames without keypoints"""
    features: tuple[FeatureSpan, ...] = ()
    """music and video"""
    keyframes: Keyframes = NO_KEYFRAMES
    places: JointTargets = NO_JOINT_TARGETS
    headings: Headings = NO_HEADINGS
    steps: int | None = None
    """denoising steps; None: one with keypoints alone, else the engine's default (`Conventions`)"""
    guidance: float | None = None
    """weight of texts and music; None: the engine's default (`Conventions`)"""
    seed: int = 0
    seeds: tuple[SeedSpan, ...] = ()
    """frames whose noise has a seed of its own, later ones before earlier"""
    references: tuple[ReferenceSpan, ...] = ()
    """motions that frames are to be like; they may not overlap"""
    unconditioned: bool = False
    """whether the motion may hang on nothing at all: some motion of a person"""
    notes: tuple[str, ...] = field(default=())
    """assumptions made when files were read, for the user"""
    unit: Unit = "frames"
    """what the length was given in"""
    loop: Loop | None = None
    """make it a cycle, of `frames` frames and the first one again: of exactly so many ("exact"), or of the nearest
    number after which the gait is where it was ("gait")"""
    revision: Revision | None = None
    """a motion of `frames` frames of which some is made anew, for engines of motion tokens"""
    velocity: tuple[float, float] | None = None
    """m/s to the left and ahead, as the person looks, at which a loop goes straight on; None: as the texts lead it"""

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= MAX_FRAMES:
            raise InputError(f"frames is {self.frames}; wanted at least 1 and at most {MAX_FRAMES}")
        revised = self.revision is not None
        if not (self.texts or self.keypoints or self.features or self.constrained or self.free or revised):
            raise InputError("nothing to make a motion from; wanted a text, keypoints, music, keyframes or constraints")
        if self.loop is not None:
            self._check_loop()
        if self.velocity is not None:
            self._check_velocity(self.velocity)
        for seed in (self.seed, *(span.seed for span in self.seeds)):
            if seed < 0:
                raise InputError(f"seed is {seed}; wanted 0 or more")
        if self.guidance is not None and not abs(self.guidance) <= MAX_GUIDANCE:
            raise InputError(
                f"guidance is {self.guidance:g}; wanted {-MAX_GUIDANCE:g} to {MAX_GUIDANCE:g}, 1 for none, "
                f"{GENMO.guidance} is usual"
            )
        for text in self.texts:
            end = self.frames if text.end is None else text.end
            if not 0 <= text.start < min(end, self.frames):
                span, whole = range_text(text.start, end, text.unit), range_text(0, self.frames, text.unit)
                raise InputError(_from(text.source, f"text {text.prompt!r} spans {span}; wanted some of {whole}"))
        for name in ("music", "video"):
            _check_spans([span for span in self.features if span.name == name], name, self.frames, self.unit)
        _check_spans(self.keypoints, "keypoints", self.frames, self.unit)
        _check_spans(self.shots, "cameras", self.frames, self.unit)
        if self.revision is not None and len(self.revision.rotations) != self.frames:
            raise InputError(f"a revision of {len(self.revision.rotations)} frames; wanted {self.frames}, the motion's")
        end = 0
        for reference in sorted(self.references, key=lambda span: span.start):
            if not end <= reference.start < reference.end <= self.frames:
                raise InputError("references overlap or leave the motion; wanted them one after another within it")
            end = reference.end
        constraints = ("keyframe", self.keyframes), ("constraint", self.places), ("heading", self.headings)
        for what, constraint in constraints:
            check_frames(constraint.frames, what, self.frames)

    def _check_loop(self) -> None:
        if self.loop not in (loops := get_args(Loop)):
            raise InputError(f"loop is {self.loop!r}; wanted {' or '.join(loops)}")
        if self.keypoints or self.cameras or self.features or self.constrained or self.references:
            raise InputError("a loop beside keypoints, cameras, music, keyframes or constraints; wanted texts alone")
        if self.frames < SHORTEST_LOOP:
            raise InputError(f"a loop of {length_text(self.frames, self.unit)}; wanted at least {SHORTEST_LOOP} frames")

    def _check_velocity(self, velocity: tuple[float, float]) -> None:
        values = np.asarray(velocity, np.float64)
        if values.shape != (2,) or not np.isfinite(values).all() or np.hypot(*values) > MOST_SPEED:
            raise InputError(
                f"velocity is {velocity}; wanted m/s to the left and ahead, at most {MOST_SPEED:g} together"
            )
        if self.loop is None:
            raise InputError("a velocity without a loop; wanted a loop, or a path of constraints")

    @property
    def shots(self) -> tuple[KeypointSpan | CameraSpan, ...]:
        """Spans with a camera, in order of time."""
        return tuple(sorted((*self.keypoints, *self.cameras), key=lambda span: span.start))

    @property
    def boundaries(self) -> list[int]:
        """Frames, in order, at which a condition begins or has ended."""
        spans: list[Text | Span | ReferenceSpan] = [*self.texts, *self.keypoints, *self.cameras, *self.features]
        spans += self.references
        frames = {frame for span in spans for frame in (span.start, span.end) if frame is not None}
        return sorted(frame for frame in frames if 0 < frame < self.frames)

    @property
    def cut_texts(self) -> list[str]:
        """A line on each text that reaches beyond the motion's end, where it is cut."""
        return [
            f"text {text.prompt!r} reaches to {time_text(text.end, text.unit)}, the motion to "
            f"{time_text(self.frames, text.unit)}: the rest of it is cut"
            for text in self.texts
            if text.end is not None and text.end > self.frames
        ]

    @property
    def edges(self) -> list[int]:
        """Frames around which nothing may jerk: boundaries of conditions, and keyframes."""
        return [*self.boundaries, *map(int, self.keyframes.frames)]

    @property
    def free(self) -> bool:
        """Whether the motion may hang on no condition of the network's."""
        return bool(self.unconditioned or self.references)

    @property
    def sampled(self) -> bool:
        """Whether the motion is sampled from noise; keypoints, cameras and video alone are estimated in one step."""
        generated = self.texts or any(span.name == "music" for span in self.features)
        return bool(generated or self.constrained or self.free or self.steps is not None)

    @property
    def estimated_in_part(self) -> bool:
        """Whether frames with keypoints or video are estimated in one step and the rest is generated around them."""
        kinds = {span.name for span in self.features}
        return bool((self.keypoints or "video" in kinds) and (self.texts or self.constrained or "music" in kinds))

    @property
    def step_count(self) -> int:
        """Calls of the denoiser, once `settled`."""
        return (GENMO.steps if self.steps is None else self.steps) if self.sampled else 1

    def settled(self, conventions: Conventions) -> Timeline:
        """The timeline with its own steps and guidance, or those of the engine's conventions."""
        steps = conventions.steps if self.steps is None and self.sampled else self.steps
        return replace(self, steps=steps, guidance=conventions.guidance if self.guidance is None else self.guidance)

    @property
    def constrained(self) -> bool:
        """Whether there are keyframes, joint targets or headings."""
        return any(len(one.frames) for one in (self.keyframes, self.places, self.headings))

    def conditions(self, config: ModelConfig) -> dict[str, Array]:
        """The per-frame conditions of `signature.inputs`, [1, frames, ...], and their masks.

        Raises InputError for a condition that the engine does not take.
        """
        inputs: dict[str, Array] = {}
        for span in self.features:
            width = frame_conditions(config).get(span.name, (0,))[0]
            if width == 0:
                what = f"this engine takes no {span.name}; leave it out, or wanted --engine with one trained on it"
                raise InputError(_from(span.source, what))
            if span.values.shape[1] != width:
                what = f"{span.name} has {span.values.shape[1]} features a frame; this engine wants {width}"
                raise InputError(_from(span.source, what))
            _put(inputs, span, {span.name: span.values, f"{span.name}_mask": np.ones(span.frames)}, self.frames)
        for shot in self.shots:
            if isinstance(shot, KeypointSpan):
                arrays = keypoint_conditions(shot.keypoints, config.conventions)
            else:
                arrays = {"camera": camera_condition(shot.camera), "camera_mask": np.ones(shot.frames)}
            _put(inputs, shot, arrays, self.frames)
        return assemble(config, self.frames, inputs)


def assemble(config: ModelConfig, frames: int, inputs: dict[str, Array]) -> dict[str, Array]:
    """Every per-frame condition of the model as float32 [1, frames, ...] with its mask; absent ones are zero.

    Raises InputError for a condition that the model does not have or of another length.
    """
    conditions = frame_conditions(config)
    unknown = sorted(set(inputs) - {name + end for name in conditions for end in ("", "_mask")})
    if unknown:
        raise InputError(f"this engine takes no {unknown[0]!r} condition; it takes {sorted(conditions)} and texts")
    arrays: dict[str, Array] = {}
    for name, shape in conditions.items():
        for key, expected_shape in ((name, (frames, *shape)), (f"{name}_mask", (frames,))):
            value = inputs.get(key, np.zeros(expected_shape))
            if value.shape != expected_shape:
                raise InputError(f"condition {key} is {list(value.shape)}; wanted {list(expected_shape)}")
            arrays[key] = np.ascontiguousarray(value[None], np.float32)
    return arrays


def _put(inputs: dict[str, Array], span: Span, arrays: dict[str, Array], frames: int) -> None:
    """Write the arrays [span.frames, ...] of a span into `inputs` [frames, ...], zero elsewhere."""
    for name, values in arrays.items():
        whole = inputs.setdefault(name, np.zeros((frames, *values.shape[1:])))
        whole[span.start : span.end] = values


def _from(source: str, message: str) -> str:
    return f"{source}: {message}" if source else message


def _check_spans(spans: Sequence[Span], what: str, frames: int, unit: Unit) -> None:
    """Raise InputError for spans that leave the motion, whose length is given in `unit`, or overlap."""
    end = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start < 0 or span.end > frames:
            length, own = length_text(frames, unit), length_text(span.frames, unit)
            said = f"the motion has {length}, the {what} have {own}; wanted at least as many"
            if span.start:
                own, whole = range_text(span.start, span.end, span.unit), range_text(0, frames, span.unit)
                said = f"{what} span {own}; wanted them within {whole}"
            raise InputError(_from(span.source, said))
        if span.start < end:
            start, last = (time_text(frame, span.unit) for frame in (span.start, end))
            said = f"{what} start at {start}, where others end at {last}; wanted no overlap"
            raise InputError(_from(span.source, said))
        end = span.end


def check_frames(frames: Frames, what: str, count: int, source: str = "", unit: Unit = "frames") -> None:
    """Raise InputError for a frame outside 0 to `count`; times are told in `unit`."""
    outside = frames[(frames < 0) | (frames >= count)]
    if len(outside):
        whole = f"0 to {count - 1}" if unit == "frames" else range_text(0, count - 1, unit)
        raise InputError(_from(source, f"{what} at {time_text(int(outside[0]), unit)}; wanted it within {whole}"))


def with_clean_keypoints(timeline: Timeline) -> Timeline:
    """The timeline with the keypoints of each of its spans cleaned by themselves (`conditions.keypoint_cleaning`)."""
    spans = tuple(replace(span, keypoints=clean_keypoints(span.keypoints)) for span in timeline.keypoints)
    return replace(timeline, keypoints=spans)
