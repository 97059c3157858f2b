"""A BERT becomes a table that the runtime reads: tokens in Latin letters, words of movement whole, opposites apart."""

import numpy as np
import pytest
import torch

from genmo.runtime.engine.text_wordpiece import AXES, read_wordpiece_table
from genmo.train.tools import distill_text

pytestmark = pytest.mark.requires("transformers", "tokenizers")

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = "the a person is moves someone across room walk walks left right run runs twice 90 jump".split()
FAMILIES = [("walk", "walks", "walked"), ("run", "runs"), ("jump", "jumps"), ("kick",)]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    import tokenizers
    import transformers

    folder = tmp_path_factory.mktemp("teacher")
    torch.manual_seed(0)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[unused0]", "é", ":", "人", *WORDS]
    pieces += [letter for letter in LETTERS if letter not in WORDS] + [f"##{letter}" for letter in LETTERS]
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=96, num_attention_heads=4, num_hidden_layers=1, intermediate_size=96
    )
    transformers.BertModel(config).save_pretrained(folder)
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    fast = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    fast.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    fast.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def test_a_bert_becomes_a_table(teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(distill_text, "families", lambda: FAMILIES)
    monkeypatch.setattr(distill_text, "SYNONYMS", (("walk", "run"),))
    arguments = ["--teacher", str(teacher), "--name", "ours (MIT)", "--out"]
    assert distill_text.main([*arguments, str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    table = read_wordpiece_table(tmp_path / "one")
    count = len(table.vocabulary)
    assert f"{count} tokens (36 of them parts of words)" in said and table.teacher == "ours (MIT)"
    assert not {"[CLS]", "[unused0]", "é", ":", "人"} & set(table.vocabulary)
    assert {"walked", "jumps", "kick"} <= set(table.vocabulary)
    rows = table.rows
    vectors = table.vectors_of(range(count))
    assert vectors[rows["left"], 0] < 0 < vectors[rows["right"], 0]
    assert vectors[rows["90"], AXES - 1] > vectors[rows["twice"], AXES - 1] > 0 == vectors[rows["walk"], AXES - 1]
    np.testing.assert_array_equal(vectors[rows["walk"]], vectors[rows["walked"]])
    assert table.weights[rows["the"]] < table.weights[rows["jump"]] < table.weights[rows["kick"]]
    assert distill_text.main([*arguments, str(tmp_path / "two")]) == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_what_is_no_teacher_is_one_line(tmp_path, capsys):
    assert distill_text.main(["--teacher", str(tmp_path), "--out", str(tmp_path / "table")]) == 2
    error = capsys.readouterr().err
    assert "wanted a BERT folder" in error and error.count("\n") == 1 and not (tmp_path / "table").exists()
