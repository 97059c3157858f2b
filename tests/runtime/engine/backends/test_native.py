"""libgenmo's network against PyTorch's and ONNX Runtime's: every instruction set, both precisions, any number of
threads, networks of every shape."""

import dataclasses
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from genmo.export.onnx.graphs import example_inputs
from genmo.export.onnx.weight_locations import network_of_distinct_weights, weights_by_role
from genmo.runtime import BackendError, EngineError, InputError, MotionModel
from genmo.runtime.cli.run import main
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import condition_inputs, text_inputs
from genmo.runtime.engine.backends import native as backend
from genmo.runtime.engine.backends.native import NativeDenoiser
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.engine.native_weights import NativeWeights, StoredTensor
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.support import native

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

FEATURES = 2e-5
"""largest difference of float32 features, as a share of the largest feature or of 1"""
FIXED = 1e-3
"""root mean square difference in fixed point, as a share of the features'"""

SETS = native.instruction_sets() or [None]
SMALL = ModelConfig(
    width=32, depth=2, heads=2, mlp_width=48, window=8, text_width=8, text_tokens=5, video_width=0, music_width=0
)
ODD = ModelConfig(  # nothing is a whole number of vectors
    width=36, depth=3, heads=3, mlp_width=50, window=6, text_width=12, text_tokens=7, text_depth=2, video_width=5,
    music_width=3, block_order="public", keyframes=True, innovation=True,
)  # fmt: skip


class Open:
    """`denoiser(network)`: libgenmo on a PyTorch network, without files."""

    def __init__(self, monkeypatch):
        self._patch = monkeypatch

    def __call__(self, network, **options):
        roles = weights_by_role(network)
        tensors = {role: StoredTensor(role, 0, *((1, *array.shape)[-2:])) for role, array in roles.items()}
        weights = NativeWeights(network.norm.eps, tensors, {role: array.tobytes() for role, array in roles.items()})
        self._patch.setattr(backend, "read_native_weights", lambda graphs: weights)
        return NativeDenoiser(Graphs(*map(Path, "cts"), null_is_folded=True), network.config, **options)


@pytest.fixture
def opened(monkeypatch):
    return Open(monkeypatch)


def network(config):
    """Random weights of a trained network's size."""
    made = network_of_distinct_weights(config, one_bias=False)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter *= parameter.shape[-1] ** -0.5
    return made.eval()


def reference(net, inputs):
    with torch.no_grad():
        return net({name: torch.from_numpy(array) for name, array in inputs.items()})["x_0"].numpy()


def off(ours, expected):
    return np.abs(ours - expected).max() / max(np.abs(expected).max(), 1.0)


def rms(ours, expected):
    return np.sqrt(np.mean((ours - expected) ** 2) / np.mean(expected**2))


CASES = [(1, 1, 1), (3, 7, 2), (2, 8, 3), (1, 9, 1), (1, 41, 2)]  # batch, frames, texts


@pytest.mark.parametrize("config", [SMALL, ODD], ids=["small", "odd"])
@pytest.mark.parametrize("name", SETS)
def test_every_instruction_set_answers_as_pytorch_does(opened, name, config):
    net, random = network(config), np.random.default_rng(0)
    with native.using_instruction_set(name):
        exact, fixed = (opened(net, threads=1, precision=precision) for precision in ("fp32", "i16"))
    assert exact.provider == f"{name} fp32"
    for batch, frames, texts in CASES:
        inputs = example_inputs(config, random, batch=batch, frames=frames, texts=texts)
        expected = reference(net, inputs)
        assert off(exact(inputs)["x_0"], expected) < FEATURES, (batch, frames, texts)
        assert rms(fixed(inputs)["x_0"], expected) < FIXED, (batch, frames, texts)


@pytest.mark.parametrize("name", SETS)
def test_the_shipped_network_answers_as_onnx_runtime_does(name):
    engine, random = load_engine(), np.random.default_rng(1)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    with native.using_instruction_set(name):
        exact, fixed = (
            NativeDenoiser(engine.denoiser, engine.config, threads=1, precision=precision)
            for precision in ("fp32", "i16")
        )
    for frames in (1, 121):
        inputs = example_inputs(engine.config, random, batch=1, frames=frames, texts=2)
        expected = theirs(inputs)["x_0"]
        assert off(exact(inputs)["x_0"], expected) < FEATURES, frames
        assert rms(fixed(inputs)["x_0"], expected) < FIXED, frames


@pytest.mark.parametrize("precision", ["fp32", "i16"])
def test_threads_change_no_bit(opened, precision):
    """Rows are split anywhere, a barrier a module; a race would show within some of the runs."""
    net = network(ODD)
    inputs = example_inputs(ODD, np.random.default_rng(2), batch=3, frames=29, texts=2)
    alone = opened(net, threads=1, precision=precision)(inputs)["x_0"]
    for threads in (2, 3, 7):
        several = opened(net, threads=threads, precision=precision)
        for _ in range(8):
            np.testing.assert_array_equal(several(inputs)["x_0"], alone)


def test_many_callers_one_network_the_same_bits(opened):
    denoiser, random = opened(network(SMALL), threads=2), np.random.default_rng(3)
    jobs = [example_inputs(SMALL, random, batch=1 + i % 2, frames=3 + 7 * i, texts=1 + i % 2) for i in range(4)]
    alone = [denoiser(job)["x_0"] for job in jobs]
    answers = {}

    def call(caller):
        answers[caller] = [denoiser(jobs[(caller + i) % 4])["x_0"] for i in range(12)]

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for caller, made in answers.items():
        for i, answer in enumerate(made):
            np.testing.assert_array_equal(answer, alone[(caller + i) % 4])


def test_a_motion_does_not_depend_on_those_beside_it(opened):
    denoiser = opened(network(SMALL), threads=1)
    inputs = example_inputs(SMALL, np.random.default_rng(4), batch=3, frames=20, texts=2)
    together = denoiser(inputs)["x_0"]
    for row in range(3):
        alone = denoiser({name: array[row : row + 1] for name, array in inputs.items()})["x_0"]
        np.testing.assert_array_equal(alone[0], together[row])


def test_numbers_that_are_not_finite_reach_the_answer(opened):
    """Where they are an error of one line; in fixed point they must not become zeros."""
    for precision in ("fp32", "i16"):
        net = network(SMALL)
        with torch.no_grad():
            net.rope_blocks[0].mlp[0].weight[3, 4] = float("inf")
        inputs = example_inputs(SMALL, np.random.default_rng(5), batch=1, frames=5, texts=1)
        assert not np.isfinite(opened(net, threads=1, precision=precision)(inputs)["x_0"]).all()


def test_arrays_of_other_shapes_never_reach_the_library(opened):
    denoiser = opened(network(SMALL), threads=1)
    inputs = example_inputs(SMALL, np.random.default_rng(6), batch=2, frames=6, texts=2)
    for name in [name for name in inputs if not name.startswith("text_")]:
        for wrong in (inputs[name][..., None], inputs[name][:, :-1] if inputs[name].ndim > 1 else inputs[name][:-1]):
            with pytest.raises(InputError, match="wanted"):
                denoiser(inputs | {name: wrong})
    texts = {spec.name: inputs[spec.name] for spec in text_inputs(SMALL)}
    for name, array in texts.items():
        with pytest.raises(InputError, match="wanted"):
            denoiser._read({}, texts | {name: array[:, :-1]})
    with pytest.raises(InputError, match="timestep of motion 1 is 1000; wanted 0 to 999"):
        denoiser(inputs | {"timestep": np.array([0, 1000])})


def test_weights_of_other_shapes_are_one_line(opened, monkeypatch):
    net = network(SMALL)
    with pytest.raises(EngineError, match=r"step.motion_in.weight is 181 x 32; wanted 151 x 32"):
        monkeypatch.setattr(net, "config", dataclasses.replace(SMALL, layout="gem"))
        opened(net)
    with pytest.raises(EngineError, match=r"the network has no tensor step.modules.2.attention.qkv.weight"):
        monkeypatch.setattr(net, "config", dataclasses.replace(SMALL, depth=3))
        opened(net)
    with pytest.raises(InputError, match="threads is 65"):
        opened(net, threads=65)
    with pytest.raises(InputError, match="precision is 'bf16'; wanted one of fp32, i16"):
        opened(net, precision="bf16")


def tables(engine):
    """An engine.json whose table was spoiled in some way -> what is said."""
    role = "step.heads.x_0.second.weight"
    tensors = engine["native"]["tensors"]
    file, offset, shape = tensors[role]
    size = (1 << 31) // 4
    return {
        "is wrong": [
            engine["native"] | change
            for change in (
                {"format": 2}, {"dtype": "float16"}, {"norm_epsilon": "no"}, {"norm_epsilon": 0}, {"tensors": [1, 2]},
                *({"tensors": tensors | {role: entry}} for entry in (
                    [file, -4, shape], [file, 1.5, shape], [file, True, shape], [file, offset, []], [file, offset],
                    [file, offset, [0, 1]], [file, offset, [1 << 40, 1 << 40]], [7, offset, shape], None,
                )),
            )
        ],
        "is not inside step.onnx": [
            engine["native"] | {"tensors": tensors | {role: entry}}
            for entry in ([file, 1 << 40, shape], [file, offset, [32, size]])
        ],
        "names '../text_encoder.npy'": [
            engine["native"] | {"tensors": tensors | {role: ["../text_encoder.npy", 0, shape]}}
        ],
        'has no table "native"': [None],
    }  # fmt: skip


def test_a_table_that_does_not_fit_is_one_line(tmp_path, engine_copy):
    folder = engine_copy(tmp_path / "engine")
    described = json.loads((folder / "engine.json").read_text())
    for message, stored in tables(described).items():
        for table in stored:
            (folder / "engine.json").write_text(json.dumps(described | {"native": table}))
            with pytest.raises(EngineError, match=message) as caught:
                MotionModel.load(folder, backend="native", threads=1)
            assert "\n" not in str(caught.value)


def test_without_the_library_the_user_hears_why(tiny_engine):
    with native.numpy_only(), pytest.raises(BackendError, match="the backend native needs libgenmo; "):
        MotionModel.load(tiny_engine, backend="native", threads=1)


def test_the_command_names_what_ran(tiny_engine, tmp_path, capsys):
    common = ["--engine", str(tiny_engine), "--threads", "1", "--text", "walk", "--frames", "4", "--steps", "1"]
    for options, precision in (([], "fp32"), (["--precision", "i16"], "i16")):
        assert main([*common, "--backend", "native", *options, "--json", "--out", str(tmp_path / "w.npz")]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["backend"] == f"native {native.instruction_set()} {precision}" and report["device"] == "cpu"


def test_every_graph_answers_as_onnx_runtime_does(tiny_engine):
    """conditions and texts by themselves: what they are wrong in would be hidden behind a network of noise."""
    engine = load_engine(tiny_engine)
    ours, theirs = (kind(engine.denoiser, engine.config, threads=1) for kind in (NativeDenoiser, OnnxRuntimeDenoiser))
    inputs = example_inputs(engine.config, np.random.default_rng(7), batch=2, frames=130, texts=3)
    conditions = {spec.name: inputs[spec.name] for spec in condition_inputs(engine.config)}
    texts = {spec.name: inputs[spec.name] for spec in text_inputs(engine.config)}
    for graph, given in (("_fuse", conditions), ("_read", texts)):
        answers, expected = (getattr(denoiser, graph)({}, given) for denoiser in (ours, theirs))
        assert answers.keys() == expected.keys()
        for name, array in expected.items():
            assert answers[name].dtype == array.dtype and off(answers[name], array) < FEATURES, name


def apart(motions, references):
    """[motions, frames, joints] millimetres between the joints of motions, seen from their roots."""
    joints = (np.stack([motion.joints_world() for motion in side]) for side in (motions, references))
    ours, theirs = (places - places[:, :, :1] for places in joints)
    return 1000 * np.linalg.norm(ours - theirs, axis=-1)


@pytest.mark.end_to_end
def test_motions_are_the_same_to_the_eye():
    """From texts and from keypoints, to the end of the pipeline: what it decides about feet may not tip over."""
    keypoints = read_keypoints(Path(__file__).parents[4] / "examples" / "dance_keypoints.npz").first(90)
    models = [MotionModel.load(backend="onnxruntime", threads=1)]
    models += [MotionModel.load(backend="native", precision=precision, threads=1) for precision in ("fp32", "i16")]
    made = [
        [
            *(model.generate(text, 90, seed=1)[0] for text in ("a person walks forward", "someone boxes", "sits down")),
            model.estimate(keypoints),
        ]
        for model in models
    ]
    exact, fixed = (apart(motions, made[0]) for motions in made[1:])
    assert exact.mean() <= 0.002 and exact.max() <= 0.05
    assert fixed.mean() <= 0.5 and np.percentile(fixed, 99) <= 2.0


def test_numpy_and_libgenmo_are_enough(tmp_path, python):
    """As after `pip install` without an extra: no other inference library can be imported."""
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('onnxruntime', 'openvino', 'torch')))\n"
        "from genmo.runtime.cli.run import main\n"
        "sys.exit(main(['--text', 'a person walks', '--frames', '30', '--json', '--out', 'w.npz']))"
    )
    done = python(["-c", script], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["backend"].startswith("native ") and (tmp_path / "w.npz").exists()
