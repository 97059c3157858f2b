"""What is asked of genmo for one armature, and the takes that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime import InputError, Keypoints, KeypointSpan, Motion, MotionModel, Text, Timeline
from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.readers.subjects import choose, read_subjects
from genmo.runtime.retarget import Character, Performance, retarget
from genmo.runtime.retarget.rig_motion import travel_of
from genmo.runtime.video.pipeline import extract_people
from genmo.runtime.video.pose_finder import open_people_finder

from . import controls
from .path import root_path
from .poses import Poses, keyframes, meet
from .skeleton import Skeleton, character
from .skeleton import notes as notes_on
from .takes import Take, tracks

Tell = Callable[[str, float], None]
"""hears the stage and the share of the work that is done; may raise to stop it"""


@dataclass(frozen=True, eq=False)
class Request:
    """Everything that a thread needs to know: plain values and arrays, nothing of Blender's."""

    skeleton: Skeleton
    frames: int
    """of the scene; with keypoints or a video and 0, as long as these are"""
    fps: float
    """of the scene"""
    prompt: str = ""
    keypoints: str = ""
    """a file that `genmo-run --keypoints` takes"""
    video: str = ""
    person: str = "largest"
    poses: Poses | None = None
    path: np.ndarray | None = None
    """[P, 3] armature space"""
    seed: int = 0
    samples: int = 1
    tries: int | None = None
    """as in `MotionModel.follow`"""
    steps: int | None = None
    guidance: float | None = None
    at_rest_place: bool = True
    """whether a motion from keypoints or a video begins where the armature rests, and faces as it does"""


@dataclass(frozen=True, eq=False)
class Setup:
    """The engine's side, as the preferences have it."""

    engine: str = ""
    """folder; "" for the engine that ships"""
    threads: int = 0
    pose: str | None = None
    """network for videos, as `genmo-run --pose` takes it"""


_models: dict[tuple[str, int], MotionModel] = {}


def model_for(setup: Setup) -> MotionModel:
    """The engine, loaded once."""
    key = (setup.engine, setup.threads)
    if key not in _models:
        _models[key] = MotionModel.load(setup.engine or None, threads=setup.threads)
    return _models[key]


def make(request: Request, setup: Setup, tell: Tell) -> list[Take]:
    """The takes that a request asks for.  Raises InputError for what cannot be, and whatever `tell` raises."""
    tell("Looking at the armature", 0.0)
    rig = request.skeleton
    poses = None if request.poses is None else controls.poses_of(request.poses, rig)
    request = replace(request, skeleton=controls.deforming(rig), poses=poses)
    body = character(request.skeleton)
    tell("Loading the engine", 0.0)
    model = model_for(setup)
    notes = list(notes_on(request.skeleton, body))
    keypoints = _seen(request, setup, notes, tell)
    timeline = _timeline(request, body, keypoints, notes)
    samples = request.samples if timeline.sampled else 1
    result = model.follow(
        timeline, samples=samples, tries=request.tries, progress=lambda share: tell("Making the motion", share)
    )
    notes += result.notes
    takes = []
    for number, motion in enumerate(result.motions):
        tell("Bringing it to the armature", number / samples)
        free = request.path is None and request.poses is None
        if keypoints is not None and free and request.at_rest_place:
            motion = at_origin(motion)
        performance = _performed(motion, body, request)
        if controls.generated(rig):
            moved, switches = controls.control_tracks(performance, rig), controls.switches(rig)
        else:
            moved, switches = tracks(performance, rig), ()
        takes.append(Take(_label(request, number), moved, tuple(notes), switches))
    return takes


def _seen(request: Request, setup: Setup, notes: list[str], tell: Tell) -> Keypoints | None:
    """The keypoints of the file or the video of the request."""
    if request.keypoints and request.video:
        raise InputError("got keypoints and a video; wanted one of them")
    if request.keypoints:
        tell("Reading keypoints", 0.0)
        people, found = read_subjects(request.keypoints, person=request.person)
        notes += found
        return next(iter(people.values()))
    if not request.video:
        return None
    tell("Opening the video", 0.0)
    finder = open_people_finder(setup.pose, None, "cpu", setup.threads)
    seen = extract_people(request.video, finder, progress=lambda share: tell("Looking at the video", share))
    notes += seen.people.notes
    return seen.people.keypoints(choose(seen.people, request.person)[0])


def _timeline(request: Request, body: Character, keypoints: Keypoints | None, notes: list[str]) -> Timeline:
    count = _motion_frames(request, keypoints)
    texts = (Text(request.prompt),) if request.prompt.strip() else ()
    spans = () if keypoints is None else (KeypointSpan(keypoints.first(count)),)
    places, poses = NO_JOINT_TARGETS, NO_KEYFRAMES
    if request.path is not None:
        places, note = root_path(request.path, body, count)
        notes.append(note)
    if request.poses is not None:
        poses = keyframes(request.poses, request.skeleton, body, request.fps)
    if texts and spans:
        texts = _after(texts, spans[0], count, notes)
    return Timeline(
        count,
        texts=texts,
        keypoints=spans,
        keyframes=poses,
        places=places,
        seed=request.seed,
        steps=request.steps,
        guidance=request.guidance,
    )


def _motion_frames(request: Request, keypoints: Keypoints | None) -> int:
    """Frames of the motion, 30 a second, that cover the frames of the scene; no more than there are keypoints where
    nothing says how it goes on."""
    if request.frames < (1 if keypoints is None else 0):
        raise InputError(f"the motion has {request.frames} frames; wanted at least 1")
    asked = int(np.ceil((request.frames - 1) * FPS / request.fps - 1e-6)) + 1
    if keypoints is None:
        return asked
    goes_on = request.prompt.strip() or request.poses is not None or request.path is not None
    return asked if goes_on and request.frames else min(asked if request.frames else keypoints.frames, keypoints.frames)


def _after(texts: Sequence[Text], span: KeypointSpan, count: int, notes: list[str]) -> tuple[Text, ...]:
    """The texts where no keypoints are: a prompt says how it goes on after them."""
    if span.end < count:
        return tuple(replace(text, start=span.end) for text in texts)
    notes.append("the keypoints fill all frames; the prompt would say how it goes on after them: wanted more frames")
    return ()


def at_origin(motion: Motion) -> Motion:
    """The motion turned and moved along the ground so that it begins over the origin and faces +z."""
    yaw = float(heading(motion.rotations[0, 0] @ np.asarray([0.0, 0.0, 1.0])))
    turn = matrix_from_yaw(np.asarray(-yaw))
    rotations = np.array(motion.rotations, np.float64)
    rotations[:, 0] = turn @ rotations[:, 0]
    start = motion.translation[0] * (1.0, 0.0, 1.0)
    return replace(
        motion, rotations=rotations, translation=rotate(turn, motion.translation - start), camera=None, root_camera=None
    )


def _performed(motion: Motion, body: Character, request: Request) -> Performance:
    """The motion on the armature at the scene's rate, as many frames as were asked for, with its poses met."""
    floor = None if request.poses is None else 0.0  # poses say themselves where the ground is
    performance = retarget(at_rate(motion, request.fps), body, travel=travel_of(body), floor=floor)
    if request.frames and performance.frames > request.frames:
        span = slice(0, request.frames)
        performance = replace(performance, rotations=performance.rotations[span], hips=performance.hips[span])
    return performance if request.poses is None else meet(performance, request.poses, request.skeleton)


def _label(request: Request, number: int) -> str:
    """What a take is called: the prompt's or the file's first words, and its number."""
    words = request.prompt.strip() or Path(request.video or request.keypoints).stem or "poses"
    return f"{words[:40]} {request.seed}.{number + 1}"
