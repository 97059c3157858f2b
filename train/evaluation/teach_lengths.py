"""Teach the head that says how long a text's action takes (`genmo-run --seconds auto`), and write its file.

    python -m genmo.train.evaluation.teach_lengths FOLDER --data cmu30 ... --leave-out cmu30/07 ... --out FOLDER

FOLDER holds the table of words: a checkpoint or an engine.  Captions come with the length of their clip, sentences of
the grammar with that of the event that they tell, measured from rest to rest, or with the word that it goes on
(`train/data/action_lengths.py`, `length_pairs.py`).  The softmax learns them by cross entropy with targets that reach
to the lengths beside.  `--leave-out` people are what the report at the end is about: the median error of the head
beside always saying four seconds and beside the lengths of kinds of actions (`text_timing.seconds_of`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES
from genmo.runtime.engine.bundle import read_description
from genmo.runtime.engine.natural_length import ENDS, natural_length
from genmo.runtime.engine.text_lengths import FILE, KINDS, LENGTHS, TextLengths, kind_numbers, lengths_file
from genmo.runtime.engine.text_reader import Layer
from genmo.runtime.engine.text_wordpiece import CHANNELS, WordPieceTextEncoder, read_wordpiece_table
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Numbers
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.data.action_lengths import LASTS, Actions, measured_actions
from genmo.train.data.length_pairs import LengthPairs, caption_lengths, draw_length_pairs, targets
from genmo.train.data.reader_pairs import plain_words
from genmo.train.datasets.clips import Clip, split_clips, without_replaced
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.obey_prompts import LEFT_OUT
from genmo.train.evaluation.teach_reader import DROPPED, NOISE

PROGRAM = "python -m genmo.train.evaluation.teach_lengths"
HIDDEN = 24
BATCH, RATE, DECAY = 256, 3e-3, 0.03
KIND_GAIN = 2.0
"""of the numbers of a kind beside vectors with a spread of 1"""
TOKENS = 24
"""of a text that are read"""
HELD_OUT_TEXTS = 400
"""measured sentences of the people left out, in the report"""


class LengthHead(nn.Module):
    """Twin of `runtime.engine.text_lengths.TextLengths` over a batch of texts."""

    def __init__(self, gain: float) -> None:
        """`gain`: what vectors of words were multiplied by, so that their spread is 1."""
        super().__init__()
        self.hidden, self.shares = nn.Linear(CHANNELS + KINDS, HIDDEN), nn.Linear(HIDDEN, len(LENGTHS) + 1)
        self.gain = gain

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits [texts, lengths + 1] of the texts' means and kinds [texts, CHANNELS + KINDS] (`Inputs`)."""
        hidden = functional.dropout(functional.relu(self.hidden(inputs)), 0.1, self.training)
        logits: Tensor = self.shares(hidden)
        return logits

    def runtime(self, encoder: WordPieceTextEncoder) -> TextLengths:
        """As the engine has it."""
        (first, bias), (second, other) = (
            (layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in (self.hidden, self.shares)
        )
        gains = np.array([self.gain] * CHANNELS + [KIND_GAIN] * KINDS)[:, None]
        return TextLengths(encoder, (Layer.of(first * gains, bias), Layer.of(second, other)))


class Inputs:
    """Texts as the head takes them: `WordPieceTable.mean` over a batch, of vectors with a spread of 1, and kinds."""

    def __init__(self, encoder: WordPieceTextEncoder, texts: Sequence[str]) -> None:
        table = encoder.table
        self.gain = 1 / float(table.vectors_of(range(len(table.vectors))).std())
        found = [encoder.rows(text) for text in texts]
        self._kinds = np.stack([kind_numbers(text) for text in texts]) * np.float32(KIND_GAIN)
        self._mask = np.arange(TOKENS) < np.array([len(rows) for rows in found])[:, None]
        used, places = np.unique(np.concatenate(found), return_inverse=True)
        self._vectors = table.vectors_of(used.tolist()) * np.float32(self.gain)
        self._weights = table.weights[used].astype(np.float32)
        self._rows = np.zeros(self._mask.shape, np.int64)
        self._rows[self._mask] = places

    def of(self, chosen: Numbers, random: np.random.Generator | None = None) -> Tensor:
        """Means and kinds [texts, CHANNELS + KINDS] of the chosen texts; with `random` some tokens are left
        out, and the means are changed."""
        rows, mask = self._rows[chosen], self._mask[chosen]
        vectors = self._vectors[rows]
        if random is not None:
            kept = mask & (random.random(mask.shape) >= DROPPED)
            mask = np.where(kept.any(axis=1, keepdims=True), kept, mask)
        weights = self._weights[rows] * mask
        mean = (weights[..., None] * vectors).sum(axis=1) / weights.sum(axis=1, keepdims=True)
        length = (np.linalg.norm(vectors, axis=-1) * mask).sum(axis=1) / mask.sum(axis=1)
        mean *= (length / np.maximum(np.linalg.norm(mean, axis=-1), 1e-6))[:, None]
        if random is not None:
            mean += NOISE * random.standard_normal(mean.shape, np.float32)
        return torch.from_numpy(np.concatenate([mean, self._kinds[chosen]], axis=1).astype(np.float32))


def taught(encoder: WordPieceTextEncoder, pairs: LengthPairs, rounds: float, seed: int = 0) -> LengthHead:
    """A head of the pairs, each seen `rounds` times."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    inputs, wanted = Inputs(encoder, pairs.texts), torch.from_numpy(targets(pairs.frames))
    head = LengthHead(inputs.gain)
    steps = max(2, round(rounds * len(pairs.texts) / BATCH))
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        chosen = random.integers(0, len(pairs.texts), min(BATCH, len(pairs.texts)))
        loss = functional.cross_entropy(head(inputs.of(chosen, random)), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    head.eval()
    return head


def report(lengths: TextLengths, clips: Sequence[Clip], actions: Actions, without: set[str]) -> str:
    """A table of how near the lengths of people left out are met: by the head, by 4 s, by kinds of actions."""
    captions = caption_lengths(clips, actions)
    sentences = draw_length_pairs(clips, actions, HELD_OUT_TEXTS, without, seed=1, captions=0.0)
    lists = {
        "captions of clips": LengthPairs([text for text, _ in captions], np.array([taken for _, taken in captions])),
        "sentences of measured actions": sentences,
    }
    usual = DEFAULT_FRAMES / FPS
    lines = [
        f"| people left out | texts with an end | head, median s off | always {usual:g} s | kinds of actions | "
        "said to go on: of those that do | of those that end |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, pairs in lists.items():
        ends = pairs.frames != LASTS
        true = pairs.frames[ends] / FPS
        said, kinds = (
            np.array([natural_length((Text(text),), head).frames for text in pairs.texts])[ends] / FPS
            for head in (lengths, None)
        )
        on = np.array([lengths.read(text).goes_on >= ENDS for text in pairs.texts])
        errors = [f"{np.median(np.abs(guess - true)):.2f}" for guess in (said, usual, kinds)]
        shares = [f"{np.count_nonzero(on[rows])} of {np.count_nonzero(rows)}" for rows in (~ends, ends)]
        lines.append(f"| {name} | {' | '.join([str(len(true)), *errors, *shares])} |")
    return "\n".join(lines)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, measure, teach, write and report.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="with a table of words: an engine or a checkpoint")
    add("--data", action="append", required=True, metavar="SET", help="motion set (may be repeated)")
    add("--leave-out", nargs="*", default=[], metavar="SUBJECT", help="set/subject to report on, not to learn from")
    add("--actions", type=Path, metavar="FILE.npz", help="measured actions: read, or written where it is not")
    add("--pairs", type=int, default=15_000, metavar="N", help="texts to draw (default: %(default)s)")
    add("--rounds", type=float, default=16.0, metavar="N", help="over them (default: %(default)s)")
    add("--seed", type=int, default=0)
    add("--out", type=Path, required=True, metavar="FOLDER", help=f"where {FILE} goes")
    args = parser.parse_args(arguments)
    if args.pairs < BATCH or args.rounds <= 0:
        raise InputError(
            f"--pairs {args.pairs} --rounds {args.rounds:g}; wanted at least {BATCH} pairs and some rounds"
        )
    encoder = WordPieceTextEncoder(read_wordpiece_table(args.folder), TOKENS + 1)
    clips = without_replaced([clip for data in args.data for clip in read_clips(data)])
    groups = split_clips(clips, args.leave_out)
    actions = _actions(clips, args.actions)
    numbers = {id(clip): number for number, clip in enumerate(clips)}
    learned, left_out = ((group, actions.of([numbers[id(clip)] for clip in group])) for group in groups)
    without = {plain_words(prompt.text) for prompt in LEFT_OUT}
    pairs = draw_length_pairs(*learned, args.pairs, without, args.seed)
    lengths = taught(encoder, pairs, args.rounds, args.seed).runtime(encoder)
    print(f"{args.out / FILE}: {write_lengths(args.out, lengths) / 1000:.1f} kB")
    if left_out[0]:
        print(report(lengths, *left_out, without))


def _actions(clips: Sequence[Clip], kept: Path | None) -> Actions:
    """The measured actions of the clips: those that were kept in a file, else measured, and kept there.  Raises
    InputError for a file of other clips."""
    if kept is not None and kept.is_file():
        actions = Actions.load(kept)
        if len(actions.clip) and int(actions.clip.max()) >= len(clips):
            raise InputError(f"{kept}: of more than these {len(clips)} clips; remove it to measure them")
        return actions
    actions = measured_actions(clips)
    if kept is not None:
        actions.save(kept)
    return actions


def write_lengths(folder: Path, lengths: TextLengths) -> int:
    """Write the head's file into a folder, which is made; an engine's `engine.json` names it then.  Its bytes."""
    content = lengths_file(lengths)
    folder.mkdir(parents=True, exist_ok=True)
    described = read_description(folder) if (folder / "engine.json").is_file() else None
    with all_or_none():
        write_aside(folder / FILE, content)
        if described is not None:
            described |= {"text_lengths": FILE}
            described["files"] |= {FILE: sha256(content).hexdigest()}
            write_aside(folder / "engine.json", json.dumps(described, indent=1) + "\n")
    return len(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
