"""Motions as tokens are drawn once, kept, and masked as asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.data.batch_sampler import BatchSampler, Window
from genmo.train.data.condition_dropout import Caption
from genmo.train.data.token_drawing import _parts, draw_store
from genmo.train.data.token_store import Masking, TokenStore, fingerprint, masked, read_store, write_store
from genmo.train.network.mevq import MotionVQ
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.augmentation import AugmentationConfig
from tests.train.made_motions import made

CONFIG = TokenConfig(codes=9, code_width=4, vq_width=8, vq_experts=2)
STORE = TokenStore(
    np.arange(40).reshape(4, 10, 1) % 9, np.array([10, 8, 10, 5]), ("a person walks", "", "a person jumps", "")
)


@pytest.fixture(scope="module")
def vq():
    torch.manual_seed(0)
    model = MotionVQ(CONFIG).eval()
    model.codebook.codes.normal_()
    return model


UNIT = Normalisation(torch.zeros(TOKEN_LAYOUT.width), torch.ones(TOKEN_LAYOUT.width))


def test_what_is_masked(share=0.5):
    rows = np.array([0, 1, 3])
    batch = masked(STORE, rows, np.array([0.5, 0.01, 1.0]), Masking(), CONFIG, np.random.default_rng(0))
    lengths = STORE.lengths[rows]
    assert batch.ids.shape == (3, 11, 1) and batch.prompts == ["a person walks", "", ""]
    assert batch.asked.sum(dim=(1, 2)).tolist() == [5, 1, 5]  # the half, at least one, all
    assert torch.equal(batch.asked, batch.ids == CONFIG.mask_id)
    for row, length in enumerate(lengths):
        assert batch.truth[row, :length].tolist() == STORE.ids[rows[row], :length].tolist()
        assert batch.ids[row, length] == CONFIG.end_id and (batch.ids[row, length + 1 :] == CONFIG.pad_id).all()
        known = ~batch.asked[row, :length]
        assert torch.equal(batch.ids[row, :length][known], batch.truth[row, :length][known])


def test_all_but_a_gap_is_given():
    """At the end, at the beginning or inside; and some parts throughout."""
    store = TokenStore(np.random.default_rng(0).integers(9, size=(1, 20, 6)), np.array([20]), ("",))
    rows = np.zeros(300, np.int64)
    config = replace(CONFIG, parts="limbs", vq_width=12)
    batch = masked(store, rows, np.ones(300), Masking(gaps=1.0), config, np.random.default_rng(0))
    hidden = batch.asked[:, :20].numpy()
    assert (hidden.all(axis=2) == hidden.any(axis=2)).all()  # whole tokens
    gaps = hidden[:, :, 0]
    edges = np.diff(np.pad(gaps.astype(int), ((0, 0), (1, 1))), axis=1)
    assert ((edges == 1).sum(axis=1) == 1).all()  # one gap each
    assert 0.25 < gaps[:, 0].mean() < 0.45 and 0.25 < gaps[:, -1].mean() < 0.45
    assert np.unique(gaps.sum(axis=1)).size > 15
    batch = masked(store, rows, np.ones(300), Masking(kept_parts=1.0), config, np.random.default_rng(0))
    hidden = batch.asked[:, :20].numpy()
    assert (hidden.all(axis=1) == hidden.any(axis=1)).all() and hidden.any(axis=(1, 2)).all()
    assert 0.3 < hidden.mean() < 0.8


def test_some_of_the_visible_tokens_are_doubtful():
    rows = np.zeros(400, np.int64)
    batch = masked(STORE, rows, np.full(400, 0.5), Masking(replaced=0.2), CONFIG, np.random.default_rng(0))
    visible = batch.ids[:, :10] < CONFIG.codes
    asked = batch.asked[:, :10] & visible
    assert asked.sum() / visible.sum() == pytest.approx(0.2, abs=0.03)
    wrong = (batch.ids[:, :10] != batch.truth[:, :10]) & visible
    assert not (wrong & ~asked).any() and wrong.sum() / asked.sum() == pytest.approx(8 / 9, abs=0.05)


def test_a_store_is_drawn_once_and_the_same(vq, tmp_path):
    clips = [made(frames=80, speed=1.2), made(frames=64, turn=90.0)]

    def draw():
        sampler = BatchSampler(clips, AugmentationConfig(shape=0.0), 3)
        return draw_store(sampler, vq, UNIT, 5, (16, 32), 3)

    store, again = draw(), draw()
    assert len(store) == 5 and set(store.lengths) <= {4, 8}
    assert all(caption.endswith(" moves") for caption in store.captions)
    assert np.array_equal(store.ids, again.ids)
    path, made_of = tmp_path / "tokens.npz", fingerprint(vq, [1])
    assert read_store(path, made_of, CONFIG) is None
    write_store(path, store, made_of)
    back = read_store(path, made_of, CONFIG)
    assert np.array_equal(back.ids, store.ids) and np.array_equal(back.lengths, store.lengths)
    assert back.captions == store.captions
    assert read_store(path, fingerprint(vq, [2]), CONFIG) is None
    path.write_bytes(b"no archive")
    with pytest.raises(InputError):
        read_store(path, made_of, CONFIG)


def test_two_parts_are_two_motions():
    def parts(caption):
        return _parts(Window(None, None, None, caption, None, {}), 15)

    assert parts(Caption("walks")) == [(slice(0, 15), "walks")]
    assert parts(Caption("walks", "sits", 29)) == [(slice(0, 7), "walks"), (slice(7, 15), "sits")]
    assert parts(Caption("walks", "sits", 50)) == [(slice(0, 12), "walks")]  # what is left is too short
