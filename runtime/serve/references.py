"""Clips that a segment is to be like: what `motion_reference` and `video_reference` come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from motionmcp import GenerateRequest, MotionReferenceSegment, ProtocolError

from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.motion.motion import FPS, Motion, join_motions
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.retarget.rig_motion import RigMotion, off_rig
from genmo.runtime.serve.frames import Clock
from genmo.runtime.serve.skeletons import RequestRig, request_rig, rotation_matrices

STRENGTH = "reference_strength"
"""the option of how closely references are followed"""
USUAL_STRENGTH = 0.4
LARGEST_CLIP = 1_000_000
"""rotations (frames x joints) of a clip"""
LOWEST_FPS, HIGHEST_FPS = 1.0, 240.0
FARTHEST = 1e4
"""metres"""


def reference_span(clip: Motion, start: int, frames: int, seed: int, strength: float, turn: float) -> ReferenceSpan:
    """The clip, at any rate, for frames [start, start + frames) of a motion, 30 a second; it starts facing `turn`.

    Of a longer clip a part is taken, drawn by the seed; a shorter one is repeated, each time going on from where it
    ended, and the seams are left open.
    """
    clip = at_rate(replace(clip, contacts=None, camera=None, root_camera=None), FPS)
    seams: tuple[int, ...] = ()
    if clip.frames >= frames:
        first = int(np.random.default_rng(seed).integers(clip.frames - frames + 1))
        whole = clip.cut(slice(first, first + frames))
    else:
        copies = [clip]
        while sum(copy.frames for copy in copies) < frames:
            copies.append(_going_on(clip, copies[-1]))
        whole = join_motions(copies).cut(slice(frames))
        seams = tuple(range(clip.frames, frames, clip.frames))
    return ReferenceSpan(_facing(whole, turn), start, strength, seams)


def facing_at_end(span: ReferenceSpan) -> float:
    """Yaw in radians of the body in the span's last frame."""
    return _yaw(span.motion, -1)


def _yaw(motion: Motion, frame: int) -> float:
    return float(heading(motion.rotations[frame, 0, :, 2]))


def _facing(motion: Motion, yaw: float) -> Motion:
    return motion.moved(matrix_from_yaw(np.asarray(yaw - _yaw(motion, 0))), np.zeros(3))


def _going_on(clip: Motion, before: Motion) -> Motion:
    """The clip turned and moved to begin where `before` ended, one frame later."""
    turn = matrix_from_yaw(np.asarray(_yaw(before, -1) - _yaw(clip, 0)))
    step = before.translation[-1] - before.translation[max(before.frames - 2, 0)]
    shift = (before.translation[-1] + step - rotate(turn, clip.translation[0])) * (1.0, 0.0, 1.0)
    return clip.moved(turn, shift)


def reference_spans(
    request: GenerateRequest, own: RequestRig, clock: Clock, drawn: int, watched: Callable[[int], Motion]
) -> tuple[ReferenceSpan, ...]:
    """What the references of a request ask of its frames.

    `own`: the request's rig; `drawn`: the seed of segments without one; `watched` answers the motion in the video of a
    segment.  Each faces where the one before ended.  Raises ProtocolError for clips that cannot be read.
    """
    options = request.options.model_options if request.options is not None else None
    strength = float((options or {}).get(STRENGTH, USUAL_STRENGTH))
    spans: list[ReferenceSpan] = []
    first = 0
    for number, segment in enumerate(request.segments):
        last = first + segment.duration_frames
        start, end = clock.border(first), clock.border(last)
        first = last
        if segment.type not in ("motion_reference", "video_reference") or end <= start:
            continue
        clip = _clip(segment, own, number) if segment.type == "motion_reference" else watched(number)
        seed = drawn if segment.seed is None else segment.seed % 2**63
        turn = facing_at_end(spans[-1]) if spans else 0.0
        spans.append(reference_span(clip, start, end - start, seed, strength, turn))
    return tuple(spans)


def _clip(segment: MotionReferenceSegment, own: RequestRig, number: int) -> Motion:
    """The motion of a clip on its own rig, or on the request's."""
    where = f"segments[{number}]"
    if not LOWEST_FPS <= segment.fps <= HIGHEST_FPS:
        raise ProtocolError(
            "invalid_options", f"{where}.fps is {segment.fps:g}; wanted {LOWEST_FPS:g} to {HIGHEST_FPS:g}"
        )
    rig = own if segment.skeleton is None else request_rig(segment.skeleton)
    if segment.reference_frames * len(rig.names) > LARGEST_CLIP:
        raise ProtocolError(
            "invalid_options", f"{where}: its clip holds over {LARGEST_CLIP} rotations; wanted a shorter one"
        )
    rotations = np.tile(rig.character.rig.rotations, (segment.reference_frames, 1, 1, 1))
    nodes = [rig.node(joint) for joint in segment.joint_names]
    rotations[:, nodes] = rotation_matrices(np.asarray(segment.rotations), f"{where}.rotations")
    root = np.asarray(segment.root_positions)
    if not (np.abs(root) < FARTHEST).all():
        raise ProtocolError("schema_validation", f"{where}.root_positions are no places of a person; wanted metres")
    return off_rig(RigMotion(rig.character, rotations, root, segment.fps))
