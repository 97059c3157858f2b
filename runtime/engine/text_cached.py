"""Prompts embedded ahead of time: an engine that needs no text encoder, for the prompts that it was exported with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

CACHE_SCHEME = "cached-prompts-1"
_NAMED = 3  # prompts that the error names


def plain(prompt: str) -> str:
    """A prompt as it is looked up: what lies between words does not count."""
    return " ".join(prompt.split())


@dataclass(frozen=True, eq=False)
class CachedTextEncoder:
    """Prompt -> tokens, by looking it up."""

    prompts: tuple[str, ...]
    """as `plain` writes them"""
    vectors: Array
    """[tokens of all prompts, one after the other, width]"""
    lengths: tuple[int, ...]
    """tokens of each prompt"""
    tokens: int
    """tokens of a text at most"""
    any_text: ClassVar[bool] = False

    @cached_property
    def _rows(self) -> dict[str, slice]:
        """Prompt -> the rows of its tokens."""
        ends = np.cumsum([0, *self.lengths]).tolist()
        return {prompt: slice(*ends[index : index + 2]) for index, prompt in enumerate(self.prompts)}

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, width] and their mask [tokens] (1 = a token).

        Raises InputError for a prompt that is not in the cache.
        """
        rows = self._rows.get(plain(prompt))
        if rows is None:
            some = ", ".join(repr(cached) for cached in self.prompts[:_NAMED])
            more = f" and {len(self.prompts) - _NAMED} more" if len(self.prompts) > _NAMED else ""
            raise InputError(
                f"text is {prompt!r}, which is not in the prompt cache of this engine, and it has no text encoder; "
                f"wanted {some}{more}, or an engine exported without --cache-prompts"
            )
        return padded(self.vectors[rows], self.tokens)


def padded(vectors: Array, tokens: int) -> tuple[Array, Array]:
    """Vectors [n, width] -> [tokens, width], zero after the n-th, and the mask [tokens] of the first n."""
    filled = np.zeros((tokens, vectors.shape[1]), np.float32)
    filled[: len(vectors)] = vectors
    return filled, (np.arange(tokens) < len(vectors)).astype(np.float32)
