"""The engine in OpenVINO is the engine in ONNX Runtime; skipped where OpenVINO is not installed."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.backends.openvino import OpenVinoDenoiser
from genmo.runtime.engine import load_engine
from genmo.runtime.errors import BackendError, EngineError, InputError
from genmo.runtime.signature import inputs


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return load_engine(tiny_engine)


def random_inputs(config, texts_of, frames=130, texts=2):
    random = np.random.default_rng(0)
    sizes = {"batch": len(texts_of), "frames": frames, "texts": texts}
    arrays = {spec.name: random.normal(size=spec.shape(**sizes)).astype(spec.dtype) for spec in inputs(config)}
    arrays |= {name: (array > 0).astype(np.float32) for name, array in arrays.items() if name.endswith("_mask")}
    spans = [[[5, 100 if spoken else 5]] * texts for spoken in texts_of]
    return arrays | {"timestep": np.full(len(texts_of), 700), "text_spans": np.array(spans)}


@pytest.mark.parametrize("texts_of", [(True,), (False,), (True, False), (False, True, False)])
def test_both_libraries_agree(engine, texts_of):
    pytest.importorskip("openvino")
    arrays = random_inputs(engine.config, texts_of)
    ours = OpenVinoDenoiser(engine.denoiser, engine.config, threads=1)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    np.testing.assert_allclose(ours(arrays)["x_0"], theirs(arrays)["x_0"], atol=2e-5)
    step = ours.prepare({name: array for name, array in arrays.items() if name not in ("x_t", "timestep")})
    np.testing.assert_array_equal(step(arrays["x_t"], 700)["x_0"], ours(arrays)["x_0"])


def test_what_it_refuses(engine, tmp_path):
    pytest.importorskip("openvino")
    with pytest.raises(InputError, match="precision is 'int4'; wanted one of fp32, bf16"):
        OpenVinoDenoiser(engine.denoiser, engine.config, precision="int4")
    with pytest.raises(InputError, match="threads is -1"):
        OpenVinoDenoiser(engine.denoiser, engine.config, threads=-1)
    (tmp_path / "denoiser.onnx").write_bytes(b"GIF89a" * 100)
    with pytest.raises(EngineError, match="OpenVINO cannot load it"):
        OpenVinoDenoiser(replace(engine.denoiser, step=tmp_path / "denoiser.onnx"), engine.config)
    with pytest.raises(EngineError, match="not a genmo graph of this model"):
        OpenVinoDenoiser(replace(engine.denoiser, texts=engine.denoiser.step), engine.config, threads=1)


def test_without_the_library_the_user_hears_what_to_install(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendError, match=r'pip install "genmo\[openvino\]"'):
        OpenVinoDenoiser(engine.denoiser, engine.config)
