"""An evaluator is trained to tell actions apart, the same way every time."""

import json

import numpy as np
import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation import train_text_motion
from genmo.train.evaluation.text_motion_evaluator import Evaluator, load_evaluator
from genmo.train.evaluation.train_text_motion import Plan, train


def test_training_tells_actions_apart(trained):
    """Held-out clips: each motion's own caption is the nearest of the four."""
    model, held_out = trained
    evaluator = Evaluator(model, "")
    captions = list(dict.fromkeys(clip.captions[0] for clip in held_out))
    motions, texts = evaluator.embed_motions(held_out), evaluator.embed_texts(captions)
    nearest = np.linalg.norm(motions[:, None] - texts[None], axis=-1).argmin(axis=1)
    wanted = [captions.index(clip.captions[0]) for clip in held_out]
    assert np.mean(nearest == wanted) >= 7 / 8


def test_training_is_repeatable(action_clips):
    clips = action_clips(2)
    first, second = (train(clips, Plan(steps=2, batch=4, seed=3)).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(InputError, match="1 clips with captions"):
        train(clips[:1], Plan(steps=1))


def test_the_command_trains_and_says_what_it_did(tmp_path, capsys, motion_set):
    out = tmp_path / "ev"
    code = train_text_motion.main(
        ["--data", str(motion_set), "--out", str(out), "--steps", "2", "--batch", "4", "--leave-out", "made30/02"]
    )
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said["data"] == ["made30"] and said["clips"] == 3 and said["validation"] is None
    assert load_evaluator(out).sha256 == said["sha256"]
    for arguments, message in (
        (["--data", str(tmp_path), "--out", str(out)], "no index.json"),
        (["--data", str(motion_set), "--out", str(out), "--steps", "0"], "wanted at least 1 step"),
        (["--data", str(motion_set), "--out", str(out), "--leave-out", "x/9"], "are in no clip"),
    ):
        assert train_text_motion.main(arguments) == 2
        wrong = capsys.readouterr().err
        assert wrong.count("\n") == 1 and message in wrong
