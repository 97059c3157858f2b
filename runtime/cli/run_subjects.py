"""The people that `genmo-run` animates: of keypoint files and of videos, with their cameras."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.conditions.keypoints import Keypoints, bounding_boxes
from genmo.runtime.conditions.spans import FeatureSpan, KeypointSpan
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.readers.cameras import read_camera
from genmo.runtime.readers.subjects import ALL, LARGEST, choose, read_subjects, save_keypoints, with_camera
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.encoder import VideoEncoder
from genmo.runtime.video.estimator import PoseEstimator
from genmo.runtime.video.frames import VideoInfo, clip_frames, intrinsics_of_35mm, read_info
from genmo.runtime.video.odometry import Odometer, Odometry
from genmo.runtime.video.overlay import Drawn, check_overlay, save_overlay
from genmo.runtime.video.pipeline import extract_people

STATIC, VO = "static", "vo"
OF_KEYPOINTS = ("person", "image_size", "fps", "first_frame", "camera", "camera_scale")
OF_VIDEO = ("detector", "pose", "overlay", "video_features", "focal_length", "save_keypoints")
OF_SEEN = (*OF_KEYPOINTS, *OF_VIDEO)


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who is to be animated."""

    people: dict[int, KeypointSpan]
    """by id; empty: nobody was seen, the motion comes from something else"""
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


def image_size(argument: str | None) -> tuple[float, float] | None:
    """An `--image-size` argument, as 1920x1080."""
    if argument is None:
        return None
    parts = argument.split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 6 for part in parts):
        raise InputError(f"--image-size is {argument!r}; wanted width and height in pixels as 1920x1080")
    return float(parts[0]), float(parts[1])


def check_seen(args: argparse.Namespace) -> None:
    """Raise InputError, before any work, for options about people that do not go together or cannot be used."""
    if args.keypoints is None and args.video is None:
        for name in (*OF_KEYPOINTS, *OF_VIDEO):
            if getattr(args, name) is not None:
                wanted = "--keypoints" if name in OF_KEYPOINTS else "--video"
                about = "keypoints" if name in OF_KEYPOINTS else "video"
                raise InputError(f"--{name.replace('_', '-')} without {wanted}; wanted the {about} it is about")
        return
    if args.video is None:
        for name in (*OF_VIDEO[:-1], *([] if args.camera != VO else ["camera"])):
            if getattr(args, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} {getattr(args, name)} without --video; wanted the video")
    elif args.keypoints is not None:
        for name in ("detector", "pose"):
            if getattr(args, name) is not None:
                raise InputError(f"--{name} together with --keypoints; wanted one source of keypoints")
    else:
        if args.pose is None:
            raise InputError(
                f"{args.video}: a video needs a pose network; wanted --pose FILE.onnx and, for all but RTMO, "
                "--detector FILE.onnx, or --keypoints FILE (no weights ship: docs/video.md says where they come from)"
            )
        for name in ("image_size", "fps", "first_frame"):
            if getattr(args, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} with --video; the video says it: leave it out")
    if args.overlay is not None:
        check_overlay(args.overlay)
    if args.save_keypoints is not None:
        path = Path(args.save_keypoints)
        if path.suffix.lower() != ".npz" or not path.parent.is_dir():
            raise InputError(f"--save-keypoints {path}: wanted a .npz in a folder that is there")
    if args.focal_length is not None and not 5 <= args.focal_length <= 2000:
        raise InputError(f"--focal-length is {args.focal_length:g}; wanted 5 to 2000 mm (35 mm equivalent)")


def seen_of(args: argparse.Namespace, model: MotionModel | None) -> Subjects:
    """The people of `--keypoints` or `--video` as `--camera` sees them.

    `model`: the engine, wanted where there is a video.  Raises InputError for what cannot be used.
    """
    if args.video is not None:
        assert model is not None
        return _of_video(args, model)
    if args.keypoints is None:
        return Subjects({})
    people, notes = _of_file(args, None if args.camera == STATIC else args.camera)
    if args.camera == STATIC:
        people = {one: replace(seen, camera=None) for one, seen in people.items()}
    return _saved(args, Subjects(_spans(people, str(args.keypoints)), notes, every=args.person == ALL), None)


def _of_file(args: argparse.Namespace, camera: str | None) -> tuple[dict[int, Keypoints], tuple[str, ...]]:
    size = image_size(args.image_size)
    if size is None and args.video is not None:
        info = read_info(args.video)
        size = None if Path(args.keypoints).suffix.lower() == ".npz" else (float(info.width), float(info.height))
    return read_subjects(
        args.keypoints,
        camera,
        person=args.person or LARGEST,
        image_size=size,
        fps=args.fps,
        first_frame=args.first_frame,
        scale=args.camera_scale if camera is not None else None,
    )


def _spans(people: dict[int, Keypoints], source: str) -> dict[int, KeypointSpan]:
    return {one: KeypointSpan(seen, source=source) for one, seen in people.items()}


def _of_video(args: argparse.Namespace, model: MotionModel) -> Subjects:
    device, threads = "cuda" if model.device == "cuda" else "cpu", args.threads
    encoder = None
    if args.video_features is not None:
        encoder = VideoEncoder(args.video_features, device, threads)
        encoder.check(model.engine.config.video_width)
    info = read_info(args.video)
    file = args.camera if args.camera not in (None, STATIC, VO) else None
    if args.keypoints is not None:
        people, notes = _of_file(args, file)
        odometry, more = (None, ()) if file else _odometry(args, info, people)
        notes = notes + more
    else:
        lens, told = _lens(args, info, file)
        estimator = PoseEstimator(args.pose, args.detector, device=device, threads=threads)
        watched = extract_people(args.video, estimator, intrinsics=lens, progress=progress_bar())
        people = {one: watched.people.keypoints(one) for one in choose(watched.people, args.person or LARGEST)}
        notes, odometry = (*watched.people.notes, *told), watched.odometry
        if file is not None:
            poses, more = read_camera(file, args.camera_scale).at_frames(watched.people.frames, FPS)
            people, notes = with_camera(people, poses), notes + more
    people, more = _filmed(args, people, odometry)
    features = None
    if encoder is not None:
        boxes = model.engine.config.conventions
        features = {one: encoder.features(args.video, seen, boxes) for one, seen in people.items()}
        for span in features.values():
            if span.values.shape[1] != model.engine.config.video_width:
                raise InputError(
                    f"{args.video_features}: gives {span.values.shape[1]} channels; this engine takes "
                    f"{model.engine.config.video_width}"
                )
    seen = Subjects(_spans(people, str(args.video)), notes + more, features, args.person == ALL)
    return _saved(args, seen, info)


def _lens(args: argparse.Namespace, info: VideoInfo, file: str | None) -> tuple[Array, tuple[str, ...]]:
    """Intrinsics [3, 3] in pixels: of the option, the camera file, the header, or the guess; and a note on a guess."""
    if args.focal_length is not None:
        return intrinsics_of_35mm(args.focal_length, info.width, info.height), ()
    if file is not None and (stored := read_camera(file, args.camera_scale).intrinsics) is not None:
        return stored, ()
    return info.intrinsics, (f"{info.path}: focal length {info.intrinsics[0, 0]:.0f} pixels, {info.intrinsics_source}",)


def _odometry(
    args: argparse.Namespace, info: VideoInfo, people: dict[int, Keypoints]
) -> tuple[Odometry, tuple[str, ...]]:
    """The camera of a video whose people are known from a file, and notes on the video."""
    first = next(iter(people.values()))
    boxes = np.stack([bounding_boxes(seen.points)[0] for seen in people.values()], axis=1)  # [frames, people, 3]
    odometer = Odometer(first.intrinsics, info.width, info.height)
    show = progress_bar()
    notes: list[str] = []
    for frame in clip_frames(args.video, notes=notes):
        middle = boxes[min(frame.clip.start, len(boxes) - 1)]
        half = middle[:, 2:] / 2
        odometer.add(frame.time, frame.image, np.concatenate([middle[:, :2] - half, middle[:, :2] + half], axis=-1))
        show(min(1.0, frame.clip.stop / first.frames))
    return odometer.finish(), tuple(notes)


def _filmed(
    args: argparse.Namespace, people: dict[int, Keypoints], odometry: Odometry | None
) -> tuple[dict[int, Keypoints], tuple[str, ...]]:
    """The people with the camera that was asked for, and what to say about it."""
    if odometry is None or args.camera not in (None, STATIC, VO):
        return people, ()
    if args.camera == VO:
        file = odometry.camera_file(str(args.video), args.camera_scale)
        poses, notes = file.at_frames(next(iter(people.values())).frames)
        return with_camera(people, poses), notes
    if args.camera is None and any(seen.camera is not None for seen in people.values()):
        return people, ()
    still = {one: replace(seen, camera=None) for one, seen in people.items()}
    if not odometry.moves:
        return still, ()
    return still, (
        f"WARNING: {args.video}: THE CAMERA MOVES (its background turns by {odometry.turn:.1f} degrees and shifts by "
        f"{100 * odometry.shift:.0f} % of the width) and it is taken for static, so the person's path in the world is "
        "wrong; wanted --camera vo, or a camera file",
    )


def _saved(args: argparse.Namespace, seen: Subjects, info: VideoInfo | None) -> Subjects:
    """Write `--save-keypoints`, a file a person, in the form that `--keypoints` reads."""
    if args.save_keypoints is None:
        return seen
    size = None if info is None else (float(info.width), float(info.height))
    for one, span in seen.people.items():
        save_keypoints(with_ending(args.save_keypoints, seen.ending(one)), span.keypoints, size)
    return seen


def save_seen(args: argparse.Namespace, seen: Subjects, motions: dict[int, Motion]) -> list[str]:
    """Write `--overlay`; the path written."""
    if args.overlay is None:
        return []
    drawn = [Drawn(span.keypoints, motions[one].joints_camera) for one, span in seen.people.items()]
    save_overlay(args.overlay, args.video, drawn)
    return [str(args.overlay)]
