"""What no training can do is said in one line before the first step."""

from dataclasses import replace

import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.loop import distributed
from genmo.train.loop.trainer import Trainer

BAD_RUNS = {
    "a file in the way": ({}, "file/run", "is no folder"),
    "windows too long": ({"frames": (400,)}, "run", "longest training clip has"),
    "an unknown objective": ({"objective": "both"}, "run", "objective is 'both'; wanted one of dual"),
    "an unknown fusion": ({"fusion": "sum"}, "run", "fusion is 'sum'; wanted one of mlp, cross_attention"),
    "an unknown optimizer": ({"optimizer": "sgd"}, "run", "optimizer is 'sgd'; wanted one of adamw, muon"),
    "muon for no matrix": ({"optimizer": "muon", "only": ("denoiser.heads",)}, "run", "wanted optimizer=adamw"),
    "regression of texts": ({"objective": "regression"}, "run", "wanted generation=0"),
    "no samples": ({"estimation": 0, "generation": 0}, "run", "at least one sample"),
    "no steps": ({"steps": 0}, "run", "steps is 0; wanted at least 1"),
    "an average that forgets nothing": ({"ema": 1.0}, "run", "ema from 0 to below 1"),
    "words of no caption": ({"often": ("zzz",)}, "run", "no caption has a word"),
    "weights that are none": ({"only": ("head",)}, "run", "only names 'head', with which no weight begins"),
    "nobody left out": ({"leave_out": ("made30/9",)}, "run", "leave_out .* in no training clip"),
}


@pytest.mark.parametrize("name", BAD_RUNS)
def test_what_would_fail_later_fails_at_once(config, tmp_path, name):
    changes, folder, message = BAD_RUNS[name]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=message) as caught:
        Trainer(replace(config, **changes), tmp_path / folder)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


BAD_SETTINGS = {
    "an unknown device": ({"device": "gpu"}, "device is 'gpu'; wanted auto, cpu, cuda"),
    "a device of another kind": ({"device": "meta"}, "wanted auto, cpu, cuda"),
    "a device that is not there": ({"device": "cuda:97"}, "CUDA devices: use device=cpu"),
    "no shards": ({"shards": 0}, "shards is 0"),
    "2D of nobody": ({"subjects_2d": ("nobody",)}, "subjects_2d .'nobody'. are in no training clip"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_is_one_line_before_the_first_step(config, tmp_path, name):
    changes, message = BAD_SETTINGS[name]
    with pytest.raises(InputError, match=message) as caught:
        Trainer(replace(config, **changes), tmp_path / "run")
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_shards_must_divide_among_processes(config, tmp_path, monkeypatch):
    config = replace(config, shards=4)
    monkeypatch.setattr(distributed, "join", lambda device: distributed.Processes(0, 3, torch.device("cpu")))
    with pytest.raises(InputError, match="shards is 4; wanted a multiple of the processes, 3"):
        Trainer(config, tmp_path / "run")
