"""The encoders of text and motion, and their loss."""

import numpy as np
import pytest
import torch

from genmo.train.evaluation.text_motion_features import features_of
from genmo.train.evaluation.text_motion_network import TextMotion, contrastive_loss


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 119, 120])
def test_an_embedding_does_not_hang_on_its_neighbours(random_motion, frames):
    """Padding to a longer neighbour's length changes nothing."""
    torch.manual_seed(0)
    model = TextMotion().eval()
    short, long = features_of(random_motion(frames, 1)), features_of(random_motion(120, 2))
    with torch.no_grad():
        alone, beside = model.encode_motions([short]), model.encode_motions([short, long])
        texts = model.encode_texts(["a person walks", "a person walks slowly and then turns around"])
        one = model.encode_texts(["a person walks"])
    torch.testing.assert_close(beside[:1], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(texts[:1], one, atol=1e-5, rtol=0)
    torch.testing.assert_close(beside.norm(dim=1), torch.ones(2))


def test_the_loss_is_the_sum_it_should_be():
    """By hand, with one pair left out because it says the same."""
    rng = np.random.default_rng(0)
    texts, motions = (torch.nn.functional.normalize(torch.tensor(rng.normal(size=(3, 4))), dim=1) for _ in range(2))
    same = torch.eye(3, dtype=torch.bool)
    same[0, 2] = True
    logits = (torch.tensor(1.0).exp() * texts @ motions.T).numpy()
    total = 0.0
    for i in range(3):
        row = [np.exp(logits[i, j]) for j in range(3) if (i, j) != (0, 2)]
        column = [np.exp(logits[j, i]) for j in range(3) if (j, i) != (0, 2)]
        total -= np.log(np.exp(logits[i, i]) / sum(row)) + np.log(np.exp(logits[i, i]) / sum(column))
    loss = contrastive_loss(texts, motions, same, torch.tensor(1.0, dtype=torch.float64))
    assert loss.item() == pytest.approx(total / 6)
