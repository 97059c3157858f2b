"""The documentation as a website: `make site`, or

    python docs/site/build.py build/site          # pip install ".[site]"

Every Markdown page of the repository and the files that they link to are laid out as they are in the repository, so
that their links hold, with an API reference made from the docstrings; Sphinx makes pages of them, and a dead link is an
error.  Exit status: Sphinx's.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": (
        "README", "docs/tutorials/animator", "docs/tutorials/embedder", "docs/tutorials/researcher",
        "docs/troubleshooting",
    ),
    "What goes in": ("docs/inputs", "docs/video", "docs/timeline", "docs/characters"),
    "What comes out": ("docs/motion-files", "docs/clips", "docs/viewing"),
    "In real time": ("docs/streaming", "docs/live", "docs/native", "integrations/web/README"),
    "Where you work": ("docs/blender", "docs/serving", "docs/unity"),
    "Train and export": ("docs/datasets", "docs/training", "docs/tokens", "docs/metrics", "docs/exporting", "docs/gem"),
    "At scale": ("docs/tensorrt", "docs/triton", "docs/scaling"),
    "The engine that ships": (
        "runtime/engines/small/training/README", "runtime/engines/small/training/obey", "docs/log",
    ),
    "Reference": ("docs/api-reference", "docs/architecture", "CHANGELOG", "CONTRIBUTING", "SECURITY"),
}  # fmt: skip
"""caption -> pages, in order; pages that are in none follow under MORE"""
MORE = "More"
HIDDEN = ("tests/", ".github/")
"""beginnings of pages that are read in the repository"""


def tracked() -> list[str]:
    """The repository's files, relative to its root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if (ROOT / name).is_file()]


def pages_of(names: Iterable[str]) -> list[str]:
    """The Markdown pages among files, those that are HIDDEN left out."""
    return sorted(name for name in names if name.endswith(".md") and not name.startswith(HIDDEN))


def linked_files(page: str) -> list[str]:
    """Files of the repository that a page links to or shows, relative to its root."""
    targets = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    paths = [(ROOT / page).parent / target for target in targets if not re.match(r"\w+:", target)]
    return [str(path.resolve().relative_to(ROOT)) for path in paths if path.is_file()]


def titled(page: str) -> str:
    """The text of a page for the website, under its name where it has no heading."""
    path = ROOT / page
    to_root = "../" * page.count("/")
    # the README is the first page
    text = path.read_text(encoding="utf-8").replace(f"]({to_root}README.md", f"]({to_root}index.md")
    return text if re.search("^#+ ", text, re.MULTILINE) else f"# {path.stem.replace('-', ' ').capitalize()}\n\n{text}"


def index_of(pages: Sequence[str]) -> str:
    """The first page: the README and the tables of contents."""
    left = {page.removesuffix(".md") for page in pages} | {"docs/api-reference"}
    lines = ["```{include} README.md", "```", ""]
    for caption, wanted in {**SECTIONS, MORE: ()}.items():
        here = [page for page in wanted if page in left] if wanted else sorted(left)
        left -= set(here)
        # the README is the first page itself
        entries = ["Overview <self>" if page == "README" else page for page in here]
        if entries:
            lines += ["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""]
    return "\n".join(lines)


def stage(source: Path) -> None:
    """Lay out what Sphinx reads in an empty folder."""
    pages = pages_of(tracked())
    for name in sorted({*pages, *(file for page in pages for file in linked_files(page))}):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if name in pages:
            (source / name).write_text(titled(name), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, source / name)
    subprocess.run([sys.executable, ROOT / "docs" / "api.py", source / "docs" / "api-reference.md"], check=True)
    (source / "index.md").write_text(index_of(pages), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The documentation as a website.")
    parser.add_argument("out", type=Path, help="folder of the site")
    out: Path = parser.parse_args(arguments).out
    from sphinx.cmd.build import build_main  # tests of the rest do without

    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder))
        config = str(Path(__file__).parent)
        status = build_main(["-q", "-W", "--keep-going", "-b", "html", "-c", config, folder, str(out)])
    if status == 0:
        print(out / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
