"""The words of a BVH file, one after another, with errors that name the line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted

MAX_POSES = 2**23
"""Joints of all frames: a pose of one takes 96 bytes."""
_AT_ONCE = 2**16  # words turned into numbers together: as text they take 15 times the memory


class BvhWords:
    """Words of a BVH file with the line each came from; each method raises InputError that names the line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.line = 0
        # old editors end a file with a zero byte or Ctrl-Z
        self._words: Iterator[tuple[int, str]] = self._split(text.rstrip("\0\x1a \t\r\n"))

    def _split(self, text: str) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(text.splitlines(), start=1):
            for word in line.split():
                yield number, word

    def fail(self, got: str, expected: str) -> NoReturn:
        raise InputError(f"{self.path}, line {self.line}: got {got}, wanted {expected}; export the BVH file again")

    def word(self, expected: str) -> str:
        self.line, word = next(self._words, (self.line, ""))
        if not word:
            self.fail("the end of the file", expected)
        return word

    def expect(self, *expected: str) -> str:
        """The next word, which must be one of `expected` (letter case ignored)."""
        word = self.word(" or ".join(expected))
        if word.upper() not in (choice.upper() for choice in expected):
            self.fail(quoted(word), " or ".join(expected))
        return word

    def label(self, *words: str) -> None:
        """The words before a colon, with or without blanks around that: `Frames: 20`, `Frames:20`, `Frames : 20`."""
        expected = f"{' '.join(words)}:"
        for word in words[:-1]:
            self.expect(word)
        got = self.word(expected)
        name, colon, rest = got.partition(":")
        if not colon and name.upper() == words[-1].upper():
            colon, rest = (following := self.word(expected))[:1], following[1:]
        if colon != ":" or name.upper() != words[-1].upper():
            self.fail(quoted(got), expected)
        if rest:
            self._words = itertools.chain([(self.line, rest)], self._words)

    def number(self, expected: str) -> float:
        word = self.word(expected)
        try:
            value = float(word)
        except ValueError:
            self.fail(quoted(word), expected)
        if not np.isfinite(value):
            self.fail(quoted(word), expected)
        return value

    def count(self, expected: str) -> int:
        value = self.number(expected)
        if value != int(value) or value < 0:
            self.fail(quoted(value), expected)
        return int(value)

    def offset(self) -> Array:
        return np.asarray([self.number("three numbers after OFFSET") for _ in range(3)])

    def rows(self, frames: int, width: int, joints: int) -> Array:
        """The numbers [rows, width] that end the file.

        Writers miscount: Rokoko's files have a row more than they say, others a row less, or say 0.  What is there
        is read; a file that lacks more than a row was cut short.
        """
        most = MAX_POSES // joints
        if frames - 1 > most:
            self.fail(f"{quoted(frames)} frames of {joints} joints", f"at most {MAX_POSES} joints of all frames")
        parts: list[Array] = [np.zeros(0)]
        total = 0
        while words := list(itertools.islice(self._words, _AT_ONCE)):
            if not width or total + len(words) > most * width:
                break
            parts.append(self._values(words, total, width))
            total += len(words)
        if not width and (frames or words):
            self.fail("no channel in any joint", "CHANNELS of the root at least")
        if words:
            self.fail(f"over {most} frames of {joints} joints", f"at most {MAX_POSES} joints of all frames")
        count, over = divmod(total, max(width, 1))
        if over or count < frames - 1:
            self.fail(
                f"the end of the file after {count} rows{f' and {over} numbers' if over else ''}",
                f"{frames} rows of {width} numbers (the file was cut short, or says Frames: wrongly)",
            )
        return np.concatenate(parts).reshape(count, width)

    def _values(self, words: list[tuple[int, str]], start: int, width: int) -> Array:
        """The numbers that words stand for; `start`: how many numbers came before, in rows of `width`."""
        self.line = words[-1][0]
        try:
            values = np.asarray([word for _, word in words], np.float64)
        except ValueError:
            values = np.full(len(words), np.nan)
        if np.isfinite(values).all():
            return values
        # Something is wrong: go through it again, slowly, to tell on which line.
        after, self._words = self._words, iter(words)
        indices = range(start, start + len(words))
        values = np.asarray([self.number(f"a number in frame {index // width} (from 0)") for index in indices])
        self._words = after
        return values
