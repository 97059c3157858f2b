"""The denoiser's inputs and outputs: names, axes, dtypes.  ONNX names, dynamic axes, buffers and test inputs
are all derived from these tables."""

from __future__ import annotations

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.motion.skeleton import COCO_COUNT

DYNAMIC_AXES = ("batch", "frames", "texts")
STEP_AXES = (*DYNAMIC_AXES, "prompted", "words")
"""of the step graph: its first `prompted` motions have texts; `words` is texts x text_tokens"""
CAMERA_WIDTH = 12
"""Camera condition: rotation to the next camera frame 6D, translation to it in this one 3 (metres a frame), up 3."""
LINE_WIDTH = 4
"""Of the keyframes condition: step of the straight line between given places 3, and whether there is one."""


def frame_conditions(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Per-frame conditions of this model and the shape of one frame; each comes with a mask of its own."""
    conditions: dict[str, tuple[int, ...]] = {
        "keypoints": (COCO_COUNT, 3),  # x, y in the box's [-1, 1], visible 0 or 1
        "bounding_box": (3,),  # centre x, y and side over the focal length, from the image centre
        "camera": (CAMERA_WIDTH,),
        "video": (config.video_width,),
        "music": (config.music_width,),
        "keyframes": (keyframe_width(config),),  # `known_frames.keyframe_condition`
    }
    return {name: shape for name, shape in conditions.items() if shape != (0,)}


def keyframe_width(config: ModelConfig) -> int:
    """Channels of the keyframes condition: features, closeness of each group of them, line; 0: the model has none."""
    layout = config.motion_layout
    return layout.width + len(layout.groups) + LINE_WIDTH if config.keyframes else 0


def inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Inputs of the denoiser, in order.  Text k reaches frames [text_spans[k, 0], text_spans[k, 1])."""
    return (*_noised(config), *condition_inputs(config), *text_inputs(config))


def _noised(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """What changes from step to step."""
    x_t = TensorSpec("x_t", ("batch", "frames", config.motion_layout.width))
    return (x_t, TensorSpec("timestep", ("batch",), "int64"))


def condition_inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Per-frame conditions, each followed by its mask (0 or 1)."""
    frame = ("batch", "frames")
    return tuple(
        spec
        for name, shape in frame_conditions(config).items()
        for spec in (TensorSpec(name, (*frame, *shape)), TensorSpec(f"{name}_mask", frame))
    )


def text_inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Tokens of the texts, their mask (0 or 1) and the frames that each text reaches."""
    return (
        TensorSpec("text_tokens", ("batch", "texts", config.text_tokens, config.text_width)),
        TensorSpec("text_token_mask", ("batch", "texts", config.text_tokens)),
        TensorSpec("text_spans", ("batch", "texts", 2), "int64"),
    )


def step_inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Inputs of one step: x_t, timestep, and what is computed once a sequence."""
    return (*_noised(config), *condition_outputs(config), *text_outputs(config))


def sampler_inputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Inputs of the guided sampler as one graph: the noise to start from, the guidance, and what is computed once a
    sequence, for `batch` = 2 x `motions`: first the motions with their texts and music, then the same without."""
    noise = TensorSpec("noise", ("motions", "frames", config.motion_layout.width))
    return (noise, TensorSpec("guidance", (1,)), *condition_outputs(config), *text_outputs(config))


def sampler_outputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Outputs of the guided sampler: those of the denoiser at its last step."""
    return tuple(TensorSpec(spec.name, ("motions", *spec.axes[1:])) for spec in outputs(config))


def condition_outputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """`fused`: the token of every frame, without x_t and timestep."""
    return (TensorSpec("fused", ("batch", "frames", config.width)),)


def text_outputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """What texts are for a step: added to the score of every token, frames reached, keys (transposed) and values of
    every module.  The motions with texts are the first `prompted` of the batch."""
    rows, head_width = ("prompted", config.heads), config.width // config.heads
    attention = [
        spec
        for index in range(config.depth)
        for spec in (
            TensorSpec(f"text_keys_{index}", (*rows, head_width, "words")),
            TensorSpec(f"text_values_{index}", (*rows, "words", head_width)),
        )
    ]
    return (
        TensorSpec("text_bias", ("prompted", "texts", config.text_tokens)),
        TensorSpec("text_reach", ("prompted", "texts", 2), "int64"),
        *attention,
    )


def outputs(config: ModelConfig) -> tuple[TensorSpec, ...]:
    """Outputs of the denoiser: the clean motion (normalised) and the layout's heads."""
    layout = config.motion_layout
    widths = (("x_0", layout.width), *layout.heads)
    return tuple(TensorSpec(name, ("batch", "frames", width)) for name, width in widths)
