"""What a trained model is: the value that rides with every checkpoint and engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genmo.runtime.denoiser.conventions import CONVENTIONS, Conventions
from genmo.runtime.motion.layout import LAYOUTS, Layout
from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.safe_read import quoted
from genmo.runtime.support.stored_config import StoredConfig

BLOCK_ORDERS = ("paper", "public")
TEXT_ENCODERS = ("wordpiece", "ngram", "none")
LARGEST = {
    "width": 2**14, "depth": 2**8, "heads": 2**8, "mlp_width": 2**16, "window": 2**16, "text_width": 2**16,
    "text_tokens": 2**12, "text_depth": 2**8, "video_width": 2**16, "music_width": 2**16, "text_buckets": 2**22,
}  # fmt: skip
"""Of every number, far over any model that was trained: a config is a file's word, and tables are made by it."""


@dataclass(frozen=True)
class ModelConfig(StoredConfig):
    """Hyperparameters of the denoiser; JSON both ways."""

    TITLE: ClassVar[str] = "model config"

    width: int = 512
    """channels of a motion token"""
    depth: int = 16
    """GENMO modules, each a RoPE block and a multi-text block"""
    heads: int = 8
    """attention heads"""
    mlp_width: int = 1024
    """hidden channels of the blocks' MLPs"""
    layout: str = "genmo"
    """motion layout, a key of representation.LAYOUTS"""
    block_order: str = "paper"
    """"paper": RoPE block, then text block (appendix A); "public": the other way round, as the released code does"""
    window: int = 120
    """keys that a frame attends to, fewer only when the motion is shorter"""
    text_width: int = 1024
    """channels of a text token as it enters the denoiser"""
    text_tokens: int = 50
    """tokens of a text at most"""
    text_depth: int = 0
    """self-attention blocks that a text's tokens go through among themselves before motion tokens attend to them"""
    video_width: int = 1024
    """channels of a frame's video feature; 0: the model has no video condition"""
    music_width: int = 35
    """channels of a frame's music feature (35 as in EDGE); 0: the model has no music condition"""
    text_encoder: str = "none"
    """"wordpiece": distilled token vectors in the engine (`runtime/engine/text_wordpiece.py`); "ngram": a hashed n-gram
    table in the engine; "none": tokens come from outside"""
    text_buckets: int = 0
    """rows of the n-gram table"""
    innovation: bool = False
    """x_0 takes from x_t what the network missed of the joints' turns (`genmo.runtime.denoiser.residual_gain`)"""
    keyframes: bool = False
    """frames that are given are a condition too (`genmo.runtime.denoiser.known_frames`)"""

    def __post_init__(self) -> None:
        super().__post_init__()
        small = [name for name in ("width", "depth", "heads", "mlp_width", "window") if getattr(self, name) < 1]
        if small:
            raise EngineError(f"model config: {', '.join(small)} must be at least 1")
        outside = [name for name, most in LARGEST.items() if not 0 <= getattr(self, name) <= most]
        if outside:
            bounds = ", ".join(f"{name} 0 to {LARGEST[name]}" for name in outside)
            raise EngineError(f"model config: {', '.join(outside)} out of bounds; wanted {bounds}")
        if self.layout not in LAYOUTS:
            raise EngineError(f"model config: layout is {quoted(self.layout)}; wanted one of {sorted(LAYOUTS)}")
        if self.block_order not in BLOCK_ORDERS:
            raise EngineError(f"model config: block_order is {quoted(self.block_order)}; wanted one of {BLOCK_ORDERS}")
        if self.text_encoder not in TEXT_ENCODERS:
            raise EngineError(
                f"model config: text_encoder is {quoted(self.text_encoder)}; wanted one of {TEXT_ENCODERS}"
            )
        if self.innovation and "joint_rotations" not in self.motion_layout.slices:
            raise EngineError(f"model config: innovation is not for layout {self.layout!r}; wanted false")
        if self.text_depth and self.text_width % 4:
            raise EngineError("model config: text_depth wants a text_width that is a multiple of 4")
        if self.keyframes and "joint_rotations" not in self.motion_layout.slices:
            raise EngineError(f"model config: keyframes is not for layout {self.layout!r}; wanted false")
        if self.width % (2 * self.heads) or self.window % 2:
            raise EngineError("model config: width must be a multiple of 2 x heads, and window even")

    @property
    def motion_layout(self) -> Layout:
        return LAYOUTS[self.layout]

    @property
    def conventions(self) -> Conventions:
        """How these weights want their conditions and are sampled."""
        return CONVENTIONS[self.layout]
