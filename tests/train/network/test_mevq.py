"""Expert convolutions are the sum that equation 1 writes; the codebook follows what falls to it."""

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.mevq import CHECK_EVERY, DECAY, Codebook, ExpertConv, MotionVQ

CONFIG = TokenConfig(codes=6, code_width=4, vq_width=8, vq_experts=3)


def summed(layer, x, shares):
    """Equation 1, written out: shares [batch, experts]."""
    made = [
        functional.conv1d(x, kernel, bias, padding=1) for kernel, bias in zip(layer.weight, layer.bias, strict=True)
    ]
    return sum(share[:, None, None] * part for share, part in zip(shares.T, made, strict=True))


def test_static_experts_are_one_convolution():
    torch.manual_seed(0)
    layer = ExpertConv(8, 3, 3, "static")
    layer.share.data = torch.tensor([0.3, -1.2, 0.7])
    x = torch.randn(2, 8, 11)
    assert_close(layer(x), summed(layer, x, layer.share.expand(2, 3)), rtol=0, atol=1e-6)
    kernel, bias = layer.folded()
    assert_close(functional.conv1d(x, kernel, bias, padding=1), layer(x), rtol=0, atol=1e-6)


def test_dynamic_experts_weigh_by_the_motion():
    torch.manual_seed(0)
    layer = ExpertConv(8, 3, 3, "dynamic")
    x = torch.randn(2, 8, 11)
    shares = layer.gate(x.mean(dim=-1)).softmax(dim=-1)
    assert not torch.allclose(shares[0], shares[1])
    assert_close(layer(x), summed(layer, x, shares), rtol=0, atol=1e-6)


def test_every_expert_and_its_weight_learns():
    torch.manual_seed(0)
    layer = ExpertConv(4, 3, 2, "static")
    layer(torch.randn(1, 4, 5)).square().sum().backward()
    assert layer.share.grad.abs().min() > 0 and layer.weight.grad.abs().amax(dim=(1, 2, 3)).min() > 0


def test_the_codebook_follows_its_means():
    """Closed form on three points: after n equal steps a code is at the mean of what fell to it."""
    book = Codebook(1, 2, 1)
    book.codes.copy_(torch.tensor([[[0.0], [10.0]]]))
    z = torch.tensor([[[0.0]], [[2.0]], [[9.0]]])
    ids = book.nearest(z)
    assert ids.tolist() == [[0], [0], [1]]
    book.follow(z, ids)
    assert book.counts[0] == pytest.approx(torch.tensor([2.0, 1.0]) * (1 - DECAY))
    assert book.codes[0] == pytest.approx(torch.tensor([[1.0], [9.0]]))
    # then another batch: the running mean of means, weighed by counts
    book.follow(torch.tensor([[[4.0]], [[4.0]], [[9.0]]]), torch.tensor([[0], [0], [1]]))
    old, new = DECAY * (1 - DECAY), 1 - DECAY
    assert book.codes[0, 0, 0] == pytest.approx((old * 2.0 + new * 8.0) / (2 * old + 2 * new))


def test_a_dead_code_begins_anew_at_a_latent():
    torch.manual_seed(0)
    book = Codebook(1, 3, 1)
    book.codes.copy_(torch.tensor([[[0.0], [1.0], [500.0]]]))
    book.counts.fill_(1.0), book.sums.copy_(book.codes)
    z = torch.tensor([[[0.0]], [[0.1]], [[1.0]], [[1.1]]])
    for step in range(1000):
        book.follow(z, book.nearest(z))
        if step < CHECK_EVERY - 1:
            assert book.codes[0, 2, 0] > 400  # its running count is not low yet
    assert book.codes.max() < 2
    assert set(book.nearest(z).flatten().tolist()) == {0, 1, 2}


def test_gradients_pass_straight_through_the_codes():
    torch.manual_seed(0)
    model = MotionVQ(CONFIG).train()
    features = torch.randn(2, 16, CONFIG.motion_layout.width)
    decoded, latents, ids = model(features)
    assert decoded.shape == features.shape and latents.shape == (2, 4, 1, 4) and ids.shape == (2, 4, 1)
    assert_close(decoded, model.decode(ids), rtol=0, atol=1e-5)  # what is decoded are the codes
    decoded.square().sum().backward()
    assert model.encoder[1].weight.grad.abs().sum() > 0
    assert not any(name.startswith("codebook") for name, _ in model.named_parameters())


def test_a_token_sees_four_frames_of_each_length():
    model = MotionVQ(CONFIG).eval()
    model.codebook.codes.normal_()
    for frames in (4, 8, 40):
        ids = model.encode(torch.randn(1, frames, CONFIG.motion_layout.width))
        assert ids.shape == (1, frames // 4, 1) and model.decode(ids).shape[1] == frames
