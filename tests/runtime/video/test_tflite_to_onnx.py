"""Each operator of a `.tflite` file through ONNX Runtime against its definition, written out in numpy."""

import numpy as np
import pytest
from tflite_writer import Net, Table

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.tflite import parse_tflite
from genmo.runtime.video.tflite_to_onnx import onnx_of

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)
SAME, VALID = ("b", 0), ("b", 1)


def run(data, image, outputs=1):
    """What ONNX Runtime makes of an image [1, height, width, channels]; of four dimensions with the channels last."""
    names = {f"o{number}": number for number in range(outputs)}
    model = onnx_of(parse_tflite(data, "x"), names, {"genmo": "{}"})
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    results = session.run(None, {"image": image.transpose(0, 3, 1, 2)})
    results = [one.transpose(0, 2, 3, 1) if one.ndim == 4 else one for one in results]
    return results[0] if outputs == 1 else results


def image_of(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def window_sums(image, weights, stride, same, depthwise, dilation=1):
    """A convolution by loops; SAME: as many outputs as strides fit, the odd pixel of padding at the end."""
    _, height, width, channels = image.shape
    kernel = weights.shape[1:3]
    reach = [(k - 1) * dilation + 1 for k in kernel]
    size = [-(-n // stride) if same else (n - r) // stride + 1 for n, r in zip((height, width), reach, strict=True)]
    spare = [
        max((s - 1) * stride + r - n, 0) if same else 0 for s, r, n in zip(size, reach, (height, width), strict=True)
    ]
    padded = np.pad(image[0], [(spare[0] // 2, spare[0]), (spare[1] // 2, spare[1]), (0, 0)])
    count = weights.shape[3] if depthwise else weights.shape[0]
    out = np.zeros((1, *size, count))
    for y in range(size[0]):
        for x in range(size[1]):
            part = padded[y * stride :, x * stride :][: reach[0] : dilation, : reach[1] : dilation]
            for channel in range(count):
                if depthwise:
                    out[0, y, x, channel] = (part[..., channel * channels // count] * weights[0, ..., channel]).sum()
                else:
                    out[0, y, x, channel] = (part * weights[channel]).sum()
    return out


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("size", "stride", "same", "dilation"), [
    ((6, 7), 1, True, 1), ((6, 7), 2, True, 1), ((7, 6), 2, False, 1), ((9, 8), 1, True, 2),
])  # fmt: skip
def test_convolutions(half, depthwise, size, stride, same, dilation):
    net, image = Net(), image_of(1, *size, 2)
    weights = RNG.normal(size=(1, 3, 3, 4) if depthwise else (4, 3, 3, 2)).astype(np.float16)
    bias = RNG.normal(size=4).astype(np.float16)
    source = net.tensor(image.shape)
    if half:
        w, b = (net.add("DEQUANTIZE", [net.constant(one)], one.shape) for one in (weights, bias))
    else:
        w, b = (net.constant(one.astype(np.float32)) for one in (weights, bias))
    wanted = window_sums(image, weights.astype(np.float64), stride, same, depthwise, dilation) + bias
    first = 5 if depthwise else 4
    options = Table({0: SAME if same else VALID, 1: ("i", stride), 2: ("i", stride), (4 if depthwise else 3): ("b", 1),
                     first: ("i", dilation), first + 1: ("i", dilation)})  # fmt: skip
    out = net.add("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [source, w, b], wanted.shape, options)
    got = run(net.file([source], [out]), image)
    np.testing.assert_allclose(got, np.maximum(wanted, 0), atol=1e-5)


def test_max_pool():
    net, image = Net(), image_of(1, 5, 4, 3)
    source = net.tensor(image.shape)
    options = Table({0: SAME, 1: ("i", 2), 2: ("i", 2), 3: ("i", 2), 4: ("i", 2)})
    out = net.add("MAX_POOL_2D", [source], (1, 3, 2, 3), options)
    padded = np.pad(image, [(0, 0), (0, 1), (0, 0), (0, 0)], constant_values=-np.inf)
    wanted = padded.reshape(1, 3, 2, 2, 2, 3).max(axis=(2, 4))
    np.testing.assert_array_equal(run(net.file([source], [out]), image), wanted)


@pytest.mark.parametrize("shape", [(3,), (1, 5, 4, 1), (1, 5, 4, 3)])
def test_sums_and_products_with_constants(shape):
    net, image, constant = Net(), image_of(1, 5, 4, 3), image_of(*shape)
    source = net.tensor(image.shape)
    total = net.add("ADD", [source, net.constant(constant)], image.shape, Table({0: ("b", 3)}))
    out = net.add("MUL", [total, source], image.shape)
    wanted = np.clip(image + constant, 0, 6) * image
    np.testing.assert_allclose(run(net.file([source], [out]), image), wanted, rtol=1e-6)


def test_padding():
    net, image = Net(), image_of(1, 3, 4, 2)
    source = net.tensor(image.shape)
    amounts = np.array([[0, 0], [1, 2], [3, 0], [0, 5]], np.int32)
    out = net.add("PAD", [source, net.constant(amounts)], (1, 6, 7, 7))
    np.testing.assert_array_equal(run(net.file([source], [out]), image), np.pad(image, amounts))


@pytest.mark.parametrize("mode", ["half_pixel", "align_corners", "asymmetric"])
def test_resizing(mode):
    net, image = Net(), image_of(1, 3, 4, 2)
    source, size = net.tensor(image.shape), (6, 8)
    options = Table({2: ("?", mode == "align_corners"), 3: ("?", mode == "half_pixel")})
    out = net.add("RESIZE_BILINEAR", [source, net.constant(np.array(size, np.int32))], (1, *size, 2), options)
    axes = []
    for new, old in zip(size, (3, 4), strict=True):
        at = np.arange(new)
        at = {"half_pixel": (at + 0.5) * old / new - 0.5, "align_corners": at * (old - 1) / (new - 1)}.get(
            mode, at * old / new
        )
        at = np.clip(at, 0, old - 1)
        low = np.floor(at).astype(int)
        axes.append((low, np.minimum(low + 1, old - 1), at - low))
    (y0, y1, fy), (x0, x1, fx) = axes
    fy, fx = fy[:, None, None], fx[:, None]
    rows = image[0][y0] * (1 - fy) + image[0][y1] * fy
    wanted = rows[:, x0] * (1 - fx) + rows[:, x1] * fx
    np.testing.assert_allclose(run(net.file([source], [out]), image)[0], wanted, atol=1e-6)


def test_reshape_keeps_the_order_and_concatenation_its_axis():
    net, image = Net(), image_of(1, 2, 3, 4)
    source = net.tensor(image.shape)
    wide = net.add("CONCATENATION", [source, source], (1, 2, 6, 4), Table({0: ("i", 2)}))
    flat = net.add("RESHAPE", [wide], (1, 12, 4))
    again = net.add("RESHAPE", [flat], (1, 4, 3, 4))
    long = net.add("CONCATENATION", [flat, flat], (1, 24, 4), Table({0: ("i", -2)}))
    got, back = run(net.file([source], [long, again]), image, outputs=2)
    wanted = np.concatenate([image, image], axis=2).reshape(1, 12, 4)
    np.testing.assert_array_equal(got, np.concatenate([wanted, wanted], axis=1))
    np.testing.assert_array_equal(back, wanted.reshape(1, 4, 3, 4))


def test_depth_to_space_and_sigmoid():
    net, image = Net(), image_of(1, 2, 3, 8)
    source = net.tensor(image.shape)
    space = net.add("DEPTH_TO_SPACE", [source], (1, 4, 6, 2), Table({0: ("i", 2)}))
    out = net.add("LOGISTIC", [space], (1, 4, 6, 2))
    wanted = np.zeros((1, 4, 6, 2))
    for y, x, channel in np.ndindex(4, 6, 2):
        wanted[0, y, x, channel] = image[0, y // 2, x // 2, (y % 2 * 2 + x % 2) * 2 + channel]
    np.testing.assert_allclose(run(net.file([source], [out]), image), 1 / (1 + np.exp(-wanted)), atol=1e-6)


def test_what_no_output_needs_is_left_out_and_bytes_repeat():
    net, image = Net(), image_of(1, 2, 2, 3)
    source = net.tensor(image.shape)
    net.add("CUSTOM", [source], (1, 2))  # not read, and not needed
    out = net.add("RELU", [source], image.shape)
    graph = parse_tflite(net.file([source], [out]), "x")
    first, second = (onnx_of(graph, {"o": 0}, {"genmo": "{}"}) for _ in range(2))
    assert first == second
    assert [node.op_type for node in onnx.load_from_string(first).graph.node] == ["Relu", "Identity"]


@pytest.mark.parametrize(
    ("kind", "inputs", "message"),
    [
        ("CUSTOM", [0], "operator 32 of 1 inputs is not known"),
        ("ADD", [0], "ADD lacks its input 1"),
        ("CONV_2D", [0, 0], "CONV_2D with computed weights"),
        ("PAD", [0, 1], "PAD by"),
        ("RESIZE_BILINEAR", [0, 1], "RESIZE_BILINEAR to"),
        ("CONV_2D", [0, 1], "CONV_2D of weights"),
        ("MAX_POOL_2D", [0], "MAX_POOL_2D with strides"),
        ("DEPTH_TO_SPACE", [0], "DEPTH_TO_SPACE in blocks of 0"),
        ("RESHAPE", [0], "RESHAPE of"),
        ("RELU", [2], "used before it is computed"),
        ("DEQUANTIZE", [1], "DEQUANTIZE of int32"),
    ],
)
def test_what_cannot_be_converted_is_one_line(kind, inputs, message):
    net = Net()
    net.tensor((1, 4, 4, 3))
    net.constant(np.ones(3, np.int32))
    net.tensor((1, 4, 4, 3))
    shape = (3,) if kind == "DEQUANTIZE" else (1, 5, 5, 3)
    out = net.add(kind, inputs, shape, Table({1: ("i", 0)}) if kind == "MAX_POOL_2D" else None)
    with pytest.raises(InputError, match=message) as error:
        onnx_of(parse_tflite(net.file([0], [out]), "x"), {"o": 0}, {})
    assert "\n" not in str(error.value)
