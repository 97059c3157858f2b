"""The API reference is made from docstrings: every public name has one, and all of them are on the page."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

import genmo.runtime

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def api():
    spec = importlib.util.spec_from_file_location("genmo_api_page", ROOT / "docs" / "api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_says_what_it_is(api):
    assert api.undocumented() == []


def test_a_name_without_a_docstring_is_found(api, monkeypatch, capsys, tmp_path):
    class Silent:
        """Says something."""

        def method(self):
            pass

    monkeypatch.setattr(api, "public_names", lambda: [("here", "Silent", Silent), ("here", "f", lambda: None)])
    assert api.undocumented() == ["here.Silent.method", "here.f"]
    assert api.main([str(tmp_path / "api.md")]) == 1 and "here.Silent.method" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_page_has_every_name_once_and_is_the_same_twice(api, tmp_path):
    for name in ("one.md", "two.md"):
        assert api.main([str(tmp_path / name)]) == 0
    page = (tmp_path / "one.md").read_text()
    assert page == (tmp_path / "two.md").read_text() and " at 0x" not in page
    for name in genmo.runtime.__all__:
        assert page.count(f"\n### {name}\n") == 1, name
        assert inspect.getdoc(getattr(genmo.runtime, name)).splitlines()[0] in page


def test_calls_are_as_they_are_written(api):
    def short(self, a: int, *more: str, b: float = 1.5, c=len, **rest) -> bool: ...

    def bare(a, *, b=(1,) * 99) -> None: ...

    assert api.call_of("short", short) == "short(a: int, *more: str, b: float = 1.5, c = len, **rest) -> bool"
    assert api.call_of("bare", bare) == "bare(a, *, b = ...)"
    load = api.call_of("MotionModel.load", genmo.runtime.MotionModel.load)
    assert "    backend: str | None = None,\n" in load and load.splitlines()[2] == "    *,"
