"""A checkpoint in PyTorch is measured as its engine."""

import numpy as np

from genmo.runtime import MotionModel
from genmo.train.evaluation.simulated import estimates


def test_a_checkpoint_is_measured_as_its_engine(model, tiny_engine, clips):
    """The same numbers from PyTorch and from ONNX Runtime, estimation and generation."""
    torch_model, model = model, MotionModel.load(tiny_engine)
    for one, other in zip(estimates(model, clips[:1]), estimates(torch_model, clips[:1]), strict=True):
        np.testing.assert_allclose(one.world, other.world, atol=2e-3)
    made = [m.generate("a person walks left", 40, steps=2)[0] for m in (model, torch_model)]
    np.testing.assert_allclose(made[0].joints_world(), made[1].joints_world(), atol=2e-3)
