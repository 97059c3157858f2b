"""The denoiser: noisy motion and conditions in, clean motion out.

What is unusual:
- additive fusion: every per-frame condition has a small MLP, their sum (plus the timestep) joins x_t in one token;
- an absent condition still speaks: its mask selects a learned "absent" vector, so absence is information;
- a module is a RoPE block (windowed self-attention, MLP) and a multi-text block (one softmax a text, MLP);
- frames that no text reaches attend to a learned null text, the same that guidance subtracts;
- x0-prediction; the timestep enters as a row of a table, never as arithmetic in the graph;
- where the config says so, what x_t shows of the motion and the network missed is added (`Innovation`).
Names and shapes of the inputs: `genmo.runtime.denoiser.signature`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genmo.runtime.denoiser import residual_gain, schedule
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import CAMERA_WIDTH, frame_conditions
from genmo.runtime.engine.text_ngram import position_table
from genmo.runtime.motion.layout import SIXD
from genmo.runtime.motion.skeleton import COCO_COUNT, JOINT_COUNT
from genmo.train.network.attention import MultiTextAttention, RopeAttention, rope_tables, split_heads

JOINT_WIDTH = 32
"""channels of one embedded keypoint"""
# Scales that bring what changes from frame to frame near one.
KEYPOINT_SPEED = 8.0
ROOT_SPEED = 20.0  # metres a frame
CAMERA_TURN = 30.0  # entries of a rotation between frames
BOX_METRES = 2.0
"""side of the box of a standing person"""
OUTLIER = 4.0
"""scaled inputs beyond are cut: they come from detectors that jump, not from people"""
MISSED = -3.0
"""logarithm of the variance, of normalised features, that a new network is taken to miss"""
WORD_HEADS = 4
"""attention heads of the blocks that texts go through; text_width is a multiple of it"""
MASKED = -1e9
"""added to the score of a token that is not there"""


def mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width_in, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width_out))


def change(values: Tensor, valid: Tensor) -> Tensor:
    """values[i + 1] - values[i] over [batch, frames, ...], zero at the last frame and where either is not known."""
    frames = torch.zeros((), dtype=torch.int64, device=values.device) + values.shape[1]
    following = torch.minimum(torch.arange(values.shape[1], device=values.device) + 1, frames - 1)
    both = valid * valid.index_select(1, following)
    return both * (values.index_select(1, following) - values)


class KeypointEmbedding(nn.Module):
    """[batch, frames, 17, 3] -> [batch, frames, width]; an unseen keypoint is replaced by a learned vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.point = nn.Linear(4, JOINT_WIDTH)
        self.unseen = nn.Parameter(torch.randn(COCO_COUNT, JOINT_WIDTH) * 0.02)
        self.place = nn.Parameter(torch.randn(COCO_COUNT, JOINT_WIDTH) * 0.02)
        self.fuse = mlp(COCO_COUNT * JOINT_WIDTH, 2 * width, width)

    def forward(self, keypoints: Tensor, mask: Tensor) -> Tensor:
        positions, visible = keypoints[..., :2], keypoints[..., 2:]
        speed = (KEYPOINT_SPEED * change(positions, visible * mask[..., None, None])).clamp(-OUTLIER, OUTLIER)
        moving = torch.cat([2 * positions, speed], dim=-1)
        points = visible * (self.point(moving) + self.place) + (1 - visible) * self.unseen
        return self.fuse(points.flatten(-2))


class BoxEmbedding(nn.Module):
    """[batch, frames, 3] -> [batch, frames, width], through where a person of usual height would stand for that box.

    A box says depth only by its inverse and speed only by a small difference; both are computed, not learned.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fuse = mlp(9, width, width)

    def forward(self, box: Tensor, mask: Tensor) -> Tensor:
        side = box[..., 2:].clamp(min=0.02)
        rough = BOX_METRES * torch.cat([box[..., :2], torch.ones_like(side)], dim=-1) / side
        # a box jumps when a limb is hidden or shown
        speed = (ROOT_SPEED * change(rough, mask[..., None])).clamp(-OUTLIER, OUTLIER)
        geometry = torch.cat([2 * box[..., :2], side.log() + 1, rough / 3], dim=-1).clamp(-OUTLIER, OUTLIER)
        return self.fuse(torch.cat([geometry, speed], dim=-1))


class CameraEmbedding(nn.Module):
    """[batch, frames, 12] -> [batch, frames, width]; turns and steps between frames are small and scaled to one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fuse = mlp(CAMERA_WIDTH, width, width)
        still = torch.tensor([1.0, 0, 0, 0, 1, 0, *[0.0] * (CAMERA_WIDTH - SIXD)])
        scale = torch.tensor([CAMERA_TURN] * SIXD + [ROOT_SPEED] * 3 + [1.0] * (CAMERA_WIDTH - SIXD - 3))
        self.register_buffer("still", still, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, camera: Tensor, mask: Tensor) -> Tensor:
        return self.fuse(((camera - self.still) * self.scale).clamp(-OUTLIER, OUTLIER))


class FeatureEmbedding(nn.Module):
    """[batch, frames, n] -> [batch, frames, width] for features of any scale (video, music, keyframes); see
    `genmo.train.data.feature_scale`."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.fuse = mlp(width_in, width, width)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        return self.fuse(features)


EMBEDDINGS: dict[str, type[nn.Module]] = {
    "keypoints": KeypointEmbedding,
    "bounding_box": BoxEmbedding,
    "camera": CameraEmbedding,
}


class ConditionFusion(nn.Module):
    """Sum of the embedded conditions [batch, frames, width]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embed = nn.ModuleDict()
        self.absent = nn.ParameterDict()
        for name, shape in frame_conditions(config).items():
            own = EMBEDDINGS.get(name)
            self.embed[name] = FeatureEmbedding(shape[0], config.width) if own is None else own(config.width)
            self.absent[name] = nn.Parameter(torch.zeros(config.width))

    def forward(self, conditions: dict[str, Tensor]) -> Tensor:
        total: Tensor | None = None
        for name, embed in self.embed.items():
            mask = conditions[f"{name}_mask"]
            shown = mask[..., None]
            embedded = shown * embed(conditions[name], mask) + (1 - shown) * self.absent[name]
            total = embedded if total is None else total + embedded
        assert total is not None  # every model has keypoints
        return total


class RopeBlock(nn.Module):
    """LayerNorm, windowed self-attention, residual; LayerNorm, MLP, residual."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = RopeAttention(config.width, config.heads, config.window)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = mlp(config.width, config.mlp_width, config.width)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attention(self.attention_norm(x), rope)
        return x + self.mlp(self.mlp_norm(x))


class TextBlock(nn.Module):
    """The same block with multi-text attention in place of self-attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = MultiTextAttention(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = mlp(config.width, config.mlp_width, config.width)

    def forward(self, x: Tensor, texts: Tensor, token_bias: Tensor, reach: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), texts, token_bias, reach)
        return x + self.mlp(self.mlp_norm(x))


class WordBlock(nn.Module):
    """LayerNorm, self-attention among the words of one text, residual; LayerNorm, MLP, residual.

    It tells which word goes with which: "left" with an arm or with a turn, what comes before "then".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = mlp(width, 2 * width, width)

    def forward(self, words: Tensor, bias: Tensor) -> Tensor:
        """words [texts, tokens, width], bias [texts, tokens] (0, or a large negative number where there is none)."""
        q, k, v = (split_heads(matrix, WORD_HEADS) for matrix in self.qkv(self.attention_norm(words)).chunk(3, dim=-1))
        scores = (q * q.shape[-1] ** -0.5) @ k.mT + bias[:, None, None]  # [texts, heads, tokens, tokens]
        words = words + self.out((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))
        return words + self.mlp(self.mlp_norm(words))


class Innovation(nn.Module):
    """Adds to x_0 what x_t shows of the joints' turns and the network left out (`runtime.denoiser.residual_gain`)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.turns = residual_gain.turns(config.motion_layout)
        self.log_variance = mlp(config.width, config.width, JOINT_COUNT - residual_gain.FIRST_JOINT)
        for name in ("kernel", "roots", "trusts"):
            table = torch.tensor(getattr(residual_gain, name)(), dtype=torch.float32)
            self.register_buffer(name, table, persistent=False)

    def forward(self, x_0: Tensor, x_t: Tensor, timestep: Tensor, x: Tensor) -> Tensor:
        """x_0, x_t [batch, frames, features], timestep [batch], what the heads read x [batch, frames, width] -> x_0."""
        root, trust = (table[timestep][:, None, None] for table in (self.roots, self.trusts))
        with torch.autocast(x_0.device.type, enabled=False):
            x_0 = x_0.float()
            missed = self.smoothed(x_t[..., self.turns] - root * x_0[..., self.turns])
            ratio = self.log_variance(x.float()).exp() * trust
            gain = (ratio / (1 + ratio * root)).repeat_interleave(SIXD, dim=-1)
            turns = x_0[..., self.turns] + gain * missed
        return torch.cat([x_0[..., : self.turns.start], turns, x_0[..., self.turns.stop :]], dim=-1)

    def smoothed(self, values: Tensor) -> Tensor:
        """[batch, frames, channels] through a Gaussian over time, the ends repeated."""
        padded = nn.functional.pad(values.mT, (residual_gain.REACH, residual_gain.REACH), mode="replicate")
        return nn.functional.conv2d(padded[:, None], self.kernel[None, None, None])[:, 0].mT


class Denoiser(nn.Module):
    """G(x_t, t, C, M) of the paper for one ModelConfig."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, motion = config.width, config.motion_layout.width
        self.config = config
        self.conditions = ConditionFusion(config)
        self.time = mlp(width, width, width)
        table = torch.tensor(position_table(schedule.STEPS, width), dtype=torch.float32)
        self.register_buffer("timestep_table", table, persistent=False)
        self.motion_in = nn.Linear(motion, width)
        self.condition_in = nn.Linear(width, width)
        self.word_layers = nn.ModuleList(WordBlock(config.text_width) for _ in range(config.text_depth))
        self.text_in = nn.Linear(config.text_width, width)
        self.null_text = nn.Parameter(torch.randn(config.text_width) * 0.02)
        self.rope_blocks = nn.ModuleList(RopeBlock(config) for _ in range(config.depth))
        self.text_blocks = nn.ModuleList(TextBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        heads = (("x_0", motion), *config.motion_layout.heads)
        self.heads = nn.ModuleDict({name: mlp(width, width, size) for name, size in heads})
        self.innovation = Innovation(config) if config.innovation else None
        self._initialise()

    def _initialise(self) -> None:
        """Weights that keep the scale of their input (spread 1 / sqrt(fan in)), zero biases; what adds to the residual
        stream starts small, so depth does not amplify.  Xavier's rule would shrink the conditions, whose first
        layers widen 4 or 12 channels to 256, to a tenth of the constant timestep beside them."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        if "keyframes" in self.conditions.embed:  # weights that were trained without it go on from where they are
            nn.init.zeros_(self.conditions.embed["keyframes"].fuse[-1].weight)
        shrink = 1 / math.sqrt(4 * self.config.depth)
        for block in [*self.rope_blocks, *self.text_blocks]:
            for layer in (block.attention.out, block.mlp[-1]):
                layer.weight.data *= shrink
        for words in self.word_layers:  # at first every word is itself alone, as in a network without these blocks
            nn.init.zeros_(words.out.weight)
            nn.init.zeros_(words.mlp[-1].weight)
        if self.innovation is not None:  # at first little is taken to be missed, everywhere alike
            nn.init.zeros_(self.innovation.log_variance[-1].weight)
            nn.init.constant_(self.innovation.log_variance[-1].bias, MISSED)

    def use_blocked_attention(self, blocked: bool) -> None:
        """Choose the O(N W) form of self-attention (same numbers to rounding) for all layers."""
        for block in self.rope_blocks:
            block.attention.blocked = blocked

    def texts(self, tokens: Tensor, mask: Tensor, spans: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """Projected tokens with the null text first, their bias, and what each reaches; see MultiTextAttention."""
        batch, _, count, _ = tokens.shape
        null = torch.zeros_like(tokens[:, :1]) + self.null_text
        tokens = self._in_context(tokens, mask)
        first = torch.zeros_like(mask[:, :1])
        first[..., 0] = 1
        bias = (1 - torch.cat([first, mask], dim=1)) * MASKED
        frame = torch.arange(frames, device=tokens.device)
        present = mask.amax(dim=-1, keepdim=True) > 0
        inside = (frame >= spans[..., :1]) & (frame < spans[..., 1:]) & present
        reach = inside.to(tokens.dtype)
        alone = 1 - reach.amax(dim=1, keepdim=True)
        return self.text_in(torch.cat([null, tokens], dim=1)), bias, torch.cat([alone, reach], dim=1)

    def _in_context(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens [batch, texts, tokens, width] that know the other words of their text."""
        if not self.word_layers:  # the graph of a network without them has no trace of them
            return tokens
        words, bias = tokens.flatten(0, 1), (1 - mask.flatten(0, 1)) * MASKED
        for block in self.word_layers:
            words = block(words, bias)
        return words.reshape(tokens.shape)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of `signature.inputs(config)` -> tensors of `signature.outputs(config)`."""
        x_t = inputs["x_t"]
        frames = x_t.shape[1]
        time = self.time(self.timestep_table[inputs["timestep"]])
        fused = self.conditions(inputs) + time[:, None]
        x = self.motion_in(x_t) + self.condition_in(fused)
        rope = rope_tables(frames, self.config.width // self.config.heads, x.device)
        texts = self.texts(inputs["text_tokens"], inputs["text_token_mask"], inputs["text_spans"], frames)
        for rope_block, text_block in zip(self.rope_blocks, self.text_blocks, strict=True):
            if self.config.block_order == "paper":
                x = text_block(rope_block(x, rope), *texts)
            else:
                x = rope_block(text_block(x, *texts), rope)
        return self._answers(self.norm(x), inputs)

    def _answers(self, x: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the heads make of the last tokens [batch, frames, width]."""
        outputs = {name: head(x) for name, head in self.heads.items()}
        if self.innovation is not None:
            outputs["x_0"] = self.innovation(outputs["x_0"], inputs["x_t"], inputs["timestep"], x)
        return outputs
