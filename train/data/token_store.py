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

from genmo.runtime.support.arrays import Flags, Numbers
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.mevq import MotionVQ


@dataclass(frozen=True, eq=False)
class TokenStore:
    """Motions as ids, each with its caption."""

    ids: Numbers
    """[motions, longest, parts] codes; what is beyond a motion's length means nothing"""
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
    """[batch, tokens, parts] what the network is given: known, masked, doubtful; then what ends them, and padding"""
    truth: Tensor
    """[batch, tokens, parts] codes; 0 where there is no motion"""
    asked: Tensor
    """[batch, tokens, parts] bool: masked or replaced, what the loss is over"""
    prompts: list[str]
    """"" for none"""

    def to(self, device: torch.device) -> TokenBatch:
        """The same on another device."""
        return TokenBatch(self.ids.to(device), self.truth.to(device), self.asked.to(device), self.prompts)


@dataclass(frozen=True)
class Masking:
    """What of motions is masked, as decoding will meet it: of all but what is given, more or less."""

    gaps: float = 0.0
    """chance that all but a gap is given: before it, after it, or on both sides"""
    kept_parts: float = 0.0
    """chance that some parts are given from the first frame to the last"""
    replaced: float = 0.0
    """share of the visible codes that are random ones, which are asked for too"""


def masked(
    store: TokenStore, rows: Numbers, shares: Numbers, how: Masking, config: TokenConfig, random: np.random.Generator
) -> TokenBatch:
    """The motions `rows` of a store with a share [rows] of their codes masked, at least one, but for what is given."""
    lengths = store.lengths[rows]
    longest = int(lengths.max())
    place = np.arange(longest + 1)
    inside = place < lengths[:, None]
    truth = np.where(inside[..., None], np.pad(store.ids[rows][:, :longest], ((0, 0), (0, 1), (0, 0))), 0)
    free = _gaps(lengths, place, how.gaps, random)[..., None] & _free_parts(truth, how.kept_parts, random)[:, None]
    order = np.where(free, random.random(truth.shape), 2.0).reshape(len(rows), -1).argsort(axis=1).argsort(axis=1)
    count = np.maximum(np.ceil(shares * free.sum(axis=(1, 2))), 1)
    hidden = (order < count[:, None]).reshape(truth.shape)
    doubtful = inside[..., None] & ~hidden & (random.random(truth.shape) < how.replaced)
    ids = np.where(doubtful, random.integers(config.codes, size=truth.shape), truth)
    ids = np.where(hidden, config.mask_id, ids)
    outside = np.where(place == lengths[:, None], config.end_id, config.pad_id)
    ids = np.where(inside[..., None], ids, outside[..., None])
    given, known, asked = (torch.from_numpy(array) for array in (ids, truth, hidden | doubtful))
    return TokenBatch(given, known, asked, [store.captions[int(row)] for row in rows])


def _gaps(lengths: Numbers, place: Numbers, chance: float, random: np.random.Generator) -> Flags:
    """Places [motions, places] that are not given: all, or a gap of any length at the end, the beginning or inside."""
    size = np.where(random.random(len(lengths)) < chance, np.ceil(lengths * random.random(len(lengths))), lengths)
    room = lengths - np.maximum(size, 1)
    first = np.floor(room * np.stack([np.ones(len(lengths)), np.zeros(len(lengths)), random.random(len(lengths))]))
    first = first[random.integers(3, size=len(lengths)), np.arange(len(lengths))][:, None]
    return np.asarray((place >= first) & (place < first + np.maximum(size, 1)[:, None]))


def _free_parts(truth: Numbers, chance: float, random: np.random.Generator) -> Flags:
    """Parts [motions, parts] that are not given: all, or some, at least one."""
    free = random.random((len(truth), truth.shape[-1])) < 0.5
    free[np.arange(len(truth)), random.integers(truth.shape[-1], size=len(truth))] = True
    return np.asarray(free | (random.random((len(truth), 1)) >= chance))
