"""A denoiser in parts: what a sequence shares is computed once, and the parts together are the whole."""

import threading

import numpy as np
import pytest

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import (
    condition_inputs,
    condition_outputs,
    inputs,
    outputs,
    step_inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.denoiser.tensor_spec import TensorSpec, check_signature
from genmo.runtime.engine.backends.stepwise import StepwiseDenoiser, count_prompted, no_texts
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support.errors import EngineError, first_line

CONFIG = ModelConfig(width=8, depth=2, heads=2, mlp_width=8, text_width=4, text_tokens=3, video_width=0, music_width=0)
SIZES = {"batch": 3, "frames": 7, "texts": 2, "prompted": 3, "words": 6}


class Recorder:
    """A library whose graphs answer zeros, the step x_t + timestep, and that remembers what it was asked."""

    def __init__(self, width=None):
        self.opened, self.calls, self.width = [], [], width

    def __call__(self, path, inputs, outputs):
        self.opened.append((path.name, inputs, outputs))
        return FakeGraph(self, path.stem, outputs)


class FakeGraph:
    def __init__(self, library, name, outputs):
        self.library, self.name, self.outputs = library, name, outputs

    def keep(self, arrays):
        return {f"kept {name}": array for name, array in arrays.items()}

    def __call__(self, kept, arrays):
        kept = {name.removeprefix("kept "): array for name, array in kept.items()}
        self.library.calls.append((self.name, kept, arrays))
        given = kept | arrays
        if self.name in ("step", "denoiser"):
            answer = given["x_t"] + given["timestep"][:, None, None].astype(np.float32)
            return {"x_0": answer[..., : self.library.width]}
        first = next(iter(given.values()))
        sizes = SIZES | {"batch": len(first), "prompted": len(first), "frames": first.shape[1]}
        return {spec.name: np.ones(spec.shape(**sizes), spec.dtype) for spec in self.outputs}


def denoiser(folder, folded=True, **options):
    library = Recorder(**options)
    graphs = Graphs(*(folder / f"{name}.onnx" for name in ("conditions", "texts", "step")), folded)
    return StepwiseDenoiser(graphs, CONFIG, library), library


def example(texts_of=(True, True, True)):
    """Conditions of the signature; motion b has its first text over frames 2 to 5 where `texts_of` says so."""
    arrays = {spec.name: np.zeros(spec.shape(**SIZES), spec.dtype) for spec in inputs(CONFIG)}
    for row, spoken in enumerate(texts_of):
        arrays["text_tokens"][row] = row
        arrays["text_token_mask"][row, 0, :2] = 1
        arrays["text_spans"][row, 0] = (2, 5) if spoken else (4, 4)
    return {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}


def x_t():
    return np.random.default_rng(0).normal(size=(3, 7, 181)).astype(np.float32)


def test_each_graph_is_opened_with_its_signature(tmp_path):
    _, library = denoiser(tmp_path)
    assert library.opened == [
        ("conditions.onnx", condition_inputs(CONFIG), condition_outputs(CONFIG)),
        ("texts.onnx", text_inputs(CONFIG), text_outputs(CONFIG)),
        ("step.onnx", step_inputs(CONFIG), outputs(CONFIG)),
    ]


def test_a_sequence_runs_its_conditions_once(tmp_path):
    split, library = denoiser(tmp_path)
    step = split.prepare(example())
    answers = [step(x_t(), timestep)["x_0"] for timestep in (999, 500, 0)]
    assert [name for name, *_ in library.calls] == ["conditions", "texts", "step", "step", "step"]
    for timestep, answer in zip((999, 500, 0), answers, strict=True):
        np.testing.assert_array_equal(answer, x_t() + np.float32(timestep))
    for _, kept, given in library.calls[2:]:
        assert set(kept) | set(given) == {spec.name for spec in step_inputs(CONFIG)}
        assert set(given) == {"x_t", "timestep"} and given["timestep"].dtype == np.int64


def test_the_whole_is_the_parts(tmp_path):
    split, library = denoiser(tmp_path)
    times = np.array([3, 2, 1])
    np.testing.assert_array_equal(
        split(example() | {"x_t": x_t(), "timestep": times})["x_0"], x_t() + times[:, None, None].astype(np.float32)
    )
    assert [name for name, *_ in library.calls] == ["conditions", "texts", "step"]


@pytest.mark.parametrize(
    ("texts_of", "prompted"),
    [((True, False, False), 1), ((False, True, False), 2), ((False, False, True), 3), ((True, True, False), 2)],
)
def test_motions_after_the_last_with_a_text_read_none(tmp_path, texts_of, prompted):
    """Guidance puts them there: half of its batch has no text."""
    split, library = denoiser(tmp_path)
    split.prepare(example(texts_of))(x_t(), 0)
    _, given_to_texts, step = library.calls
    assert all(len(array) == prompted for array in given_to_texts[2].values())
    assert given_to_texts[2]["text_tokens"][:, 0, 0, 0].tolist() == list(range(prompted))
    assert len(step[1]["fused"]) == 3 and len(step[1]["text_bias"]) == prompted


def test_without_texts_their_graph_does_not_run(tmp_path):
    split, library = denoiser(tmp_path)
    split.prepare(example((False, False, False)))(x_t(), 0)
    assert [name for name, *_ in library.calls] == ["conditions", "step"]
    kept = library.calls[1][1]
    for spec in text_outputs(CONFIG):
        expected = spec.shape(**SIZES | {"prompted": 0, "texts": 1, "words": 3})
        assert kept[spec.name].shape == expected and kept[spec.name].dtype == spec.dtype


def test_a_null_text_among_the_texts_is_always_read(tmp_path):
    split, library = denoiser(tmp_path, folded=False)
    split.prepare(example((False, False, False)))(x_t(), 0)
    assert [name for name, *_ in library.calls] == ["conditions", "texts", "step"]
    assert len(library.calls[1][2]["text_tokens"]) == 3


def test_words_that_are_not_there_are_no_text():
    texts = {name: array for name, array in example().items() if name.startswith("text_")}
    assert count_prompted(texts) == 3
    texts["text_token_mask"][1:] = 0
    assert count_prompted(texts) == 1
    texts["text_token_mask"][:] = 0
    assert count_prompted(texts) == 0
    assert set(no_texts(CONFIG)) == {spec.name for spec in text_outputs(CONFIG)}


def test_another_shape_than_the_signature_is_refused(tmp_path):
    split, _ = denoiser(tmp_path, width=180)
    with pytest.raises(EngineError, match=r"answers x_0 \[3, 7, 180\]; wanted \[3, 7, 181\]"):
        split.prepare(example())(x_t(), 0)


def test_threads_share_a_denoiser(tmp_path):
    split, _ = denoiser(tmp_path)
    step, wrong = split.prepare(example()), []

    def run(timestep):
        if not np.array_equal(step(x_t(), timestep)["x_0"], x_t() + np.float32(timestep)):
            wrong.append(timestep)

    threads = [threading.Thread(target=run, args=(t,)) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


SPECS = (TensorSpec("a", ("batch", 3)), TensorSpec("b", ("batch",), "int64"))
NAMES = {"float32": "f32", "int64": "i64"}
RIGHT = {"a": ("f32", ["n", 3]), "b": ("i64", ["n"])}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": RIGHT["a"]}, "not a genmo graph"),
        (RIGHT | {"c": ("f32", [])}, "not a genmo graph"),
        (RIGHT | {"a": ("f16", ["n", 3])}, "a is f16"),
        (RIGHT | {"a": ("f32", ["n", 4])}, r"a is f32 \['n', 4\]; wanted float32"),
        (RIGHT | {"a": ("f32", [2, 3])}, "a is f32"),
        (RIGHT | {"b": ("i64", ["n", 1])}, "b is i64"),
    ],
)
def test_signatures_are_compared_whole(tmp_path, found, message):
    check_signature(RIGHT, SPECS, NAMES, tmp_path)
    with pytest.raises(EngineError, match=message):
        check_signature(found, SPECS, NAMES, tmp_path)


def test_what_a_library_says_first():
    assert first_line(RuntimeError("one\ntwo")) == "one" and first_line(ValueError()) == "ValueError"
