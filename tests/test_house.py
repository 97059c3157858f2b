"""The map is true, the repository stays small, and no file knows whose machine made it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 30 * 2**20

# Home, scratch and work folders; in pieces, so that this file passes its own test.
MACHINE_FOLDERS = ("home/[a-z_]", "Users/[A-Za-z]", "root/", "work/", "tmp/", "private/var/")
MACHINE_PATH = re.compile(rb"(?<![\w.~/$*})-])/(?:" + "|".join(MACHINE_FOLDERS).encode() + rb")|[A-Z]:\\Users\\")


@pytest.fixture(scope="module")
def tracked():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def mapped_paths(readme: str):
    """Backticked paths in the section "## Map": a token with a slash, or with a suffix that we use."""
    section = re.search(r"^## Map\b.*?(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, "README.md has no section '## Map'"
    for token in re.findall(r"`([\w.*-][\w./*-]*)`", section.group()):
        known = re.search(r"\.(md|py|toml|ya?ml|json|txt|npz)$", token)
        if "/" in token or token == "Makefile" or known:
            yield token


def test_every_path_of_the_map_exists():
    paths = list(mapped_paths((ROOT / "README.md").read_text(encoding="utf-8")))
    assert paths, "the map in README.md names no path"
    missing = [path for path in paths if not any(ROOT.glob(path.rstrip("/")))]
    assert not missing


def test_no_tracked_file_is_large(tracked):
    assert not [path for path in tracked if path.stat().st_size > LARGEST]


def test_no_tracked_file_names_a_machine(tracked):
    found = []
    for path in tracked:
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            found += [f"{path.relative_to(ROOT)}: {hit.group()!r}" for hit in MACHINE_PATH.finditer(content)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"see /" + b"home/anna/genmo", True),
        (b'"/' + b'work/x"', True),
        (b"C:" + b"\\Users\\anna", True),
        (b"https://example.org/" + b"home/page", False),
        (b"tests/" + b"tmp/x", False),
        (b"/usr/local/cuda", False),
    ],
)
def test_a_machine_path_is_recognised(text, named):
    assert bool(MACHINE_PATH.search(text)) is named
