"""Videos and networks made up on the spot: small files in the real formats, with weights that mean something known."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av")
cv2 = pytest.importorskip("cv2")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def spot(width=320, height=240, x=100.0, y=80.0, radius=6):
    """A black picture with one white disc at x, y."""
    image = np.zeros((height, width, 3), np.uint8)
    cv2.circle(image, (round(x * 16), round(y * 16)), radius * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return image


def write_video(path, images, times=None, fps=30, *, aspect=None, last=None, container=None):
    """A video of RGB images, H.264 by the suffix's container; `times` in seconds for a variable rate.

    `aspect`: width of a pixel over its height; `last`: seconds for which the last frame is shown.
    """
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options={"crf": "8"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 12000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        packets = []
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round((number / fps if times is None else times[number]) * 12000)
            frame.time_base = Fraction(1, 12000)
            packets += stream.encode(frame)
        packets += stream.encode()
        if last is not None:
            packets[-1].duration = round(last * 12000)
        for packet in packets:
            file.mux(packet)
    return path


def save_graph(path, nodes, inputs, outputs, constants=(), properties=None):
    """An ONNX file; `inputs`, `outputs`: (name, shape) of float32, but names that begin with "labels" are int64."""

    def info(name, shape):
        kind = TensorProto.INT64 if name.startswith("labels") else TensorProto.FLOAT
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "test",
        [info(*one) for one in inputs],
        [info(*one) for one in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in (properties or {}).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(path))
    return path


def constant_network(path, outputs, size=(3, 640, 640), batch=1, properties=None):
    """A network that answers the same to every image: {name: array or (array, declared shape)}."""
    specified = {name: one if isinstance(one, tuple) else (one, one.shape) for name, one in outputs.items()}
    nodes = [helper.make_node("Identity", [f"c_{name}"], [name]) for name in specified]
    constants = [(f"c_{name}", array) for name, (array, _) in specified.items()]
    shapes = [(name, shape) for name, (_, shape) in specified.items()]
    return save_graph(path, nodes, [("images", (batch, *size))], shapes, constants, properties)


def heatmap_network(path, width=192, height=256, points=17):
    """A ViTPose-like network of which every point is the brightest place: the mean of 4 x 4 pixels, as a heatmap."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Add", ["small", "two"], ["positive"]),  # black is -2.1 after the normalisation
        helper.make_node("Mul", ["positive", "fifth"], ["scaled"]),
        helper.make_node("Tile", ["scaled", "often"], ["heatmaps"]),
    ]
    constants = [
        ("two", np.array(2.118, np.float32)),
        ("fifth", np.array(0.2, np.float32)),
        ("often", np.array([1, points, 1, 1], np.int64)),
    ]
    size = ("batch", points, height // 4, width // 4)
    return save_graph(path, nodes, [("pixel_values", ("batch", 3, height, width))], [("heatmaps", size)], constants)


def simcc_network(path, width=192, height=256, points=17):
    """An RTMPose-like network of which every point is the brightest column and row, two bins a pixel."""

    def axis(name, axes, length):
        return [
            helper.make_node("ReduceMean", ["input"], [f"{name}_mean"], axes=axes, keepdims=0),
            helper.make_node("Add", [f"{name}_mean", "two"], [f"{name}_positive"]),
            helper.make_node("Unsqueeze", [f"{name}_positive", "one"], [f"{name}_row"]),
            helper.make_node("Resize", [f"{name}_row", "", "twice"], [f"{name}_bins"], mode="linear"),
            helper.make_node("Tile", [f"{name}_bins", "often"], [f"simcc_{name}"]),
        ]

    nodes = axis("x", [1, 2], width) + axis("y", [1, 3], height)
    constants = [
        ("one", np.array([1], np.int64)),
        ("two", np.array(2.118, np.float32)),  # black is about -2 after the normalisation
        ("twice", np.array([1, 1, 2], np.float32)),
        ("often", np.array([1, points, 1], np.int64)),
    ]
    outputs = [("simcc_x", ("batch", points, 2 * width)), ("simcc_y", ("batch", points, 2 * height))]
    return save_graph(path, nodes, [("input", ("batch", 3, height, width))], outputs, constants)


def yolox_head(boxes, width=640, height=640, classes=80):
    """What YOLOX gives for boxes (x0, y0, x1, y1, score, class) in pixels of its input: [1, cells, 5 + classes]."""
    cells = [(s, column, row) for s in (8, 16, 32) for row in range(height // s) for column in range(width // s)]
    head = np.zeros((1, len(cells), 5 + classes), np.float32)
    for number, (x0, y0, x1, y1, score, label) in enumerate(boxes):
        stride, column, row = cells[10 + 37 * number]
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) / stride - [column, row]
        head[0, 10 + 37 * number, :4] = *middle, *np.log(np.array([x1 - x0, y1 - y0]) / stride)
        head[0, 10 + 37 * number, [4, 5 + label]] = score, 1.0
    return head
