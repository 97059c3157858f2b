"""The map and what documents name are true, the repository is small, and no file knows whose machine made it."""

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
    """Paths in the section "## Map": those of its tree, and backticked ones with a slash or a suffix that we use."""
    section = re.search(r"^## Map\b.*?(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, "README.md has no section '## Map'"
    tree = re.search(r"^```\n(.*?)^```", section.group(), re.MULTILINE | re.DOTALL)
    assert tree, "the map in README.md has no tree"
    folder = ""
    for inside, name in re.findall(r"^( *)([\w./]+)  ", tree[1], re.MULTILINE):
        folder = folder if inside else name
        yield folder + name if inside else name
    for token in re.findall(r"`([\w.*-][\w./*-]*)`", section.group()):
        known = re.search(r"\.(md|py|toml|ya?ml|json|txt|npz)$", token)
        if "/" in token or token == "Makefile" or known:
            yield token


def test_every_path_of_the_map_exists():
    paths = list(mapped_paths((ROOT / "README.md").read_text(encoding="utf-8")))
    assert paths, "the map in README.md names no path"
    missing = [path for path in paths if not any(ROOT.glob(path.rstrip("/")))]
    assert not missing


@pytest.mark.parametrize("package", ["runtime", "train", "export"])
def test_every_room_is_on_the_map(package):
    paths = set(mapped_paths((ROOT / "README.md").read_text(encoding="utf-8")))
    rooms = {f"{package}/{path.parent.name}/" for path in (ROOT / package).glob("*/__init__.py")}
    assert rooms and not rooms - paths


# --- documents ----------------------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


def dead_links(page: Path, text: str):
    """Relative links of a Markdown page to files that are not there."""
    for target in LINK.findall(text):
        if not re.match(r"\w+:", target) and not (page.parent / target).exists():
            yield f"{page}: {target}"


FOLDERS = "runtime|train|export|kernels|integrations|benchmarks|tests|docs|examples"
NAMED_PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*\w/?)(?:::\w+)?`")
NAMED_MODULE = re.compile(r"\bgenmo(?!\.(?:h|js|wasm|dll)\b)((?:\.[a-z_]\w*)+(?:\.[A-Z]\w*)?)")
ATTRIBUTE = r"^(?:    )?(?:async )?(?:def|class)? ?{0}\b|\bimport .*\b{0}\b|^    {0},"


def gone(text: str, folder_of_page: Path = ROOT):
    """Paths (from the root or from the page) and modules that a text names and the repository does not have."""
    for path in NAMED_PATH.findall(text):
        if not (ROOT / path).exists() and not (folder_of_page / path).exists():
            yield path
    for dotted in NAMED_MODULE.findall(text):
        names = dotted.strip(".").split(".")
        folder = ROOT
        while names and (folder / names[0]).is_dir():
            folder /= names.pop(0)
        module = folder / "__init__.py"
        if names and (folder / f"{names[0]}.py").is_file():
            module = folder / f"{names.pop(0)}.py"
        source = module.read_text(encoding="utf-8") if module.is_file() else ""
        if folder == ROOT or (names and not re.search(ATTRIBUTE.format(names[0]), source, re.MULTILINE)):
            yield f"genmo{dotted}"


def test_no_document_names_what_is_gone(tracked):
    pages = [path for path in tracked if path.suffix == ".md"]
    named = {page.relative_to(ROOT): gone(page.read_text(encoding="utf-8"), page.parent) for page in pages}
    dead = [f"{page}: {name}" for page, names in named.items() for name in names]
    assert not dead, "\n".join(dead)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`runtime/gone.py`", True),
        ("`genmo.runtime.gone`", True),
        ("`genmo.runtime.support.cli.gone`", True),
        ("`genmo.runtime.support.cli.run_main`", False),
        ("`genmo.runtime.MotionModel`", False),
        ("`from genmo.runtime.formats import load_motion`", False),
        ("`tests/runtime/video/test_odometry.py`", False),
    ],
)
def test_a_name_that_is_gone_is_found(text, found):
    assert bool(list(gone(text))) is found


def test_every_link_between_documents_leads_somewhere(tracked):
    pages = [path for path in tracked if path.suffix == ".md"]
    links = [link for page in pages for link in dead_links(page, page.read_text(encoding="utf-8"))]
    assert pages and not links, "\n".join(links)


def test_a_dead_link_is_found():
    assert list(dead_links(ROOT / "README.md", "see [the log](docs/gone.md#there)"))
    assert not list(dead_links(ROOT / "README.md", "[docs](docs/inputs.md#cameras) [web](https://example.org/a)"))


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
