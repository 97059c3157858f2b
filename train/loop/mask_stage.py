"""Stages 2 and 3 of GenM3: masked tokens are predicted from those that are known, and from a text (equation 9)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genmo.runtime.support.errors import InputError
from genmo.train.data.token_store import (
    Masking,
    TokenBatch,
    TokenStore,
    masked,
)
from genmo.train.loop.near_codes import NearCodes, near_codes
from genmo.train.network.masked_transformer import Texts
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenModel
from genmo.train.settings.token_config import TokenTrainConfig

HELD_OUT = 256
"""windows of held-out people that are measured"""


class MaskStage:
    """Batches, losses and scores of stages 2 (motion alone) and 3 (with texts)."""

    selects = "nll"
    """the score whose lowest is best"""

    def __init__(self, config: TokenTrainConfig, store: TokenStore, held_out: TokenStore | None) -> None:
        """Raises InputError for stage 3 on motions of which none has a caption."""
        if config.stage == 3 and not any(store.captions):
            raise InputError("config: no motion in data has a caption, so stage 3 learns nothing; wanted captions")
        self.config, self.store, self.held_out = config, store, held_out
        self._near_codes: NearCodes | None = None

    def batch(self, step: int) -> TokenBatch:
        """Motions of a step with a share of cos(pi u / 2) of their tokens masked, u even from 0 to 1."""
        c = self.config
        random = np.random.default_rng((c.seed, step, 3))
        rows = random.integers(len(self.store), size=c.batch)
        shares = np.cos(np.pi / 2 * random.random(c.batch))
        return masked(self.store, rows, shares, Masking(c.gaps, c.kept_parts, c.replaced), c.model, random)

    def losses(self, model: TokenModel, batch: TokenBatch, normalisation: Normalisation) -> dict[str, Tensor]:
        """The mean negative log-likelihood of what is asked for, spread over codes near it."""
        kept = torch.rand(len(batch.prompts)) >= self.config.no_text
        prompts = [text if keep else "" for text, keep in zip(batch.prompts, kept.tolist(), strict=True)]
        near = self._near(model)
        visible = (batch.ids < self.config.model.codes) & ~batch.asked
        which = visible & (torch.rand(visible.shape) < self.config.exchanged).to(visible.device)
        batch = replace(batch, ids=near.exchanged(batch.ids, which))
        with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=self.config.bf16):
            logits = self._logits(model, batch, prompts, self.config.text_dropout)
        asked = batch.asked
        return {"nll": near.loss(logits[asked].float(), asked.nonzero()[:, 2], batch.truth[asked])}

    def _near(self, model: TokenModel) -> NearCodes:
        """Of the codebook, which training leaves as it is."""
        if self._near_codes is None:
            self._near_codes = near_codes(model.vq.codebook.codes, self.config.spread)
        return self._near_codes

    def _logits(self, model: TokenModel, batch: TokenBatch, prompts: list[str], dropout: float) -> Tensor:
        assert model.transformer is not None
        texts = None
        if self.config.stage == 3 and model.text_encoder is not None:
            rows, mask = model.text_encoder(prompts, dropout)
            longest = max(int(mask.sum(dim=1).max()), 2)
            texts = Texts(rows[:, :longest].to(batch.ids.device), mask[:, :longest].to(batch.ids.device))
        logits: Tensor = model.transformer(batch.ids, model.vq.codebook.codes, texts, self.config.stage == 2)
        return logits

    @torch.no_grad()
    def scores(self, model: TokenModel, normalisation: Normalisation) -> dict[str, float]:
        """On held-out people with half of the codes masked, with all, and with all in a gap: `nll` and `accuracy`
        (share of the masked codes that are the likeliest), `train_` of training motions."""
        scores: dict[str, float] = {}
        for name, store in (("train_", self.store), ("", self.held_out)):
            if store is None or not len(store):
                continue
            for kind, share, gaps in (("", 0.5, 0.0), ("all_", 1.0, 0.0), ("gap_", 1.0, 1.0)):
                random = np.random.default_rng(0)
                rows = np.linspace(0, len(store) - 1, min(HELD_OUT, len(store))).astype(np.int64)
                batch = masked(store, rows, np.full(len(rows), share), Masking(gaps), self.config.model, random)
                batch = batch.to(model.vq.codebook.codes.device)
                logits, truth = self._logits(model, batch, batch.prompts, 0.0)[batch.asked], batch.truth[batch.asked]
                scores[f"{name}{kind}nll"] = float(functional.cross_entropy(logits, truth))
                scores[f"{name}{kind}accuracy"] = float((logits.argmax(dim=-1) == truth).float().mean())
        return scores
