"""The words of a BVH file, one after another, with errors that name the line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, quoted

MAX_POSES = 2**23
"""Joints of all frames: a pose of one takes 96 bytes."""
_NAN = ("nan", "1.#qnan", "1.#snan", "1.#ind")
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
        if not abs(value) <= LARGEST:  # NaN is not
            self.fail(quoted(word), f"{expected} (at most {LARGEST:g})" if np.isfinite(value) else expected)
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
        is read; a file that lacks more than a row was cut short.  NaN is what the nearest frame has.
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
        return self._without_gaps(np.concatenate(parts).reshape(count, width))

    def _values(self, words: list[tuple[int, str]], start: int, width: int) -> Array:
        """The numbers that words stand for; `start`: how many numbers came before, in rows of `width`."""
        self.line = words[-1][0]
        try:
            values = np.asarray([word for _, word in words], np.float64)
        except ValueError:
            values = np.full(len(words), np.inf)
        if ((np.abs(values) <= LARGEST) | np.isnan(values)).all():
            return values
        # Something is wrong: go through it again, slowly, to tell on which line.
        after, self._words = self._words, iter(words)
        expected = [f"a number in frame {index // width} (from 0)" for index in range(start, start + len(words))]
        found = zip(words, expected, strict=True)
        values = np.asarray([self._skipped() if _is_nan(word) else self.number(what) for (_, word), what in found])
        self._words = after
        return values

    def _skipped(self) -> float:
        """NaN for the next word, which stands for it."""
        next(self._words)
        return np.nan

    def _without_gaps(self, rows: Array) -> Array:
        """Each NaN with the number of the nearest frame that has one in that channel."""
        missing = np.isnan(rows)
        for column in np.flatnonzero(missing.any(axis=0)):
            known, gaps = np.flatnonzero(~missing[:, column]), np.flatnonzero(missing[:, column])
            if not len(known):
                self.fail("a channel that is NaN in every frame", "numbers")
            place = np.searchsorted(known, gaps)
            after, before = known[np.minimum(place, len(known) - 1)], known[np.maximum(place - 1, 0)]
            rows[gaps, column] = rows[np.where(abs(after - gaps) < abs(before - gaps), after, before), column]
        return rows


def _is_nan(word: str) -> bool:
    """Whether a word is what some program prints for NaN: `nan`, `-nan(ind)`, `1.#QNAN`."""
    return word.lower().lstrip("+-").startswith(_NAN)
