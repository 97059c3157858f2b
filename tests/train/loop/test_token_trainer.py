"""Training tokens: resuming is the same as never stopping, it learns, and what cannot be trained is said."""

import json
from dataclasses import replace

import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.__main__ import main
from genmo.train.loop.token_trainer import TokenTrainer
from genmo.train.network.token_model import load_token_checkpoint
from genmo.train.settings.token_config import TOKEN_PRESETS, read_token_config


@pytest.fixture(scope="module", autouse=True)
def few_statistics():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genmo.train.loop.token_trainer.STATISTICS_BATCHES", 2)
        yield


@pytest.fixture(scope="module")
def config(motion_set):
    settings = ["steps=6", "threads=1", "validation_subjects=[]"]
    return replace(read_token_config(TOKEN_PRESETS / "tiny.yaml", settings), data=(str(motion_set),))


def states(trainer):
    return trainer.model.state_dict() | {f"average.{k}": v for k, v in trainer.average.state_dict().items()}


def test_four_steps_are_two_and_two(config, tmp_path, monkeypatch):
    """Windows, codes that begin anew and the average included: to the last bit."""
    monkeypatch.setattr("genmo.train.network.mevq.CHECK_EVERY", 1)
    whole = TokenTrainer(config, tmp_path / "whole")
    losses = [whole.train_step() for _ in range(4)]
    first = TokenTrainer(config, tmp_path / "parts")
    again = [first.train_step() for _ in range(2)]
    first.save()
    torch.manual_seed(12345)
    second = TokenTrainer(config, tmp_path / "parts")
    assert second.step == 2
    again += [second.train_step() for _ in range(2)]
    assert again == losses
    for name, tensor in states(whole).items():
        assert torch.equal(tensor, states(second)[name]), name
    with pytest.raises(InputError, match="state.pt is of another network or stage"):
        TokenTrainer(replace(config, model=replace(config.model, codes=17)), tmp_path / "parts")


def test_it_learns_from_the_command_line(motion_set, tmp_path, capsys):
    subject = "made30/02"
    arguments = ["tokens-tiny", "stage=1", f"data=[{motion_set}]", f"validation_subjects=[{subject}]", "steps=60"]
    arguments += ["learning_rate=3e-3", "validate_every=30", "threads=1", "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [record["loss"] for record in records if "loss" in record]
    scores = [record["validation"] for record in records if "validation" in record]
    assert losses[-1] < losses[0]
    assert scores[-1]["train_mm"] < scores[0]["train_mm"] and {"mm", "root_mm", "used", "perplexity"} <= set(scores[-1])
    checkpoint = load_token_checkpoint(tmp_path / "run")
    assert checkpoint.stage == 1 and checkpoint.provenance["step"] == 60
    assert (tmp_path / "run" / "best" / "weights.safetensors").is_file()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["stage=4"], "stage is 4; wanted one of"),
        (["frames=[30]"], "frames is [30]; wanted multiples of 4"),
        (["model.codes=1"], "codes is 1"),
        (["batch=0"], "batch is 0"),
        (["commitment=-1"], "commitment is -1"),
        (["colour=red"], "unknown key 'colour'"),
    ],
)
def test_what_cannot_be_trained_is_one_line(settings, said, tmp_path, capsys):
    assert main(["tokens", *settings, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "run").exists()


def test_a_feed_is_not_measured(capsys):
    assert main(["tokens-tiny", "--measure-feed", "1"]) == 2
    assert "--measure-feed is for denoisers" in capsys.readouterr().err
