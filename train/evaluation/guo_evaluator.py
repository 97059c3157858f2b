"""The published text-motion evaluator (Guo et al., CVPR 2022), read from weights that the user has.

A folder of theirs, found by name below it:

    finest.tar                          of text_mot_match: movement_encoder, motion_encoder, text_encoder
    mean.npy, std.npy                   [263], of Comp_v6_KLD01/meta
    our_vab_data.npy, _words.pkl, _idx.pkl    of glove: word vectors
    new_joints/000021.npy               HumanML3D's example, whose bones every motion is put on
    tokens.json                         ours, where clips have none: caption -> "a/DET man/NOUN walk/VERB ..."

`genmo-prepare humanml3d` keeps the tokens of its captions.  Pickles are read without running what they name.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import (
    MAX_TABLE_BYTES,
    quoted,
    read_bytes,
    read_json,
    read_npy_file,
    sha256,
)
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.resampling import interpolated
from genmo.train.evaluation.humanml3d_features import RATE, WIDTH, features, lengths_of
from genmo.train.evaluation.text_motion_evaluator import Evaluator, load_evaluator
from genmo.train.evaluation.text_motion_features import wording
from genmo.train.network.pickle_program import check_pickle
from genmo.train.network.safe_unpickle import Archive, StoredTensor

UNIT = 4
"""frames that the movement encoder makes one of"""
LONGEST = 196
MOST_WORDS = 20
CLASSES = (
    "VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV", "Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP",
    "Desc_VIP", "OTHER",
)  # fmt: skip
# words that have a class of their own, whatever part of speech they are
SPECIAL = {
    "Loc_VIP": "left right clockwise counterclockwise anticlockwise forward back backward up down straight curve",
    "Body_VIP": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "Obj_VIP": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "Act_VIP": "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift lower raise "
    "wash stand kneel stroll rub bend balance flap jog shuffle lean rotate spin spread climb",
    "Desc_VIP": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly",
}
_CLASS_OF = {word: name for name, words in SPECIAL.items() for word in words.split()}
_WANTED = "the folder of a published text-motion evaluator (finest.tar, mean.npy, std.npy, our_vab_*, new_joints/)"


class MovementEncoder(nn.Module):
    """[batch, frames, 259] -> [batch, frames / 4, 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv1d(WIDTH - 4, 512, 4, 2, 1), nn.Dropout(0.2), nn.LeakyReLU(0.2),
            nn.Conv1d(512, 512, 4, 2, 1), nn.Dropout(0.2), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.out_net = nn.Linear(512, 512)

    def forward(self, motions: Tensor) -> Tensor:
        return self.out_net(self.main(motions.mT).mT)


class BiGru(nn.Module):
    """[batch, tokens, width] and their counts, falling -> [batch, 512]: a GRU both ways from learned states."""

    def __init__(self, width: int, hidden: int, tags: int = 0) -> None:
        super().__init__()
        if tags:
            self.pos_emb = nn.Linear(tags, width)
        self.input_emb = nn.Linear(width, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.LayerNorm(hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 512)
        )
        self.hidden = nn.Parameter(torch.zeros(2, 1, hidden))

    def forward(self, tokens: Tensor, counts: Tensor, tags: Tensor | None = None) -> Tensor:
        if tags is not None:
            tokens = tokens + self.pos_emb(tags)
        packed = pack_padded_sequence(self.input_emb(tokens), counts, batch_first=True, enforce_sorted=False)
        last = self.gru(packed, self.hidden.repeat(1, len(tokens), 1).contiguous())[1]
        return self.output_net(torch.cat([last[0], last[1]], dim=-1))


class Networks(nn.Module):
    """The three encoders under the names that the checkpoint gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.movement_encoder = MovementEncoder()
        self.motion_encoder = BiGru(512, 1024)
        self.text_encoder = BiGru(300, 512, len(CLASSES))


@dataclass(frozen=True, eq=False)
class PublishedEvaluator(Evaluator):
    """The networks with what they are fed by; embeddings are [n, 512], as published not of unit length."""

    mean: Array = field(default_factory=lambda: np.zeros(WIDTH))
    std: Array = field(default_factory=lambda: np.ones(WIDTH))
    lengths: Array = field(default_factory=lambda: np.ones(22))
    vectors: Mapping[str, Array] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)

    @torch.no_grad()
    def embed_motions(self, motions: Sequence[Clip | Motion], batch: int = 128) -> Array:
        """[n, 512] float64 of the first 9.8 seconds of each."""
        movements = [self._movements(motion) for motion in motions]
        embeddings = []
        for start in range(0, len(movements), batch):
            some = movements[start : start + batch]
            counts = torch.tensor([len(movement) // UNIT for movement in some])
            # always as long as published: the convolutions see what lies behind a motion's end
            padded = torch.zeros(len(some), LONGEST, WIDTH - 4)
            for row, movement in zip(padded, some, strict=True):
                row[: len(movement)] = torch.from_numpy(movement)
            networks: Any = self.model
            embeddings.append(networks.motion_encoder(networks.movement_encoder(padded), counts))
        return np.asarray(torch.cat(embeddings).double())

    def _movements(self, motion: Clip | Motion) -> Array:
        offsets = motion.rest_offsets if isinstance(motion, Motion) else motion.offsets
        joints = forward_kinematics(motion.rotations, motion.translation, offsets)[1]
        count = int((len(joints) - 1) * RATE / FPS) + 1
        vectors = features(interpolated(joints, np.arange(count) * FPS / RATE), self.lengths)[:LONGEST]
        vectors = vectors[: UNIT * (len(vectors) // UNIT)]
        if not len(vectors):
            raise InputError(f"a motion of {motion.frames} frames; the published evaluator wants at least 9")
        return np.asarray((vectors - self.mean) / self.std, np.float32)[:, :-4]

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str]) -> Array:
        """[n, 512] float64.  Raises InputError for a caption without tokens."""
        words = [self._words(caption) for caption in captions]
        counts = torch.tensor([len(vectors) for vectors, _ in words])
        padded = [torch.zeros(len(words), int(counts.max()), width) for width in (300, len(CLASSES))]
        for row, pair in enumerate(words):
            for tensor, values in zip(padded, pair, strict=True):
                tensor[row, : len(values)] = torch.from_numpy(values)
        networks: Any = self.model
        return np.asarray(networks.text_encoder(padded[0], counts, padded[1]).double())

    def _words(self, caption: str) -> tuple[Array, Array]:
        """Vectors [words, 300] and classes [words, 15] of a caption, between the marks of its start and end."""
        token_text = self.tokens.get(wording(caption))
        if token_text is None:
            raise InputError(
                f"caption {caption!r} has no parts of speech, which the published evaluator reads; wanted clips of "
                'genmo-prepare humanml3d, or tokens.json beside the weights: {"he walks": "he/PRON walk/VERB"}'
            )
        pairs = [("sos", "OTHER"), *(word.rsplit("/", 1) for word in token_text.split()[:MOST_WORDS]), ("eos", "OTHER")]
        vectors, classes = np.zeros((len(pairs), 300), np.float32), np.zeros((len(pairs), len(CLASSES)), np.float32)
        for position, pair in enumerate(pairs):
            word, tag = pair if len(pair) == 2 else (pair[0], "OTHER")
            in_vocabulary = word in self.vectors
            tag = _CLASS_OF.get(word, tag) if in_vocabulary else "OTHER"
            vectors[position] = self.vectors[word if in_vocabulary else "unk"]
            classes[position, CLASSES.index(tag if tag in CLASSES else "OTHER")] = 1
        return vectors, classes


def read_evaluator(folder: str | Path, clips: Sequence[Clip] = ()) -> Evaluator:
    """An evaluator of `genmo.train.evaluation.text_motion_evaluator`, or a published one.

    `clips`: those whose captions it will be asked.

    Raises InputError when the folder is neither, or what it holds is damaged.
    """
    folder = Path(folder)
    if (folder / "evaluator.json").is_file() or not list(folder.rglob("finest.tar")):
        return load_evaluator(folder)
    weights = _only(folder, "finest.tar")
    networks = Networks()
    _fill(networks, weights)
    mean, std = (_array(_only(folder, name), (WIDTH,)) for name in ("mean.npy", "std.npy"))
    if (std <= 0).any():
        raise InputError(f"{folder}: std.npy has numbers of 0 or less; wanted {_WANTED}")
    example = _array(_only(folder, "000021.npy"), (None, 22, 3))
    tokens = {wording(caption): said for caption, said in _stored_tokens(folder).items()}
    for clip in clips:
        said = getattr(clip, "extra", {}).get("tokens", [])
        tokens |= {wording(caption): one for caption, one in zip(clip.captions, said, strict=False)}
    return PublishedEvaluator(
        model=networks.eval(),
        sha256=sha256(weights, _WANTED),
        description={"published": "Guo et al. 2022"},
        mean=mean,
        std=std,
        lengths=lengths_of(example[0]),
        vectors=_vectors(folder),
        tokens=tokens,
    )


def _only(folder: Path, name: str) -> Path:
    paths = sorted(folder.rglob(name))
    if len(paths) != 1:
        raise InputError(f"{folder}: {len(paths)} files {name} below it; wanted one: {_WANTED}")
    return paths[0]


def _array(path: Path, shape: tuple[int | None, ...]) -> Array:
    array = read_npy_file(path, _WANTED, MAX_TABLE_BYTES)
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or not len(array) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{path}: shape {array.shape}; wanted finite numbers {list(shape)}")
    return np.asarray(array, np.float64)


def _fill(networks: Networks, path: Path) -> None:
    with Archive(path) as archive:
        for name, network in networks.named_children():
            stored = archive.content.get(name) if isinstance(archive.content, dict) else None
            if not isinstance(stored, dict) or not all(isinstance(one, StoredTensor) for one in stored.values()):
                raise InputError(f"{path}: has no tensors {name}; wanted finest.tar of text_mot_match")
            weights = {key: archive.tensor(one).float() for key, one in stored.items()}
            ours = network.state_dict()
            wrong = sorted(set(weights) ^ set(ours)) or [key for key in ours if weights[key].shape != ours[key].shape]
            if wrong:
                raise InputError(f"{path}: {name} {wrong[0]} is not that of text_mot_match on HumanML3D (t2m)")
            network.load_state_dict(weights)


class _NoNames(pickle.Unpickler):
    """Lists, dictionaries, texts and numbers; any name ends it."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {quoted(f'{module}.{name}')}")


def _plain_pickle(path: Path, kind: type) -> Any:
    data = read_bytes(path, _WANTED)
    try:
        check_pickle(data)
        value = _NoNames(io.BytesIO(data)).load()
    except Exception as error:  # noqa: BLE001  a damaged pickle raises what comes
        raise InputError(f"{path}: not read ({first_line(error)}); wanted a plain {kind.__name__}") from None
    if not isinstance(value, kind):
        raise InputError(f"{path}: a {type(value).__name__}; wanted a plain {kind.__name__}")
    return value


def _vectors(folder: Path) -> dict[str, Array]:
    """Word -> [300]."""
    table = _array(_only(folder, "our_vab_data.npy"), (None, 300))
    words = _plain_pickle(_only(folder, "our_vab_words.pkl"), list)
    rows = _plain_pickle(_only(folder, "our_vab_idx.pkl"), dict)
    try:
        vectors = {str(word): table[int(rows[word])] for word in words}
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InputError(f"{folder}: our_vab_words.pkl and our_vab_idx.pkl do not fit ({error})") from None
    missing = [word for word in ("unk", "sos", "eos") if word not in vectors]
    if missing:
        raise InputError(f"{folder}: our_vab_words.pkl has no {missing[0]!r}; wanted {_WANTED}")
    return vectors


def _stored_tokens(folder: Path) -> dict[str, str]:
    path = folder / "tokens.json"
    if not path.is_file():
        return {}
    expected = "a JSON object: caption -> word/TAG word/TAG ..."
    stored = read_json(path, expected)
    if not isinstance(stored, dict):
        raise InputError(f"{path}: a {type(stored).__name__}; wanted {expected}")
    return {caption: str(token_text) for caption, token_text in stored.items()}
