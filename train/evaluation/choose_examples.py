"""Choose the motions that come with an engine: those that do what many texts say (`runtime.actions.examples`).

    python -m genmo.train.evaluation.choose_examples ENGINE --data SET [--data SET ...] --out FOLDER

ENGINE has a reader of texts (`teach_reader`).  Texts are drawn as the reader's were, without the
prompts that the obey report leaves out; a text whose best recording is not among the chosen ones, nor one that does
nearly as much of what it says, adds it.  The same again until every text has two.  What is kept are no recordings but
the engine's own performances of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genmo.runtime.actions.examples import LENGTHS, Examples
from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.actions.traits import STEPS, steps_over
from genmo.runtime.conditions.spans import ReferenceSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.example_file import FILE, examples_file
from genmo.runtime.engine.text_conditions import LEAST_SAID
from genmo.runtime.engine.text_reader import TextReader
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.packed import FRAMES, packed, unpacked
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.train.captions.describe import sentence_of
from genmo.train.data.reader_pairs import draw_pairs, plain_words
from genmo.train.data.reader_windows import Windows
from genmo.train.datasets.clips import Clip, split_clips, without_replaced
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.obey_prompts import LEFT_OUT

PROGRAM = "python -m genmo.train.evaluation.choose_examples"
STRIDE, MOST = 12, 60
"""frames between the windows of a clip, and windows that it enters at most"""
CUTS = tuple(
    (length, start) for length in LENGTHS for start in range(0, FRAMES - length + 1, 30 if length < 90 else 15)
)
"""frames and first frames of the stretches of an example"""
ASKED = (60, FRAMES)
"""frames of the texts that recordings are chosen for"""
NEARLY = 0.06, 0.15
"""of what a text says, by which its best and its second recording may do less of it than the best of all"""
STRENGTH, PERFORMANCES = 0.5, 6
"""how closely the engine follows a recording, and how often it performs each"""


@dataclass(frozen=True, eq=False)
class Recordings:
    """Windows of `FRAMES` frames of clips."""

    clip: Numbers
    start: Numbers
    tags: tuple[frozenset[str], ...]
    does: dict[int, Flags]
    """frames -> [windows, stretches, traits]"""


def recordings(clips: Sequence[Clip]) -> Recordings:
    """All windows of clips that are true in the world, measured: some 10 ms each."""
    rows: list[tuple[int, int]] = []
    tags: list[frozenset[str]] = []
    does: dict[int, list[list[Flags]]] = {length: [] for length in LENGTHS}
    for number, clip in enumerate(clips):
        if clip.truth != "world" or clip.frames < FRAMES:
            continue
        signals = motion_signals(forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1])
        for start in range(0, clip.frames - FRAMES + 1, max(STRIDE, (clip.frames - FRAMES) // MOST)):
            cuts = {cut: measure(signals.span(start + cut[1], start + cut[1] + cut[0])) for cut in CUTS}
            rows.append((number, start))
            tags.append(tags_of(cuts[FRAMES, 0]))
            for length in LENGTHS:
                does[length].append([steps_over(cuts[cut]) for cut in CUTS if cut[0] == length])
    if not rows:
        raise InputError(f"no clip of --data has {FRAMES} frames of motion in the world; wanted longer ones")
    numbers = np.array(rows)
    return Recordings(numbers[:, 0], numbers[:, 1], tuple(tags), {length: np.array(of) for length, of in does.items()})


def chosen(found: Recordings, weights: Array, amounts: Array, most: int, seed: int = 0) -> list[int]:
    """The windows, at most so many, that `weights` [texts, traits] of readings of such `amounts` ask for."""
    names = list(STEPS)
    mirror = [names.index(mirrored_trait(name)) for name in names]
    order = np.random.default_rng(seed).permutation(len(weights))
    kept: list[int] = []
    for wanted, nearly in enumerate(NEARLY, start=1):
        for text in order.tolist():
            for length in ASKED:
                agreed = _agreed(found.does[length], weights[text], mirror)
                enough = agreed.max() - nearly * amounts[text]
                have = {int(found.clip[row]) for row in kept if agreed[row] >= enough}
                while len(have) < wanted and len(kept) < most:
                    others = np.where(np.isin(found.clip, list(have)), -np.inf, agreed)
                    best = int(others.argmax())
                    if others[best] < enough or best in kept:
                        break
                    kept.append(best)
                    have.add(int(found.clip[best]))
    return kept


def _agreed(does: Flags, weights: Array, mirror: Sequence[int]) -> Array:
    """[windows] how much the best stretch of each, or its mirror image, agrees."""
    both = np.stack([weights, weights[mirror]], axis=1).astype(np.float32)
    return np.asarray((does.astype(np.float32) @ both).max(axis=(1, 2)))


def examples_of(
    model: MotionModel, clips: Sequence[Clip], found: Recordings, rows: Sequence[int], seed: int = 0
) -> Examples:
    """The engine's own performances of the chosen windows: no recording is kept.

    Of `PERFORMANCES` of each the one whose stretches do most nearly what the recording's do.
    """
    random = np.random.default_rng(seed)
    coefficients: list[Numbers] = []
    does: list[Flags] = []
    for row in tqdm(rows, desc="perform", unit="example"):
        clip, span = clips[found.clip[row]], slice(found.start[row], found.start[row] + FRAMES)
        recorded = unpacked(packed(clip.rotations[span], clip.translation[span], clip.offsets))
        wanted = np.concatenate([found.does[length][row] for length in LENGTHS])
        text = sentence_of(found.tags[row], random)
        timeline = Timeline(
            FRAMES,
            (Text(text),) if text else (),
            seed=row,
            guidance=1.0,
            references=(ReferenceSpan(recorded, 0, STRENGTH),),
            unconditioned=not text,
        )
        motions = model.follow(timeline, samples=PERFORMANCES, tries=1, split_texts=False).motions
        made = [packed(motion.rotations, motion.translation, motion.rest_offsets) for motion in motions]
        done = [_done(one) for one in made]
        best = min(range(len(made)), key=lambda take: int((done[take] != wanted).sum()))
        coefficients.append(made[best])
        does.append(done[best])
    lengths, starts = (np.tile(column, len(rows)) for column in np.array(CUTS).T)
    example = np.repeat(np.arange(len(rows)), len(CUTS))
    return Examples(tuple(STEPS), example, starts, lengths, np.concatenate(does), np.array(coefficients))


def _done(coefficients: Numbers) -> Flags:
    """[CUTS, traits] what the stretches of a motion do, as much of it as is kept."""
    signals = motion_signals(unpacked(coefficients).joints_world())
    return np.array([steps_over(measure(signals.span(start, start + length))) for length, start in CUTS])


def readings(reader: TextReader, texts: Sequence[str]) -> tuple[Array, Array]:
    """Weights [texts, traits of STEPS] and amounts of the texts that say enough."""
    names = list(STEPS)
    columns = [names.index(name) for name in reader.traits]
    found = [reading for reading in map(reader.read, dict.fromkeys(texts)) if reading.amount >= LEAST_SAID]
    weights = np.zeros((len(found), len(names)), np.float32)
    weights[:, columns] = [reading.weights for reading in found]
    return weights, np.array([reading.amount for reading in found])


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, measure, choose and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="ENGINE", help="with a reader of texts")
    parser.add_argument("--data", action="append", required=True, metavar="SET", help="motion set (may be repeated)")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="SUBJECT", help="set/subject to take nothing of")
    parser.add_argument("--texts", type=int, default=3000, metavar="N", help="texts to draw (default: %(default)s)")
    parser.add_argument("--most", type=int, default=400, metavar="N", help="examples at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=f"where {FILE} goes")
    args = parser.parse_args(arguments)
    if args.texts < 1 or args.most < 1:
        raise InputError(f"--texts {args.texts} --most {args.most}; wanted at least 1 of each")
    engine = load_engine(args.folder)
    if (reader := engine.text_reader) is None:
        raise InputError(f"{args.folder}: no reader of texts; wanted an engine of a checkpoint with one (teach_reader)")
    clips = without_replaced([clip for data in args.data for clip in read_clips(data)])
    clips, _ = split_clips(clips, args.leave_out)
    found = recordings(clips)
    windows = Windows(found.clip, found.tags, found.does[FRAMES][:, 0], tuple(STEPS))
    without = {plain_words(prompt.text) for prompt in LEFT_OUT}
    weights, amounts = readings(reader, draw_pairs(clips, windows, args.texts, without, args.seed).texts)
    rows = chosen(found, weights, amounts, args.most, args.seed)
    content = examples_file(examples_of(MotionModel.load(args.folder), clips, found, rows, args.seed))
    args.out.mkdir(parents=True, exist_ok=True)
    write_aside(args.out / FILE, content)
    print(f"{args.out / FILE}: {len(rows)} of {len(found.clip)} windows, {len(content) / 1000:.0f} kB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
