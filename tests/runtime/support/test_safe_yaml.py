"""YAML from elsewhere: plain values, bounded in bytes, depth and parts."""

import pytest

from genmo.runtime.support import safe_yaml
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_yaml import MAX_BYTES, MAX_DEPTH, compose_yaml, parse_yaml, read_yaml


def test_plain_values_come_back(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: [1, 2.5, yes]\nb: {c: text}\n")
    assert read_yaml(path, "values") == {"a": [1, 2.5, True], "b": {"c": "text"}}
    assert parse_yaml("", "here", "values") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2\nb: 3", "here:2: not YAML"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "here:1: not YAML .nested too deeply"),
        ("a: &x 1\nb: *x\n", "here:2: not YAML .holds an alias"),
        ("a: !!python/object/apply:os.getcwd []", "here:1: not YAML .could not determine a constructor"),
        ("a: 2001-99-99", "not YAML"),
        ("a: 1" + 1000 * ":59", "a number of 3001 letters"),
        ("a: *" + 10_000 * "x", "holds an alias"),
    ],
)
def test_what_is_no_plain_yaml_is_one_line(text, words):
    with pytest.raises(InputError, match=words) as caught:
        parse_yaml(text, "here", "values")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_the_limits_themselves_are_allowed(monkeypatch):
    monkeypatch.setattr(safe_yaml, "MAX_PARTS", 100)
    assert parse_yaml("- 1\n" * 99, "here", "values") == 99 * [1]
    with pytest.raises(InputError, match="here:100: not YAML .over 100 keys"):
        parse_yaml("- 1\n" * 100, "here", "values")
    assert parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "here", "values")


def test_a_large_file_is_not_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    for read in (read_yaml, compose_yaml):
        with pytest.raises(InputError, match="262145 bytes"):
            read(path, "values")


def test_nodes_follow_aliases_and_know_their_lines(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: &x walk\nb: *x\n")
    (_, first), (_, second) = compose_yaml(path, "values").value
    assert first is second and first.start_mark.line == 0
