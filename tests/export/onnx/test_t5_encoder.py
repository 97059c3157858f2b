"""A T5 encoder as ONNX beside an engine: the answers of `transformers`, and prompts embedded ahead of time."""

import json
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from genmo.export import pipeline
from genmo.export.__main__ import main
from genmo.export.onnx import t5_encoder, t5_network
from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import write_onnx
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.operator_profiles import fitted
from genmo.export.onnx.step_graph import step_model
from genmo.export.onnx.t5_graph import T5Graph
from genmo.export.options import ExportOptions, TextEncoderOptions
from genmo.export.parity import parity
from genmo.runtime import MotionModel
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.text_t5 import T5TextEncoder
from genmo.runtime.support.errors import BackendError, EngineError, InputError
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.requires("transformers", "tokenizers", "onnxruntime")

WORDS = "a person man walks runs forward slowly and turns left right sits down jumps dance .".split()
WIDTH, TOKENS = 16, 8  # the tiny preset's
KINDS = {"relu": {"feed_forward_proj": "relu"}, "gated": {"feed_forward_proj": "gated-gelu"}}


def write_tokenizer(folder):
    """Words to numbers, an end mark after each text, as T5's tokenizers set it."""
    import tokenizers

    names = ["<pad>", "</s>", "<unk>", *WORDS]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({name: place for place, name in enumerate(names)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.enable_padding(length=30)  # a file may say so; an engine's texts have a length of their own
    tokenizer.save(str(folder / "tokenizer.json"))


def make_t5(folder, kind="gated", width=WIDTH, seed=0, scale=0.2, **changes):
    """A folder as `transformers` saves it, and the network in it, random weights."""
    import transformers

    torch.manual_seed(seed)
    sizes = {"d_model": width, "d_kv": 6, "d_ff": 24, "num_layers": 3, "num_heads": 4, "vocab_size": 40}
    config = transformers.T5Config(**(sizes | KINDS[kind] | changes))
    model = transformers.T5EncoderModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("t5")
    make_t5(place)
    return place


def answers(model, ids, mask):
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def run_graph(model, ids, mask):
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"token_ids": ids.numpy(), "token_mask": mask.numpy()})[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [1, 45, 200])
def test_the_network_is_that_of_transformers(tmp_path, kind, tokens):
    """In torch and as a graph, with absent tokens, over distances beyond the last bucket; to 1e-4."""
    model = make_t5(tmp_path, kind, relative_attention_max_distance=64)
    ids, mask = torch.randint(0, 40, (3, tokens)), torch.ones(3, tokens)
    mask[1, (tokens + 1) // 2 :] = 0
    wanted = answers(model, ids, mask).numpy()
    there = mask[..., None].numpy()
    ours = t5_network.read_t5(tmp_path)
    np.testing.assert_allclose(t5_network.encode(ours, ids, mask).numpy() * there, wanted * there, atol=1e-4)
    graph = T5Graph(ours, 200, PRECISIONS["fp32"]).build()
    onnx.checker.check_model(graph, full_check=True)
    for one in (graph, fitted(graph, "unity")):
        np.testing.assert_allclose(run_graph(one, ids, mask) * there, wanted * there, atol=1e-4)


def test_buckets_are_those_of_transformers():
    from transformers.models.t5.modeling_t5 import T5Attention

    for buckets, distance in ((32, 128), (32, 64), (16, 20)):
        config = t5_network.T5Config(8, 2, 4, 1, 8, buckets, distance, 1e-6, False)
        wanted = T5Attention._relative_position_bucket(
            torch.arange(-299, 300), bidirectional=True, num_buckets=buckets, max_distance=distance
        )
        assert (t5_network.buckets_of(config, 300) == wanted).all()


def test_half_precision_is_small_and_near(tmp_path):
    model = make_t5(tmp_path, scale=0.05)
    ids, mask = torch.randint(0, 40, (2, 20)), torch.ones(2, 20)
    wanted, ours = answers(model, ids, mask).numpy(), t5_network.read_t5(tmp_path)
    single, half = (T5Graph(ours, 20, PRECISIONS[name]).build() for name in ("fp32", "fp16"))
    error = np.linalg.norm(run_graph(half, ids, mask) - wanted, axis=-1) / np.linalg.norm(wanted, axis=-1)
    assert 1e-5 < error.max() < 5e-3
    assert half.ByteSize() < 0.75 * single.ByteSize()


def test_what_would_overflow_in_half_precision_does_not(tmp_path):
    """Hidden numbers beyond 65504, as released weights have them, and a weight that is too large to be stored."""
    model = make_t5(tmp_path, scale=0.05)
    with torch.no_grad():
        for block in model.encoder.block:
            feed = block.layer[1].DenseReluDense
            feed.wi_0.weight *= 300
            feed.wi_1.weight *= 300
            feed.wo.weight *= 50
        model.encoder.block[1].layer[0].SelfAttention.o.weight[0, 0] = 7e4
    model.save_pretrained(tmp_path)
    ids, mask = torch.randint(0, 40, (2, 20)), torch.ones(2, 20)
    hidden = []
    last = model.encoder.block[0].layer[1].DenseReluDense.wo
    last.register_forward_pre_hook(lambda layer, given: hidden.append(given[0].abs().max().item()))
    wanted = answers(model, ids, mask).numpy()
    assert max(hidden) > 65504
    ours = run_graph(T5Graph(t5_network.read_t5(tmp_path), 20, PRECISIONS["fp16"]).build(), ids, mask)
    assert np.isfinite(ours).all()
    error = np.linalg.norm(ours - wanted, axis=-1) / np.linalg.norm(wanted, axis=-1)
    assert error.max() < t5_encoder.GATES["fp16"]


def test_weights_of_every_form_are_read(tmp_path, folder):
    """A whole T5 with its decoder, in shards, and pickled: the same encoder."""
    import transformers

    torch.manual_seed(0)
    config = transformers.T5Config.from_pretrained(folder)
    whole = transformers.T5ForConditionalGeneration(config).eval()
    whole.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    (tmp_path / "pickled").mkdir()
    torch.save(whole.state_dict(), tmp_path / "pickled" / "pytorch_model.bin")
    config.save_pretrained(tmp_path / "pickled")
    ids, mask = torch.randint(0, 40, (1, 9)), torch.ones(1, 9)
    with torch.no_grad():
        wanted = whole.encoder(input_ids=ids).last_hidden_state
    for form in ("shards", "pickled"):
        np.testing.assert_allclose(t5_network.encode(t5_network.read_t5(tmp_path / form), ids, mask), wanted, atol=1e-5)


def test_weights_over_the_limit_of_a_file_lie_beside_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("genmo.export.onnx.graphs.INLINE_LIMIT", 1000)
    described = t5_encoder.add_text_encoder(TextEncoderOptions(str(folder)), tmp_path, TOKENS, WIDTH)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "text_encoder.onnx",
        "text_encoder.onnx.data",
        "tokenizer.json",
    ]
    assert described["largest_relative_error"] < 1e-5


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def spoil_weight(folder, name, make):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights[name] = make(weights[name])
    save_file(weights, folder / "model.safetensors")


WI = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"
BAD = {
    "no folder": (lambda f: [p.unlink() for p in f.iterdir()], "no config.json"),
    "another network": (lambda f: change_json(f / "config.json", model_type="gpt2"), "model_type is 'gpt2'"),
    "another layer": (lambda f: change_json(f / "config.json", feed_forward_proj="gated-silu"), "wanted relu or gated"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), "not JSON"),
    "odd sizes": (lambda f: change_json(f / "config.json", d_kv="six"), "not positive whole numbers"),
    "too deep": (lambda f: change_json(f / "config.json", num_layers=4), "its weights have no encoder.block.3"),
    "too narrow": (lambda f: change_json(f / "config.json", d_ff=23), "config.json says"),
    "another width": (lambda f: make_t5(f, width=12), "12 channels; the checkpoint's texts have 16"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors and no pytorch_model.bin"),
    "cut": (lambda f: (f / "model.safetensors").write_bytes(b"\x08"), "not a readable safetensors"),
    "NaN": (lambda f: spoil_weight(f, WI, lambda w: w * float("nan")), "holds NaN"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json; transformers makes it"),
    "no known tokens": (
        lambda f: spoil_weight(f, "shared.weight", lambda w: w[:2].clone()),
        "tokens that the weights do not know",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_encoder_is_one_line(tmp_path, name):
    place, out = tmp_path / "t5", tmp_path / "out"
    out.mkdir()
    make_t5(place)
    spoil, message = BAD[name]
    spoil(place)
    with pytest.raises(InputError, match=message) as caught:
        t5_encoder.add_text_encoder(TextEncoderOptions(str(place)), out, TOKENS, WIDTH)
    assert "\n" not in str(caught.value)


def test_a_graph_over_its_gate_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(t5_encoder.GATES, "fp16", 1e-9)
    with pytest.raises(t5_encoder.TextParityError, match="over the gate of 1e-09"):
        t5_encoder.add_text_encoder(TextEncoderOptions(str(folder), "fp16"), tmp_path, TOKENS, WIDTH)


def test_hub_names(folder, monkeypatch, tmp_path):
    """What is no folder here is asked of the hub, for weights and JSON alone; places never are."""
    asked = []

    class Hub:
        @staticmethod
        def snapshot_download(name, allow_patterns):
            asked.append((name, allow_patterns))
            if name == "nobody/none":
                raise OSError("404\nnot found")
            return str(folder)

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub)
    assert t5_encoder.local_folder("google/some-t5") == folder and t5_encoder.local_folder(str(folder)) == folder
    assert asked[0][0] == "google/some-t5" and not [p for p in asked[0][1] if p.endswith(".py")]
    with pytest.raises(InputError, match="the hub did not give it .404.$"):
        t5_encoder.local_folder("nobody/none")
    with pytest.raises(InputError, match="no such folder; wanted a T5 folder"):
        t5_encoder.local_folder(str(tmp_path / "nowhere"))
    assert len(asked) == 2
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r'pip install "genmo-motion\[t5\]"'):
        t5_encoder.local_folder("google/some-t5")


# --- engines


@pytest.fixture(scope="module")
def silent_checkpoint(tiny_checkpoint, tmp_path_factory):
    """The tiny checkpoint without its text encoder: tokens come from outside."""
    trained = load_checkpoint(tiny_checkpoint)
    config = replace(trained.model.config, text_encoder="none", text_buckets=0)
    model = Model(config)
    model.denoiser.load_state_dict(trained.model.denoiser.state_dict())
    folder = tmp_path_factory.mktemp("silent")
    save_checkpoint(folder, Checkpoint(model.eval(), trained.normalisation, {}))
    return folder


@pytest.fixture
def quick(monkeypatch, tiny_engine):
    """Export without tracing (the tiny engine's graphs) and with one length."""
    graphs = {name: onnx.load(tiny_engine / f"{name}.onnx") for name in ("conditions", "texts")}

    def export_quickly(denoiser, precision, calibration, **options):
        return graphs | {"step": step_model(fold(denoiser), precision)}

    monkeypatch.setattr("genmo.export.onnx.graphs.export_graphs", export_quickly)
    monkeypatch.setattr(pipeline, "parity", lambda *args: parity(*args, lengths=(1,)))


def export(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("precision", t5_encoder.TEXT_PRECISIONS)
def test_an_engine_with_an_encoder_speaks(quick, folder, silent_checkpoint, tmp_path, capsys, precision):
    """The text's vectors are those of `transformers`, cut after 8 tokens of which the last is the end mark."""
    import transformers

    out = tmp_path / "engine"
    options = ("--text-encoder", folder, "--text-encoder-precision", precision)
    status, printed, errors = export(capsys, silent_checkpoint, "--out", out, *options)
    assert (status, errors) == (0, "") and "--text 'a person walks'" in printed
    engine = load_engine(out)
    assert {"text_encoder.onnx", "tokenizer.json"} <= set(engine.description["files"])
    stored = engine.description["text_encoder"]
    assert (stored["kind"], stored["precision"]) == ("t5-1", precision)
    assert 0 < stored["largest_relative_error"] < t5_encoder.GATES[precision]
    model = transformers.T5EncoderModel.from_pretrained(folder)
    for prompt in ("dance", "a person walks forward and turns left and sits down slowly"):
        ids = [3 + WORDS.index(word) for word in prompt.split()][: TOKENS - 1] + [1]
        wanted = answers(model, torch.tensor([ids]), torch.ones(1, len(ids)))[0].numpy()
        vectors, mask = engine.text_encoder.encode(prompt)
        assert vectors.shape == (TOKENS, WIDTH) and mask.tolist() == [1.0] * len(ids) + [0.0] * (TOKENS - len(ids))
        np.testing.assert_allclose(vectors[: len(ids)], wanted, atol=1e-4 if precision == "fp32" else 2e-2)
        assert not vectors[len(ids) :].any()
    (one,) = MotionModel.load(out, threads=1).generate("a person walks", 10, guidance=1)
    (two,) = MotionModel.load(out, threads=1).generate("a man sits down", 10, guidance=1)
    assert np.abs(one.rotations - two.rotations).max() > 1e-4


def test_cached_prompts_need_no_encoder(quick, folder, silent_checkpoint, tmp_path, capsys, monkeypatch):
    import transformers

    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a person  walks\n\ndance\na person walks\na man sits down\njumps\n", encoding="utf-8")
    out = tmp_path / "engine"
    status, printed, _ = export(
        capsys, silent_checkpoint, "--out", out, "--text-encoder", folder, "--cache-prompts", prompts
    )
    assert status == 0 and "--text 'a person walks'" in printed
    assert not (out / "tokenizer.json").exists() and not (out / "text_encoder.onnx").exists()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    engine = load_engine(out)
    assert engine.text_encoder.prompts == ("a person walks", "dance", "a man sits down", "jumps")
    model = transformers.T5EncoderModel.from_pretrained(folder)
    for prompt in ("dance", "a  man sits\tdown "):
        ids = [3 + WORDS.index(word) for word in prompt.split()] + [1]
        vectors, mask = engine.text_encoder.encode(prompt)
        wanted = answers(model, torch.tensor([ids]), torch.ones(1, len(ids)))[0]
        np.testing.assert_allclose(vectors[: len(ids)], wanted, atol=1e-4)
        assert mask.sum() == len(ids) and not vectors[len(ids) :].any()
    running = MotionModel.load(out, threads=1)
    assert running.generate("dance", 10)[0].frames == 10
    with pytest.raises(InputError, match="'swims', which is not in the prompt cache of .*'dance'.* and 1 more"):
        running.generate("swims", 10)


def test_bad_prompt_files_are_one_line(quick, folder, silent_checkpoint, tmp_path, capsys):
    for name, content in (("empty", b"\n \n"), ("binary", b"\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content)
    options = ("--text-encoder", folder, "--cache-prompts")
    for name in ("empty", "binary", "nowhere"):
        status, _, errors = export(capsys, silent_checkpoint, "--out", tmp_path / "e", *options, tmp_path / name)
        assert status == 2 and "--cache-prompts" in errors and errors.count("\n") == 1
    assert not (tmp_path / "e").exists()


def test_without_tokenizers_the_user_hears_what_to_install(folder, tmp_path, monkeypatch):
    t5_encoder.add_text_encoder(TextEncoderOptions(str(folder)), tmp_path, TOKENS, WIDTH)
    encoder = T5TextEncoder(tmp_path / "text_encoder.onnx", tmp_path / "tokenizer.json", TOKENS, WIDTH)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(BackendError, match=r'pip install "genmo-motion\[t5\]"'):
        encoder.encode("dance")
    with pytest.raises(InputError, match="wanted at least one word"):
        encoder.encode("  ")


def test_spoilt_files_of_an_encoder_are_engine_errors(folder, tmp_path):
    t5_encoder.add_text_encoder(TextEncoderOptions(str(folder)), tmp_path, TOKENS, WIDTH)
    graph, tokenizer = tmp_path / "text_encoder.onnx", tmp_path / "tokenizer.json"
    with pytest.raises(EngineError, match="token_vectors is"):
        T5TextEncoder(graph, tokenizer, TOKENS, WIDTH + 1).encode("dance")
    good = graph.read_bytes()
    graph.write_bytes(b"GIF89a")
    with pytest.raises(EngineError, match="cannot load it"):
        T5TextEncoder(graph, tokenizer, TOKENS, WIDTH).encode("dance")
    graph.write_bytes(good)
    tokenizer.write_text("{}")
    with pytest.raises(EngineError, match="not a tokenizer"):
        T5TextEncoder(graph, tokenizer, TOKENS, WIDTH).encode("dance")
    infinite = t5_network.read_t5(folder)
    infinite.weights["encoder.final_layer_norm.weight"][:] = float("inf")
    write_onnx(T5Graph(infinite, TOKENS, PRECISIONS["fp32"]).build(), graph)
    write_tokenizer(tmp_path)
    with pytest.raises(EngineError, match="not 16 finite numbers"):
        T5TextEncoder(graph, tokenizer, TOKENS, WIDTH).encode("dance")


WRONG_CACHE = {
    "fewer lengths": {"lengths": [1]},
    "no lengths": {"lengths": None},
    "numbers for prompts": {"prompts": [1, 2, 3, 4]},
    "too long": {"lengths": [99, 2, 5, 2]},
    "other lengths": {"lengths": [1, 2, 5, 2]},
}


@pytest.mark.parametrize("name", WRONG_CACHE)
def test_a_cache_that_does_not_fit_is_an_engine_error(quick, folder, silent_checkpoint, tmp_path, name):
    prompts = ("a person walks", "dance", "a man sits down", "jumps")
    encoder = TextEncoderOptions(str(folder), prompts=prompts)
    out = pipeline.export(ExportOptions(silent_checkpoint, tmp_path / "engine", "x", text_encoder=encoder))
    described = json.loads((out / "engine.json").read_text())
    described["text_encoder"] |= WRONG_CACHE[name]
    (out / "engine.json").write_text(json.dumps(described))
    with pytest.raises(EngineError, match="has no prompts with their lengths|is not what its prompts need"):
        load_engine(out)
