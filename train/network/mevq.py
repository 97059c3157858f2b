"""The Multi-Expert VQ-VAE (GenM3, section 3.1): four frames of motion features as one of `codes` tokens, and back.

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

    def __init__(self, width: int, kernel: int, experts: int, gate: str) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width * kernel)
        self.weight = nn.Parameter(torch.empty(experts, width, width, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(experts, width).uniform_(-bound, bound))
        self.gate = nn.Linear(width, experts) if gate == "dynamic" else None
        # the sum has the spread of one kernel
        self.share = nn.Parameter(torch.full((experts,), experts**-0.5)) if self.gate is None else None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Kernel [out, in, k] and bias [out] of the one convolution that static weights make."""
        assert self.share is not None
        return torch.einsum("e,eoik->oik", self.share, self.weight), self.share @ self.bias

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width, frames] -> the same."""
        around = self.weight.shape[-1] // 2
        if self.gate is None:
            kernel, bias = self.folded()
            return functional.conv1d(x, kernel, bias, padding=around)
        shares = self.gate(x.mean(dim=-1)).softmax(dim=-1)
        every = functional.conv1d(x, self.weight.flatten(0, 1), self.bias.flatten(), padding=around)
        return torch.einsum("be,beot->bot", shares, every.unflatten(1, self.bias.shape))


class Block(nn.Module):
    """A residual unit: three dilated convolutions, then an expert convolution."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        width = config.vq_width
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in DILATIONS)
        self.experts = ExpertConv(width, 3, config.vq_experts, config.gate)

    def forward(self, x: Tensor) -> Tensor:
        inside = x
        for convolution in (*self.convolutions, self.experts):
            inside = convolution(inside.relu())
        return x + inside


class Codebook(nn.Module):
    """The codes and what they follow; see the module."""

    codes: Tensor
    counts: Tensor
    sums: Tensor
    steps: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(codes, width))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, width))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def nearest(self, z: Tensor) -> Tensor:
        """Ids [...] of the nearest codes of [..., width]."""
        distance = self.codes.square().sum(dim=-1) - 2 * z @ self.codes.T
        return distance.argmin(dim=-1)

    @torch.no_grad()
    def follow(self, z: Tensor, ids: Tensor) -> None:
        """Move the codes towards the means of what fell to them: `z` [n, width] with its `ids` [n].

        Codes that next to nothing falls to begin anew at random rows of z.  Random numbers are torch's.
        """
        z = z.float()
        fell = functional.one_hot(ids, len(self.codes)).to(z.dtype)
        self.counts.lerp_(fell.sum(dim=0), 1 - DECAY)
        self.sums.lerp_(fell.T @ z, 1 - DECAY)
        means = self.sums / self.counts.clamp_min(1e-9)[:, None]
        self.codes.copy_(torch.where(self.counts[:, None] > 1e-6, means, self.codes))
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.begin_anew(z, self.counts < DEAD * len(z) / len(self.codes))

    @torch.no_grad()
    def begin_anew(self, z: Tensor, dead: Tensor) -> None:
        """Put the `dead` [codes] codes at random rows of z [n, width], with the count of an even share."""
        rows = z[torch.randint(len(z), (len(self.codes),), device="cpu").to(z.device)].float()
        even = len(z) / len(self.codes)
        self.codes.copy_(torch.where(dead[:, None], rows, self.codes))
        self.counts.copy_(torch.where(dead, even, self.counts))
        self.sums.copy_(torch.where(dead[:, None], rows * even, self.sums))


class MotionVQ(nn.Module):
    """Encoder, codebook and decoder; features are normalised, [batch, frames, width], frames a multiple of four."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        features, width, code = config.motion_layout.width, config.vq_width, config.code_width
        self.encoder = nn.Sequential(
            nn.Conv1d(features, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, width, 4, stride=2, padding=1),
            Block(config),
            nn.Conv1d(width, width, 4, stride=2, padding=1),
            Block(config),
            nn.Conv1d(width, code, 3, padding=1),
        )
        self.codebook = Codebook(config.codes, code)
        self.decoder = nn.Sequential(
            nn.Conv1d(code, width, 3, padding=1),
            nn.ReLU(),
            Block(config),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv1d(width, width, 3, padding=1),
            Block(config),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv1d(width, width, 3, padding=1),
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, features, 3, padding=1),
        )

    def latents(self, features: Tensor) -> Tensor:
        """What the codebook is asked for [batch, tokens, code_width]."""
        latents: Tensor = self.encoder(features.transpose(1, 2)).transpose(1, 2)
        return latents

    def encode(self, features: Tensor) -> Tensor:
        """Ids [batch, tokens] of features."""
        return self.codebook.nearest(self.latents(features))

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Features of [batch, tokens, code_width]."""
        features: Tensor = self.decoder(latents.transpose(1, 2)).transpose(1, 2)
        return features

    def decode(self, ids: Tensor) -> Tensor:
        """Features of ids [batch, tokens]."""
        return self.decode_latents(self.codebook.codes[ids])

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(features after the tokens, with gradients straight through them; latents; ids) of features."""
        latents = self.latents(features)
        if self.training and not self.codebook.steps:  # nothing is known yet of what there is to tell apart
            self.codebook.begin_anew(
                latents.detach().flatten(0, 1), torch.ones_like(self.codebook.counts, dtype=torch.bool)
            )
        ids = self.codebook.nearest(latents.detach())
        chosen = self.codebook.codes[ids]
        decoded = self.decode_latents(latents + (chosen - latents).detach())
        return decoded, latents, ids
