"""Leave the rarest tokens of a WordPiece table out, which makes an engine smaller.

    python -m genmo.train.tools.cut_text_table FOLDER --tokens 24500 --out TABLE

FOLDER is a table, a checkpoint or an engine.  The rows that stay are as they were, so a network goes on with the table
that it was trained with; words whose token is gone are read in parts, as rare words always are.  Letters, and the words
of movement with their opposites and numbers, stay whatever their place in the vocabulary, which is in order of
frequency (`genmo.train.tools.distill_text`), and so do the words that FOLDER's network was trained on; words that lie
near those of movement come before words that do not.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from genmo.runtime.engine.known_prompts import FILE as PROMPTS
from genmo.runtime.engine.known_prompts import read_known_prompts
from genmo.runtime.engine.text_wordpiece import CONTINUED, WordPieceTable, read_wordpiece_table, wordpiece_files
from genmo.runtime.support.arrays import Flags
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.tools.distill_text import OPPOSITES
from genmo.train.tools.movement_words import families

PROGRAM = "python -m genmo.train.tools.cut_text_table"
NEAR, NEAREST = 0.45, 3
"""mean cosine to the nearest words of movement, and how many these are, from which on a word lies near them:
"accelerate" (0.50) and "lifeless" (0.46), not "petitioned" (0.32)"""


def kept_always() -> set[str]:
    """Words of movement and their opposites."""
    return {word for family in families() for word in family} | {
        word for sides in OPPOSITES for side in sides for word in side.split()
    }


def cut(table: WordPieceTable, tokens: int, known: Collection[str] = ()) -> WordPieceTable:
    """The table with so many rows; the words of `known` stay too, which a network was trained on.

    Raises InputError for more than it has, or fewer than must stay.
    """
    always = kept_always() | set(known)
    needed = [
        row
        for row, token in enumerate(table.vocabulary)
        if token in always or len(token.removeprefix(CONTINUED)) == 1 or token.isdigit()
    ]
    if not len(needed) <= tokens <= len(table.vocabulary):
        raise InputError(f"--tokens is {tokens}; wanted {len(needed)} to the {len(table.vocabulary)} that there are")
    far = ~near_movement(table, always)
    others = sorted(set(range(len(table.vocabulary))) - set(needed), key=lambda row: (far[row], row))
    rows = sorted([*needed, *others[: tokens - len(needed)]])
    vocabulary = tuple(table.vocabulary[row] for row in rows)
    return WordPieceTable(vocabulary, table.vectors[rows], table.scales, table.weights[rows], table.teacher)


def near_movement(table: WordPieceTable, words: set[str]) -> Flags:
    """[tokens] whether a token's vector lies near those of the words of movement."""
    vectors = table.vectors_of(range(len(table.vocabulary)))
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    theirs = vectors[[row for row, token in enumerate(table.vocabulary) if token in words]]
    if len(theirs) < NEAREST:
        return np.zeros(len(vectors), np.bool_)
    cosines = vectors @ theirs.T
    return np.asarray(np.partition(cosines, -NEAREST, axis=1)[:, -NEAREST:].mean(axis=1) > NEAR)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, cut and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a table: an engine or a checkpoint, too")
    parser.add_argument("--tokens", required=True, type=int, metavar="N", help="rows that stay")
    parser.add_argument("--out", required=True, type=Path, metavar="TABLE", help="where the table's two files go")
    args = parser.parse_args(arguments)
    known = read_known_prompts(args.folder / PROMPTS).words if (args.folder / PROMPTS).is_file() else ()
    files = wordpiece_files(cut(read_wordpiece_table(args.folder), args.tokens, known))
    args.out.mkdir(parents=True, exist_ok=True)
    with all_or_none():
        for name, content in files.items():
            write_aside(args.out / name, content)
    print(f"{args.out}: {args.tokens} tokens, {sum(map(len, files.values())) / 1e6:.2f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
