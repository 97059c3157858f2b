"""Files from elsewhere: limits hold before anything is allocated."""

import hashlib
import io
import json
import math
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.support import safe_read
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import (
    MAX_DEPTH,
    first_number,
    frame_numbers,
    number,
    numbers,
    open_zip,
    parse_json,
    quoted,
    read_bytes,
    read_npy,
    read_npz,
    read_text,
    sha256,
    timestamps,
)


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"0123456789")
    assert read_bytes(path, "x", limit=10) == b"0123456789"
    path.write_bytes(b"0123456789a")
    with pytest.raises(InputError, match="11 bytes; wanted x of at most 10"):
        read_bytes(path, "x", limit=10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="not a file"):
        read_bytes(tmp_path / "pipe.json", "x")


@pytest.mark.parametrize("name", ["missing.json", "nul\0byte", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="wanted x"):
        read_bytes(tmp_path / name, "x")


@pytest.mark.parametrize("text", ["{", "[NaN]", "[Infinity]", "[" * 100_000, "9" * 5000, "\xff"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(InputError, match="^here: .*wanted numbers"):
        parse_json(text.encode("latin-1"), "here", "numbers")


def test_a_byte_order_mark_is_no_harm():
    assert parse_json(b"\xef\xbb\xbf[1]", "here", "numbers") == [1]


@pytest.mark.parametrize(
    "value", [None, True, "1", ["1", 2], [1, None], [True, 1], [[1], [2, 3]], {}, [[[[1]]]], [10**30], 1e9, [10**400]]
)
def test_what_is_not_numbers_is_refused(value):
    with pytest.raises(InputError, match="^here: .*wanted"):
        numbers(value, "here")


def test_numbers_keep_their_shape():
    assert numbers([[1, 2.5], [3, -4]], "here").tolist() == [[1, 2.5], [3, -4]]
    assert numbers(3, "here").shape == ()


@pytest.mark.parametrize("value", [None, True, "3", float("nan"), -0.1, 10.1, [1]])
def test_one_number_lies_in_its_range(value):
    with pytest.raises(InputError, match="fps is .*wanted a number of 0 to 10"):
        number(value, "fps", 0, 10)
    assert number(10, "fps", 0, 10) == 10.0


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("video_000000000012_keypoints.json", 12), ("frames/0007.png", 7), ("walk2_015.jpg", 15), ("walk.png", None),
        ("9" * 40 + ".png", None), ("take3/walk.png", None),
    ],
)  # fmt: skip
def test_frame_numbers_in_names(name, at):
    assert frame_numbers([name]) == [at]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["frame_0001_1080p.jpg", "frame_0002_1080p.jpg", "frame_0005_1080p.jpg"], [1, 2, 5]),
        (["cam2_0001_4k60.png", "cam2_0002_4k60.png"], [1, 2]),
        (["f_7_t0233.png", "f_8_t0266.png", "f_9_t0300.png"], [7, 8, 9]),  # its time too: the frame spans less
        (["a3_001.png", "b_002.png"], [1, 2]),
        (["one.png", "one_2.png"], [None, 2]),
        (["1305031102.175304.png", "1305031102.208637.png"], [None, None]),
        ([], []),
    ],
)
def test_the_frame_is_the_number_that_differs(names, numbers):
    assert frame_numbers(names) == numbers


def test_names_that_are_times():
    assert timestamps(["rgb/1305031102.175304.png", "rgb/1305031103.0.png"]) == [1305031102.175304, 1305031103.0]
    assert timestamps(["0001.png"]) is None


def test_gaps_are_numbers_where_they_may_be():
    result = numbers([[1, None], [math.nan, np.float32(2)]], "here", gaps=True)
    assert np.array_equal(result, [[1, np.nan], [np.nan, 2]], equal_nan=True)
    for value in ([1, None], [math.nan], np.array([math.nan])):
        with pytest.raises(InputError):
            numbers(value, "here")
    for value in (["1"], [math.inf], [-1e9], [True], None):
        with pytest.raises(InputError):
            numbers(value, "here", gaps=True)
    assert np.isnan(parse_json(b"[NaN]", "here", "a list", gaps=True)[0])
    for text in (b"[NaN]", b"[Infinity]"):
        with pytest.raises(InputError, match="which JSON does not have"):
            parse_json(text, "here", "a list", gaps=text != b"[NaN]")


def test_numpys_numbers_are_numbers():
    assert numbers([np.float64(1530), np.int32(1000)], "here").tolist() == [1530, 1000]
    assert number(np.float32(2.5), "fps", 0, 10) == 2.5
    with pytest.raises(InputError):
        number(np.bool_(True), "fps", 0, 10)


def test_counting_starts_at_zero_or_one():
    assert [first_number(lowest) for lowest in (0, 1, 30)] == [0, 1, 1]


def npy(shape, data=b"", version=(1, 0), descr="'<f8'"):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + size + header + data


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("fortran", [False, True])
def test_plain_arrays_are_read_as_numpy_wrote_them(version, fortran):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    array = np.asfortranarray(array) if fortran else array
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    file.seek(0)
    assert np.array_equal(read_npy(file, len(file.getbuffer())), array)


@pytest.mark.parametrize(
    "data",
    [
        npy("(1000000000000,)"), npy("(-1, -1)", b"\0" * 8), npy("(3,)", b"\0" * 23), npy("(2,)", b"", descr="'|O'"),
        npy("(2,)", b"", descr="'|V0'"), npy("'x'"), npy("(1,"), b"", b"\x93NUMPY\x03\0", npy("(1,)", version=(9, 9)),
    ],
)  # fmt: skip
def test_an_array_larger_than_its_file_is_refused(data):
    with pytest.raises(ValueError, match="."):
        read_npy(io.BytesIO(data), len(data))


def test_an_npz_without_objects(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.eye(3), b=np.array(["x"], dtype=object))
    with pytest.raises(InputError, match="no plain array object"):
        read_npz(path, "x")
    np.savez_compressed(path, a=np.eye(3), b=np.array(30.0))
    arrays = read_npz(path, "x")
    assert np.array_equal(arrays["a"], np.eye(3)) and arrays["b"] == 30.0 and arrays["b"].shape == ()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(1_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="over 100000 bytes when unpacked"):
        read_npz(path, "x", limit=100_000)


def test_an_archive_packed_otherwise_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", npy("(1,)", b"\0" * 8))
    with pytest.raises(InputError, match="packed in a way"):
        read_npz(path, "x")
    path.write_text(json.dumps([1]))
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        read_npz(path, "x")


def test_a_file_that_says_it_is_empty_and_is_not():
    path = Path("/proc/self/status")
    if not path.is_file():
        pytest.skip("no /proc on this system")
    with pytest.raises(InputError, match="grows while it is read"):
        read_bytes(path, "x")


def test_text_is_utf_8_with_or_without_a_mark(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbf\xc3\xa9")
    assert read_text(tmp_path / "x.txt", "x") == "é"
    (tmp_path / "x.txt").write_bytes(b"\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(tmp_path / "x.txt", "x")


def test_json_may_be_as_deep_as_it_says_and_brackets_in_texts_are_none():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert parse_json(deep, "here", "x")
    with pytest.raises(InputError, match="nested too deeply"):
        parse_json(b"[" + deep + b"]", "here", "x")
    text = {"a": "[" * 1000 + '"{' * 1000 + "\\"}
    assert parse_json(json.dumps(text).encode(), "here", "x") == text


def test_json_of_many_parts_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(safe_read, "MAX_CONTAINERS", 10)
    assert parse_json(b"[" + b"{}," * 8 + b"{}]", "here", "x")
    with pytest.raises(InputError, match="over 10 lists and objects"):
        parse_json(b"[" + b"{}," * 9 + b"{}]", "here", "x")


def test_long_numbers_are_refused_and_long_fractions_are_not():
    assert parse_json(b"[0.3000000000000000444089209850062616169452667236328125]", "here", "x") == [0.3 + 2**-54]
    with pytest.raises(InputError, match="300 digits"):
        parse_json(b"[" + b"1" * 300 + b"]", "here", "x")


def test_what_is_quoted_is_short_whatever_it_is():
    nest = ["y"]
    for _ in range(60):
        nest = 10 * [nest]
    for value in (nest, 10**6 * "x", 1 << 10**5, {str(at): nest for at in range(1000)}, b"\n" * 10**6):
        assert len(quoted(value)) < 120 and "\n" not in quoted(value)
    assert (quoted("hips"), quoted(-1), quoted([1, "a"])) == ("'hips'", "-1", "[1, 'a']")


def test_an_npz_of_many_arrays_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez(path, **{str(at): np.zeros(1) for at in range(5)})
    assert len(read_npz(path, "x")) == 5 and set(read_npz(path, "x", names=["3", "7"])) == {"3"}
    monkeypatch.setattr(safe_read, "MAX_MEMBERS", 4)
    with pytest.raises(InputError, match="5 arrays; wanted x, of at most 4"):
        read_npz(path, "x")


def test_a_list_of_members_is_not_read_for_its_own_word(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez(path, **{f"{at:0100d}": np.zeros(1) for at in range(1300)})
    with pytest.raises(InputError, match="directory takes over"):
        with path.open("rb") as file:
            try:
                open_zip(file, path.stat().st_size, 2**17)
            except zipfile.BadZipFile as error:
                raise InputError(str(error)) from None
    with path.open("rb") as file, open_zip(file, path.stat().st_size) as archive:
        assert len(archive.namelist()) == 1300


def test_numbers_beyond_what_a_file_means_are_not_copied():
    wide = np.broadcast_to(np.uint8(1), (2**15, 2**11))
    with pytest.raises(InputError, match="holds 67108864 numbers; wanted at most"):
        numbers(wide, "here")


def test_the_hash_of_a_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x", "x") == hashlib.sha256(b"abc").hexdigest()
