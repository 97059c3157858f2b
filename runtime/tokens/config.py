"""What a trained GenM3 is: the value that rides with every checkpoint and engine of the family "tokens"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genmo.runtime.motion.layout import TOKEN_LAYOUT, Layout
from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.safe_read import quoted
from genmo.runtime.support.stored_config import StoredConfig
from genmo.runtime.tokens.parts import PARTS

FRAMES_A_TOKEN = 4
GATES = ("static", "dynamic")
CONTEXTS = ("text", "motion", "none")
TEXT_ENCODERS = ("wordpiece", "none")
LARGEST = {
    "codes": 2**16, "code_width": 2**10, "vq_width": 2**13, "vq_experts": 2**6, "width": 2**14, "plain_layers": 2**7,
    "path_layers": 2**7, "heads": 2**8, "experts": 2**6, "expert_width": 2**16, "text_width": 2**16,
    "text_tokens": 2**12,
}  # fmt: skip
"""Of every number, far over any model that was trained: a config is a file's word, and tables are made by it."""
LEAST = {"codes": 2, "plain_layers": 0, "text_tokens": 2}
"""1 for the others"""


@dataclass(frozen=True)
class TokenConfig(StoredConfig):
    """Hyperparameters of the MEVQ-VAE and the Multi-path Motion Transformer (GenM3, sections 3.1 and 3.2); JSON both
    ways."""

    TITLE: ClassVar[str] = "token model config"

    codes: int = 512
    """of the codebook, or of each part's"""
    code_width: int = 32
    """channels of a code"""
    vq_width: int = 192
    """channels of the decoder's convolutions, and of the encoder's, which parts share evenly"""
    vq_experts: int = 4
    """kernels that an expert convolution sums (equation 1)"""
    parts: str = "whole"
    """what the codes of a token say: "whole", one code for all of it; "limbs", a code each for path, trunk, legs and
    arms (`tokens.parts`)"""
    gate: str = "static"
    """weights of these kernels: "static" are learned numbers, which fold into one kernel; "dynamic" depend on the
    motion, for experiments: such a network is not exported"""
    width: int = 256
    """channels of the transformer"""
    plain_layers: int = 3
    """layers with one feed-forward network for all tokens"""
    path_layers: int = 3
    """layers after them with pathways for motion, text and both"""
    heads: int = 4
    """attention heads"""
    experts: int = 4
    """of each pathway, all active (equation 6)"""
    expert_width: int = 1024
    """hidden channels of the experts of a pathway together, and of a plain layer's network"""
    context: str = "text"
    """the motion descriptor's token: "text", words weighed by how motion responds (equation 2 as printed); "motion",
    motion weighed by how words respond (as the section around it reads); "none", no such token"""
    text_encoder: str = "wordpiece"
    """"wordpiece": distilled token vectors in the engine; "none": knows no texts"""
    text_width: int = 192
    """channels of a text token as it enters"""
    text_tokens: int = 32
    """tokens of a text at most, its mean among them"""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in LARGEST.items():
            least = LEAST.get(name, 1)
            if not least <= getattr(self, name) <= most:
                raise EngineError(f"token model config: {name} is {getattr(self, name)}; wanted {least} to {most}")
        choices = {"gate": GATES, "parts": tuple(PARTS), "context": CONTEXTS, "text_encoder": TEXT_ENCODERS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                value = quoted(getattr(self, name))
                raise EngineError(f"token model config: {name} is {value}; wanted one of {', '.join(known)}")
        for name, part in (
            ("width", 2 * self.heads),
            ("expert_width", self.experts),
            ("vq_width", len(self.part_names)),
        ):
            if getattr(self, name) % part:
                raise EngineError(f"token model config: {name} is {getattr(self, name)}; wanted a multiple of {part}")

    @property
    def motion_layout(self) -> Layout:
        return TOKEN_LAYOUT

    @property
    def part_names(self) -> tuple[str, ...]:
        """What each code of a token says, in order."""
        return PARTS[self.parts]

    @property
    def mask_id(self) -> int:
        """What stands for a token that is not known."""
        return self.codes

    @property
    def end_id(self) -> int:
        """What stands after the last token."""
        return self.codes + 1

    @property
    def pad_id(self) -> int:
        """What fills up shorter motions of a batch."""
        return self.codes + 2


def token_count(frames: int) -> int:
    """Tokens of a motion of so many frames."""
    return -(-frames // FRAMES_A_TOKEN)
