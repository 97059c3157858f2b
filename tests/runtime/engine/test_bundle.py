"""An engine folder is loaded whole and unaltered, or refused with one clear line; nothing in it is ever run."""

import dataclasses
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from genmo.runtime import MotionModel
from genmo.runtime.denoiser.signature import outputs, step_inputs
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import SHIPPED, engine_folder, load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs, file_hash
from genmo.runtime.support.errors import BackendError, EngineError, InputError

DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


def describe(engine, **changes):
    """Change entries of engine.json; a dotted name reaches into it."""
    path = engine / "engine.json"
    described = json.loads(path.read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = described
        for parent in parents:
            place = place[parent]
        place[last] = value
    path.write_text(json.dumps(described))


def rehash(engine):
    """An attacker, or a careless friend, makes the hashes true again."""
    files = {path.name: file_hash(path) for path in engine.iterdir() if path.name != "engine.json"}
    describe(engine, files=files)


def forget(engine, name):
    path = engine / "engine.json"
    described = json.loads(path.read_text())
    del described[name]
    path.write_text(json.dumps(described))


def flip(path, place=1000):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rename_file(engine, to):
    """The file is there, under a name that leads elsewhere, and its hash is right."""
    (engine / to).write_bytes((engine / "step.onnx").read_bytes())
    describe(engine, denoiser__step=to, files={to: file_hash(engine / to)}, text_encoder=None)


def wrong_hash(engine):
    described = json.loads((engine / "engine.json").read_text())
    described["files"]["text_encoder.npy"] = "0" * 64
    (engine / "engine.json").write_text(json.dumps(described))


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('pickled code ran')",)


def save_table(engine, table, **options):
    np.save(engine / "text_encoder.npy", table, **options)
    rehash(engine)


def save_npz(engine):
    with (engine / "text_encoder.npy").open("wb") as file:
        np.savez(file, table=np.zeros((256, 16), np.float32))
    rehash(engine)


def cut_and_rehash(engine, name):
    cut(engine / name)
    rehash(engine)


BAD_FOLDERS = {
    "empty": (lambda e: [path.unlink() for path in e.iterdir()], "no engine.json"),
    "no graph": (lambda e: (e / "step.onnx").unlink(), "step.onnx is missing"),
    "no table": (lambda e: (e / "text_encoder.npy").unlink(), "text_encoder.npy is missing"),
    "graph renamed": (lambda e: (e / "step.onnx").rename(e / "model.onnx"), "step.onnx is missing"),
    "graph altered": (lambda e: flip(e / "step.onnx"), "SHA-256"),
    "graph truncated": (lambda e: cut(e / "step.onnx"), "SHA-256"),
    "table altered": (lambda e: flip(e / "text_encoder.npy"), "SHA-256"),
    "table truncated": (lambda e: cut_and_rehash(e, "text_encoder.npy"), "not a readable .npy"),
    "table empty": (lambda e: ((e / "text_encoder.npy").write_bytes(b""), rehash(e)), "not a readable .npy"),
    "table pickled": (lambda e: save_table(e, np.array([Bomb()], object), allow_pickle=True), "not a readable .npy"),
    "table is a zip": (save_npz, "not a readable .npy"),
    "table of another shape": (lambda e: save_table(e, np.zeros((4, 4), np.float32)), "not the table of this model"),
    "table of doubles": (lambda e: save_table(e, np.zeros((256, 16))), "not the table of this model"),
    "json truncated": (lambda e: cut(e / "engine.json"), "not JSON|nested too deeply"),
    "json empty": (lambda e: (e / "engine.json").write_text(""), "not JSON|nested too deeply"),
    "json not text": (lambda e: (e / "engine.json").write_bytes(b"\xff\xfe\x00"), "not JSON|nested too deeply"),
    "json endless": (lambda e: (e / "engine.json").write_text("[" * 100000), "not JSON|nested too deeply"),
    "json a list": (lambda e: (e / "engine.json").write_text("[1]"), "format is None"),
    "older version": (lambda e: describe(e, format=0), "format is 0; this genmo reads format 2"),
    "newer version": (lambda e: describe(e, format=3), "format is 3"),
    "hash of another": (wrong_hash, "SHA-256"),
    "no signature": (lambda e: forget(e, "signature"), "signature"),
    "no files": (lambda e: forget(e, "files"), "files"),
    "files a number": (lambda e: describe(e, files=3), "files is no table"),
    "other signature": (lambda e: describe(e, signature__inputs=[]), "another signature"),
    "unknown hyperparameter": (lambda e: describe(e, model__dropout=0.1), "unknown entries"),
    "no heads": (lambda e: describe(e, model__heads=0), "heads must be at least 1"),
    "width in words": (lambda e: describe(e, model__width="wide"), "whole numbers"),
    "model a list": (lambda e: describe(e, model=[]), "model config is"),
    "other layout": (lambda e: describe(e, model__layout="gem", model__innovation=False), "normalisation|signature"),
    "innovation of another layout": (lambda e: describe(e, model__layout="gem"), "innovation is not for layout 'gem'"),
    "short mean": (lambda e: describe(e, normalisation__mean=[0.0]), "normalisation is not 181 finite means"),
    "ragged mean": (lambda e: describe(e, normalisation__mean=[[0.0], 1.0]), "missing or wrong"),
    "NaN mean": (lambda e: describe(e, normalisation__mean=[float("nan")] * 181), "holds NaN"),
    "zero spread": (lambda e: describe(e, normalisation__std=[0.0] * 181), "positive spreads"),
    "NaN spread": (lambda e: describe(e, normalisation__std=[float("nan")] * 181), "holds NaN"),
    "step not listed": (lambda e: describe(e, denoiser__step="engine.json"), "not among its files"),
    "a name, as older engines have": (lambda e: describe(e, denoiser="step.onnx"), "is wrong"),
    "step a list": (lambda e: describe(e, denoiser__step=["step.onnx"]), "is wrong"),
    "one graph more": (lambda e: describe(e, denoiser__stop="step.onnx"), "is wrong"),
    "null text a number": (lambda e: describe(e, denoiser__null_is_folded=1), "is wrong"),
    "encoder unknown": (lambda e: describe(e, text_encoder__kind="python:os.system"), "is unknown"),
    "encoder elsewhere": (lambda e: describe(e, text_encoder__file="../table.npy"), "not among its files"),
    "encoder a word": (lambda e: describe(e, text_encoder="ngram"), "is wrong"),
    "a file above": (lambda e: rename_file(e, "../step.onnx"), "not a plain file name"),
    "a file in a folder": (lambda e: ((e / "sub").mkdir(), rename_file(e, "sub/d.onnx")), "not a plain file name"),
    "a hidden file": (lambda e: rename_file(e, ".step.onnx"), "not a plain file name"),
    "examples not listed": (lambda e: describe(e, examples="examples.npz"), "examples 'examples.npz' is not among"),
    "the folder itself": (lambda e: describe(e, files={"": "0"}), "missing|not a plain file name"),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_bad_folder_is_one_clear_line(tmp_path, engine_copy, name):
    engine = engine_copy(tmp_path / "engine")
    spoil, message = BAD_FOLDERS[name]
    spoil(engine)
    with pytest.raises(EngineError, match=message) as caught:
        MotionModel.load(engine, threads=1)
    assert "\n" not in str(caught.value)


def test_examples_are_unpacked_when_takes_are_made(tmp_path, engine_copy):
    """What is none is refused then, in one line; what was opened is what is used, whatever becomes of the file."""
    engine = engine_copy(tmp_path / "engine")
    for content in ((SHIPPED / "examples.npz").read_bytes(), b"nothing"):
        (engine / "examples.npz").write_bytes(content)
        describe(engine, examples="examples.npz")
        rehash(engine)
        opened = load_engine(engine)
        assert "examples" not in vars(opened)
        (engine / "examples.npz").unlink()
        if content == b"nothing":
            with pytest.raises(EngineError, match=r"examples.npz: not example motions of an engine; export") as caught:
                _ = opened.examples
            assert "\n" not in str(caught.value)
        else:
            assert opened.examples is opened.examples and len(opened.examples.coefficients) == 350


def test_an_absolute_file_name_is_refused(tmp_path, engine_copy):
    engine = engine_copy(tmp_path / "engine")
    other = tmp_path / "other.onnx"
    other.write_bytes((engine / "step.onnx").read_bytes())
    describe(engine, denoiser__step=str(other), files={str(other): file_hash(other)})
    with pytest.raises(EngineError, match="not a plain file name"):
        load_engine(engine)


@pytest.mark.parametrize("place", ["nowhere", "a file"])
def test_no_folder_at_all(tmp_path, place):
    (tmp_path / "a file").write_text("")
    with pytest.raises(EngineError, match="no engine.json; wanted an engine folder"):
        load_engine(tmp_path / place)


def test_what_was_exported_is_what_is_loaded(tiny_engine, tiny_model):
    engine = load_engine(tiny_engine)
    assert engine.config == tiny_model.config
    assert engine.mean.shape == engine.std.shape == (181,) and engine.mean.dtype == np.float32
    graphs = Graphs(*(tiny_engine / f"{name}.onnx" for name in GRAPHS), null_is_folded=True)
    assert dataclasses.replace(engine.denoiser, native=None) == graphs
    np.testing.assert_array_equal(engine.text_encoder.table, tiny_model.text_encoder.vectors.detach().numpy())


def test_an_engine_without_text_encoder_takes_no_text(tmp_path, engine_copy):
    engine = engine_copy(tmp_path / "engine")
    (engine / "text_encoder.npy").unlink()
    rehash(engine)
    describe(engine, text_encoder=None)
    with pytest.raises(InputError, match="this engine has no text encoder"):
        MotionModel.load(engine, threads=1).generate("a person walks", 10)


def graph_of(config, frames="frames", rename=None, dtypes=DTYPES, nodes=(("Identity", ["x_t"], ["x_0"]),), width=None):
    """A small ONNX model with the signature of `config` that is not genmo's: x_0 = x_t, or what `nodes` say."""

    def value(spec):
        shape = [{"frames": frames}.get(axis, axis) for axis in spec.axes]
        shape[-1] = width if width and spec.name == "x_0" else shape[-1]
        return helper.make_tensor_value_info((rename or {}).get(spec.name, spec.name), dtypes[spec.dtype], shape)

    sides = [[value(spec) for spec in specs] for specs in (step_inputs(config), outputs(config))]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "other", *sides)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


def replace_graph(engine, model):
    content = model if isinstance(model, bytes) else model.SerializeToString()
    (engine / "step.onnx").write_bytes(content)
    rehash(engine)


def simple_model():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


ALL_FLOAT = {"float32": TensorProto.FLOAT, "int64": TensorProto.FLOAT}
FOREIGN = {
    "another model": (lambda config: simple_model(), "not a genmo graph of this model"),
    "another name": (lambda config: graph_of(config, rename={"fused": "fuse"}), "not a genmo graph"),
    "another dtype": (lambda config: graph_of(config, dtypes=ALL_FLOAT), "timestep is"),
    "another width": (lambda config: graph_of(replace(config, width=36)), "fused is"),
    "fixed to 7 frames": (lambda config: graph_of(config, frames=7), "x_t is"),
    "not ONNX": (lambda config: b"GIF89a" * 100, "cannot load it"),
    "empty": (lambda config: b"", "cannot load it"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_graph_that_is_not_ours_is_refused(tmp_path, engine_copy, name):
    engine = engine_copy(tmp_path / "engine")
    make, message = FOREIGN[name]
    replace_graph(engine, make(load_engine(engine).config))
    with pytest.raises(EngineError, match=message) as caught:
        MotionModel.load(engine, threads=1)
    assert "\n" not in str(caught.value)


NONSENSE = {
    "fails": (("Shape", ["x_t"], ["s"]), ("Add", ["s", "s"], ["s2"]), ("Reshape", ["x_t", "s2"], ["x_0"])),
    "answers another width": (("Shape", ["text_reach"], ["s"]), ("Tile", ["x_t", "s"], ["x_0"])),
}


@pytest.mark.parametrize(
    ("name", "message"), [("fails", "cannot run"), ("answers another width", r"x_0 \[1, 5, 362\]")]
)
def test_a_graph_whose_arithmetic_is_not_ours_is_an_engine_error(tmp_path, engine_copy, name, message):
    """The signature fits, the arithmetic does not: no exception of the library may reach the user."""
    engine = engine_copy(tmp_path / "engine")
    replace_graph(engine, graph_of(load_engine(engine).config, nodes=NONSENSE[name], width="any"))
    with pytest.raises(EngineError, match=message) as caught:
        MotionModel.load(engine, threads=1).generate("walk", 5, guidance=1)
    assert "\n" not in str(caught.value)


def test_a_stand_in_with_the_signature_runs(tmp_path, engine_copy):
    """What the refusals above leave out: the graph builder itself makes loadable graphs."""
    engine = engine_copy(tmp_path / "engine")
    replace_graph(engine, graph_of(load_engine(engine).config))
    (motion,) = MotionModel.load(engine, threads=1).generate("walk", 5, steps=2)
    assert motion.frames == 5


def test_bad_devices_and_threads(tiny_engine):
    with pytest.raises(InputError, match="threads is -1"):
        MotionModel.load(tiny_engine, threads=-1)
    with pytest.raises(InputError, match="device is 'tpu'"):
        MotionModel.load(tiny_engine, device="tpu")


def test_without_a_library_the_user_hears_what_to_install(tiny_engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    engine = load_engine(tiny_engine)
    with pytest.raises(BackendError, match=r'pip install "genmo-motion\[cpu\]"'):
        OnnxRuntimeDenoiser(engine.denoiser, engine.config)


def test_without_a_gpu_the_user_hears_what_to_install(tiny_engine, monkeypatch):
    library = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(library, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendError, match=r'pip install "genmo-motion\[gpu\]"'):
        MotionModel.load(tiny_engine, device="cuda")


def test_engines_that_come_with_genmo_have_names(tmp_path, monkeypatch):
    """Where no folder of that name is at hand."""
    assert engine_folder(None) == engine_folder("small") == SHIPPED and load_engine("small").folder == SHIPPED
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    assert engine_folder("small") == Path("small")
    assert engine_folder("nowhere") == Path("nowhere") and engine_folder("a/small") == Path("a/small")
