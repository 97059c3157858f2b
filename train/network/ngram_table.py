"""The n-gram text encoder while it is trained; twin of `genmo.runtime.engine.text_ngram.NgramTextEncoder`."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_ngram import NgramTextEncoder, position_table, word_rows, words_of

GAIN = 20.0
"""vectors are this many times the trained weights: an optimizer that moves every weight by the learning rate would
otherwise leave words at a twentieth of the positions that are added to them (seen in the first engine)"""


class NgramTable(nn.Module):
    """A table of n-gram vectors and the arithmetic that makes tokens of it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        # untouched rows must say next to nothing: they are what a word never seen is made of
        self.table = nn.EmbeddingBag(config.text_buckets, config.text_width, mode="mean")
        nn.init.normal_(self.table.weight, std=0.1 / GAIN)
        positions = torch.tensor(position_table(config.text_tokens, config.text_width), dtype=torch.float32)
        self.register_buffer("positions", positions, persistent=False)

    def as_runtime(self) -> NgramTextEncoder:
        """The runtime's encoder with the table as it is now."""
        return NgramTextEncoder(self.vectors.detach().cpu().numpy().astype(np.float32), self.config.text_tokens)

    @property
    def vectors(self) -> Tensor:
        """[buckets, width], the table that `genmo.runtime.engine.text_ngram.NgramTextEncoder` takes."""
        return GAIN * self.table.weight

    def forward(self, prompts: list[str], dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Token vectors [prompts, tokens, width] and mask [prompts, tokens]; an empty prompt has no token.

        `dropout`: chance that an n-gram is left out, so that no word hangs on a single row.
        """
        size = self.config.text_tokens
        # torch's generator is the one that training seeds, so a resumed run drops the same n-grams
        chance = random.Random(int(torch.randint(2**62, ()))) if dropout else random.Random(0)
        rows: list[int] = []
        starts: list[int] = []
        mask = torch.zeros(len(prompts), size)
        for index, prompt in enumerate(prompts):
            words = words_of(prompt)[:size] if prompt else []
            mask[index, : len(words)] = 1
            for slot in range(size):
                starts.append(len(rows))
                if slot < len(words):
                    grams = word_rows(words[slot], self.config.text_buckets)
                    kept = [row for row in grams if chance.random() >= dropout]
                    rows.extend(kept or grams[-1:])
        device = self.positions.device
        bags = GAIN * self.table(
            torch.tensor(rows, dtype=torch.int64, device=device), torch.tensor(starts, device=device)
        )
        mask = mask.to(device)
        return (bags.unflatten(0, (len(prompts), size)) + self.positions) * mask[..., None], mask
