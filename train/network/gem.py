"""The network of the released GEM-SMPL and GVHMR weights, behind the names and shapes of our own denoiser.

It is a `Denoiser` whose parts follow the released order of operations, so sampler, exporter and parity treat it alike:
- text block first, then the RoPE block; LayerNorm eps 1e-6; no LayerNorm before the heads, whose GELU is exact;
- every condition but the keypoints passes through a small MLP with a flag that says whether it is there;
- padding tokens of a text are zero vectors that are attended to, and the null text is fifty of them;
- once a motion has a text, frames under none get nothing from the text attention: a property of these weights, kept
  for them alone;
- betas are averaged over the frames, the weak-perspective camera leaves its head in natural units.

What is constant in the released files is folded when they are read (`genmo.export.released_weights`): gates into the
matrices before them, the absent speech condition into a bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.text_ngram import position_table
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.train.network.attention import MultiTextAttention
from genmo.train.network.denoiser import JOINT_WIDTH, Denoiser

BLOCK_EPS = 1e-6
VISIBLE = 0.5
"""keypoints of higher confidence are seen"""
TURN_WIDTH = 6
"""of the camera condition these weights know the rotation to the next frame, not the step and not the up direction"""
TURN_MEAN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
TURN_STD = (1e-3, 0.1, 0.1, 0.1, 1e-3, 0.1)
WEAK_MEAN = (1.0606, -0.0027, 0.2702)
WEAK_STD = (0.1784, 0.0956, 0.0764)
SMALLEST_SCALE = 0.25
"""of the weak-perspective camera: a smaller one would put the body behind the camera or out of sight"""


def exact_mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, width_out))


def silu_mlp(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, width), nn.SiLU(), nn.Linear(width, width))


class SeenKeypoints(nn.Module):
    """[batch, frames, 17, 3] -> [batch, frames, width]; an unseen keypoint is replaced by a learned vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.point = nn.Linear(2, JOINT_WIDTH)
        self.unseen = nn.Parameter(torch.randn(COCO_COUNT, JOINT_WIDTH))
        self.fuse = exact_mlp(COCO_COUNT * JOINT_WIDTH, 2 * width, width)

    def forward(self, keypoints: Tensor, mask: Tensor) -> Tensor:
        visible = (keypoints[..., 2:] * mask[..., None, None] > VISIBLE).to(keypoints.dtype)
        points = visible * self.point(keypoints[..., :2]) + (1 - visible) * self.unseen
        return self.fuse(points.flatten(-2))


def condition_embedding(name: str, width_in: int, width: int) -> nn.Sequential:
    """[batch, frames, width_in] -> [batch, frames, width] for one condition of the signature."""
    if name == "camera":
        return silu_mlp(TURN_WIDTH, width)
    if name == "video":
        return nn.Sequential(nn.LayerNorm(width_in), nn.Linear(width_in, width))
    if name == "music":
        return exact_mlp(width_in, 2 * width, width)
    return silu_mlp(width_in, width)


class SumOfConditions(nn.Module):
    """Conditions of the signature -> [batch, frames, width].

    `flags`: a second MLP of every condition sees its embedding and whether it is there, so absence is information.
    Without flags (GVHMR) an absent condition adds nothing, but an unknown camera is one at rest.
    """

    def __init__(self, config: ModelConfig, flags: bool) -> None:
        super().__init__()
        self.keypoints = SeenKeypoints(config.width)
        self.embed, self.flagged = nn.ModuleDict(), nn.ModuleDict()
        for name, shape in frame_conditions(config).items():
            if name != "keypoints":
                self.embed[name] = condition_embedding(name, shape[0], config.width)
                if flags:
                    self.flagged[name] = silu_mlp(config.width + 1, config.width)
        self.register_buffer("turn_mean", torch.tensor(TURN_MEAN), persistent=False)
        self.register_buffer("turn_std", torch.tensor(TURN_STD), persistent=False)

    def forward(self, conditions: dict[str, Tensor]) -> Tensor:
        total = self.keypoints(conditions["keypoints"], conditions["keypoints_mask"])
        for name, embed in self.embed.items():
            value, present = conditions[name], conditions[f"{name}_mask"][..., None]
            if name == "camera":
                value = (value[..., :TURN_WIDTH] - self.turn_mean) / self.turn_std * present  # at rest: zero
            embedded = embed(value)
            if name in self.flagged:
                embedded = self.flagged[name](torch.cat([embedded * present, present], dim=-1))
            elif name != "camera":
                embedded = embedded * present
            total = total + embedded
        return total


class SummedTextAttention(MultiTextAttention):
    """Each text has an output of its own, bias and all, and a frame gets the sum over the texts that reach it."""

    def forward(self, x: Tensor, texts: Tensor, token_bias: Tensor, reach: Tensor) -> Tensor:
        count = reach.sum(dim=1)[..., None]
        return super().forward(x, texts, token_bias, reach) + (count - 1) * self.out.bias


class MotionHead(nn.Module):
    """[batch, frames, width] -> the normalised motion, with one shape a motion: the mean over its frames."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mlp = exact_mlp(config.width, config.width, config.motion_layout.width)
        self.betas = config.motion_layout.slices["betas"]

    def forward(self, x: Tensor) -> Tensor:
        motion = self.mlp(x)
        betas = motion[..., self.betas]
        mean = betas.mean(dim=1, keepdim=True).expand_as(betas)
        return torch.cat([motion[..., : self.betas.start], mean, motion[..., self.betas.stop :]], dim=-1)


class WeakPerspectiveHead(nn.Module):
    """[batch, frames, width] -> weak-perspective camera (s, tx, ty), s at least SMALLEST_SCALE."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = exact_mlp(width, width, len(WEAK_MEAN))
        self.register_buffer("mean", torch.tensor(WEAK_MEAN), persistent=False)
        self.register_buffer("std", torch.tensor(WEAK_STD), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weak = self.mlp(x) * self.std + self.mean
        return torch.cat([weak[..., :1].clamp(min=SMALLEST_SCALE), weak[..., 1:]], dim=-1)


class GemDenoiser(Denoiser):
    """The released GEM-SMPL network for a ModelConfig of layout `gem` and block order `public`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width = config.width
        self.conditions = SumOfConditions(config, flags=True)
        self.time = silu_mlp(width, width)
        # rows come with the weights: theirs were computed in float32 and differ from ours in the fifth digit
        table = torch.tensor(position_table(schedule.STEPS, width), dtype=torch.float32)
        self.register_buffer("timestep_table", table, persistent=True)
        self.motion_in = nn.Linear(config.motion_layout.width, width, bias=False)
        del self.null_text  # it is fifty zero vectors
        for block in self.text_blocks:
            block.attention = SummedTextAttention(width, config.heads)
        self._finish()

    def _finish(self) -> None:
        """What both families share: heads, no last LayerNorm, the released eps."""
        width = self.config.width
        self.norm = nn.Identity()
        self.heads = nn.ModuleDict(
            {
                "x_0": MotionHead(self.config),
                "weak_perspective": WeakPerspectiveHead(width),
                "contact_logits": exact_mlp(width, width, dict(self.config.motion_layout.heads)["contact_logits"]),
            }
        )
        for module in [*self.rope_blocks.modules(), *self.text_blocks.modules()]:
            if isinstance(module, nn.LayerNorm):
                module.eps = BLOCK_EPS

    def texts(self, tokens: Tensor, mask: Tensor, spans: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """Projected tokens with the null text first, their bias (none: padding counts), and what each reaches.

        The null text reaches every frame of a motion without texts, and no frame of one with.
        """
        memory = torch.cat([torch.zeros_like(tokens[:, :1]), tokens * mask[..., None]], dim=1)
        memory = self.text_in(memory) + self.timestep_table[: tokens.shape[2]]
        frame = torch.arange(frames, device=tokens.device)
        present = (mask.amax(dim=-1, keepdim=True) > 0) & (spans[..., 1:] > spans[..., :1])
        inside = (frame >= spans[..., :1]) & (frame < spans[..., 1:]) & present
        alone = 1 - present.to(tokens.dtype).amax(dim=1, keepdim=True)
        reach = torch.cat([alone.expand(-1, -1, inside.shape[-1]), inside.to(tokens.dtype)], dim=1)
        return memory, torch.zeros_like(memory[..., 0]), reach


class Nothing(nn.Module):
    """[..., n] -> zeros [..., 1]: stands where GVHMR has no input."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[..., :1], dtype=torch.float32)


class Unchanged(nn.Module):
    """Stands where GVHMR has no text block."""

    def forward(self, x: Tensor, *texts: Tensor) -> Tensor:
        return x


class GvhmrDenoiser(GemDenoiser):
    """The released GVHMR network: estimation only, so x_t, timestep and texts change nothing.

    It was trained with all conditions there; see `SumOfConditions` for what an absent one is taken for.
    """

    def __init__(self, config: ModelConfig) -> None:
        Denoiser.__init__(self, config)
        self.conditions = SumOfConditions(config, flags=False)
        self.time, self.motion_in, self.condition_in = Nothing(), Nothing(), nn.Identity()
        self.text_blocks = nn.ModuleList(Unchanged() for _ in range(config.depth))
        del self.null_text, self.text_in
        self._finish()

    def texts(self, tokens: Tensor, mask: Tensor, spans: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """What `Unchanged` blocks ignore."""
        memory = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
        return memory, torch.zeros_like(memory[..., 0]), mask


FAMILIES: dict[str, type[Denoiser]] = {"genmo": Denoiser, "gem": GemDenoiser, "gvhmr": GvhmrDenoiser}
"""Networks by the name that a checkpoint's `model.json` gives them."""
