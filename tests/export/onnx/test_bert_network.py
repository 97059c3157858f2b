"""A BERT encoder: the answers of `transformers`, in torch and as a graph, and beside an engine."""

import json

import numpy as np
import onnx
import pytest
import torch

from genmo.export.onnx import bert_network, t5_encoder
from genmo.export.onnx.bert_graph import BertGraph
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.options import TextEncoderOptions
from genmo.runtime.engine.text_t5 import T5TextEncoder
from genmo.runtime.support.errors import InputError

pytestmark = pytest.mark.requires("transformers", "tokenizers", "onnxruntime")

WIDTH, TOKENS = 16, 8
WORDS = "a person man walks runs turns left right sits jumps dance forward , and then down on chair".split()


def make_bert(folder, **changes):
    """A folder as `transformers` saves it, and the network in it, random weights."""
    import tokenizers
    import transformers

    torch.manual_seed(0)
    sizes = {"hidden_size": WIDTH, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 24}
    config = transformers.BertConfig(vocab_size=30, max_position_embeddings=32, **(sizes | changes))
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    names = {name: place for place, name in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(names, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    return model


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    return folder, make_bert(folder)


def run_graph(graph, ids, mask):
    import onnxruntime as ort

    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"token_ids": ids.numpy(), "token_mask": mask.numpy()})[0]


@pytest.mark.parametrize("tokens", [1, 7, 32])
def test_the_network_is_that_of_transformers(bert, tokens):
    folder, model = bert
    torch.manual_seed(1)
    ids, mask = torch.randint(0, 22, (3, tokens)), torch.ones(3, tokens)
    mask[1, (tokens + 1) // 2 :] = 0
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state.numpy()
    present = mask[..., None].numpy()
    ours = bert_network.read_bert(folder)
    np.testing.assert_allclose(bert_network.encode(ours, ids, mask).numpy() * present, expected * present, atol=1e-4)
    graph = BertGraph(ours, 32, PRECISIONS["fp32"]).build()
    onnx.checker.check_model(graph, full_check=True)
    np.testing.assert_allclose(run_graph(graph, ids, mask) * present, expected * present, atol=1e-4)
    half = run_graph(BertGraph(ours, 32, PRECISIONS["fp16"]).build(), ids, mask)
    np.testing.assert_allclose(half * present, expected * present, atol=5e-2)


def test_beside_an_engine(bert, tmp_path):
    folder, model = bert
    described = t5_encoder.add_text_encoder(TextEncoderOptions(str(folder)), tmp_path, TOKENS, WIDTH)
    assert described["kind"] == "bert-1" and described["about"].startswith("BERT encoder, 2 blocks of 16 channels")
    encoder = T5TextEncoder(tmp_path / "text_encoder.onnx", tmp_path / "tokenizer.json", TOKENS, WIDTH)
    vectors, mask = encoder.encode("a person walks")
    ids = torch.tensor([[2, 4, 5, 7, 3]])
    with torch.no_grad():
        expected = model(input_ids=ids).last_hidden_state[0].numpy()
    assert mask.tolist() == [1] * 5 + [0] * 3
    np.testing.assert_allclose(vectors[:5], expected, atol=1e-4)


def test_prompts_of_it_ahead_of_time(bert, tmp_path):
    options = TextEncoderOptions(str(bert[0]), prompts=("a person walks", "dance"))
    described = t5_encoder.add_text_encoder(options, tmp_path, TOKENS, WIDTH)
    assert described["kind"] == "cached-prompts-1" and described["lengths"] == [5, 3]


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


BAD = {
    "another width": ({}, 32, TOKENS, "its tokens have 16 channels; the checkpoint's texts have 32"),
    "too few places": ({}, WIDTH, 50, "reads 32 tokens of a text; the checkpoint's have 50"),
    "relu": ({"hidden_act": "relu"}, WIDTH, TOKENS, "wanted gelu and absolute positions"),
    "more blocks": ({"num_hidden_layers": 3}, WIDTH, TOKENS, "its weights have no encoder.layer.2"),
    "wider layers": ({"intermediate_size": 25}, WIDTH, TOKENS, "config.json says"),
    "heads": ({"num_attention_heads": 3}, WIDTH, TOKENS, "sizes are not positive whole numbers"),
    "a text": ({"hidden_size": "16"}, WIDTH, TOKENS, "sizes are not positive whole numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_encoders_are_refused(tmp_path, name):
    changes, width, tokens, message = BAD[name]
    folder, out = tmp_path / "bert", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    make_bert(folder)
    change_config(folder, **changes)
    with pytest.raises(InputError, match=message):
        t5_encoder.add_text_encoder(TextEncoderOptions(str(folder)), out, tokens, width)
