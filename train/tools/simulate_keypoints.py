"""Keypoint files from motion capture: what `genmo-run --keypoints` would get from a good detector.

python -m genmo.train.tools.simulate_keypoints --data SET --clip ID --start S --seconds S --out examples/keypoints.npz
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.skeleton import COCO_COUNT, coco_keypoints, forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.simulated_cameras import simulate_cameras
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.geometry.cameras import Cameras

PROGRAM = "python -m genmo.train.tools.simulate_keypoints"
IMAGE_HEIGHT = 1000
SEEDS = 64
"""half of the simulated cameras move; so many of one kind in a row do not happen"""


def film(clip: Clip, seed: int) -> tuple[Cameras, Camera]:
    """A simulated camera, static or moving, over the whole clip."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.from_numpy(np.array(clip.translation))[None]  # a prepared set is mapped read-only
    cameras = simulate_cameras(root, torch.zeros(1), torch.zeros(1, dtype=torch.bool), generator)
    return cameras, Camera(cameras.rotation[0].double().numpy(), cameras.position[0].double().numpy())


def film_as(clip: Clip, seed: int, moving: bool) -> tuple[Cameras, Camera]:
    """The first camera of seeds 1000 apart that moves (pans, follows, drifts or shakes), or that stands still."""
    for attempt in range(SEEDS):
        cameras, camera = film(clip, seed + 1000 * attempt)
        if bool(cameras.moving[0]) == moving:
            return cameras, camera
    raise InputError(f"clip {clip.name}: no {'moving' if moving else 'static'} camera in {SEEDS} seeds from {seed}")


def keypoint_arrays(
    clip: Clip, cameras: Cameras, camera: Camera, noise: float, hidden: float, seed: int
) -> dict[str, Array]:
    """The arrays of a keypoint file: `noise` pixels of Gaussian error at 1000 px image height, a `hidden` share of
    the keypoints with confidence 0."""
    random = np.random.default_rng(seed)
    global_rotations, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
    points = camera.to_camera(coco_keypoints(global_rotations, joints))
    width, height = round(IMAGE_HEIGHT * float(cameras.aspect[0])), IMAGE_HEIGHT
    focal = IMAGE_HEIGHT * float(cameras.focal[0])
    pixels = focal * points[..., :2] / np.maximum(points[..., 2:], 0.3) + np.array([width / 2, height / 2])
    inside = (pixels >= 0).all(-1) & (pixels[..., 0] < width) & (pixels[..., 1] < height) & (points[..., 2] > 0.3)
    visible = inside & (random.random((clip.frames, COCO_COUNT)) >= hidden)
    pixels = pixels + noise * random.standard_normal(pixels.shape)
    to_world = np.tile(np.eye(4), (clip.frames, 1, 1))
    to_world[:, :3, :3], to_world[:, :3, 3] = camera.rotation, camera.position
    return {
        "keypoints": np.concatenate([np.where(visible[..., None], pixels, 0), visible[..., None]], axis=-1),
        "image_size": np.array([width, height]),
        "intrinsics": np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]),
        "camera_to_world": to_world,
        "fps": np.array(FPS),
    }


def cut(clip: Clip, start: int, frames: int) -> Clip:
    """A stretch of a clip.  Raises InputError when the clip is too short."""
    if not 0 <= start <= start + frames <= clip.frames or frames < 1:
        raise InputError(f"clip {clip.name} has {clip.frames} frames; wanted {start} to {start + frames}")
    span = slice(start, start + frames)
    return Clip(clip.name, clip.subject, clip.captions, clip.rotations[span], clip.translation[span], clip.offsets)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, film a clip and write its keypoints.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a *30 motion set")
    parser.add_argument("--clip", required=True, help="id of the clip in index.json")
    parser.add_argument("--start", type=float, default=0.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0, help="which camera")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    clips = [clip for clip in read_clips(args.data) if clip.name.endswith(f"/{args.clip}")]
    if not clips:
        raise InputError(f"{args.data}: has no clip {args.clip}; wanted an id of its index.json")
    clip = cut(clips[0], round(args.start * FPS), round(args.seconds * FPS))
    cameras, camera = film(clip, args.seed)
    arrays = keypoint_arrays(clip, cameras, camera, noise=1.0, hidden=0.0, seed=args.seed)
    stored: dict[str, Any] = {name: array.astype(np.float32) for name, array in arrays.items()}
    write_aside(args.out, lambda file: np.savez_compressed(file, **stored))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
