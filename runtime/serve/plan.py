"""A request as what genmo works on: a timeline in genmo's world, and the constraints that the rig itself must meet.

Frames of requests are at their own rate (`timing.fps`), those of timelines at 30 a second; positions of requests are in
the rig's world (y up, metres, the floor at y = 0), those of timelines in a mean person's (`retarget.rig_motion`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from motionmcp import GenerateRequest, Options, ProtocolError

from genmo.runtime.conditions.spans import SeedSpan, Text
from genmo.runtime.conditions.timeline import MAX_GUIDANCE, SHORTEST_LOOP, Timeline
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.resampling import frames_at
from genmo.runtime.retarget.ground import Ground
from genmo.runtime.retarget.rig_constraints import RigConstraints
from genmo.runtime.serve.constraints import read_constraints
from genmo.runtime.serve.frames import Clock
from genmo.runtime.serve.notes import Note, note
from genmo.runtime.serve.skeletons import RequestRig, request_rig

LOWEST_FPS, HIGHEST_FPS = 1.0, 240.0
LARGEST_ANSWER = 8_000_000
"""rotations (samples x frames x joints) that an answer may hold: 128 MB of them"""
POSE_FRAMES = 60
"""of the motion of which a `pose` segment is the most telling frame"""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be made."""

    rig: RequestRig
    timeline: Timeline
    clock: Clock
    constraints: RigConstraints
    ground: Ground | None
    frames: int
    """of the answer, at `fps`"""
    fps: float
    samples: int
    clean_feet: bool
    pose: bool
    """whether one pose is asked for instead of a motion"""
    notes: tuple[Note, ...]


def make_plan(request: GenerateRequest) -> Plan:
    """The plan of a request that the SDK has validated.  Raises ProtocolError for what cannot be made."""
    options = request.options or Options()
    fps = request.fps(FPS)
    if not LOWEST_FPS <= fps <= HIGHEST_FPS:
        raise ProtocolError("invalid_options", f"timing.fps is {fps:g}; wanted {LOWEST_FPS:g} to {HIGHEST_FPS:g}")
    frames, samples = request.total_frames, options.num_samples
    if samples * frames * len(request.skeleton.joints) > LARGEST_ANSWER:
        raise ProtocolError(
            "invalid_options",
            f"{samples} samples of {frames} frames of {len(request.skeleton.joints)} joints are more than an answer "
            f"holds; wanted at most {LARGEST_ANSWER} rotations: ask for fewer samples, or a shorter motion",
        )
    rig = request_rig(request.skeleton)
    clock = Clock(fps, frames)
    pose = _is_pose(request)
    constraints = read_constraints(request.constraints, rig, clock)
    guidance, notes = _guidance(options)
    seed = secrets.randbits(31) if options.seed is None else options.seed % 2**63
    if options.seed is None:
        notes = (*notes, note("seed", f"the seed was {seed}"))
    loop = options.loop and not pose
    if loop:
        _check_loop(request, clock)
    timeline = Timeline(
        frames=POSE_FRAMES if pose else clock.native_frames - loop,
        loop="exact" if loop else None,
        texts=_texts(request, clock, options.transition_frames, pose),
        keyframes=constraints.keyframes,
        places=constraints.places,
        headings=constraints.headings,
        steps=options.diffusion_steps if "diffusion_steps" in options.model_fields_set else None,
        guidance=guidance,
        seed=seed,
        seeds=_seeds(request, clock),
        unconditioned=True,
    )
    return Plan(
        rig,
        timeline,
        clock,
        constraints.on_rig,
        constraints.ground,
        frames,
        fps,
        samples,
        options.post_processing,
        pose,
        notes,
    )


def _check_loop(request: GenerateRequest, clock: Clock) -> None:
    """Raise ProtocolError for a cycle that cannot be made: its last frame is its first again."""
    if request.constraints or request.segments[0].type not in ("text", "unconditioned"):
        raise ProtocolError("invalid_request", "a loop is made from a text, or none, alone; wanted no constraints")
    period = clock.native_frames - 1
    if period < SHORTEST_LOOP or frames_at(period + 1, FPS, clock.fps, loops=True) != clock.frames:
        raise ProtocolError(
            "invalid_options",
            f"a loop of {clock.frames} frames at {clock.fps:g} a second; wanted at least {SHORTEST_LOOP + 1} frames at "
            f"{FPS:g}, and a period (all frames but the last) of whole frames there",
        )


def _is_pose(request: GenerateRequest) -> bool:
    kinds = [segment.type for segment in request.segments]
    if "pose" not in kinds:
        return False
    if len(kinds) > 1 or request.constraints:
        raise ProtocolError(
            "invalid_request", "a pose segment stands alone; wanted it without other segments and constraints"
        )
    return True


def _texts(request: GenerateRequest, clock: Clock, transition: int, pose: bool) -> tuple[Text, ...]:
    """The texts of the segments; where two follow each other, both reach over the border by half the transition."""
    if pose:
        return (Text(request.segments[0].prompt),)
    starts = np.concatenate([[0], np.cumsum([segment.duration_frames for segment in request.segments])])
    kinds = ["", *(segment.type for segment in request.segments), ""]
    texts = []
    for index, segment in enumerate(request.segments):
        if segment.type != "text":
            continue
        start, end = (clock.border(float(starts[index + more])) for more in (0, 1))
        reach = round(transition / 2 * FPS / clock.fps)
        first = max(0, start - (reach if kinds[index] == "text" else 0))
        last = min(clock.native_frames, end + (reach if kinds[index + 2] == "text" else 0))
        if last > first:
            whole = first == 0 and last == clock.native_frames
            texts.append(Text(segment.prompt, first, None if whole else last))
    return tuple(texts)


def _seeds(request: GenerateRequest, clock: Clock) -> tuple[SeedSpan, ...]:
    """The seeds of segments that have one."""
    spans, start = [], 0
    for segment in request.segments:
        end = start + segment.duration_frames
        seed = getattr(segment, "seed", None)
        first, last = clock.border(start), clock.border(end)
        if seed is not None and last > first:
            spans.append(SeedSpan(first, last, seed % 2**63))
        start = end
    return tuple(spans)


def _guidance(options: Options) -> tuple[float | None, tuple[Note, ...]]:
    """The weight of texts, None for the engine's own, and notes."""
    if options.guidance is None:
        return None, ()
    if options.guidance.type == "nocfg":
        return 1.0, ()
    weight = float(options.guidance.weight[0])
    if not abs(weight) <= MAX_GUIDANCE:
        raise ProtocolError(
            "invalid_options", f"guidance.weight is {weight:g}; wanted {-MAX_GUIDANCE:g} to {MAX_GUIDANCE:g}"
        )
    if options.guidance.type == "regular":
        return weight, ()
    told = "the second weight of separated guidance does nothing here: constraints are met, whatever it is"
    return weight, (note("guidance", told),)
