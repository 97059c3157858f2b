"""The tutorials, as their readers would follow them: every `sh` line and every `python` block, in order."""

import functools
import importlib
import re
import shlex
import shutil
from pathlib import Path

import pytest

from genmo.runtime.formats.bvh import to_bvh

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "genmo-run": "genmo.runtime.cli.run",
    "genmo-retarget": "genmo.runtime.cli.retarget",
    "genmo-prepare": "genmo.train.datasets.prepare",
    "genmo-train": "genmo.train.__main__",
    "genmo-export": "genmo.export.__main__",
    "genmo-eval": "genmo.train.evaluation.__main__",
}


def blocks(name):
    """Language and text of the code blocks of a tutorial."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs/tutorials" / name).read_text(), re.DOTALL | re.MULTILINE)
    assert found and {language for language, _ in found} <= {"sh", "python"}
    return found


def follow(name, shorter=()):
    """Run a tutorial in the current folder; `shorter` adds arguments to a command."""
    seen, shorter = {}, dict(shorter)
    for language, text in blocks(name):
        if language == "python":
            exec(compile(text, name, "exec"), seen)  # its blocks are one program
            continue
        for line in text.splitlines():
            command, *arguments = shlex.split(line)
            status = importlib.import_module(COMMANDS[command]).main([*arguments, *shorter.get(command, ())])
            assert status == 0, line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_animator(folder, capsys):
    pytest.importorskip("pxr")
    follow("animator.md")
    made = {path.name for path in folder.iterdir() if path.is_file()}
    assert made == {
        *("walk.html", "walk.npz", "scene-1.html", "scene-2.html", "take.npz", "take.bvh"),
        *("hero.bvh", "hero.usda", "timeline.bvh"),
    }
    assert "Frames: 120" in (folder / "hero.bvh").read_text()


def test_embedder(folder, capsys, monkeypatch):
    bench = importlib.import_module("genmo.runtime.cli.bench")  # fewer and shorter calls than people have
    monkeypatch.setattr(bench, "LENGTHS", (5, 30))
    monkeypatch.setattr(bench, "CROWD", 2)
    monkeypatch.setattr(bench, "FEWEST", 2)
    monkeypatch.setattr(bench.bench, "__defaults__", (0.0,))  # seconds
    follow("embedder.md")
    told = capsys.readouterr().out
    assert "(60, 24, 3, 3) (60, 3)" in told and "(24, 3)" in told and "wanted" in told


def test_researcher(folder, random_motion, monkeypatch, capsys):
    pytest.importorskip("onnxscript")
    export = importlib.import_module("genmo.export.pipeline")
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 2)
    monkeypatch.setattr(export, "parity", functools.partial(export.parity, lengths=(1, 121)))
    for actor in ("ann", "bob"):
        (folder / "bvh" / actor).mkdir(parents=True)
        for take in range(2):
            (folder / "bvh" / actor / f"{take}.bvh").write_bytes(to_bvh(random_motion(70, take + len(actor))))
            (folder / "bvh" / actor / f"{take}.txt").write_text(f"a person dances the {actor} {take}\n")
    few = ["steps=3", "frames=[40]", "estimation=2", "generation=2", "threads=1"]
    follow("researcher.md", {"genmo-train": few})
    assert (folder / "dance.npz").is_file() and "MPJPE" in capsys.readouterr().out


def test_every_message_of_the_troubleshooting_page_is_one_of_ours():
    page = (ROOT / "docs/troubleshooting.md").read_text().split("Messages of one area")[0]
    messages = re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)
    code = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    assert len(messages) > 5
    for message in messages:
        assert message in re.sub(r'"\s*\n\s*f?"', "", code), message
