"""Teach the reader of texts, which generation chooses among takes with, and write its file.

    python -m genmo.train.evaluation.teach_reader FOLDER --data cmu30 ... --leave-out cmu30/07 ... --out READER

FOLDER holds the table of words: a checkpoint or an engine.  Windows of the clips are measured
(`train/data/reader_windows.py`), drawn by what they do, beside the set's caption or a sentence of the grammar, and
sentences that were written with the tags that they ask for (`train/captions/sentences.py`) beside windows that do it.
The network learns which traits go with a text and which tags it asks for (cross entropy of each), and weights of traits
that tell the windows that do what a text says from the others of a batch (InfoNCE, van den Oord et al. 2018, with every
window that does it counted as right: Khosla et al. 2020, "L_in").  The weights are what the log odds have over the
usual ones, times a factor a trait, and a correction: odds alone say that who should turn by 90 degrees had better turn
by 180, since both are more usual for such texts than for any.  What is told apart in a batch is not all that takes may
do, though (who idles "and acts a bit" had better run, said a reader alone), so that half of the weights are a second
reader's, of odds without a correction, that learned of captions and the grammar; both are put together into one
network.  Tags help to learn and stay behind: the engine gets the steps of measures.  The prompts that the obey report
leaves out of training are left out here too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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
from genmo.train.captions.sentences import written_sentences
from genmo.train.data.reader_pairs import Pairs, draw_pairs, draw_sentences, plain_words
from genmo.train.data.reader_windows import Windows, measured_windows
from genmo.train.datasets.clips import Clip, split_clips, without_replaced
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.obey_prompts import LEFT_OUT

PROGRAM = "python -m genmo.train.evaluation.teach_reader"
HIDDEN = 72
BATCH = 256
RATE, TRUST_RATE = 3e-3, 3e-2
DROPPED, NOISE = 0.12, 0.15
"""share of a text's tokens that are left out, and spread of what is added to its vectors, in their own: captions know a
few thousand words, users know more"""
WRITTEN = 0.6
"""share of the texts that are written sentences"""
APART, APART_BY_ODDS = 2.0, 0.3
"""weight of telling windows apart, with a correction and by odds alone, beside the cross entropies, which are summed
over some twenty traits' worth"""
BY_ODDS, ROUNDS_BY_ODDS = 40_000, 5.0
"""pairs that the reader by odds alone learns of, and rounds over them"""
TRAITS_WORTH = 20
RAREST = 1e-4
SELDOM = -4.0
"""log odds of a tag to be asked for, before anything is learned"""


class Readings(NamedTuple):
    """What is read in a batch of texts."""

    odds: Tensor
    """[texts, traits] log odds of a motion of such a text to have a trait"""
    weights: Tensor
    """[texts, traits] how much a motion that has it agrees with the text"""
    asked: Tensor
    """[texts, traits] log odds of a trait to be asked for; it stays behind"""


class Reader(nn.Module):
    """Twin of `runtime.engine.text_reader.TextReader` over a batch of texts."""

    def __init__(self, usual: Tensor, gain: float) -> None:
        """`usual` [traits]: log odds; `gain`: what vectors of words are multiplied by, so that their spread is 1."""
        super().__init__()
        count = len(usual)
        self.tokens, self.text = nn.Linear(TOKEN, HIDDEN), nn.Linear(2 * HIDDEN + CHANNELS, HIDDEN)
        self.traits, self.trust = nn.Linear(HIDDEN, count), nn.Parameter(torch.zeros(count))
        self.correction, self.asked = nn.Linear(HIDDEN, count), nn.Linear(HIDDEN, count)
        for layer, bias in ((self.correction, 0.0), (self.asked, SELDOM)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)
        self.register_buffer("usual", usual)
        self.gain = gain

    def forward(self, tokens: Tensor, mask: Tensor, mean: Tensor) -> Readings:
        """Of tokens [texts, tokens, TOKEN], their mask [texts, tokens] and mean [texts, CHANNELS]."""
        hidden = functional.relu(self.tokens(tokens)) * mask[..., None]
        pooled = torch.cat([hidden.amax(dim=1), SUM_GAIN * hidden.sum(dim=1), mean], dim=-1)
        text = functional.relu(self.text(functional.dropout(pooled, 0.1, self.training)))
        odds = self.traits(text)
        return Readings(odds, self.by_odds(odds) + self.correction(text), self.asked(text))

    def by_odds(self, odds: Tensor) -> Tensor:
        """The part of the weights that log odds make."""
        return (odds - self.usual) * functional.softplus(self.trust)

    def runtime(self, encoder: WordPieceTextEncoder, names: tuple[str, ...], kept: Sequence[str] = ()) -> TextReader:
        """As the engine has it, with the traits of `names` that are to be `kept`, or all."""
        columns = [column for column, name in enumerate(names) if not kept or name in kept]
        gains = np.ones((2, 2 * HIDDEN + CHANNELS))
        gains[0], gains[1, 2 * HIDDEN :] = self.gain, self.gain
        assert isinstance(self.usual, Tensor)
        # weights are one layer of the text: both that make them are
        trust, usual = functional.softplus(self.trust), self.usual
        weights = trust[:, None] * self.traits.weight + self.correction.weight
        bias = trust * (self.traits.bias - usual) + self.correction.bias + usual
        layers = [(self.tokens, gains[0, :TOKEN]), (self.text, gains[1])]
        made = [Layer.of(_numbers(layer.weight).T * gain[:, None], _numbers(layer.bias)) for layer, gain in layers]
        made.append(Layer.of(_numbers(weights)[columns].T, _numbers(bias)[columns]))
        found = tuple(names[column] for column in columns)
        counts = np.ones(len(columns), np.float32)
        return TextReader(encoder, found, (made[0], made[1], made[2]), _numbers(usual)[columns], counts)


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


def taught(
    encoder: WordPieceTextEncoder,
    pairs: Pairs,
    names: Sequence[str],
    rounds: float,
    seed: int = 0,
    log: bool = False,
    corrected: bool = True,
) -> Reader:
    """A reader of the pairs, whose traits have these names, each seen `rounds` times; by odds alone unless
    `corrected`."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    inputs, traits = Inputs(encoder, pairs.texts), torch.from_numpy(pairs.traits.astype(np.float32))
    share = traits.mean(dim=0).clamp(RAREST, 1 - RAREST)
    steps_of = torch.tensor([name in STEPS for name in names], dtype=torch.float32)
    asked = torch.from_numpy(pairs.asks.mean(axis=0, dtype=np.float32))
    written = asked.sum(dim=-1) > 0
    reader = Reader(torch.log(share / (1 - share)), inputs.gain)
    steps = max(2, round(rounds * len(pairs.texts) / BATCH))
    others = [parameter for name, parameter in reader.named_parameters() if name != "trust"]
    groups = [{"params": others}, {"params": [reader.trust], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [RATE, TRUST_RATE], total_steps=steps)
    for step in range(steps):
        chosen = random.integers(0, len(pairs.texts), min(BATCH, len(pairs.texts)))
        said, has = reader(*inputs.of(chosen, random)), traits[chosen]
        each = functional.binary_cross_entropy_with_logits(said.odds, has)
        # whoever writes of a kick asks for it; what a caption's window does may be asked for or not
        wanted = torch.where(written[chosen, None], asked[chosen], has * (1 - steps_of))
        asks = functional.binary_cross_entropy_with_logits(said.asked, wanted, (1 - steps_of).expand_as(wanted))
        right = _right_ones(pairs, chosen, has)
        seen = has * steps_of if corrected else has
        told = _told_apart(
            (said.weights if corrected else reader.by_odds(said.odds)) @ seen.T, right, pairs.window[chosen]
        )
        optimizer.zero_grad()
        (TRAITS_WORTH * (each + asks) + (APART if corrected else APART_BY_ODDS) * told).backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if log and step % 50 == 0:
            print(f"step {step} of {steps}: cross entropy {each:.4f}, {asks:.4f}, telling apart {told:.3f}", flush=True)
    reader.eval()
    return reader


def put_together(first: TextReader, second: TextReader) -> TextReader:
    """One reader of both, side by side: its weights are the means of theirs.  Both have the same table and traits."""
    outer, inner = ([reader.layers[layer].weights.shape[1] for reader in (first, second)] for layer in (0, 1))
    tokens, text, traits = (
        [(layer.weights * layer.scales.astype(np.float64), layer.bias) for layer in layers]
        for layers in zip(first.layers, second.layers, strict=True)
    )
    joined = np.zeros((2 * sum(outer) + CHANNELS, sum(inner)))
    for number, (weights, _) in enumerate(text):
        columns = slice(sum(inner[:number]), sum(inner[: number + 1]))
        own, before = outer[number], sum(outer[:number])
        # rows: the maxima of both, their sums, the mean of the text
        joined[before : before + own, columns] = weights[:own]
        joined[sum(outer) + before : sum(outer) + before + own, columns] = weights[own : 2 * own]
        joined[2 * sum(outer) :, columns] = weights[2 * own :]
    halves = [reader.trust / 2 for reader in (first, second)]
    bias = sum(half * (of[1] - reader.usual) for half, of, reader in zip(halves, traits, (first, second), strict=True))
    layers = (
        Layer.of(
            np.concatenate([weights for weights, _ in tokens], axis=1), np.concatenate([one for _, one in tokens])
        ),
        Layer.of(joined, np.concatenate([one for _, one in text])),
        Layer.of(np.concatenate([of[0] * half for half, of in zip(halves, traits, strict=True)]), bias + first.usual),
    )
    return TextReader(first.encoder, first.traits, layers, first.usual, np.ones_like(first.usual))


def _right_ones(pairs: Pairs, chosen: Numbers, traits: Tensor) -> Tensor:
    """[texts, motions] which motions of a batch, of traits [motions, traits], do what a text says: its own, and of a
    written sentence all that have what it asks for."""
    asks = torch.from_numpy(pairs.asks[:, chosen].astype(np.float32))
    asked = asks.sum(dim=-1, keepdim=True)
    does = ((asks @ traits.T >= asked) & (asked > 0)).any(dim=0)
    return does | torch.eye(len(chosen), dtype=torch.bool)


def _told_apart(agreement: Tensor, right: Tensor, window: Numbers) -> Tensor:
    """Cross entropy of picking a motion that is right; others of the same window are no wrong answer."""
    same = torch.from_numpy(window[:, None] == window[None])
    share = functional.log_softmax(agreement.masked_fill(same & ~right, -1e4), dim=1)
    return -torch.logsumexp(share.masked_fill(~right, -1e4), dim=1).mean()


def _of_both(
    encoder: WordPieceTextEncoder, clips: Sequence[Clip], windows: Windows, count: int, rounds: float, seed: int
) -> TextReader:
    """A reader with a correction, which learns of `count` pairs, written sentences among them, and one by odds alone,
    put together."""
    without = {plain_words(prompt.text) for prompt in LEFT_OUT}
    written = round(WRITTEN * count)
    pairs = draw_pairs(clips, windows, count - written, without, seed)
    both = pairs + draw_sentences(written_sentences(), windows, written, without, seed)
    asked = taught(encoder, both, windows.names, rounds, seed, log=True)
    plain = draw_pairs(clips, windows, min(BY_ODDS, count), without, seed)
    by_odds = taught(encoder, plain, windows.names, min(rounds, ROUNDS_BY_ODDS), seed, log=True, corrected=False)
    return put_together(*(reader.runtime(encoder, windows.names, STEPS) for reader in (by_odds, asked)))


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
    parser.add_argument("--pairs", type=int, default=240_000, metavar="N", help="texts to draw (default: %(default)s)")
    parser.add_argument("--rounds", type=float, default=4.0, metavar="N", help="over them (default: %(default)s)")
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
    encoder = WordPieceTextEncoder(table, TOKENS + 1)
    reader = _of_both(encoder, clips, windows, args.pairs, args.rounds, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    content = reader_file(reader)
    write_aside(args.out / FILE, content)
    print(f"{args.out / FILE}: {len(reader.traits)} traits, {len(content) / 1000:.1f} kB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
