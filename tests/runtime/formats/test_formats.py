"""Saving by suffix: whole files or none, one-line errors, bytes that depend on the motion only."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.formats import SUFFIXES, check_suffix, load_motion, save_motion, write_aside
from genmo.runtime.render import images
from genmo.runtime.support import atomic_write
from genmo.runtime.support.errors import InputError


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saves_every_suffix_with_the_same_bytes_each_time(tmp_path, motion, suffix, monkeypatch):
    """Pictures are small here; one of each at full size is in cli/test_run.py."""
    for size in ("STILL", "FILM", "SMALL"):
        monkeypatch.setattr(images, size, (192, 108))
    motion = replace(motion, rotations=motion.rotations[:8], translation=motion.translation[:8])
    for name in ("a", "b"):
        save_motion(tmp_path / f"{name}{suffix.upper()}", motion, title="t", prompt="p")
    first, second = (tmp_path / f"{name}{suffix.upper()}" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 1000
    assert sorted(tmp_path.iterdir()) == [first, second]


@pytest.mark.parametrize("name", ["motion.fbx", "motion", ".npz", "motion.npz.pt"])
def test_unknown_suffix_is_one_line(tmp_path, motion, name):
    with pytest.raises(InputError, match=r"wanted one of .npz .bvh .glb .html .svg") as caught:
        save_motion(tmp_path / name, motion)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_suffix_is_checked_without_a_motion():
    assert check_suffix("folder/Walk.GLB") == ".glb"
    with pytest.raises(InputError):
        check_suffix("walk.obj")


def test_only_npz_is_read_back(tmp_path, motion):
    save_motion(tmp_path / "m.bvh", motion)
    with pytest.raises(InputError, match="read_bvh"):
        load_motion(tmp_path / "m.bvh")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bad_numbers_are_refused(tmp_path, motion, suffix):
    translation = motion.translation.copy()
    translation[3, 1] = np.nan
    with pytest.raises(InputError, match="finite"):
        save_motion(tmp_path / f"m{suffix}", replace(motion, translation=translation))
    empty = replace(motion, translation=translation[:0], rotations=motion.rotations[:0])
    with pytest.raises(InputError, match="0 frames"):
        save_motion(tmp_path / f"m{suffix}", empty)
    assert not list(tmp_path.iterdir())


def test_write_aside_takes_text_and_bytes_and_replaces(tmp_path):
    path = tmp_path / "file.txt"
    write_aside(path, "grün")
    write_aside(path, "größer".encode())
    assert path.read_text(encoding="utf-8") == "größer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file mode masks")
def test_write_aside_gives_the_mode_that_open_would(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_aside(tmp_path / "aside", b"")
    assert (tmp_path / "aside").stat().st_mode == (tmp_path / "plain").stat().st_mode


def full_disk(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod"])
def test_write_aside_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, step):
    path = tmp_path / "old.npz"
    path.write_bytes(b"old")
    monkeypatch.setattr(atomic_write.os, step, full_disk)
    with pytest.raises(InputError, match="No space left") as caught:
        write_aside(path, b"new")
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.npz"]


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_write.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_aside(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_write_aside_without_a_folder(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_aside(tmp_path / "missing" / "file", b"new")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="cannot be put in place"):
        write_aside(tmp_path / "taken", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_write_aside_into_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            write_aside(tmp_path / "file", b"new")
    finally:
        tmp_path.chmod(0o700)


def test_a_refused_folder_is_one_line(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(atomic_write.tempfile, "mkstemp", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        write_aside(tmp_path / "file", b"new")
