"""`.tflite` files read: what is in them, and that no damaged byte leads anywhere but to one line."""

import struct

import numpy as np
import pytest
from test_tflite_sparsity import encode
from tflite_writer import Net, Table, ints

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.tflite import parse_tflite, read_tflite
from genmo.runtime.video.tflite_to_onnx import onnx_of

SHAPE = (4, 3, 3, 2)


def sparse_weights():
    rng = np.random.default_rng(0)
    return (rng.normal(size=SHAPE) * (rng.uniform(size=SHAPE) < 0.4)).astype(np.float16)


def small_network():
    """A convolution whose weights are sparse float16, unpacked and widened by the graph, and a resize."""
    net, dense = Net(), sparse_weights()
    values, levels = encode(dense, (0, 1, 2, 3), (), (), (False, False, False, True))
    metadata = [Table({0: ("b", 0), 1: ("i", length)}) for length in SHAPE[:3]]
    kinds = (2, "u2"), (3, "u1")
    segments, indices = (
        Table({0: array.astype(dtype)})
        for (_, dtype), array in zip(kinds, (levels[3].segments, levels[3].indices), strict=True)
    )
    metadata.append(Table({0: ("b", 1), 2: ("B", 2), 3: segments, 4: ("B", 3), 5: indices}))
    image = net.tensor((1, 6, 6, 2))
    packed = net.tensor(SHAPE, values, "float16", Table({0: ints(0, 1, 2, 3), 2: metadata}))
    half = net.add("DENSIFY", [packed], SHAPE, dtype="float16")
    weights = net.add("DEQUANTIZE", [half], SHAPE)
    bias = net.constant(np.zeros(4, np.float32))
    options = Table({0: ("b", 0), 1: ("i", 2), 2: ("i", 2), 3: ("b", 1)})
    small = net.add("CONV_2D", [image, weights, bias], (1, 3, 3, 4), options)
    size = net.constant(np.array([6, 6], np.int32))
    out = net.add("RESIZE_BILINEAR", [small, size], (1, 6, 6, 4), Table({3: ("?", True)}))
    return net.file([image], [out])


def test_tensors_operators_and_sparse_weights(tmp_path):
    (tmp_path / "n.tflite").write_bytes(small_network())
    graph = read_tflite(tmp_path / "n.tflite")
    assert [one.kind for one in graph.operators] == ["DENSIFY", "DEQUANTIZE", "CONV_2D", "RESIZE_BILINEAR"]
    assert graph.operators[2].options == {
        "padding": 0, "stride_w": 2, "stride_h": 2, "activation": 1, "dilation_w": 1, "dilation_h": 1
    }  # fmt: skip
    assert graph.tensors[0].shape == (1, 6, 6, 2) and graph.tensors[0].data is None
    np.testing.assert_array_equal(graph.tensors[1].data, sparse_weights())
    assert graph.inputs == (0,) and len(graph.outputs) == 1
    assert len(onnx_of(graph, {"o": 0}, {})) > 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:7], "its first bytes"),
        (lambda data: b"\0\0\0\0TFL2" + data[8:], "its first bytes"),
        (lambda data: struct.pack("<I", 2**31) + data[4:], "leads out of the file"),
        (lambda data: struct.pack("<I", len(data) - 2) + data[4:], "leads out of the file"),
        (lambda data: data[: len(data) // 2], "not a readable network"),
    ],
)
def test_files_that_are_none(change, message):
    with pytest.raises(InputError, match=message):
        parse_tflite(change(small_network()), "x")


def test_numbers_beyond_the_file():
    net = Net()
    image = net.tensor((1, 2, 2, 1))
    out = net.add("RELU", [image], (1, 2, 2, 1))
    good = net.file([image], [out])
    assert parse_tflite(good, "x").operators[0].kind == "RELU"
    for inputs, outputs, message in (
        ([9], [out], "not there"),
        ([image], [-1], "not there"),
        ([], [out], "no operators"),
    ):
        with pytest.raises(InputError, match=message):
            parse_tflite(net.file(inputs, outputs), "x")
    for shape in ((1, 2**20, 2**20, 1), (1, 0, 2, 1), (1, -3, 2, 1), (1,) * 7):
        net.tensor(shape)
        with pytest.raises(InputError, match="of shape|a list of 7"):
            parse_tflite(net.file([image], [out]), "x")
        net.tensors.pop()
    net.tensor((3,), np.ones(2, np.float32))
    with pytest.raises(InputError, match="has 2 numbers for the shape"):
        parse_tflite(net.file([image], [out]), "x")


def outcome(data):
    """The ONNX bytes, or the line; any other exception is the test's failure."""
    try:
        graph = parse_tflite(data, "x")
        return onnx_of(graph, {"o": 0}, {})
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 700
        return None


def test_damaged_bytes_are_a_line_or_another_network():
    good, rng = small_network(), np.random.default_rng(0)
    refused = 0
    for _ in range(1500):
        data = bytearray(good)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        refused += outcome(bytes(data)) is None
    for length in range(0, len(good), 7):
        refused += outcome(good[:length]) is None
    assert refused > 300


def test_damaged_words_are_a_line_or_another_network():
    good = small_network()
    for place in range(4, len(good) - 4, 4):
        for word in (0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(good)):
            outcome(good[:place] + struct.pack("<I", word) + good[place + 4 :])
