"""The engine in OpenVINO is the engine in ONNX Runtime; skipped where OpenVINO is not installed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import MotionModel, read_keypoints
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.backends.openvino import OpenVinoDenoiser, products_in_bfloat16
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.support.errors import BackendError, EngineError, InputError
from tests.runtime.arrays import random_inputs
from tests.tolerances import FEATURES

KEYPOINTS = Path(__file__).parents[4] / "examples/keypoints.npz"


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return load_engine(tiny_engine)


@pytest.mark.parametrize("texts_of", [(True,), (False,), (True, False), (False, True, False)])
def test_both_libraries_agree(engine, texts_of):
    pytest.importorskip("openvino")
    arrays = random_inputs(engine.config, texts_of)
    ours = OpenVinoDenoiser(engine.denoiser, engine.config, threads=1)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    np.testing.assert_allclose(ours(arrays)["x_0"], theirs(arrays)["x_0"], atol=FEATURES)
    step = ours.prepare({name: array for name, array in arrays.items() if name not in ("x_t", "timestep")})
    np.testing.assert_array_equal(step(arrays["x_t"], 700)["x_0"], ours(arrays)["x_0"])


def test_products_take_bfloat16_but_for_the_input_and_the_heads(engine):
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().read_model(str(engine.denoiser.step))
    before = [node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"]
    products_in_bfloat16(openvino.opset13, model)
    after = [node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"]
    types = [node.get_element_type().get_type_name() for node in after]
    heads = 2 * (1 + engine.config.innovation)  # layers of x_0 and of what it missed
    assert len(after) == len(before) and sorted(types[-heads:]) == ["f32"] * heads and types[0] == "f32"
    assert types.count("bf16") == len(after) - 1 - heads


@pytest.mark.end_to_end
def test_bfloat16_stays_near_the_engine_that_ships():
    """Within the gate of a millimetre in one step; guided steps make of it what nobody sees."""
    pytest.importorskip("openvino")
    exact, rounded = (MotionModel.load(backend="openvino", precision=p, threads=1) for p in ("fp32", "bf16"))
    for make, most in (
        (lambda model: model.estimate(read_keypoints(KEYPOINTS), fit=False, clean_feet=False), 1),
        (lambda model: model.generate("a person walks", 120, steps=5, clean_feet=False)[0], 4),
    ):
        ours, theirs = (m.joints_world() - m.joints_world()[:, :1] for m in (make(rounded), make(exact)))
        error = 1000 * np.linalg.norm(ours - theirs, axis=-1)
        assert 0 < error.mean() < most


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
    with pytest.raises(BackendError, match=r'pip install "genmo-motion\[openvino\]"'):
        OpenVinoDenoiser(engine.denoiser, engine.config)
