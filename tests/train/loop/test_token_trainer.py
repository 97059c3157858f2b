"""Training tokens: resuming is the same as never stopping, it learns, and what cannot be trained is said."""

import json
from dataclasses import replace

import pytest
import torch

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.support.errors import InputError
from genmo.train.__main__ import main
from genmo.train.loop import token_stages
from genmo.train.loop.token_trainer import TokenTrainer
from genmo.train.network.token_model import load_token_checkpoint
from genmo.train.settings.token_config import TOKEN_PRESETS, read_token_config
from genmo.train.tools.known_prompts import main as write_known_prompts


@pytest.fixture(scope="module", autouse=True)
def few_statistics():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genmo.train.loop.token_stages.STATISTICS_BATCHES", 2)
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
    assert checkpoint.model.stage == 1 and checkpoint.provenance["step"] == 60
    assert (tmp_path / "run" / "best" / "weights.safetensors").is_file()


@pytest.fixture(scope="module")
def first(config, tmp_path_factory):
    """A run of stage 1."""
    folder = tmp_path_factory.mktemp("stages") / "vq"
    trainer = TokenTrainer(config, folder)
    trainer.train_step()
    trainer.save()
    return folder


def test_three_stages_follow_each_other(first, motion_set, tmp_path, capsys):
    """From the command line; what makes tokens is trained no further, and the tokens are made once."""
    runs = {1: first, 2: tmp_path / "two", 3: tmp_path / "three"}
    for stage in (2, 3):
        arguments = ["tokens-tiny", f"stage={stage}", f"init={runs[stage - 1]}", f"data=[{motion_set}]", "steps=3"]
        arguments += ["validation_subjects=[made30/02]", "captions.joined=0", "captions.balanced=0", "threads=1"]
        assert main([*arguments, "--out", str(runs[stage])]) == 0
        log = [json.loads(line) for line in (runs[stage] / "log.jsonl").read_text().splitlines()]
        assert {"nll", "accuracy", "all_nll", "train_nll"} <= set(log[-1]["validation"])
    checkpoints = [load_token_checkpoint(folder) for folder in runs.values()]
    assert [checkpoint.model.stage for checkpoint in checkpoints] == [1, 2, 3]
    one, two, three = (checkpoint.model.state_dict() for checkpoint in checkpoints)
    assert all(torch.equal(tensor, two[name]) and torch.equal(tensor, three[name]) for name, tensor in one.items())
    assert any(not torch.equal(two[name], three[name]) for name in two)
    assert checkpoints[2].model.text_encoder is not None and checkpoints[0].model.transformer is None
    assert checkpoints[2].provenance["before"]["train"]["stage"] == 2
    assert [checkpoint.known_prompts is None for checkpoint in checkpoints] == [True, True, False]
    for name in (READER, EXAMPLES):  # what reads the words of the table goes along with it
        assert (runs[3] / name).read_bytes() == (SHIPPED / name).read_bytes() and not (runs[2] / name).exists()
    known = runs[3] / "prompts.json"
    written = known.read_bytes()
    known.unlink()
    assert write_known_prompts([str(runs[3]), *(argument for argument in arguments if argument != "--out")]) == 0
    assert known.read_bytes() == written
    tokens = runs[3] / "tokens.npz"
    before = tokens.stat().st_mtime_ns
    assert main([*arguments, "steps=4", "--out", str(runs[3])]) == 0
    assert tokens.stat().st_mtime_ns == before


def test_stage_3_resumes_to_the_last_bit(first, config, tmp_path, monkeypatch):
    """Masks, doubts, dropped texts and words included."""
    captions = replace(config.captions, joined=0.0, balanced=0.0)
    config = replace(config, stage=3, init=str(first), text_dropout=0.3, captions=captions)
    whole = TokenTrainer(config, tmp_path / "whole")
    losses = [whole.train_step() for _ in range(2)]
    half = TokenTrainer(config, tmp_path / "parts")
    again = [half.train_step()]
    half.save()
    torch.manual_seed(5)
    monkeypatch.setattr(token_stages, "load_data", None)  # the windows are there as tokens
    rest = TokenTrainer(config, tmp_path / "parts")
    assert [*again, rest.train_step()] == losses
    for name, tensor in states(whole).items():
        assert torch.equal(tensor, states(rest)[name]), name


def test_a_stage_wants_the_tokens_that_were_trained(first, config, tmp_path):
    other = replace(config, stage=2, init=str(first), model=replace(config.model, codes=17))
    with pytest.raises(InputError, match=r"init is another model \(.*codes.*\(16, 17\)"):
        TokenTrainer(other, tmp_path / "other")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["stage=4"], "stage is 4; wanted one of"),
        (["frames=[30]"], "frames is [30]; wanted multiples of 4"),
        (["model.codes=1"], "codes is 1"),
        (["batch=0"], "batch is 0"),
        (["stage=2"], "stage is 2 and init ''; wanted init=DIR of the run of the stage before"),
        (["init=somewhere"], "stage is 1 and init 'somewhere'; wanted no init"),
        (["stage=3", "init=x", "model.text_encoder=none"], "stage 3 with model.text_encoder=none"),
        (["no_text=1"], "no_text is 1"),
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
