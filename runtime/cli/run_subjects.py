"""The people that `genmo-run` animates: of keypoint files and of videos, with their cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.cli.run_options import KEYPOINT_OPTIONS, STATIC, VIDEO_OPTIONS, VO, RunOptions, flag
from genmo.runtime.conditions.keypoint_cleaning import framing_notes
from genmo.runtime.conditions.keypoints import Keypoints, bounding_boxes
from genmo.runtime.conditions.spans import FeatureSpan, KeypointSpan
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.readers.cameras import read_camera
from genmo.runtime.readers.subjects import ALL, LARGEST, choose, read_subjects, save_keypoints, with_camera
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.encoder import VideoEncoder
from genmo.runtime.video.frames import VideoInfo, clip_frames, intrinsics_of_35mm, read_info
from genmo.runtime.video.odometry import Odometer, Odometry
from genmo.runtime.video.overlay import Drawn, check_overlay, save_overlay
from genmo.runtime.video.pipeline import extract_people
from genmo.runtime.video.pose_finder import check_pose_options, open_people_finder


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who is to be animated."""

    people: dict[int, KeypointSpan]
    """by id; empty: nobody was detected, the motion comes from something else"""
    notes: tuple[str, ...] = ()
    features: dict[int, FeatureSpan] | None = None
    """of the video, by id"""
    every: bool = False
    """all people were asked for: each file is named by the id"""

    def ending(self, one: int) -> str:
        """What stands behind the names of a person's files."""
        return f"_person{one}" if self.every else ""

    def spans(self, one: int | None) -> tuple[tuple[KeypointSpan, ...], tuple[FeatureSpan, ...]]:
        """The keypoints and the video features of one person."""
        if one is None:
            return (), ()
        return (self.people[one],), () if self.features is None else (self.features[one],)


def with_ending(path: str | Path, ending: str) -> Path:
    """`walk.glb` with the ending `_person3` is `walk_person3.glb`."""
    path = Path(path)
    return path.with_name(f"{path.stem}{ending}{path.suffix}")


def check_subject_options(options: RunOptions) -> None:
    """Raise InputError, before any work, for options about people that do not go together or cannot be used."""
    if options.keypoints is None and options.video is None:
        _check_without_source(options)
    elif options.video is None:
        _check_without_video(options)
    elif options.keypoints is not None:
        _check_video_with_keypoints(options)
    else:
        _check_video_alone(options)
    if options.overlay is not None:
        check_overlay(options.overlay)
    if options.save_keypoints is not None:
        path = Path(options.save_keypoints)
        if path.suffix.lower() != ".npz" or not path.parent.is_dir():
            raise InputError(f"--save-keypoints {path}: wanted a .npz in a folder that is there")
    if options.focal_length is not None and not 5 <= options.focal_length <= 2000:
        raise InputError(f"--focal-length is {options.focal_length:g}; wanted 5 to 2000 mm (35 mm equivalent)")


def _check_without_source(options: RunOptions) -> None:
    for names, source in ((KEYPOINT_OPTIONS, "keypoints"), (VIDEO_OPTIONS, "video")):
        name = options.first_given(*names)
        if name is not None:
            raise InputError(f"{flag(name)} without --{source}; wanted the {source} it is about")


def _check_without_video(options: RunOptions) -> None:
    needs_video = [name for name in VIDEO_OPTIONS if name != "save_keypoints"]
    name = options.first_given(*needs_video) or ("camera" if options.camera == VO else None)
    if name is not None:
        raise InputError(f"{flag(name)} {getattr(options, name)} without --video; wanted the video")


def _check_video_with_keypoints(options: RunOptions) -> None:
    name = options.first_given("detector", "pose")
    if name is not None:
        raise InputError(f"{flag(name)} together with --keypoints; wanted one source of keypoints")


def _check_video_alone(options: RunOptions) -> None:
    check_pose_options(options.pose, options.detector)
    name = options.first_given("image_size", "fps", "first_frame")
    if name is not None:
        raise InputError(f"{flag(name)} with --video; the video says it: leave it out")


def find_subjects(options: RunOptions, model: MotionModel | None) -> Subjects:
    """The people of `--keypoints` or `--video` as `--camera` sees them.

    `model`: the engine, wanted where there is a video.  Raises InputError for what cannot be used.
    """
    if options.video is not None:
        assert model is not None
        return _of_video(options, model)
    if options.keypoints is None:
        return Subjects({})
    people, notes = _of_file(options, None if options.camera == STATIC else options.camera)
    if options.camera == STATIC:
        people = {one: replace(keypoints, camera=None) for one, keypoints in people.items()}
    return _save_keypoints(
        options, Subjects(_spans(people, str(options.keypoints)), notes, every=options.person == ALL), None
    )


def _of_file(options: RunOptions, camera: str | None) -> tuple[dict[int, Keypoints], tuple[str, ...]]:
    assert options.keypoints is not None
    size = options.image_size
    if size is None and options.video is not None:
        info = read_info(options.video)
        size = None if Path(options.keypoints).suffix.lower() == ".npz" else (float(info.width), float(info.height))
    return read_subjects(
        options.keypoints,
        camera,
        person=options.person or LARGEST,
        image_size=size,
        fps=options.fps,
        first_frame=options.first_frame,
        scale=options.camera_scale if camera is not None else None,
    )


def _spans(people: dict[int, Keypoints], source: str) -> dict[int, KeypointSpan]:
    return {one: KeypointSpan(keypoints, source=source) for one, keypoints in people.items()}


def _of_video(options: RunOptions, model: MotionModel) -> Subjects:
    device = "cuda" if model.device == "cuda" else "cpu"
    encoder = None
    if options.video_features is not None:
        encoder = VideoEncoder(options.video_features, device, options.threads)
        encoder.check(model.engine.config.video_width)
    info = read_info(str(options.video))
    file = options.camera if options.camera not in (None, STATIC, VO) else None
    if options.keypoints is not None:
        people, notes = _of_file(options, file)
        odometry, video_notes = (None, ()) if file else _odometry(options, info, people)
        notes = notes + video_notes
    else:
        people, notes, odometry = _extracted(options, info, file, device)
    people, camera_notes = _filmed(options, people, odometry)
    features = None if encoder is None else _video_features(options, encoder, people, model)
    subjects = Subjects(_spans(people, str(options.video)), notes + camera_notes, features, options.person == ALL)
    return _save_keypoints(options, subjects, info)


def _extracted(
    options: RunOptions, info: VideoInfo, file: str | None, device: str
) -> tuple[dict[int, Keypoints], tuple[str, ...], Odometry | None]:
    """The people that the networks find in the video, notes, and how its background moves."""
    lens, lens_notes = _lens(options, info, file)
    estimator = open_people_finder(options.pose, options.detector, device, options.threads)
    extracted = extract_people(str(options.video), estimator, intrinsics=lens, progress=progress_bar())
    people = {one: extracted.people.keypoints(one) for one in choose(extracted.people, options.person or LARGEST)}
    framing = [note for points in people.values() for note in framing_notes(points.points, str(options.video))]
    notes = (*extracted.people.notes, *lens_notes, *framing)
    if file is None:
        return people, notes, extracted.odometry
    poses, camera_notes = read_camera(file, options.camera_scale).at_frames(extracted.people.frames, FPS)
    return with_camera(people, poses), notes + camera_notes, extracted.odometry


def _video_features(
    options: RunOptions, encoder: VideoEncoder, people: dict[int, Keypoints], model: MotionModel
) -> dict[int, FeatureSpan]:
    config = model.engine.config
    video, boxes, width = str(options.video), config.conventions, config.video_width
    features = {one: encoder.features(video, keypoints, boxes) for one, keypoints in people.items()}
    for span in features.values():
        if span.values.shape[1] != width:
            raise InputError(
                f"{options.video_features}: gives {span.values.shape[1]} channels; this engine takes {width}"
            )
    return features


def _lens(options: RunOptions, info: VideoInfo, file: str | None) -> tuple[Array, tuple[str, ...]]:
    """Intrinsics [3, 3] in pixels: of the option, the camera file, the header, or the guess; and a note on a guess."""
    if options.focal_length is not None:
        return intrinsics_of_35mm(options.focal_length, info.width, info.height), ()
    if file is not None and (stored := read_camera(file, options.camera_scale).intrinsics) is not None:
        return stored, ()
    return info.intrinsics, (f"{info.path}: focal length {info.intrinsics[0, 0]:.0f} pixels, {info.intrinsics_source}",)


def _odometry(options: RunOptions, info: VideoInfo, people: dict[int, Keypoints]) -> tuple[Odometry, tuple[str, ...]]:
    """The camera of a video whose people are known from a file, and notes on the video."""
    first = next(iter(people.values()))
    boxes = np.stack([bounding_boxes(each.points)[0] for each in people.values()], axis=1)  # [frames, people, 3]
    odometer = Odometer(first.intrinsics, info.width, info.height)
    show = progress_bar()
    notes: list[str] = []
    for frame in clip_frames(str(options.video), notes=notes):
        middle = boxes[min(frame.clip.start, len(boxes) - 1)]
        half = middle[:, 2:] / 2
        odometer.add(frame.time, frame.image, np.concatenate([middle[:, :2] - half, middle[:, :2] + half], axis=-1))
        show(min(1.0, frame.clip.stop / first.frames))
    return odometer.finish(), tuple(notes)


def _filmed(
    options: RunOptions, people: dict[int, Keypoints], odometry: Odometry | None
) -> tuple[dict[int, Keypoints], tuple[str, ...]]:
    """The people with the camera that was asked for, and what to say about it."""
    if odometry is None or options.camera not in (None, STATIC, VO):
        return people, ()
    if options.camera == VO:
        file = odometry.camera_file(str(options.video), options.camera_scale)
        poses, notes = file.at_frames(next(iter(people.values())).frames)
        return with_camera(people, poses), notes
    if options.camera is None and any(keypoints.camera is not None for keypoints in people.values()):
        return people, ()
    still = {one: replace(keypoints, camera=None) for one, keypoints in people.items()}
    if not odometry.moves:
        return still, ()
    return still, (
        f"WARNING: {options.video}: THE CAMERA MOVES (its background turns by {odometry.turn:.1f} degrees and shifts "
        f"by {100 * odometry.shift:.0f} % of the width) and it is taken for static, so the person's path in the world "
        "is wrong; wanted --camera vo, or a camera file",
    )


def _save_keypoints(options: RunOptions, subjects: Subjects, info: VideoInfo | None) -> Subjects:
    """Write `--save-keypoints`, a file a person, in the form that `--keypoints` reads."""
    if options.save_keypoints is None:
        return subjects
    size = None if info is None else (float(info.width), float(info.height))
    for one, span in subjects.people.items():
        save_keypoints(with_ending(options.save_keypoints, subjects.ending(one)), span.keypoints, size)
    return subjects


def draw_overlay(options: RunOptions, subjects: Subjects, motions: dict[int, Motion]) -> None:
    """Write `--overlay`: the video with what was found drawn on it."""
    assert options.overlay is not None and options.video is not None
    drawn = [Drawn(span.keypoints, motions[one].joints_camera) for one, span in subjects.people.items()]
    save_overlay(options.overlay, options.video, drawn)
