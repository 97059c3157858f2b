"""Motions as tokens, with their captions, computed once before stages 2 and 3: batches then cost next to nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.support.arrays import Numbers
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.mevq import MotionVQ


@dataclass(frozen=True, eq=False)
class TokenStore:
    """Motions as ids, each with its caption."""

    ids: Numbers
    """[motions, longest] codes; what is beyond a motion's length means nothing"""
    lengths: Numbers
    """[motions] tokens"""
    captions: tuple[str, ...]
    """"" for none"""

    def __len__(self) -> int:
        return len(self.lengths)


def fingerprint(vq: MotionVQ, settings: object) -> str:
    """What a store depends on besides its clips, as a hash."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for tensor in vq.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def write_store(path: Path, store: TokenStore, made_of: str) -> None:
    """Write a store and the fingerprint of what it was made of."""
    captions, texts = np.unique(np.array(store.captions, dtype=str), return_inverse=True)
    ids, lengths = store.ids.astype(np.int32), store.lengths.astype(np.int32)

    def write(file: IO[bytes]) -> None:
        np.savez_compressed(file, ids=ids, lengths=lengths, texts=texts, captions=captions, made_of=np.array(made_of))

    write_aside(path, write)


def read_store(path: Path, made_of: str, config: TokenConfig) -> TokenStore | None:
    """The store at `path`; None where it is not there, or was made of something else.  Raises InputError for a file
    that is none."""
    if not path.is_file():
        return None
    arrays = read_npz(path, "motions as tokens", MAX_TABLE_BYTES)
    if str(arrays["made_of"]) != made_of:
        return None
    captions = arrays["captions"][arrays["texts"]]
    ids = np.clip(arrays["ids"].astype(np.int64), 0, config.codes - 1)
    return TokenStore(ids, arrays["lengths"].astype(np.int64), tuple(map(str, captions)))


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Motions with masked tokens."""

    ids: Tensor
    """[batch, tokens] what the network is given: known, masked, doubtful; then what ends them, and padding"""
    truth: Tensor
    """[batch, tokens] codes; 0 where nothing is asked"""
    asked: Tensor
    """[batch, tokens] bool: masked or replaced, what the loss is over"""
    prompts: list[str]
    """"" for none"""

    def to(self, device: torch.device) -> TokenBatch:
        """The same on another device."""
        return TokenBatch(self.ids.to(device), self.truth.to(device), self.asked.to(device), self.prompts)


def masked(
    store: TokenStore, rows: Numbers, shares: Numbers, replaced: float, config: TokenConfig, random: np.random.Generator
) -> TokenBatch:
    """The motions `rows` of a store with a share [rows] of their tokens masked, at least one, and of the others a share
    `replaced` by random codes."""
    lengths = store.lengths[rows]
    longest = int(lengths.max())
    place = np.arange(longest + 1)
    inside = place < lengths[:, None]
    truth = np.where(inside, np.pad(store.ids[rows][:, :longest], ((0, 0), (0, 1))), 0)
    order = np.where(inside, random.random(truth.shape), 2.0).argsort(axis=1).argsort(axis=1)
    hidden = order < np.maximum(np.ceil(shares * lengths), 1)[:, None]
    doubtful = inside & ~hidden & (random.random(truth.shape) < replaced)
    ids = np.where(doubtful, random.integers(config.codes, size=truth.shape), truth)
    ids = np.where(hidden, config.mask_id, ids)
    ids = np.where(inside, ids, np.where(place == lengths[:, None], config.end_id, config.pad_id))
    given, known, asked = (torch.from_numpy(array) for array in (ids, truth, hidden | doubtful))
    return TokenBatch(given, known, asked, [store.captions[int(row)] for row in rows])
