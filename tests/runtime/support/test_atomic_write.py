"""Files are written whole or not at all, whatever happens: errors, a full disk, a process killed at any point."""

import os
import subprocess
import sys

import pytest

from genmo.runtime.support.atomic_write import all_or_none, put_folder, write_aside
from genmo.runtime.support.errors import InputError

# Forks a process that kills itself, without a chance to clean up, at its k-th call of the system, for every k.
KILLED = """
import os, signal, sys
from pathlib import Path
import tempfile
from genmo.runtime.support import atomic_write as write

folder = Path(sys.argv[1])
names = ["a", "b", "c"]
old, new = "old" * 50_000, "new" * 70_000
calls = ("link", "replace", "unlink", "fsync", "chmod", "fdopen")
kills, made = 0, 0
for stop in range(1000):
    for name in names[:2]:
        (folder / name).write_text(old)
    (folder / "c").unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        left = stop

        def deadly(function):
            def call(*arguments, **options):
                global left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)
            return call

        for name in calls:
            setattr(os, name, deadly(getattr(os, name)))
        tempfile.mkstemp = deadly(tempfile.mkstemp)
        with write.all_or_none():
            for name in names:
                write.write_aside(folder / name, new)
        os._exit(0)
    killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    found = [(folder / name).read_text() if (folder / name).exists() else None for name in names]
    assert found[0] in (old, new) and found[1] in (old, new) and found[2] in (None, new), stop
    # none of them before the first rename: what is new comes in the order of the names
    assert [text == new for text in found] == sorted([text == new for text in found], reverse=True), stop
    for path in folder.glob(".*"):
        path.unlink()
    kills += killed
    if not killed:
        assert found == [new] * 3
        break
print(kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forked")
def test_a_process_killed_at_any_point_leaves_whole_files(python, tmp_path):
    done = python(["-c", KILLED, str(tmp_path)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # three files of which each is made, opened, flushed, chmodded, kept, renamed and tidied up
    assert int(done.stdout) > 15
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_several_files_appear_together(tmp_path):
    (tmp_path / "b").write_text("old")
    with all_or_none():
        write_aside(tmp_path / "a", "1")
        write_aside(tmp_path / "b", b"2")
        assert (tmp_path / "b").read_text() == "old" and not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"a": "1", "b": "2"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_error_inside_leaves_nothing(tmp_path):
    (tmp_path / "b").write_text("old")
    with pytest.raises(ZeroDivisionError), all_or_none():
        write_aside(tmp_path / "a", "1")
        write_aside(tmp_path / "b", "2")
        raise ZeroDivisionError
    assert contents(tmp_path) == {"b": "old"}
    write_aside(tmp_path / "a", "again")  # what waited is forgotten
    assert contents(tmp_path) == {"a": "again", "b": "old"}


def test_a_late_failure_puts_the_earlier_files_back(tmp_path):
    (tmp_path / "b").write_text("old")
    with pytest.raises(InputError, match="cannot be put in place"), all_or_none():
        for name in "abcd":
            write_aside(tmp_path / name, "new")
        (tmp_path / "c").mkdir()  # somebody makes a folder of that name meanwhile
        (tmp_path / "c" / "full").write_text("")
    (tmp_path / "c" / "full").unlink()
    assert contents(tmp_path) == {"b": "old"}


def test_one_inside_of_another_joins_it(tmp_path):
    with pytest.raises(ZeroDivisionError), all_or_none():
        with all_or_none():
            write_aside(tmp_path / "a", "1")
        assert contents(tmp_path).get("a") is None
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_the_same_name_twice(tmp_path):
    with all_or_none():
        write_aside(tmp_path / "a", "1")
        write_aside(tmp_path / "a", "2")
    assert contents(tmp_path) == {"a": "2"}


def test_a_disk_without_second_names(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
    (tmp_path / "a").write_text("old")
    with all_or_none():
        write_aside(tmp_path / "a", "new")
        write_aside(tmp_path / "b", "new")
    assert contents(tmp_path) == {"a": "new", "b": "new"}


FULL = """
import resource, sys
from genmo.runtime.cli.run import main
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.exit(main(sys.argv[1:]))
"""


def command(*outs):
    given = [part for out in outs for part in ("--out", str(out))]
    return ["--threads", "1", "--text", "walk", "--frames", "90", "--steps", "1", *given]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_file_that_may_not_grow_is_one_line(python, tmp_path):
    """The limit stops the first file in the middle, which stays as it was; the other fits and is written."""
    small, large = tmp_path / "small.bvh", tmp_path / "large.html"
    large.write_text("old")
    done = python(["-c", FULL, *command(large, small)], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, f"{small}\n"), done.stderr
    assert done.stderr.startswith("genmo-run: error: ") and done.stderr.count("\n") == 1
    assert "cannot be written (File too large)" in done.stderr and "large.html" in done.stderr
    assert sorted(contents(tmp_path)) == ["large.html", "small.bvh"] and large.read_text() == "old"


def test_a_full_disk_is_one_line(python, tmp_path):
    """A disk of 128 KB, where the user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        (disk / "a.npz").write_text("old")
        arguments = ["-m", "genmo.runtime.cli.run", *command(disk / "b.bvh", disk / "a.npz")]
        done = python(arguments, cwd=tmp_path)
        left = sorted(path.name for path in disk.iterdir())
        assert done.returncode == 2 and "No space left on device" in done.stderr
        assert done.stderr.startswith("genmo-run: error: ") and done.stderr.count("\n") == 1
        assert left == ["a.npz", "b.bvh"] and (disk / "a.npz").read_bytes() == b"old"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_a_function_writes_is_a_file_too(tmp_path):
    path = tmp_path / "x.bin"
    write_aside(path, lambda file: file.write(b"old"))

    def fails(file):
        file.write(b"half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_aside(path, fails)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x.bin"]


def made_folder(path, content):
    path.mkdir()
    (path / "x").write_text(content)
    return path


def test_a_folder_takes_the_place_of_another(tmp_path):
    out = tmp_path / "out"
    for content in ("first", "second"):
        put_folder(made_folder(tmp_path / "made", content), out)
        assert (out / "x").read_text() == content and [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path):
    out = made_folder(tmp_path / "out", "old")
    with pytest.raises(FileNotFoundError):
        put_folder(tmp_path / "missing", out)
    assert (out / "x").read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["out"]


KILLED_IN_A_FOLDER = """
import os, signal, sys
from pathlib import Path
from genmo.runtime.support.atomic_write import put_folder
last, calls = int(sys.argv[2]), 0
def watched(event, arguments):
    global calls
    if event in ("os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watched)
put_folder(Path(sys.argv[1]) / "made", Path(sys.argv[1]) / "out")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_killed_while_it_replaces_a_folder_leaves_the_old_the_new_or_none(tmp_path):
    outcomes = set()
    for last in range(1, 20):
        folder_of_run = tmp_path / str(last)
        folder_of_run.mkdir()
        made_folder(folder_of_run / "made", "new"), made_folder(folder_of_run / "out", "old")
        done = subprocess.run(
            [sys.executable, "-c", KILLED_IN_A_FOLDER, str(folder_of_run), str(last)], capture_output=True
        )
        outcomes.add((folder_of_run / "out" / "x").read_text() if (folder_of_run / "out").exists() else None)
        if done.returncode == 0:
            break
    assert done.returncode == 0 and last > 2 and outcomes == {"old", None, "new"}


def test_a_name_with_a_nul_character_is_one_line(tmp_path):
    with pytest.raises(InputError, match="NUL"):
        write_aside(tmp_path / "a\0.npz", b"")
    assert not list(tmp_path.iterdir())
