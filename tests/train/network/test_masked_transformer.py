"""The transformer over tokens computes equations 2 to 7 as they are written, and padding is nobody's business."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.masked_transformer import UNSEEN, Experts, MaskedTransformer, Pathways, Texts

CONFIG = TokenConfig(
    codes=9, code_width=4, width=16, plain_layers=1, path_layers=1, heads=2, experts=3, expert_width=12, text_width=6,
    text_tokens=5,
)  # fmt: skip
MASK, END, PAD = CONFIG.mask_id, CONFIG.end_id, CONFIG.pad_id


def near(a, b):
    assert_close(a, b, rtol=0, atol=1e-5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = MaskedTransformer(CONFIG).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return made


@pytest.fixture
def codes():
    return torch.randn(1, 9, 4, generator=torch.Generator().manual_seed(1))


def texts(batch=1, words=3, told=True):
    generator = torch.Generator().manual_seed(2)
    mask = torch.full((batch, 1 + words), float(told))
    return Texts(torch.randn(batch, 1 + words, 6, generator=generator) * mask[..., None], mask)


IDS = torch.tensor([[3, MASK, 5, MASK, 2, END]])[..., None]


def test_experts_are_a_weighted_sum_of_networks():
    """Equations 5 and 6, expert by expert."""
    torch.manual_seed(0)
    layer = Experts(8, 12, 3)
    layer.bias.data.normal_()
    x = torch.randn(2, 5, 8)
    shares = layer.gate(x).softmax(dim=-1)
    expected = torch.zeros_like(x)
    for expert in range(3):
        part = slice(4 * expert, 4 * expert + 4)
        hidden = functional.gelu(x @ layer.inner.weight[part].T + layer.inner.bias[part])
        answer = hidden @ layer.outer.weight[:, part].T + layer.bias[expert]
        expected = expected + shares[..., expert : expert + 1] * answer
    near(layer(x), expected)


@pytest.mark.parametrize("all_paths", [False, True])
def test_pathways_are_for_their_tokens(all_paths):
    """Equation 7: W [m_motion E_motion; m_text E_text; E_cross] + b."""
    torch.manual_seed(0)
    layer = Pathways(CONFIG)
    x = torch.randn(1, 6, 16)
    is_text = torch.tensor([1.0, 1, 0, 0, 0, 0])[:, None]
    by_text = 1.0 if all_paths else is_text
    parts = [(1 - is_text) * layer.motion(x), by_text * layer.text(x), layer.cross(x)]
    near(layer(x, 2, all_paths), layer.project(torch.cat(parts, dim=-1)))


def test_the_descriptor_is_equation_2(model):
    """As printed: the mean over motion of words weighed by its response; words that are padding have no say, and motion
    that is masked none but where there is no other."""
    motion, words = torch.randn(1, 6, 16), torch.randn(1, 4, 16)
    mask = torch.tensor([[1.0, 1, 1, 0]])

    def expected(weights):
        total = torch.zeros(16)
        for place, weight in enumerate(weights):
            response = (words[0, :3] @ motion[0, place] / math.sqrt(16)).softmax(dim=0)
            total += weight * (response @ words[0, :3])
        return total / sum(weights)

    near(model.descriptor(motion, IDS, words, mask)[0], expected([1, UNSEEN, 1, UNSEEN, 1, 0]))
    near(model.descriptor(motion, torch.full_like(IDS, MASK), words, mask)[0], expected([1] * 6))


def test_the_other_reading_weighs_motion(model):
    model.config = replace(CONFIG, context="motion")
    motion, words = torch.randn(1, 6, 16), torch.randn(1, 4, 16)
    mask = torch.tensor([[1.0, 1, 1, 0]])
    seen = motion[0, [0, 2, 4]]
    each = [(seen @ words[0, word] / 4).softmax(dim=0) @ seen for word in range(3)]
    assert_close(model.descriptor(motion, IDS, words, mask)[0], sum(each) / 3, rtol=0, atol=1e-3)


@pytest.mark.parametrize("context", ["text", "motion", "none"])
def test_padding_changes_nothing(model, codes, context):
    """Of the motion, and of the text; and a sample's answer is its own."""
    model.config = replace(CONFIG, context=context)
    alone = model(IDS, codes, texts())
    assert alone.shape == (1, 6, 1, 9)
    padded = torch.cat([IDS, torch.full((1, 3, 1), PAD)], dim=1)
    near(model(padded, codes, texts())[:, :6], alone)
    longer = Texts(
        torch.cat([texts().rows, torch.randn(1, 2, 6)], dim=1), torch.cat([texts().mask, torch.zeros(1, 2)], 1)
    )
    near(model(IDS, codes, longer), alone)
    both = Texts(torch.cat([texts().rows, torch.zeros(1, 4, 6)]), torch.cat([texts().mask, torch.zeros(1, 4)]))
    near(model(IDS.repeat(2, 1, 1), codes, both)[:1], alone)


@pytest.mark.parametrize("context", ["text", "motion", "none"])
def test_texts_and_known_tokens_are_heard(model, codes, context):
    model.config = replace(CONFIG, context=context)
    alone = model(IDS, codes, texts())
    other = Texts(texts().rows + torch.tensor([0.0, 0, 1, 0])[:, None], texts().mask)
    assert (model(IDS, codes, other) - alone).abs().max() > 1e-3
    moved = IDS.clone()
    moved[0, 0] = 7
    assert (model(moved, codes, texts()) - alone)[0, 1].abs().max() > 1e-3


def test_no_text_is_no_text(model, codes):
    """None, and an empty one."""
    near(model(IDS, codes, texts(told=False)), model(IDS, codes, None))


def test_every_weight_learns(model, codes):
    model(IDS, codes, texts()).square().sum().backward()
    model(torch.tensor([[[MASK], [PAD]]]), codes, None, all_paths=True).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
