"""One member of an archive: found, bounded, and refused in one line."""

import io
import random
import tarfile
import zipfile

import pytest

from genmo.runtime.support import safe_archive
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_archive import read_member

WANTED = "the package x"


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_member_comes_out_whole(tmp_path, make):
    path = make(tmp_path / "a", {"other": b"no", "in/it": b"yes" * 1000})
    assert read_member(path, "in/it", WANTED) == b"yes" * 1000
    with pytest.raises(InputError, match=f"no gone in it; wanted {WANTED}"):
        read_member(path, "gone", WANTED)
    with pytest.raises(InputError, match="its member has 3000 bytes"):
        read_member(path, "in/it", WANTED, limit=2999)


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a").write_bytes(b"neither")
    with pytest.raises(InputError, match="not a readable archive"):
        read_member(tmp_path / "a", "x", WANTED)
    with pytest.raises(InputError, match="no such file"):
        read_member(tmp_path / "gone", "x", WANTED)


def test_a_link_is_no_member(tmp_path):
    with tarfile.open(tmp_path / "a", "w:gz") as archive:
        info = tarfile.TarInfo("in/it")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(info)
    with pytest.raises(InputError, match="no in/it"):
        read_member(tmp_path / "a", "in/it", WANTED)


def test_a_tar_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_archive, "MAX_UNPACKED_TAR", 2**16)
    path = tarred(tmp_path / "a", {"zeros": bytes(2**18), "in/it": b"yes"})
    with pytest.raises(InputError, match="unpacks to too many bytes"):
        read_member(path, "in/it", WANTED)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_damaged_archives_are_a_line(tmp_path, make):
    good = make(tmp_path / "a", {"other": b"no" * 50, "in/it": b"yes" * 100}).read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "b").write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            read_member(tmp_path / "b", "in/it", WANTED)
        except InputError as error:
            assert "\n" not in str(error)
