"""Texts of a network whose tokens come from outside: those of the exported encoder, made once, kept, looked up."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.export.onnx.t5_encoder import add_text_encoder
from genmo.export.options import TextEncoderOptions
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_t5 import T5TextEncoder
from genmo.runtime.support.errors import InputError
from genmo.train.data import t5_tokens as module
from genmo.train.data.t5_tokens import TextTokens, prompts_of, text_tokens
from genmo.train.datasets.clips import Clip
from genmo.train.loop.trainer import Trainer
from genmo.train.settings.config import read_config

pytestmark = pytest.mark.requires("transformers", "tokenizers")

WIDTH, TOKENS = 16, 6
CONFIG = ModelConfig(width=32, depth=1, heads=2, text_width=WIDTH, text_tokens=TOKENS, video_width=0, music_width=0)
WORDS = "a person walks left right on trial and turns <unk> </s> <pad>".split()
PROMPTS = ["a person walks left", "person", "a person walks left and a person turns right"]


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    """A folder as transformers saves it, random weights."""
    import tokenizers
    import transformers

    folder = tmp_path_factory.mktemp("t5")
    torch.manual_seed(0)
    config = transformers.T5Config(d_model=WIDTH, d_kv=4, d_ff=24, num_layers=2, num_heads=2, vocab_size=40)
    transformers.T5EncoderModel(config).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 10)])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )
    fast.save_pretrained(folder)
    return folder


def test_tokens_are_those_of_the_exported_encoder(t5, tmp_path):
    """ONNX Runtime and the tokenizer's own file, cut at the same length; float16 on the way."""
    (tmp_path / "engine").mkdir()
    described = add_text_encoder(TextEncoderOptions(str(t5)), tmp_path / "engine", TOKENS, WIDTH)
    files = (tmp_path / "engine" / described[name] for name in ("file", "tokenizer"))
    runtime = T5TextEncoder(*files, TOKENS, WIDTH)
    ours = text_tokens(str(t5), PROMPTS, CONFIG, tmp_path / "texts", write=True)
    vectors, mask = ours(["", *PROMPTS], 0.5)
    assert vectors.shape == (4, TOKENS, WIDTH) and not vectors[0].any() and not mask[0].any()
    for place, prompt in enumerate(PROMPTS):
        wanted, there = runtime.encode(prompt)
        np.testing.assert_array_equal(mask[place + 1], there)
        np.testing.assert_allclose(vectors[place + 1], wanted, atol=2e-3 * np.abs(wanted).max())
        np.testing.assert_array_equal(ours.encode(f"  {prompt.replace(' ', '   ')} ")[0], vectors[place + 1])
    assert there.sum() == TOKENS  # the last prompt is cut


def test_they_are_made_once(t5, tmp_path, monkeypatch):
    text_tokens(str(t5), PROMPTS, CONFIG, tmp_path / "texts", write=True)
    monkeypatch.setattr(module, "_open", None)
    again = text_tokens(str(t5), PROMPTS[:2], CONFIG, tmp_path / "texts", write=True)
    with pytest.raises(InputError, match="'a dog', which is not in the prompt cache"):
        again.encode("a dog")
    for different in ((str(tmp_path), PROMPTS, CONFIG), (str(t5), [*PROMPTS, "on"], CONFIG)):
        with pytest.raises(TypeError):  # it would have to be opened
            text_tokens(*different, tmp_path / "texts", write=False)
    (tmp_path / "texts" / "vectors.npy").write_bytes(b"cut")
    with pytest.raises(TypeError):
        text_tokens(str(t5), PROMPTS, CONFIG, tmp_path / "texts", write=False)


def test_a_wrong_model_is_one_line(t5, tmp_path):
    with pytest.raises(InputError, match="tokens of 16 channels; wanted model.text_width=16"):
        text_tokens(str(t5), PROMPTS, replace(CONFIG, text_width=32), tmp_path / "texts", write=True)
    with pytest.raises(InputError, match="nothing cannot be opened .*wanted a T5 or BERT folder") as caught:
        text_tokens(str(tmp_path / "nothing"), PROMPTS, CONFIG, tmp_path / "texts", write=True)
    assert "\n" not in str(caught.value) and not (tmp_path / "texts").exists()


def test_prompts_are_captions_and_their_mirror_images():
    still = np.zeros((4, 24, 3, 3)), np.zeros((4, 3)), np.zeros((24, 3))
    clips = [Clip("a", "a", ("turns  left", "jumps"), *still), Clip("b", "b", ("turns right",), *still)]
    assert prompts_of(clips) == ["turns left", "turns right", "jumps"]
    assert TextTokens([], [], np.zeros((0, WIDTH)), CONFIG)([""])[1].sum() == 0


@pytest.fixture
def config(motion_set):
    settings = ["steps=4", "estimation=2", "generation=4", "frames=[30]", "threads=1", "bf16=false", "save_every=2"]
    config = read_config("tiny", [*settings, "validate_every=4", "validation_subjects=[made30/02]"])
    model = replace(config.model, text_encoder="none", text_width=WIDTH, text_tokens=TOKENS, text_buckets=0)
    return replace(config, data=(str(motion_set),), model=model)


def test_training_hears_them_and_resumes_without_the_encoder(config, t5, tmp_path, monkeypatch):
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
    config = replace(config, text_model=str(t5))
    trainer = Trainer(config, tmp_path / "run")
    before = trainer.model.denoiser.text_in.weight.detach().clone()
    trainer.run()
    assert (trainer.model.denoiser.text_in.weight != before).any()
    pictures = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert len(pictures) == 3 and "person-walks" in pictures[0] + pictures[-1]  # captions of people held out are known
    described = json.loads((tmp_path / "run" / "model.json").read_text())
    assert described["provenance"]["train"]["text_model"] == t5.name
    monkeypatch.setattr(module, "_open", None)
    longer = Trainer(replace(config, steps=6), tmp_path / "run")
    assert longer.step == 4
    longer.run()


def test_without_a_model_only_estimation_is_trained(config, tmp_path, monkeypatch):
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
    with pytest.raises(InputError, match="text_encoder is none.*wanted text_model=T5.*or generation=0"):
        Trainer(config, tmp_path / "run")
    trainer = Trainer(replace(config, generation=0), tmp_path / "run")
    assert trainer.train_step()["loss"] > 0
    assert all(prompt == "" for row in trainer.feed[0][0].batch.prompts for prompt in row)
