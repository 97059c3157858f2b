"""The denoiser's inputs and outputs: names, axes, dtypes.  ONNX names, dynamic axes, buffers and test inputs
are all derived from these tables."""

from __future__ import annotations

from dataclasses import dataclass

from genmo.runtime.config import ModelConfig
from genmo.runtime.skeleton import COCO_COUNT

DYNAMIC_AXES = ("batch", "frames", "texts")
MAX_FRAMES = 65536
"""36 minutes; graphs promise no more"""
CAMERA_WIDTH = 12
"""Camera condition: rotation to the next camera frame 6D, translation to it in this one 3 (metres a frame), up 3."""


@dataclass(frozen=True)
class TensorSpec:
    """One named tensor; an axis is a number or one of DYNAMIC_AXES."""

    name: str
    axes: tuple[str | int, ...]
    dtype: str = "float32"

    def shape(self, **sizes: int) -> tuple[int, ...]:
        """The shape with the named axes filled in, e.g. `shape(batch=1, frames=120, texts=1)`."""
        return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in self.axes)


def frame_conditions(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Per-frame conditions of this model and the shape of one frame; each comes with a mask of its own."""
    conditions: dict[str, tuple[int, ...]] = {
        "keypoints": (COCO_COUNT, 3),  # x, y in the box's [-1, 1], visible 0 or 1
        "bounding_box": (3,),  # centre x, y and side over the focal length, from the image centre
        "camera": (CAMERA_WIDTH,),
        "video": (config.video_width,),
        "music": (config.music_width,),
    }
    return {name: shape for name, shape in conditions.items() if shape != (0,)}


def inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Inputs of the denoiser, in order.  Text k reaches frames [text_spans[k, 0], text_spans[k, 1])."""
    frame = ("batch", "frames")
    per_frame = [
        spec
        for name, shape in frame_conditions(config).items()
        for spec in (TensorSpec(name, (*frame, *shape)), TensorSpec(f"{name}_mask", frame))
    ]
    return (
        TensorSpec("x_t", (*frame, config.motion_layout.width)),
        TensorSpec("timestep", ("batch",), "int64"),
        *per_frame,
        TensorSpec("text_tokens", ("batch", "texts", config.text_tokens, config.text_width)),
        TensorSpec("text_token_mask", ("batch", "texts", config.text_tokens)),
        TensorSpec("text_spans", ("batch", "texts", 2), "int64"),
    )


def outputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Outputs of the denoiser: the clean motion (normalised) and the layout's heads."""
    layout = config.motion_layout
    widths = (("x_0", layout.width), *layout.heads)
    return tuple(TensorSpec(name, ("batch", "frames", width)) for name, width in widths)
