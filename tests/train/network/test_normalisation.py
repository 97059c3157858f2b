"""Features at unit scale, a spread a block, and the way back."""

import pytest
import torch

from genmo.runtime.motion import representation
from genmo.train.network.normalisation import Normalisation


def test_normalisation():
    """One spread a block, and the way back."""
    layout = representation.LAYOUTS["genmo"]
    generator = torch.Generator().manual_seed(0)
    scales = torch.rand(layout.width, generator=generator) * 3
    features = torch.randn(5000, layout.width, generator=generator) * scales + 2
    features[:, layout.slices["contacts"]] = 1.0  # a block that never changes
    fitted = Normalisation.fit(features)
    torch.testing.assert_close(fitted.undo(fitted.apply(features)), features, atol=1e-4, rtol=0)
    normal = fitted.apply(features)
    assert normal.mean(dim=0).abs().max() < 1e-3 and normal.isfinite().all()
    for name, part in layout.slices.items():
        assert fitted.std[part].unique().numel() == 1, name
        if name != "contacts":
            assert normal[:, part].var(dim=0).mean() == pytest.approx(1, abs=1e-3)
