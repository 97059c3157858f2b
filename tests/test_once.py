"""What workers share is made by one of them, whole, and the others wait for it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest


def asked_by_four(once, name, make):
    """What four at once get: a folder or an error each."""
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(once, name, make) for _ in range(4)]
        return [future.exception() or future.result() for future in asked]


def test_one_makes_it_and_all_have_it_whole(once):
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        folder.mkdir()
        time.sleep(0.2)  # the others ask meanwhile
        (folder / "file").write_text("whole")

    found = asked_by_four(once, "trial", make)
    assert len(made) == 1 and len(set(found)) == 1
    assert (found[0] / "file").read_text() == "whole"
    assert once("trial", make) == found[0] and len(made) == 1


def test_all_hear_that_it_could_not_be_made(once):
    def make(folder: Path) -> None:
        time.sleep(0.2)
        raise OSError("no room")

    errors = asked_by_four(once, "trial that fails", make)
    assert sorted(type(error).__name__ for error in errors) == [
        "OSError",
        "RuntimeError",
        "RuntimeError",
        "RuntimeError",
    ]
    with pytest.raises(RuntimeError, match="trial that fails"):
        once("trial that fails", make)
