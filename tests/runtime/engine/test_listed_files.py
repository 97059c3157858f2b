"""Files of an engine against their list, and where an ONNX graph keeps its numbers."""

import hashlib

import numpy as np
import pytest

from genmo.runtime.engine.listed_files import check_files, external_files
from genmo.runtime.support.errors import EngineError


def field(number, data):
    """A length-delimited field of a protobuf message."""
    return bytes([number << 3 | 2, len(data)]) + data


def pair(key, value):
    return field(13, field(1, key) + field(2, value))


def graph(*pairs):
    tensor = b"\x08\x04\x10\x01" + field(8, b"w") + b"".join(pairs) + b"\x70\x01"
    return b"\x08\x08" + field(7, field(5, tensor))


LONG_KEY = b"\x0a\x88\x00location"
HIDDEN = {
    "a name after the name": field(13, field(1, b"location") + field(2, b"ok.data") + field(2, b"x.bin")),
    "the name first": field(13, field(2, b"x.bin") + field(1, b"location")),
    "a long length": field(13, LONG_KEY + field(2, b"x.bin")),
    "a long tag": field(13, b"\x8a\x00\x08location" + field(2, b"x.bin")),
    "no name": field(13, field(1, b"location")),
}


@pytest.fixture
def external(tmp_path):
    def read(data):
        (tmp_path / "step.onnx").write_bytes(data)
        return list(external_files(tmp_path / "step.onnx"))

    return read


def test_the_file_beside_a_graph_is_named(external):
    assert external(graph(pair(b"location", b"step.onnx.data"), pair(b"offset", b"0"))) == ["step.onnx.data"]
    assert external(graph(pair(b"location", b"a"), pair(b"location", b"b"))) == ["a", "b"]
    assert external(graph()) == external(b"") == []
    assert external(graph(field(12, b"the location of a translocation"))) == []


@pytest.mark.parametrize("name", HIDDEN)
def test_a_pair_written_otherwise_is_not_understood(external, name):
    assert external(graph(HIDDEN[name])) == [""]


def test_onnx_writes_what_is_found_here(tmp_path):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.numpy_helper.from_array(np.ones(512, np.float32), "w")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    onnx.save_model(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.onnx.data", size_threshold=0)
    assert list(external_files(tmp_path / "a.onnx")) == ["a.onnx.data"]


def test_numbers_beside_a_graph_are_of_the_list_or_refused(tmp_path):
    contents = {"step.onnx": graph(pair(b"location", b"step.onnx.data")), "step.onnx.data": bytes(16)}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    assert check_files(tmp_path, files) == files
    with pytest.raises(EngineError, match="keeps numbers in .step.onnx.data., whose SHA-256 is not in engine.json"):
        check_files(tmp_path, {"step.onnx": files["step.onnx"]})


@pytest.mark.parametrize(
    "files",
    [None, [[1, 2]], {"a": 3}, {3: "a"}, {"a": "x"}, {"a/b": 64 * "0"}, {"x" * 300: 64 * "0"}, {"\0": 64 * "0"}],
)
def test_a_list_that_is_none_is_one_line(tmp_path, files):
    with pytest.raises(EngineError, match="files is no table|not a plain file name") as caught:
        check_files(tmp_path, files)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
