"""Texts of a network that takes tokens from outside: every caption of the data, embedded once by a T5 or BERT.

That is done before training.  The tokens are kept in the run's folder, so that a resumed run needs no encoder:

    texts/prompts.json    the encoder, the tokens of a text at most, and every prompt with its number of tokens
    texts/vectors.npy     [tokens of all prompts, width] float16, mapped into memory
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_cached import CachedTextEncoder, plain
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_json, sha256
from genmo.train.data.augmentation import mirrored_caption
from genmo.train.datasets.clips import Clip

FOLDER = "texts"
CPU = torch.device("cpu")
AT_ONCE = 64
"""prompts that are embedded at once"""
INSTALL = 'pip install "genmo-motion[train,t5]" "transformers>=5,<6"'


def prompts_of(clips: Iterable[Clip]) -> list[str]:
    """Every prompt that training may ask for: the captions, and their mirror images."""
    captions = (caption for clip in clips for caption in clip.captions)
    return list(dict.fromkeys(plain(prompt) for caption in captions for prompt in (caption, mirrored_caption(caption))))


class TextTokens(nn.Module):
    """Prompt -> tokens, by looking it up; has no weights.  Takes the place of `NgramTable` in training and of an
    engine's text encoder in its samples."""

    any_text = False

    def __init__(self, prompts: Sequence[str], lengths: Sequence[int], vectors: Array, config: ModelConfig) -> None:
        """`vectors` [sum of `lengths`, width]: the tokens of all prompts, one after the other."""
        super().__init__()
        self._cache = CachedTextEncoder(tuple(prompts), vectors, tuple(lengths), config.text_tokens)
        self._size = config.text_tokens, config.text_width
        self.register_buffer("place", torch.zeros(()), persistent=False)  # the device that answers go to

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, width] and their mask [tokens].  Raises InputError for a prompt that is not known."""
        return self._cache.encode(prompt)

    def forward(self, prompts: list[str], dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Token vectors [prompts, tokens, width] and mask [prompts, tokens]; an empty prompt has no token.

        `dropout` is for encoders that are no T5: words that a T5 has read in context cannot be left out.
        """
        vectors = np.zeros((len(prompts), *self._size), np.float32)
        mask = np.zeros(vectors.shape[:2], np.float32)
        for index, prompt in enumerate(prompts):
            if prompt:
                vectors[index], mask[index] = self.encode(prompt)
        return torch.from_numpy(vectors).to(self.place.device), torch.from_numpy(mask).to(self.place.device)


def text_tokens(
    model: str,
    prompts: Sequence[str],
    config: ModelConfig,
    folder: Path,
    write: bool,
    device: torch.device = CPU,
) -> TextTokens:
    """The tokens of `prompts` by the T5 `model` (a folder as transformers saves it, or a name on its hub).

    Those in `folder` are taken if they are of the same model and hold all of the prompts; else they are made, and kept
    there if `write`.  Raises InputError for a model that cannot be read, or whose tokens are of another width.
    """
    if not prompts:
        return TextTokens([], [], np.zeros((0, config.text_width), np.float16), config)
    cached = _stored(folder, model, config)
    if cached is not None and set(prompts) <= set(cached[0]):
        return TextTokens(*cached, config)
    lengths, vectors = _embedded(model, prompts, config, device)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        counts = dict(zip(prompts, lengths, strict=True))
        packed = io.BytesIO()
        np.save(packed, vectors)
        digest = hashlib.sha256(packed.getbuffer()).hexdigest()
        described = {"model": Path(model).name, "tokens": config.text_tokens, "sha256": digest, "prompts": counts}
        with all_or_none():
            write_aside(folder / "vectors.npy", packed.getvalue())
            write_aside(folder / "prompts.json", json.dumps(described, indent=1) + "\n")
    return TextTokens(prompts, lengths, vectors, config)


def _stored(folder: Path, model: str, config: ModelConfig) -> tuple[list[str], list[int], Array] | None:
    """Prompts, their numbers of tokens, and the tokens, as an earlier start of the run left them; None: of another,
    or damaged."""
    if not (folder / "prompts.json").is_file():
        return None
    try:
        described = read_json(folder / "prompts.json", "embedded prompts")
        if "sha256" in described and sha256(folder / "vectors.npy", "embedded prompts") != described["sha256"]:
            return None
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        prompts = {str(prompt): int(count) for prompt, count in described["prompts"].items()}
        same = (described["model"], described["tokens"]) == (Path(model).name, config.text_tokens)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        return None
    fits = same and vectors.shape == (sum(prompts.values()), config.text_width)
    return (list(prompts), list(prompts.values()), vectors) if fits else None


@torch.no_grad()
def _embedded(model: str, prompts: Sequence[str], config: ModelConfig, device: torch.device) -> tuple[list[int], Array]:
    """Numbers of tokens of the prompts, and all their tokens [tokens, width] float16, one prompt after the other."""
    encoder, tokenizer = _open(model, config)
    encoder = encoder.to(device)
    ids = [tokenizer.encode(prompt).ids for prompt in prompts]
    vectors: list[Array] = [np.zeros(0)] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda index: len(ids[index]))  # neighbours need little padding
    bar = tqdm(total=len(prompts), desc="embed captions", unit="text", disable=not sys.stderr.isatty())
    with bar:
        for start in range(0, len(order), AT_ONCE):
            batch = order[start : start + AT_ONCE]
            longest = max(len(ids[index]) for index in batch)
            tokens = torch.zeros(len(batch), longest, dtype=torch.int64)
            mask = torch.zeros(len(batch), longest)
            for row, index in enumerate(batch):
                tokens[row, : len(ids[index])] = torch.tensor(ids[index])
                mask[row, : len(ids[index])] = 1
            answer = encoder(input_ids=tokens.to(device), attention_mask=mask.to(device)).last_hidden_state
            for row, index in enumerate(batch):
                vectors[index] = answer[row, : len(ids[index])].cpu().numpy().astype(np.float16)
            bar.update(len(batch))
    together = np.concatenate(vectors)
    if not np.isfinite(together).all():
        raise InputError(f"config: text_model {model} answers with numbers that are not finite; wanted another T5")
    return [len(one) for one in ids], together


def _open(model: str, config: ModelConfig) -> tuple[Any, Any]:
    """The encoder in float32 and its tokenizer, which cuts as the runtime's does."""
    try:
        import transformers
    except ImportError:
        raise InputError(f"config: text_model wants transformers, which is not installed: {INSTALL}") from None
    if not sys.stderr.isatty():
        transformers.utils.logging.disable_progress_bar()
    expected = "wanted a T5 or BERT folder as transformers saves it, or its name on the hub"
    try:
        kind = transformers.AutoConfig.from_pretrained(model).model_type
        opened = transformers.BertModel if kind == "bert" else transformers.T5EncoderModel
        encoder = opened.from_pretrained(model, dtype=torch.float32)
        fast = transformers.AutoTokenizer.from_pretrained(model)
    except Exception as error:  # files, network, names and rights: the library has many kinds
        first = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InputError(f"config: text_model {model} cannot be opened ({first}); {expected}") from None
    width = encoder.config.hidden_size
    if width != config.text_width:
        raise InputError(f"config: text_model {model} has tokens of {width} channels; wanted model.text_width={width}")
    tokenizer = fast.backend_tokenizer
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=config.text_tokens)
    return encoder.eval(), tokenizer
