"""Attention against loops that do what the definition says, row by row and text by text."""

import numpy as np
import pytest
import torch

from genmo.train.network.attention import (
    MultiTextAttention,
    RopeAttention,
    apply_rope,
    blocked_window_attention,
    dense_window_attention,
    rope_tables,
    window_mask,
)

WINDOW = 120
LENGTHS = [1, 2, 60, 119, 120, 121, 179, 180, 181, 300, 1800]


def softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def keys_of(row, frames, window):
    """Row i attends [s, s + W), s = clamp(i - W/2, 0, N - W); all keys when N <= W."""
    if frames <= window:
        return 0, frames
    start = min(max(row - window // 2, 0), frames - window)
    return start, start + window


def row_by_row(q, k, v, window):
    """Window attention of [batch, heads, frames, width], one row after the other."""
    out = np.zeros_like(v)
    for row in range(q.shape[2]):
        a, b = keys_of(row, q.shape[2], window)
        scores = np.einsum("bhc,bhkc->bhk", q[:, :, row], k[:, :, a:b]) / np.sqrt(q.shape[-1])
        out[:, :, row] = np.einsum("bhk,bhkc->bhc", softmax(scores), v[:, :, a:b])
    return out


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("attend", [dense_window_attention, blocked_window_attention], ids=["dense", "blocked"])
def test_window_attention_equals_the_rows(attend, frames):
    q, k, v = np.random.default_rng(frames).normal(size=(3, 2, 2, frames, 4)) * 2
    ours = attend(*(torch.from_numpy(part) for part in (q, k, v)), WINDOW)
    np.testing.assert_allclose(ours, row_by_row(q, k, v, WINDOW), atol=1e-9)


@pytest.mark.parametrize(("frames", "window"), [(7, 4), (9, 4), (3, 2), (11, 6), (40, 38), (5, 8)])
def test_other_windows(frames, window):
    q, k, v = np.random.default_rng(frames).normal(size=(3, 1, 1, frames, 4))
    for attend in (dense_window_attention, blocked_window_attention):
        ours = attend(*(torch.from_numpy(part) for part in (q, k, v)), window)
        np.testing.assert_allclose(ours, row_by_row(q, k, v, window), atol=1e-12)


@pytest.mark.parametrize("frames", LENGTHS[:-1])
def test_every_row_has_as_many_keys_as_there_are(frames):
    mask = window_mask(frames, WINDOW).numpy()
    assert (mask.sum(axis=1) == min(frames, WINDOW)).all() and mask.diagonal().all()
    for row in range(frames):
        a, b = keys_of(row, frames, WINDOW)
        assert np.flatnonzero(mask[row]).tolist() == list(range(a, b))


def test_nothing_outside_the_window_is_seen():
    """NaN far away stays far away in the dense form's rows; large values change no row that cannot see them."""
    q, k, v = torch.randn(3, 1, 1, 300, 4, generator=torch.Generator().manual_seed(0))
    far = v.clone()
    far[:, :, 250:] = 1e6
    for attend in (dense_window_attention, blocked_window_attention):
        before, after = attend(q, k, v, WINDOW), attend(q, k, far, WINDOW)
        last = max(row for row in range(300) if keys_of(row, 300, WINDOW)[1] <= 250)
        assert torch.equal(before[:, :, : last + 1], after[:, :, : last + 1])
        assert not torch.isclose(before[:, :, last + 1 :], after[:, :, last + 1 :]).any()


def test_large_scores_do_not_overflow():
    q = torch.full((1, 1, 181, 4), 100.0)
    for attend in (dense_window_attention, blocked_window_attention):
        assert torch.allclose(attend(q, q, torch.ones_like(q), WINDOW), torch.ones_like(q))


def test_rope_is_a_turn_by_the_place():
    x = torch.randn(1, 1, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turned = apply_rope(x, rope_tables(6, 8))
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    angle = np.arange(6)[:, None] / 10000 ** (np.arange(0, 8, 2) / 8)
    wanted = torch.view_as_real(pairs * torch.from_numpy(np.exp(1j * angle))).flatten(-2)
    torch.testing.assert_close(turned, wanted, atol=1e-6, rtol=0)


def test_rope_scores_know_distances_only():
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    tables = rope_tables(50, 8)
    scores = apply_rope(q.expand(1, 1, 50, 8), tables)[0, 0] @ apply_rope(k.expand(1, 1, 50, 8), tables)[0, 0].T
    for distance in (-7, 0, 3):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=0)


@pytest.mark.parametrize("frames", [1, 121, 181])
def test_both_forms_agree_inside_the_block(frames):
    torch.manual_seed(0)
    attention = RopeAttention(8, 2, WINDOW)
    x, rope = torch.randn(2, frames, 8), rope_tables(frames, 4)
    dense = attention(x, rope)
    attention.blocked = True
    torch.testing.assert_close(attention(x, rope), dense, atol=1e-5, rtol=0)


def text_by_text(attention, x, texts, mask, reach):
    """Equations 2 and 3: for every frame, the sum over the texts that reach it of that text's own attention."""
    width = x.shape[-1]
    heads, size = attention.heads, width // attention.heads
    q = attention.q(x)
    mixed = torch.zeros_like(q)
    for text in range(texts.shape[1]):
        k, v = attention.kv(texts[:, text]).chunk(2, dim=-1)
        for b in range(len(x)):
            there = mask[b, text] > 0
            for frame in range(x.shape[1]):
                if not reach[b, text, frame]:
                    continue
                for h in range(heads):
                    c = slice(h * size, (h + 1) * size)
                    weights = (k[b, there, c] @ q[b, frame, c] / size**0.5).softmax(dim=0)
                    mixed[b, frame, c] += weights @ v[b, there, c]
    return attention.out(mixed)


def test_multi_text_attention_equals_the_texts():
    torch.manual_seed(0)
    attention = MultiTextAttention(8, 2).double()
    x, texts = torch.randn(2, 5, 8).double(), torch.randn(2, 3, 4, 8).double()
    mask = torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], [[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]]])
    reach = torch.tensor([[[0, 1, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]], [[1] * 5, [0] * 5, [0, 1, 0, 1, 0]]])
    ours = attention(x, texts, (1 - mask.double()) * -1e9, reach.double())
    torch.testing.assert_close(ours, text_by_text(attention, x, texts, mask, reach), atol=1e-10, rtol=0)
