"""Teach the reader of texts, which generation chooses among takes with, and write its file.

    python -m genmo.train.evaluation.teach_reader FOLDER --data cmu30 ... --leave-out cmu30/07 ... --out READER

FOLDER holds the table of words: a checkpoint or an engine.  Windows of the clips are measured
(`train/data/reader_windows.py`), drawn by what they do, beside the set's caption or a sentence of the grammar.  The
network learns which traits go with a text (cross entropy of each), and to tell the window that a text was made of from
others of the batch by the sum of the traits' weights, which teaches how much each trait counts for (InfoNCE, van den
Oord et al. 2018).  Tags help it to learn and stay behind: the engine gets the steps of measures.  The prompts that the
obey report leaves out of training are left out here too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.actions.traits import STEPS
from genmo.runtime.engine.text_reader import FILE, SUM_GAIN, TOKEN, TOKENS, Layer, TextReader, reader_file
from genmo.runtime.engine.text_wordpiece import CHANNELS, CONTEXT, WordPieceTextEncoder, read_wordpiece_table
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.reader_pairs import Pairs, draw_pairs, plain_words
from genmo.train.data.reader_windows import Windows, measured_windows
from genmo.train.datasets.clips import split_clips, without_replaced
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.obey_prompts import LEFT_OUT

PROGRAM = "python -m genmo.train.evaluation.teach_reader"
HIDDEN = 64
BATCH = 256
RATE, TRUST_RATE = 3e-3, 3e-2
DROPPED, NOISE = 0.12, 0.15
"""share of a text's tokens that are left out, and spread of what is added to its vectors, in their own: captions know a
few thousand words, users know more"""
APART = 0.3
"""weight of telling windows apart beside the cross entropy, which is summed over some twenty traits' worth"""
TRAITS_WORTH = 20
RAREST = 1e-4


class Reader(nn.Module):
    """Twin of `runtime.engine.text_reader.TextReader` over a batch of texts."""

    def __init__(self, usual: Tensor, gain: float) -> None:
        """`usual` [traits]: log odds; `gain`: what vectors of words are multiplied by, so that their spread is 1."""
        super().__init__()
        self.tokens, self.text = nn.Linear(TOKEN, HIDDEN), nn.Linear(2 * HIDDEN + CHANNELS, HIDDEN)
        self.traits, self.trust = nn.Linear(HIDDEN, len(usual)), nn.Parameter(torch.zeros(len(usual)))
        self.register_buffer("usual", usual)
        self.gain = gain

    def forward(self, tokens: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
        """Log odds [texts, traits] of tokens [texts, tokens, TOKEN], their mask [texts, tokens] and mean."""
        hidden = functional.relu(self.tokens(tokens)) * mask[..., None]
        pooled = torch.cat([hidden.amax(dim=1), SUM_GAIN * hidden.sum(dim=1), mean], dim=-1)
        said: Tensor = self.traits(functional.relu(self.text(functional.dropout(pooled, 0.1, self.training))))
        return said

    def agreement(self, odds: Tensor, traits: Tensor) -> Tensor:
        """[texts, motions] of log odds [texts, traits] and traits [motions, traits]."""
        assert isinstance(self.usual, Tensor)
        weighed: Tensor = ((odds - self.usual) * functional.softplus(self.trust)) @ traits.T
        return weighed

    def runtime(self, encoder: WordPieceTextEncoder, names: tuple[str, ...], kept: Sequence[str] = ()) -> TextReader:
        """As the engine has it, with the traits of `names` that are to be `kept`, or all."""
        columns = [column for column, name in enumerate(names) if not kept or name in kept]
        layers, gains = (self.tokens, self.text, self.traits), np.ones((2, 2 * HIDDEN + CHANNELS))
        gains[0], gains[1, 2 * HIDDEN :] = self.gain, self.gain
        made = []
        for layer, gain in zip(layers, (gains[0, :TOKEN], gains[1], np.ones(HIDDEN)), strict=True):
            rows = columns if layer is self.traits else slice(None)
            made.append(Layer.of(_numbers(layer.weight)[rows].T * gain[:, None], _numbers(layer.bias)[rows]))
        trust = _numbers(functional.softplus(self.trust)).astype(np.float32)
        assert isinstance(self.usual, Tensor)
        found = tuple(names[column] for column in columns)
        return TextReader(encoder, found, (made[0], made[1], made[2]), _numbers(self.usual)[columns], trust[columns])


def _numbers(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().numpy())


class Inputs:
    """Texts as the network takes them: `runtime.engine.text_wordpiece.layout` over a batch."""

    def __init__(self, encoder: WordPieceTextEncoder, texts: Sequence[str]) -> None:
        table = encoder.table
        vectors = table.vectors_of(range(len(table.vectors)))
        self.gain = 1 / float(vectors.std())
        # one row more, of zeros, is where no token is
        self._vectors = np.concatenate([vectors, np.zeros((1, CHANNELS), np.float32)]) * np.float32(self.gain)
        self._weights = np.append(table.weights.astype(np.float32), np.float32(0))
        self._rows = np.full((3, len(texts), TOKENS), len(vectors))
        for number, text in enumerate(texts):
            rows = encoder.rows(text)[:TOKENS]
            self._rows[0, number, : len(rows)] = rows
            for way, found in enumerate(_neighbours(rows, encoder.content(rows)), 1):
                self._rows[way, number, : len(rows)] = [len(vectors) if row is None else row for row in found]

    def of(self, chosen: Numbers, random: np.random.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, mask and mean of the chosen texts; with `random` some tokens are left out and all are changed."""
        own, left, right = self._rows[:, chosen]
        mask = own < len(self._vectors) - 1
        if random is not None:
            kept = mask & (random.random(mask.shape) >= DROPPED)
            mask = np.where(kept.any(axis=1, keepdims=True), kept, mask)
        vectors, weights = self._vectors[own] * mask[..., None], self._weights[own] * mask
        mean = (weights[..., None] * vectors).sum(axis=1) / weights.sum(axis=1, keepdims=True)
        length = np.linalg.norm(vectors, axis=-1).sum(axis=1) / mask.sum(axis=1)
        mean *= (length / np.maximum(np.linalg.norm(mean, axis=-1), 1e-6))[:, None]
        around = (self._vectors[rows][..., :CONTEXT] for rows in (left, right))
        tokens = np.concatenate([vectors, *around], axis=-1)
        if random is not None:
            tokens += NOISE * random.standard_normal(tokens.shape, np.float32)
        made = (np.asarray(array, np.float32) for array in (tokens, mask, mean))
        tokens_of, mask_of, mean_of = map(torch.from_numpy, made)
        return tokens_of, mask_of, mean_of


def _neighbours(rows: Sequence[int], content: Sequence[bool]) -> tuple[list[int | None], list[int | None]]:
    """Rows of the nearest tokens before and after each that are no function words."""
    before: list[int | None] = []
    after: list[int | None] = []
    for found, order in ((before, range(len(rows))), (after, reversed(range(len(rows))))):
        last: int | None = None
        for index in order:
            found.append(last)
            last = rows[index] if content[index] else last
    return before, after[::-1]


def taught(encoder: WordPieceTextEncoder, pairs: Pairs, rounds: float, seed: int = 0, log: bool = False) -> Reader:
    """A reader of the pairs, each seen `rounds` times."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    inputs, traits = Inputs(encoder, pairs.texts), torch.from_numpy(pairs.traits.astype(np.float32))
    share = traits.mean(dim=0).clamp(RAREST, 1 - RAREST)
    reader = Reader(torch.log(share / (1 - share)), inputs.gain)
    steps = max(2, round(rounds * len(pairs.texts) / BATCH))
    others = [parameter for name, parameter in reader.named_parameters() if name != "trust"]
    groups = [{"params": others}, {"params": [reader.trust], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [RATE, TRUST_RATE], total_steps=steps)
    for step in range(steps):
        chosen = random.integers(0, len(pairs.texts), min(BATCH, len(pairs.texts)))
        odds, has = reader(*inputs.of(chosen, random)), traits[chosen]
        each = functional.binary_cross_entropy_with_logits(odds, has)
        told = _told_apart(reader.agreement(odds, has), pairs.window[chosen], has)
        optimizer.zero_grad()
        (TRAITS_WORTH * each + APART * told).backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if log and step % 50 == 0:
            print(f"step {step} of {steps}: cross entropy {each:.4f}, telling apart {told:.3f}", flush=True)
    reader.eval()
    return reader


def _told_apart(agreement: Tensor, window: Numbers, traits: Tensor) -> Tensor:
    """Cross entropy of picking a text's own motion; motions that are or do the same are no wrong answer."""
    same = torch.from_numpy(window[:, None] == window[None]) | (traits[:, None] == traits[None]).all(dim=-1)
    others = same & ~torch.eye(len(window), dtype=torch.bool)
    return functional.cross_entropy(agreement.masked_fill(others, -1e4), torch.arange(len(window)))


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, measure, teach and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a table of words: an engine or a checkpoint")
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="motion set (may be repeated)")
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="SUBJECT", help="set/subject to learn nothing from"
    )
    parser.add_argument(
        "--windows", type=Path, metavar="FILE.npz", help="measured windows: read, or written where it is not"
    )
    parser.add_argument("--pairs", type=int, default=40_000, metavar="N", help="texts to draw (default: %(default)s)")
    parser.add_argument("--rounds", type=float, default=3.0, metavar="N", help="over them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=f"where {FILE} goes")
    args = parser.parse_args(arguments)
    if args.pairs < BATCH or args.rounds <= 0:
        raise InputError(
            f"--pairs {args.pairs} --rounds {args.rounds:g}; wanted at least {BATCH} pairs and some rounds"
        )
    table = read_wordpiece_table(args.folder)
    clips = without_replaced([clip for data in args.data for clip in read_clips(data)])
    clips, _ = split_clips(clips, args.leave_out)
    if args.windows is not None and args.windows.is_file():
        windows = Windows.load(args.windows)
    else:
        windows = measured_windows(clips)
        if args.windows is not None:
            windows.save(args.windows)
    without = {plain_words(prompt.text) for prompt in LEFT_OUT}
    pairs = draw_pairs(clips, windows, args.pairs, without, args.seed)
    encoder = WordPieceTextEncoder(table, TOKENS + 1)
    reader = taught(encoder, pairs, args.rounds, args.seed, log=True).runtime(encoder, windows.names, STEPS)
    args.out.mkdir(parents=True, exist_ok=True)
    content = reader_file(reader)
    write_aside(args.out / FILE, content)
    print(f"{args.out / FILE}: {len(reader.traits)} traits, {len(content) / 1000:.1f} kB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
