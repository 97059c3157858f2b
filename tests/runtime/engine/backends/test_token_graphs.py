"""The same seed fills in the same ids in every library, and in PyTorch."""

import numpy as np
import pytest

from genmo.runtime.engine.backends.token_graphs import TokenGraphs
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.errors import InputError
from genmo.runtime.token_model import TokenModel
from genmo.runtime.tokens.decoding import CANDIDATES, Likely, Mixture, fill, guided


def by_torch(checkpoint):
    """The network of a checkpoint as decoding asks for it."""
    torch = pytest.importorskip("torch")
    from genmo.train.network.masked_transformer import Texts
    from genmo.train.network.token_model import load_token_checkpoint

    model = load_token_checkpoint(checkpoint).model

    @torch.no_grad()
    def network(ids, texts, mask, mixture):
        said = Texts(torch.from_numpy(texts), torch.from_numpy(mask))
        logits = model.transformer(torch.from_numpy(ids), model.vq.codebook.codes, said)
        mixed = torch.einsum("ri,i...->r...", torch.from_numpy(mixture), logits)
        best = mixed.topk(min(CANDIDATES, mixed.shape[-1]), dim=-1)
        return Likely(best.values.numpy(), best.indices.numpy(), mixed.logsumexp(dim=-1).numpy())

    return network


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_the_same_ids_everywhere(token_checkpoint, token_engine, backend):
    pytest.importorskip(backend)
    engine = load_token_engine(token_engine)
    graphs = TokenGraphs(engine, threads=1, backend=backend)
    config, random = engine.config, np.random.default_rng(0)
    features = random.standard_normal((2, 32, config.motion_layout.width)).astype(np.float32)
    given = graphs.encode(features)
    given[:, 2:6] = config.mask_id
    given[0, 4, 2:] = 1  # a token of which some is known
    rows = guided(random.standard_normal((4, config.text_width)).astype(np.float32), np.ones(4, np.float32), 2, 2.0)

    def filled(network):
        return fill(network, given, rows, config, [np.random.default_rng(row) for row in range(2)], 4)[0]

    ids = filled(graphs)
    assert np.array_equal(ids, filled(by_torch(token_checkpoint)))
    other = TokenGraphs(engine, threads=1)
    assert np.array_equal(given[:, :2], other.encode(features)[:, :2])
    assert graphs.decode(Mixture.of(ids)) == pytest.approx(other.decode(Mixture.of(ids)), abs=1e-4)


def test_a_motion_in_openvino(token_engine):
    pytest.importorskip("openvino")
    one, other = (
        TokenModel.load(token_engine, threads=1, backend=name).generate("a person walks", 50, seed=3)[0]
        for name in ("onnxruntime", "openvino")
    )
    assert one.joints_world() == pytest.approx(other.joints_world(), abs=1e-3)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"backend": "native"}, "motion tokens run in onnxruntime, openvino, tensorrt"),
        ({"backend": "tensorrt"}, "'cpu' with tensorrt; wanted cuda"),
        ({"device": "cuda", "backend": "openvino"}, "with openvino; wanted cpu"),
        ({"device": "tpu"}, "wanted one of cpu, cuda"),
    ],
)
def test_other_choices_are_said(token_engine, choice, said):
    with pytest.raises(InputError, match=said):
        TokenGraphs(load_token_engine(token_engine), **choice)
