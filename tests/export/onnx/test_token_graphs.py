"""The graphs of motion tokens answer what PyTorch answers, experts folded, for every reading of the descriptor."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from genmo.export.onnx.stored_weights import Storage
from genmo.export.onnx.token_graphs import write_token_graphs
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.masked_transformer import Texts
from genmo.train.network.token_model import TokenModel

CONFIG = TokenConfig(
    codes=9, code_width=4, vq_width=8, vq_experts=3, width=16, plain_layers=1, path_layers=2, heads=2, experts=3,
    expert_width=12, text_width=6, text_tokens=5,
)  # fmt: skip


def random_model(config=CONFIG, stage=3):
    torch.manual_seed(0)
    model = TokenModel(config, stage).eval()
    model.vq.codebook.codes.normal_()
    with torch.no_grad():
        for parameter in model.transformer.parameters() if model.transformer else ():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return model


def sessions(model, folder):
    names = write_token_graphs(model, folder, Storage())
    return {name: onnxruntime.InferenceSession(str(folder / file)) for name, file in names.items()}


@pytest.fixture(scope="module", params=["whole", "limbs"])
def frozen(tmp_path_factory, request):
    model = random_model(replace(CONFIG, parts=request.param, vq_width=12))
    return model, sessions(model, tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize("tokens", [1, 2, 13])
@torch.no_grad()
def test_encoder_and_decoder(frozen, tokens):
    model, graphs = frozen
    features = torch.randn(3, 4 * tokens, CONFIG.motion_layout.width)
    (ids,) = graphs["encoder"].run(None, {"features": features.numpy()})
    assert ids.tolist() == model.vq.encode(features).tolist()
    (decoded,) = graphs["decoder"].run(None, {"ids": ids[..., None], "shares": np.ones((*ids.shape, 1), np.float32)})
    assert decoded == pytest.approx(model.vq.decode(torch.from_numpy(ids)).numpy(), abs=1e-5)


@torch.no_grad()
def test_mixtures_are_decoded(frozen):
    model, graphs = frozen
    parts, random = len(model.config.part_names), np.random.default_rng(0)
    ids = random.integers(9, size=(2, 3, parts, 5))
    shares = random.dirichlet(np.ones(5), size=(2, 3, parts)).astype(np.float32)
    codes = torch.stack([model.vq.codebook.codes[i][torch.from_numpy(ids[:, :, i])] for i in range(parts)], dim=2)
    expected = model.vq.decode_latents((codes * torch.from_numpy(shares)[..., None]).sum(dim=3)).numpy()
    (decoded,) = graphs["decoder"].run(None, {"ids": ids, "shares": shares})
    assert decoded == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("context", "parts"), [("text", "whole"), ("motion", "whole"), ("none", "whole"), ("text", "limbs")]
)
@torch.no_grad()
def test_the_transformer(context, parts, tmp_path):
    config = replace(CONFIG, context=context, parts=parts, vq_width=12)
    count = len(config.part_names)
    model = random_model(config)
    graph = sessions(model, tmp_path)["tokens"]
    ids = torch.tensor([[3, 9, 5, 10, 11, 11], [9, 9, 9, 9, 9, 10], [1, 2, 3, 4, 5, 10]])
    ids = ids[..., None].repeat(1, 1, count)
    ids[0, 2, 1:] = 9  # parts of a token are masked by themselves
    mask = torch.tensor([[1.0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    texts = torch.randn(3, 4, 6) * mask[..., None]
    mixture = torch.tensor([[2.0, -1, 0], [0, 0, 1]])
    logits = model.transformer(ids, model.vq.codebook.codes, Texts(texts, mask))
    mixed = torch.einsum("ri,i...->r...", mixture, logits)
    inputs = {"ids": ids, "texts": texts, "mask": mask, "mixture": mixture}
    best, codes, total = graph.run(None, {name: value.numpy() for name, value in inputs.items()})
    assert codes.shape == (2, 6, count, 9) and (np.diff(best, axis=-1) <= 0).all()
    assert best == pytest.approx(mixed.gather(-1, torch.from_numpy(codes)).numpy(), abs=2e-5)
    assert total == pytest.approx(mixed.logsumexp(dim=-1).numpy(), abs=2e-5)


def test_the_same_model_is_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_token_graphs(random_model(), tmp_path / name, Storage())
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_what_does_not_fold_is_refused(tmp_path):
    with pytest.raises(InputError, match="gate is dynamic"):
        write_token_graphs(random_model(replace(CONFIG, gate="dynamic")), tmp_path, Storage())
    with pytest.raises(InputError, match="a checkpoint of stage 1"):
        write_token_graphs(random_model(stage=1), tmp_path, Storage())
    assert not list(tmp_path.iterdir())
