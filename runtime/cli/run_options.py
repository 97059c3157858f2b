"""What `genmo-run` was asked to do, as one frozen value; `run_parser` reads it from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from genmo.runtime.conditions.timeline import Loop
from genmo.runtime.support.errors import InputError

PROGRAM = "genmo-run"
MAX_DIGITS = 6
"""of a width or height in pixels"""
STATIC, VO = "static", "vo"
"""values of --camera that are no files"""
POSE_HELP = "full, heavy or lite: BlazePose of genmo-get-pose (default: full); or RTMPose, ViTPose, RTMO"
DETECTOR_HELP = "YOLOX or a DETR-like network, for RTMPose and ViTPose"
IN_PLACE_HELP = "without the way over the ground; with --root-bone without the turning too"
ROOT_BONE_HELP = "root motion: a bone on the ground carries the way (.glb, .bvh, .usd; .npz has its track)"
AUTO: Final = "auto"
"""the value of --seconds that is no number: as long as the texts take"""
KEYPOINT_OPTIONS = ("person", "image_size", "fps", "first_frame", "camera", "camera_scale")
VIDEO_OPTIONS = ("detector", "pose", "overlay", "video_features", "focal_length", "save_keypoints")


@dataclass(frozen=True)
class RunOptions:
    """What `genmo-run` was asked to do; the fields have the options' names, and None or () where none was given."""

    # what to make the motion from
    text: tuple[str, ...]
    """prompts, each perhaps with `@start-end` behind it"""
    keypoints: str | None
    video: str | None
    music: str | None
    keyframes: str | None
    keyframe: tuple[str, ...]
    """frames of motion files, each `FILE:FRAME@TIME`"""
    edit: str | None
    """a motion file of which a span is made anew, `FILE:START-END`"""
    edit_parts: str | None
    """names of parts of the body, with commas between"""
    vary: float | None
    constraints: str | None
    between: tuple[str, ...]
    """two motion files: `seconds` of frames between them"""
    timeline: str | None
    # about the keypoints
    person: str | None
    image_size: tuple[float, float] | None
    """width and height in pixels"""
    fps: float | None
    first_frame: int | None
    camera: str | None
    camera_scale: float | None
    """metres"""
    # about the video
    pose: str | None
    detector: str | None
    video_features: str | None
    focal_length: float | None
    """millimetres, 35 mm equivalent"""
    save_keypoints: str | None
    overlay: str | None
    # how long it is
    frames: int | None
    seconds: float | Literal["auto"] | None
    loop: Loop | None
    # how it is made
    steps: int | None
    guidance: float | None
    seed: int | None
    samples: int
    tries: int | None
    """takes of each motion, of which the best is kept; None: as many as texts are worth"""
    chunk: int | None
    """frames given to the network at a time; 0: all; None: as the length asks for"""
    clean_keypoints: bool
    fit: bool
    clean_feet: bool
    split_texts: bool
    # what runs it
    engine: str | None
    body: str | None
    """SMPL-X body file of the person, for released weights"""
    backend: str | None
    device: str | None
    threads: int
    """0: all cores"""
    cpus: tuple[int, ...]
    bench: bool
    prompts: bool
    """list what the engine was trained on in words, and make nothing"""
    precision: str | None
    # what is written
    json: bool
    verbose: bool
    out_fps: float | None
    character: str | None
    character_map: str | None
    in_place: bool
    root_bone: bool
    """a bone on the ground carries the way of the body"""
    ground: str | None
    """a file of planes or heights that the person walks on"""
    out: tuple[str, ...]
    view: bool

    def first_given(self, *names: str) -> str | None:
        """The name of the first of these fields that an option was given for, or None."""
        return next((name for name in names if getattr(self, name) not in (None, ())), None)


def flag(name: str) -> str:
    """The option of a field, as it is typed."""
    return "--" + name.replace("_", "-")


def parse_image_size(argument: str | None) -> tuple[float, float] | None:
    """An `--image-size` argument, as 1920x1080: width and height.  Raises InputError for anything else."""
    if argument is None:
        return None
    parts = argument.split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise InputError(f"--image-size is {argument!r}; wanted width and height in pixels as 1920x1080")
    return float(parts[0]), float(parts[1])
