"""What a stream takes: its options checked, and the network's conditions for its frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.condition_arrays import camera_condition
from genmo.runtime.conditions.keypoints import POINT_COUNT, Keypoints, parse_keypoints
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions, inputs
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.refine.reprojection_fit import ITERATIONS
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import InputError

MAX_PEOPLE = 1024


def window_fields(config: ModelConfig) -> dict[str, tuple[tuple[int, ...], npt.DTypeLike]]:
    """Fields of the ring buffer, one row a frame: name -> shape and dtype."""
    fields: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
        "points": ((POINT_COUNT, 3), np.float64),
        "camera_rotation": ((3, 3), np.float64),
        "camera_position": ((3,), np.float64),
    }
    for name, shape in frame_conditions(config).items():
        fields |= {name: (shape, np.float32), f"{name}_mask": ((), np.float32)}
    return fields


def absent(config: ModelConfig, batch: int, frames: int, texts: int = 1) -> Arrays:
    """All conditions of the model [batch, frames, ...] without any input: zero."""
    sizes = {"batch": batch, "frames": frames, "texts": texts}
    specs = [spec for spec in inputs(config) if spec.name not in ("x_t", "timestep")]
    return {spec.name: np.zeros(spec.shape(**sizes), spec.dtype) for spec in specs}


def check_layout(config: ModelConfig) -> None:
    """Raises InputError for an engine whose layout has no root position in the camera."""
    if not {"root_translation_camera", "joint_rotations"} <= set(config.motion_layout.slices):
        raise InputError(
            f"this engine's layout is {config.layout!r}, streams wanted genmo, which has the root in the camera: use "
            "the engine that ships (no --engine), or estimate whole clips of this one with genmo-run"
        )


def check_options(window: int, look_ahead: int, people: int, stride: int, fit_reach: int | None) -> None:
    """Raises InputError for an option of `MotionStream` that is out of its bounds."""
    for name, value, low, high in (
        ("look_ahead", look_ahead, 0, window // 2),
        ("people", people, 1, MAX_PEOPLE),
        ("stride", stride, 1, look_ahead + 1),
        ("fit_reach", 0 if fit_reach is None else fit_reach, 0, ITERATIONS - 1),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} is {value}; wanted {low} to {high}")


def newest_camera_conditions(before: Camera | None, now: Camera) -> Array:
    """Camera conditions [1 or 2, 12] of the newest frames."""
    if before is None:
        return camera_condition(now)
    rotation, position = (
        np.concatenate(pair) for pair in ((before.rotation, now.rotation), (before.position, now.position))
    )
    return camera_condition(Camera(rotation, position))


def parse_frame(keypoints: Array, camera_to_world: Array | None, people: int, optics: dict[str, Array]) -> Keypoints:
    """Checked keypoints of one moment, with the people where a file has its frames.

    `keypoints` [people, 17, 3], or [people, 21, 3] with heels and toes (`conditions.keypoints.FEET`), `camera_to_world`
    [4, 4] of all of them, `optics`: `image_size` [2] or `intrinsics` [3, 3] by name.  Raises InputError
    for anything else.
    """
    points = np.asarray(keypoints)
    if points.shape[:1] != (people,):
        raise InputError(f"keypoints is {list(points.shape)}; wanted [{people}, {COCO_COUNT}, 3]")
    arrays = {"keypoints": points} | optics
    if points.shape[1:2] == (POINT_COUNT,):
        arrays |= {"keypoints": points[:, :COCO_COUNT], "feet_keypoints": points[:, COCO_COUNT:]}
    if camera_to_world is not None:
        if np.shape(camera_to_world) != (4, 4):
            raise InputError(f"camera_to_world is {list(np.shape(camera_to_world))}; wanted [4, 4]")
        arrays["camera_to_world"] = np.broadcast_to(camera_to_world, (people, 4, 4))
    return parse_keypoints(arrays, "stream")
