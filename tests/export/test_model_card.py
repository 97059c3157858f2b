"""A card for any engine."""

from genmo.export.model_card import card
from genmo.train.settings.config import read_config


def test_a_card_of_any_checkpoint():
    """Data sets by name and not by place; metrics where they are known; a converted checkpoint's source."""
    config = read_config("tiny").model
    described = {
        "model": config.to_json(),
        "conditions": ["text"],
        "text_encoder": None,
        "precision": "fp16",
        "profile": "plain",
        "licence": "x",
        "schedule": {"kind": "cosine", "steps": 1000, "predicts": "x_0"},
        "signature": {"inputs": [], "outputs": []},
        "provenance": {
            "train": {"data": ["/somewhere/else/cmu30", "own"], "data_share": [0.9, 0.1]},
            "source": {"file": "gem_smpl.ckpt", "family": "gem", "sha256": "ab"},
            "metrics": {"mpjpe_mm": 51.25, "note": "no number"},
            "versions": {"genmo": "1"},
        },
        "parity": {"gate_mm": {"mean": 1.0}, "on": "real motion", "rows": []},
    }
    text = card(described)
    assert "cmu30 (90%), own (10%)" in text and "/somewhere" not in text
    assert "mpjpe_mm: 51.25" in text and "no number" not in text and "gem_smpl.ckpt" in text
