"""The Multi-Expert VQ-VAE (GenM3, section 3.1): four frames of motion features as a token, and back.  A token is one of
`codes`, or one for each part of the body (`runtime.tokens.parts`).

Convolutions over time halve the rate twice.  A block is a residual unit of three dilated convolutions and an expert
convolution.  The codebook is no parameter: it follows the means of what falls to each code (EMA), and a code that
nothing falls to begins anew at an encoder output.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.tokens.config import TokenConfig
from genmo.runtime.tokens.parts import own_columns, read_columns

DECAY = 0.99
"""of the codes' running counts and sums, a step"""
CHECK_EVERY = 20
"""steps between looks for codes that nothing falls to"""
DEAD = 0.1
"""of an even share of the tokens; a code whose running count is below is dead"""
DILATIONS = (9, 3, 1)


class ExpertConv(nn.Module):
    """Equation 1: the weighted sum of several convolutions of the same shape, all of them active.

    With static weights the sum of convolutions is the convolution by the sum of their kernels, so that is what is
    computed: training and running cost what one convolution costs.
    """

    def __init__(self, width: int, kernel: int, experts: int, gate: str, groups: int = 1) -> None:
        super().__init__()
        bound = math.sqrt(groups / (width * kernel))
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(experts, width, width // groups, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(experts, width).uniform_(-bound, bound))
        self.gate = nn.Linear(width, experts) if gate == "dynamic" else None
        # the sum has the spread of one kernel
        self.share = nn.Parameter(torch.full((experts,), experts**-0.5)) if self.gate is None else None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Kernel [out, in / groups, k] and bias [out] of the one convolution that static weights make."""
        assert self.share is not None
        return torch.einsum("e,eoik->oik", self.share, self.weight), self.share @ self.bias

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width, frames] -> the same."""
        around = self.weight.shape[-1] // 2
        if self.gate is None:
            kernel, bias = self.folded()
            return functional.conv1d(x, kernel, bias, padding=around, groups=self.groups)
        shares = self.gate(x.mean(dim=-1)).softmax(dim=-1)
        every = [
            functional.conv1d(x, weight, bias, padding=around, groups=self.groups)
            for weight, bias in zip(self.weight, self.bias, strict=True)
        ]
        return torch.einsum("be,beot->bot", shares, torch.stack(every, dim=1))


class Block(nn.Module):
    """A residual unit: three dilated convolutions, then an expert convolution."""

    def __init__(self, config: TokenConfig, groups: int = 1) -> None:
        super().__init__()
        width = config.vq_width
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d, groups=groups) for d in DILATIONS
        )
        self.experts = ExpertConv(width, 3, config.vq_experts, config.gate, groups)

    def forward(self, x: Tensor) -> Tensor:
        inside = x
        for convolution in (*self.convolutions, self.experts):
            inside = convolution(inside.relu())
        return x + inside


class Codebook(nn.Module):
    """The codes of each part and what they follow; see the module."""

    codes: Tensor
    counts: Tensor
    sums: Tensor
    steps: Tensor

    def __init__(self, parts: int, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(parts, codes, width))
        self.register_buffer("counts", torch.zeros(parts, codes))
        self.register_buffer("sums", torch.zeros(parts, codes, width))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def nearest(self, z: Tensor) -> Tensor:
        """Ids [..., parts] of the nearest codes of [..., parts, width]."""
        distance = self.codes.square().sum(dim=-1) - 2 * torch.einsum("...pw,pkw->...pk", z, self.codes)
        return distance.argmin(dim=-1)

    def chosen(self, ids: Tensor) -> Tensor:
        """Codes [..., parts, width] of ids [..., parts]."""
        return self.codes[torch.arange(len(self.codes), device=ids.device), ids]

    @torch.no_grad()
    def follow(self, z: Tensor, ids: Tensor) -> None:
        """Move the codes towards the means of what fell to them: `z` [n, parts, width] with its `ids` [n, parts].

        Codes that next to nothing falls to begin anew at random rows of z.  Random numbers are torch's.
        """
        z = z.float()
        fell = functional.one_hot(ids, self.codes.shape[1]).to(z.dtype)
        self.counts.lerp_(fell.sum(dim=0), 1 - DECAY)
        self.sums.lerp_(torch.einsum("npk,npw->pkw", fell, z), 1 - DECAY)
        means = self.sums / self.counts.clamp_min(1e-9)[..., None]
        self.codes.copy_(torch.where(self.counts[..., None] > 1e-6, means, self.codes))
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.begin_anew(z, self.counts < DEAD * len(z) / self.codes.shape[1])

    @torch.no_grad()
    def begin_anew(self, z: Tensor, dead: Tensor) -> None:
        """Put the `dead` [parts, codes] codes at random rows of z [n, parts, width], with the count of an even
        share."""
        picks = torch.randint(len(z), dead.shape, device="cpu").to(z.device)
        rows = z[picks, torch.arange(len(dead), device=z.device)[:, None]].float()
        even = len(z) / self.codes.shape[1]
        self.codes.copy_(torch.where(dead[..., None], rows, self.codes))
        self.counts.copy_(torch.where(dead, even, self.counts))
        self.sums.copy_(torch.where(dead[..., None], rows * even, self.sums))


class ByPart(nn.Module):
    """Features [batch, features, frames] in the order of the parts, each filled up with zeros to the same number."""

    columns: Tensor

    def __init__(self, parts: str) -> None:
        super().__init__()
        columns = torch.from_numpy(read_columns(parts))
        self.most = columns.shape[1]
        self.register_buffer("columns", columns.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, parts x most, frames]."""
        return functional.pad(x, (0, 0, 0, 1))[:, self.columns]


class Heads(nn.Module):
    """Features [batch, features, frames] of channels: what is a part's alone from its channels, the rest from all.

    So a limb looks as its codes say whatever the others do, as people whom training has not seen combine them, and feet
    and path fit each other.
    """

    order: Tensor

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        features, width, parts = config.motion_layout.width, config.vq_width, len(config.part_names)
        own = torch.from_numpy(own_columns(config.parts)).flatten()
        others = sorted(set(range(features)) - set(own.tolist()))
        self.own = _head(width, width, len(own), parts) if len(own) else None
        self.shared = _head(width, width // parts, len(others), 1)
        at = {column: place for place, column in enumerate([*own.tolist(), *others]) if column < features}
        order = torch.tensor([at[column] for column in range(features)])
        self.register_buffer("order", order, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, features, frames] of [batch, vq_width, frames]."""
        shared: Tensor = self.shared(x)
        return shared if self.own is None else torch.cat([self.own(x), shared], dim=1)[:, self.order]


def _head(width: int, hidden: int, features: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(width, hidden, 3, padding=1, groups=groups),
        nn.ReLU(),
        nn.Conv1d(hidden, features, 3, padding=1, groups=groups),
    )


class MotionVQ(nn.Module):
    """Encoder, codebook and decoder; features are normalised, [batch, frames, width], frames a multiple of four.

    Each part is encoded by itself, and what is its alone is decoded by itself.
    """

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        width, code, parts = config.vq_width, config.code_width, len(config.part_names)
        by_part = ByPart(config.parts)
        self.encoder = nn.Sequential(
            by_part,
            nn.Conv1d(parts * by_part.most, width, 3, padding=1, groups=parts),
            nn.ReLU(),
            nn.Conv1d(width, width, 4, stride=2, padding=1, groups=parts),
            Block(config, parts),
            nn.Conv1d(width, width, 4, stride=2, padding=1, groups=parts),
            Block(config, parts),
            nn.Conv1d(width, parts * code, 3, padding=1, groups=parts),
        )
        self.codebook = Codebook(parts, config.codes, code)
        self.decoder = nn.Sequential(
            nn.Conv1d(parts * code, width, 3, padding=1, groups=parts),
            nn.ReLU(),
            Block(config, parts),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv1d(width, width, 3, padding=1, groups=parts),
            Block(config, parts),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv1d(width, width, 3, padding=1, groups=parts),
            Heads(config),
        )

    def latents(self, features: Tensor) -> Tensor:
        """What the codebook is asked for [batch, tokens, parts, code_width]."""
        latents: Tensor = self.encoder(features.transpose(1, 2)).transpose(1, 2)
        return latents.unflatten(-1, (len(self.codebook.codes), -1))

    def encode(self, features: Tensor) -> Tensor:
        """Ids [batch, tokens, parts] of features."""
        return self.codebook.nearest(self.latents(features))

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Features of [batch, tokens, parts, code_width]."""
        features: Tensor = self.decoder(latents.flatten(2).transpose(1, 2)).transpose(1, 2)
        return features

    def decode(self, ids: Tensor) -> Tensor:
        """Features of ids [batch, tokens, parts]."""
        return self.decode_latents(self.codebook.chosen(ids))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(features after the tokens, with gradients straight through them; latents; ids) of features."""
        latents = self.latents(features)
        if self.training and not self.codebook.steps:  # nothing is known yet of what there is to tell apart
            self.codebook.begin_anew(
                latents.detach().flatten(0, 1), torch.ones_like(self.codebook.counts, dtype=torch.bool)
            )
        ids = self.codebook.nearest(latents.detach().float())
        chosen = self.codebook.chosen(ids)
        decoded = self.decode_latents(latents + (chosen - latents).detach())
        return decoded, latents, ids
