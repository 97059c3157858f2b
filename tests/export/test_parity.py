"""Parity is measured on joints, in millimetres."""

import numpy as np

from genmo.export.parity import GATES_MM, LENGTHS, cases, error_mm, passes, table


def test_parity_measures_joints_in_millimetres(checkpoint):
    """A joint moved by a known centimetre: contacts and betas aside, errors are distances of joints."""
    features = np.zeros((1, 8, 181), np.float32)
    assert (error_mm(checkpoint, features, features) == 0).all()
    taller = features.copy()
    taller[..., checkpoint.model.config.motion_layout.slices["betas"]] += 0.1
    error = error_mm(checkpoint, taller, features)
    assert error.shape == (2 * 8 * 24,) and 0.1 < error.mean() < 100 and (error.reshape(-1, 24)[:, 0] == 0).all()
    other = features.copy()
    other[..., checkpoint.model.config.motion_layout.slices["contacts"]] += 1
    assert (error_mm(checkpoint, other, features) == 0).all()


def test_cases_and_gates():
    assert (1800, 1, 4) in cases(LENGTHS) and (300, 3, 0) in cases(LENGTHS) and (1800, 3, 1) not in cases(LENGTHS)
    row = {"frames": 1, "batch": 1, "texts": 0, "run": "one step", "mean_mm": 0.01, "p99_mm": 0.05, "max_mm": 9.0}
    assert passes([row], GATES_MM["fp32"])
    assert not passes([row, row | {"mean_mm": 0.051}], GATES_MM["fp32"])
    assert not passes([row | {"p99_mm": 0.051}], GATES_MM["fp32"])
    assert not passes([row | {"mean_mm": float("nan")}], GATES_MM["fp32"])
    assert "0.01000" in table([row])
