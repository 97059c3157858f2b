"""Muon for the matrices of the blocks: an orthogonal step, as long as AdamW's, and AdamW for the rest."""

from dataclasses import replace

import pytest
import torch

from genmo.train.loop.optimizer import JointOptimizer, make_optimizer
from genmo.train.network.checkpoint import Model


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return Model(config.model)


def one_step(model, config, rate):
    """How far each weight moved, in learning rates, under gradients of one dominating direction."""
    optimizer = make_optimizer(replace(config, weight_decay=0.0), model, fused=False)
    for group in optimizer.param_groups:
        group["lr"] = rate
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    for weight in model.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)
        if weight.ndim == 2:
            weight.grad += 30 * torch.outer(*(torch.randn(n, generator=generator) for n in weight.shape))
    optimizer.step()
    return {name: (weight.detach() - before[name]) / rate for name, weight in model.named_parameters()}


def test_a_step_of_muon_has_all_directions_alike(config, model):
    """The singular values of the step are equal but for what five iterations of Newton-Schulz leave, and as large as
    makes its root mean square 0.2 of the learning rate; AdamW's step mostly follows the one direction."""
    muon = one_step(model, replace(config, optimizer="muon"), rate=1e-3)
    name = "denoiser.rope_blocks.0.attention.qkv.weight"
    step = muon[name]
    values = torch.linalg.svdvals(step) / (0.2 * max(step.shape) ** 0.5)
    assert 0.5 < values.min() and values.max() < 1.4
    assert step.square().mean().sqrt() == pytest.approx(0.2, rel=0.25)
    adamw = torch.linalg.svdvals(one_step(model, config, rate=1e-3)[name])
    assert adamw[0] > 5 * adamw[1:].median()


def test_what_is_no_matrix_of_a_block_is_adamws(config, model):
    """AdamW's first step is the sign of the gradient."""
    for name, step in one_step(model, replace(config, optimizer="muon"), rate=1e-3).items():
        inside = step.ndim == 2 and ("blocks." in name or "word_layers." in name)
        assert torch.allclose(step.abs(), torch.ones(()), atol=1e-2) != inside, name


def test_states_of_other_optimizers_are_refused(config, model):
    muon, adamw = (make_optimizer(replace(config, optimizer=name), model, fused=False) for name in ("muon", "adamw"))
    with pytest.raises(ValueError, match="wanted 2"):
        muon.load_state_dict(adamw.state_dict())
    assert isinstance(muon, JointOptimizer) and len(muon.optimizers) == 2 and len(adamw.optimizers) == 1
