"""The published evaluator: HumanML3D's features against their own inverse, weights read from files as published."""

import json
import pickle

import numpy as np
import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording
from genmo.train.evaluation.guo_evaluator import CLASSES, Networks, read_evaluator


@pytest.fixture(scope="module")
def folder(tmp_path_factory, joints):
    """As published: a checkpoint with optimizers beside the encoders, statistics, glove, HumanML3D's example."""
    root = tmp_path_factory.mktemp("t2m")
    for name in ("text_mot_match/model", "Comp_v6_KLD01/meta", "glove", "new_joints"):
        (root / name).mkdir(parents=True)
    torch.manual_seed(0)
    networks = Networks()
    stored = {name: network.state_dict() for name, network in networks.named_children()}
    stored["text_encoder"]["hidden"] = torch.randn(2, 1, 512)
    torch.save({**stored, "epoch": 3, "opt_text_encoder": {"state": {}}}, root / "text_mot_match/model/finest.tar")
    rng = np.random.default_rng(0)
    np.save(root / "Comp_v6_KLD01/meta/mean.npy", rng.normal(size=263).astype(np.float32))
    np.save(root / "Comp_v6_KLD01/meta/std.npy", rng.uniform(0.5, 2, 263).astype(np.float32))
    words = ["unk", "sos", "eos", "walk", "man", "left"]
    np.save(root / "glove/our_vab_data.npy", rng.normal(size=(6, 300)))
    (root / "glove/our_vab_words.pkl").write_bytes(pickle.dumps(words))
    (root / "glove/our_vab_idx.pkl").write_bytes(pickle.dumps({word: i for i, word in enumerate(words)}))
    np.save(root / "new_joints/000021.npy", joints.astype(np.float32))
    (root / "tokens.json").write_text(json.dumps({"A man walks left!": "man/NOUN walk/VERB left/ADV quietly/ADV"}))
    return root


def clip_of(motion, **options):
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    return Recording("x", "s", ("he walks",), *(part.astype(np.float32) for part in parts), **options)


def test_motions_of_any_length_are_embedded_as_alone(folder, random_motion):
    evaluator = read_evaluator(folder)
    motions = [random_motion(frames, frames) for frames in (120, 40, 400)]
    together = evaluator.embed_motions(motions)
    assert together.shape == (3, 512) and len(evaluator.sha256) == 64
    for motion, row in zip(motions, together, strict=True):
        vectors = evaluator._movements(motion)
        assert len(vectors) % 4 == 0 and len(vectors) <= 196
        networks = evaluator.model
        padded = torch.zeros(1, 196, 259)
        padded[0, : len(vectors)] = torch.from_numpy(vectors)
        moved = networks.movement_encoder(padded)[:, : len(vectors) // 4]
        output, last = networks.motion_encoder.gru(
            networks.motion_encoder.input_emb(moved), networks.motion_encoder.hidden
        )
        alone = networks.motion_encoder.output_net(torch.cat([last[0], last[1]], dim=-1))
        np.testing.assert_allclose(alone.detach().numpy()[0], row, atol=1e-4)
    with pytest.raises(InputError, match="wants at least 9"):
        evaluator.embed_motions([random_motion(6, 0)])


def test_words_and_their_classes(folder):
    """Marks at both ends, unknown words without a class, a class of their own for words of direction and action."""
    evaluator = read_evaluator(folder)
    vectors, classes = evaluator._words("a man walks left")
    table = np.load(folder / "glove/our_vab_data.npy")
    np.testing.assert_allclose(vectors, table[[1, 4, 3, 5, 0, 2]], atol=1e-6)
    assert [CLASSES[row.argmax()] for row in classes] == ["OTHER", "NOUN", "Act_VIP", "Loc_VIP", "OTHER", "OTHER"]
    assert (classes.sum(axis=1) == 1).all()


def test_texts_are_embedded_as_alone_and_tokens_come_with_the_clips(folder, random_motion):
    clip = clip_of(random_motion(30, 0), extra={"tokens": ["he/PRON walk/VERB"]})
    evaluator = read_evaluator(folder, [clip])
    captions = ["he walks", "a man walks left"]
    together = evaluator.embed_texts(captions)
    for caption, row in zip(captions, together, strict=True):
        np.testing.assert_allclose(evaluator.embed_texts([caption])[0], row, atol=1e-5)
    with pytest.raises(InputError, match="caption 'she runs' has no parts of speech"):
        evaluator.embed_texts(["she runs"])


class Danger:
    def __reduce__(self):
        return print, ("run",)


BAD = {
    "two checkpoints": (lambda f: (f / "finest.tar").write_bytes(b""), "2 files finest.tar"),
    "no statistics": (lambda f: next(f.rglob("mean.npy")).unlink(), "0 files mean.npy"),
    "short statistics": (lambda f: np.save(next(f.rglob("mean.npy")), np.ones(251)), r"shape \(251,\)"),
    "no spread": (lambda f: np.save(next(f.rglob("std.npy")), np.zeros(263)), "numbers of 0 or less"),
    "a program for words": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps(Danger())),
        "it names .builtins.print",
    ),
    "a dictionary for words": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps({})),
        "wanted a plain list",
    ),
    "no unknown word": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps(["sos", "eos"])),
        "has no 'unk'",
    ),
    "a program for weights": (lambda f: torch.save({"a": Danger()}, next(f.rglob("finest.tar"))), "refused"),
    "other weights": (
        lambda f: torch.save({"movement_encoder": {"x": torch.ones(2)}}, next(f.rglob("finest.tar"))),
        "movement_encoder .* is not that of",
    ),
    "no weights": (lambda f: torch.save({"a": torch.ones(2)}, next(f.rglob("finest.tar"))), "no tensors movement"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_folder_is_one_clear_line(folder, tmp_path, name, capsys):
    import shutil

    copy = tmp_path / "t2m"
    shutil.copytree(folder, copy)
    spoil, message = BAD[name]
    spoil(copy)
    with pytest.raises(InputError, match=message) as caught:
        read_evaluator(copy)
    assert "\n" not in str(caught.value) and "run" not in capsys.readouterr().out


def test_a_clip_of_a_plain_set_has_no_tokens(folder, random_motion):
    motion = random_motion(30, 0)
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    evaluator = read_evaluator(folder, [Clip("x", "s", ("he walks",), *parts)])
    with pytest.raises(InputError, match="no parts of speech"):
        evaluator.embed_texts(["he walks"])
