"""Checkpoints are read as data: the same numbers as torch reads, and nothing that a file asks for is ever run."""

import builtins
import collections
import io
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.support.errors import InputError
from genmo.train.network.safe_unpickle import LEGACY_START, Archive, StoredTensor

KINDS = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
]  # fmt: skip


def lightning():
    """What a trainer saves: tensors of every kind and layout among plain containers."""
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    state = collections.OrderedDict(
        {str(kind): (3 * torch.randn(2, 3)).to(kind) for kind in KINDS},
        transposed=base.T,
        part=base[1:3, ::2],
        whole=base,
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.randn(3)),
    )
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    plain = {"none": None, "list": [1, 2.5, "a"], "tuple": (True, -1), "big": 1 << 70, 3: {}}
    return {"epoch": 3, "state_dict": state, "loops": plain}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save(lightning(), path)
    return path


def test_the_same_numbers_as_torch(saved):
    theirs = torch.load(saved, weights_only=True)
    with Archive(saved) as archive:
        content = archive.content
        assert content["epoch"] == 3 and content["loops"] == theirs["loops"]
        assert list(content["state_dict"]) == list(theirs["state_dict"])
        for name, stored in content["state_dict"].items():
            assert isinstance(stored, StoredTensor), name
            tensor = archive.tensor(stored)
            assert tensor.dtype == theirs["state_dict"][name].dtype and tensor.is_contiguous()
            assert torch.equal(tensor, theirs["state_dict"][name].detach()), name


def repacked(path, out, **changes):
    """The archive with entries replaced, by the end of their names; None drops one."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", changes.pop("compression", 0)) as new:
        for entry in old.infolist():
            data = changes.get(entry.filename.split("/", 1)[1], old.read(entry))
            if data is not None:
                new.writestr(entry.filename, data)
    return out


def refused(path, message):
    with pytest.raises(InputError) as caught:
        with Archive(path) as archive:
            for stored in archive.content["state_dict"].values():
                archive.tensor(stored)
    text = str(caught.value)
    assert message in text and "\n" not in text and text.startswith(str(path)) and text.isprintable(), text
    return text


class Runs:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_malicious_pickle_is_never_run(tmp_path):
    """The commands here do run in torch's old reading, which shows that they would."""
    flag = tmp_path / "ran"
    path = tmp_path / "evil.ckpt"
    for evil in (
        Runs(os.mkdir, str(flag)),
        Runs(builtins.eval, f"__import__('os').mkdir({str(flag)!r})"),
        Runs(getattr, "", "join"),
        Runs(shutil.rmtree, str(flag)),
    ):
        torch.save({"state_dict": {"weight": torch.ones(2), "evil": evil}}, path)
        text = refused(path, "refused, nothing of it was run")
        assert "which is code" in text and not flag.exists()
    torch.save({"state_dict": {"evil": Runs(os.mkdir, str(flag))}}, path)
    torch.load(path, weights_only=False)
    assert flag.exists(), "the test's own pickle does nothing"


def described(*stack):
    """A pickle from protocol 2 opcodes."""
    return b"\x80\x02" + b"".join(stack) + b"."


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
WHOLE = TENSOR + b"(" + STORAGE + b"K\x00K\x02\x85K\x01\x85\x89)tR"
CODE, STATE, SHAPE = "which is code", "changes what it names", "it describes a tensor"
ATTACKS = {
    "class by INST": (b"(ios\nsystem\n", CODE),
    "class by OBJ": (b"(cos\nsystem\no", CODE),
    "a dotted name": (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n", CODE),
    "a module": (b"ctorch\n_utils\n", CODE),
    "another rebuild": (b"ctorch._utils\n_rebuild_tensor\n", CODE),
    "a name for the screen": (b"cos\nsys\x1b[31mtem\n", "os.sys?[31mtem, which is code"),
    "from the registry": (b"\x82\x01", "damaged"),
    "state on a stand-in": (TENSOR + b"}X\x08\x00\x00\x00__code__Nsb", STATE),
    "slots on a stand-in": (TENSOR + b"N}X\x08\x00\x00\x00__call__Ns\x86b", STATE),
    "state on a storage": (b"ctorch\nFloatStorage\n}X\x05\x00\x00\x00dtypeNsb", STATE),
    "new from a stand-in": (TENSOR + b")\x81", "damaged"),
    "a call of numbers": (STORAGE + b")R", "damaged"),
    "a call of a storage": (b"ctorch\nFloatStorage\n)R", "damaged"),
    "no persistent tuple": (b"NQ", "in an unknown way"),
    "a foreign storage": (b"(X\x06\x00\x00\x00moduleK\x01K\x02K\x03K\x04tQ", "in an unknown way"),
    "no tensor arguments": (TENSOR + b")R", "damaged"),
    "no storage": (TENSOR + b"(NK\x00)) \x89tR".replace(b" ", b""), SHAPE + " that cannot be"),
    "outside its numbers": (TENSOR + b"(" + STORAGE + b"K\x01K\x04\x85K\x01\x85\x89)tR", SHAPE + " that reaches"),
    "one number outside": (TENSOR + b"(" + STORAGE + b"K\x02K\x03\x85K\x01\x85\x89)tR", SHAPE + " that reaches"),
    "larger than its numbers": (TENSOR + b"(" + STORAGE + b"K\x00M\x00\x10\x85K\x00\x85\x89)tR", SHAPE + " larger"),
    "before its numbers": (TENSOR + b"(" + STORAGE + b"J\xff\xff\xff\xffK\x01\x85K\x01\x85\x89)tR", "cannot be"),
    "backwards": (TENSOR + b"(" + STORAGE + b"K\x03K\x02\x85J\xff\xff\xff\xff\x85\x89)tR", "cannot be"),
    "axes that differ": (TENSOR + b"(" + STORAGE + b"K\x00K\x02\x85)\x89)tR", SHAPE + " that cannot be"),
    "thousands of axes": (
        TENSOR + b"(" + STORAGE + b"K\x00(" + 2 * (10**4 * b"K\x7f" + b"t(") + b"t\x89)tR",
        "cannot be",
    ),
    "state on a tensor": (
        WHOLE + b"}X\x06\x00\x00\x00offsetK\x09sb",
        STATE,
    ),
    "slots on a tensor": (
        WHOLE + b"N}X\x06\x00\x00\x00offsetK\x09s\x86b",
        STATE,
    ),
    "state on its numbers": (STORAGE + b"}X\x05\x00\x00\x00countK\x09sb", STATE),
    "a deep key": (b"}" + b")" + 10**5 * b"\x85" + b"Ns", "nests over 64 deep"),
    "a deep list": (200 * b"]" + 199 * b"a", "nests over 64 deep"),
    "a deep list from outside in": (b"]q\x00" + 99 * b"]q\x01ah\x01q\x00", "put in its place"),
    "itself": (b"]q\x00h\x00a", "put in its place"),
    "all memory": (b"Nr\xff\xff\xff\x7f", "up to 2147483647"),
    "no such opcode": (b"\xfe", "damaged"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_other_road_is_closed(saved, tmp_path, name, monkeypatch):
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("it ran"))
    opcodes, message = ATTACKS[name]
    path = repacked(saved, tmp_path / "b.ckpt", **{"data.pkl": described(opcodes)})
    assert "wanted a torch checkpoint" in refused(path, message)


def test_what_is_inside_its_numbers_is_read(saved, tmp_path):
    """The border of the two cases above: one number fewer is allowed."""
    good = described(TENSOR, b"(", STORAGE, b"K\x01K\x03\x85K\x01\x85\x89)tR")
    numbers = np.arange(4, dtype=np.float32).tobytes()
    path = repacked(saved, tmp_path / "b.ckpt", **{"data.pkl": good, "data/0": numbers})
    with Archive(path) as archive:
        assert archive.tensor(archive.content).tolist() == [1, 2, 3]


def test_damage_is_one_line(saved, tmp_path):
    whole, path = saved.read_bytes(), tmp_path / "b.ckpt"
    for size in (0, 1, 3, 30, 300, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(path, "is no zip" if size < 2 else "truncated or damaged")
    changed = bytearray(whole)
    with zipfile.ZipFile(saved) as archive:
        start = archive.getinfo("a/data/0").header_offset
    changed[start + 80] ^= 255
    path.write_bytes(changed)
    refused(path, "truncated or damaged")
    refused(tmp_path / "nowhere.ckpt", "no such file")
    refused(tmp_path, "not a file")
    refused(repacked(saved, path, **{"data/0": None}), "truncated or damaged")
    refused(repacked(saved, path, **{"data/0": b"123"}), "data/0 has 3 bytes")


def test_other_formats_are_named(saved, tmp_path):
    path = tmp_path / "b.ckpt"
    torch.save(lightning(), path, _use_new_zipfile_serialization=False)
    assert path.read_bytes().startswith(LEGACY_START)
    refused(path, "before 1.6")
    path.write_bytes(pickle.dumps({"state_dict": 1}))
    refused(path, "bare pickle")
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), path)
    refused(path, "TorchScript")
    refused(repacked(saved, path, compression=zipfile.ZIP_DEFLATED), "compressed")
    refused(repacked(saved, path, byteorder=b"big"), "big-endian")
    refused(repacked(saved, path, **{"data.pkl": None}), "not one data.pkl")
    np.savez(path.with_suffix(".npz"), a=np.ones(3))
    refused(path.with_suffix(".npz"), "not one data.pkl")


def test_a_huge_description_is_not_read(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("genmo.train.network.safe_unpickle.LARGEST_PICKLE", 1000)
    refused(saved, "larger than 1000 bytes")


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.ckpt"
    torch.save(lightning(), path)
    with zipfile.ZipFile(path) as archive:
        return path, archive.read("a/data.pkl")


@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
def test_no_other_error_comes_out(description, place, byte, cut):
    """One byte of the description changed, or its end cut off: read, or refused in one line."""
    path, pickled = description
    place %= len(pickled)
    spoiled = pickled[:place] + bytes([byte]) + (b"" if cut else pickled[place + 1 :])
    out = repacked(path, io.BytesIO(), **{"data.pkl": spoiled})
    target = path.with_name("b.ckpt")
    target.write_bytes(out.getvalue())
    try:
        with Archive(target) as archive:
            assert archive.content is not archive
    except InputError as error:
        assert "\n" not in str(error)


def test_a_whole_training_run_is_read(tmp_path):
    """What a training framework dumps beside the weights: optimiser and scheduler, whose milestones are a Counter."""
    layer = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 7, 7])
    dump = {"state_dict": layer.state_dict(), "optimizer_states": [optimizer.state_dict()]}
    torch.save(dump | {"lr_schedulers": [schedule.state_dict()]}, tmp_path / "a.ckpt")
    with Archive(tmp_path / "a.ckpt") as archive:
        assert archive.content["lr_schedulers"][0]["milestones"] == {5: 1, 7: 2}
        weight = archive.content["state_dict"]["weight"]
        torch.testing.assert_close(archive.tensor(weight), layer.weight.detach())
