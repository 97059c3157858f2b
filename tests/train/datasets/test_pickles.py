"""Restricted unpickling: numbers come through in every way that data sets use, code never runs."""

import collections
import os
import pickle
import sys
import tracemalloc
import types

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.datasets.pickles import read_pickle

ARRAYS = [
    np.arange(6.0).reshape(2, 3), np.array(3), np.array([True, False]), np.float32([[1.5]]), np.array(["a", "bc"]),
    np.asfortranarray(np.arange(6).reshape(2, 3)), np.array([np.arange(3), None], dtype=object), np.zeros((0, 3)),
]  # fmt: skip


def write(tmp_path, value, protocol=2):
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_pickles_of_every_protocol_come_back(tmp_path, protocol):
    value = {"arrays": ARRAYS, "text": "naïve", "number": 1.5, "nested": {"scalar": np.float64(2.5), "none": None}}
    back = read_pickle(write(tmp_path, value, protocol), "numbers")
    for got, want in zip(back["arrays"], ARRAYS, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        if want.dtype != object:
            np.testing.assert_array_equal(got, want)
    assert back["text"] == "naïve" and back["nested"] == {"scalar": 2.5, "none": None}
    ordered = collections.OrderedDict(a=1)
    assert read_pickle(write(tmp_path, ordered, protocol), "numbers") == {"a": 1}


def test_a_pickle_of_python_2_comes_back(tmp_path):
    """As cPickle of Python 2 writes it: old module names, byte strings for data."""
    values = np.arange(3.0)
    stream = (
        b"\x80\x02}q\x00U\x05transq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x03\x85cnumpy\ndtype\nq\x05U\x02f8K\x00K\x01\x87Rq\x06(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x18" + values.tobytes() + b"tbs."
    )
    path = tmp_path / "old.pkl"
    path.write_bytes(stream)
    np.testing.assert_array_equal(read_pickle(path, "numbers")["trans"], values)


def fake_modules(monkeypatch, **classes):
    """Modules that exist while a file is written, as chumpy did on the machine that wrote it."""
    for name, kind in classes.items():
        module = types.ModuleType(name.replace("__", "."))
        kind.__module__, kind.__qualname__ = module.__name__, kind.__name__
        setattr(module, kind.__name__, kind)
        for depth in range(module.__name__.count(".") + 1):
            parent = module.__name__.rsplit(".", depth)[0]
            monkeypatch.setitem(sys.modules, parent, module if not depth else types.ModuleType(parent))


def test_chumpy_and_scipy_arrays_become_numpy(tmp_path, monkeypatch):
    class Ch:
        def __init__(self, **state):
            self.__dict__.update(state)

    class Select(Ch):
        pass

    class csc_matrix(Ch):  # noqa: N801
        pass

    with monkeypatch.context() as patch:
        fake_modules(patch, chumpy__ch=Ch, chumpy__reordering=Select, scipy__sparse__csc=csc_matrix)
        dense = np.array([[0.0, 2, 0], [1, 0, 0], [0, 3, 4]])
        sparse = csc_matrix(
            _shape=(3, 3), data=np.array([1.0, 2, 3, 4]), indices=np.array([1, 0, 2, 2]), indptr=np.array([0, 1, 3, 4])
        )
        shapes = np.arange(24.0).reshape(2, 3, 4)
        picked = Select(a=Ch(x=shapes), idxs=np.array([0, 5, 23]), preferred_shape=(3, 1))
        value = {"v_template": Ch(x=np.eye(3)), "shapedirs": picked, "J_regressor": sparse}
        paths = []
        for protocol in (0, 2, 4):
            paths.append(tmp_path / f"{protocol}.pkl")
            paths[-1].write_bytes(pickle.dumps(value, protocol))
    for path in paths:
        back = read_pickle(path, "a body")
        np.testing.assert_array_equal(back["v_template"], np.eye(3))
        np.testing.assert_array_equal(back["shapedirs"], [[0], [5], [23]])
        np.testing.assert_array_equal(back["J_regressor"], dense)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_that_a_pickle_names_is_run(tmp_path, protocol):
    target = tmp_path / "made"
    with pytest.raises(InputError, match=r"it names .(posix|nt|os)\.mkdir"):
        read_pickle(write(tmp_path, {"a": Touch(target)}, protocol), "numbers")
    assert not target.exists()


@pytest.mark.parametrize(
    "attack",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n(S'1'\nS'x'\ntR.",
        b"ccopyreg\n_reconstructor\n(cnumpy\nndarray\ncbuiltins\nobject\nNtR.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"cchumpy.ch\nCh\n(tR(dS'y'\nI1\nsb.",
    ],
)
def test_odd_names_are_refused(tmp_path, attack):
    path = tmp_path / "bad.pkl"
    path.write_bytes(attack)
    with pytest.raises(InputError, match="bad.pkl: not read"):
        read_pickle(path, "numbers")


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"a": np.ones(5)})[:-20]])
def test_a_cut_or_foreign_file_is_one_error(tmp_path, content):
    path = tmp_path / "cut.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="wanted an AIST"):
        read_pickle(path, "an AIST++ motion")


def test_a_missing_file_and_a_list_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file; wanted numbers"):
        read_pickle(tmp_path / "none.pkl", "numbers")
    with pytest.raises(InputError, match="holds a list"):
        read_pickle(write(tmp_path, [1]), "numbers")


ARRAY, KIND = b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n"
DTYPE = b"cnumpy\ndtype\n"
TERABYTE = b"\x8a\x06\x00\x00\x00\x00\x00\x01"
HOSTILE = {
    "memory by a call": KIND + TERABYTE + b"\x85R",
    "memory by a shape": ARRAY + b"(" + KIND + TERABYTE + b"\x85U\x01btR(K\x01" + TERABYTE + b"\x85"
    + DTYPE + b"U\x02f8\x85R\x89U\x00tb",
    "memory by an element": b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + b"U\x06V99999\x85RU\x00tR",
    "memory by a sparse shape": b"cscipy.sparse.csc\ncsc_matrix\n)R}U\x06_shape" + TERABYTE + TERABYTE + b"\x86sb",
    "fields in a type": DTYPE + b"U\x02V8\x85R(K\x03U\x01|NU\x01a\x85}K\x08K\x01K\x00tb",
    "state on a class": KIND + b"}U\x05shapeNsb",
    "a deep key": b"}" + b")" + 10**5 * b"\x85" + b"Ns",
    "memo": b"Nr\xff\xff\xff\x7f",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_asks_for_no_memory_and_changes_no_type(tmp_path, name):
    path = tmp_path / "bad.pkl"
    path.write_bytes(b"\x80\x02}U\x01x" + HOSTILE[name] + b"s.")
    tracemalloc.start()
    with pytest.raises(InputError, match="not read .*wanted numbers"):
        read_pickle(path, "numbers")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
