"""What every command shares: one line for what goes wrong, quiet ends, versions, options that are nearly right."""

import subprocess
import sys

import pytest

import genmo.runtime
from genmo.runtime.support import cli, native
from genmo.runtime.support.cli import OneLineParser, run_main, utf8_text
from genmo.runtime.support.errors import GenmoError, InputError


class Refused(GenmoError):
    exit_status = 1


def failing(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("walk.npz:\n no such file"), 2, "program: error: walk.npz: no such file"),
        (Refused("over the gate"), 1, "program: error: over the gate"),
        (MemoryError(), 2, "program: error: not enough memory"),
        (OSError(28, "No space left on device", "a.npz"), 2, "program: error: a.npz: No space left on device"),
        (PermissionError(13, "Permission denied", b"a\xff"), 2, "Permission denied"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (ModuleNotFoundError("no torch", name="torch"), 2, 'torch is not installed; wanted: pip install "genmo-motion'),
    ],
)
def test_errors_are_a_line_and_a_status(capsys, error, status, line):
    assert run_main("program", failing(error), extra="train") == status
    printed = capsys.readouterr()
    assert printed.out == "" and line in printed.err and printed.err.count("\n") == bool(line)


@pytest.mark.parametrize("error", [ZeroDivisionError(), ModuleNotFoundError("gone", name="genmo.runtime.gone")])
def test_bugs_are_not_hidden(error):
    with pytest.raises(type(error)):
        run_main("program", failing(error), extra="train")


def test_a_missing_library_is_a_bug_where_no_extra_brings_it():
    with pytest.raises(ModuleNotFoundError):
        run_main("program", failing(ModuleNotFoundError("numpi", name="numpi")))


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [(["kind", "--sampels", "3"], "--samples"), (["--sampels=3"], "--samples"), (["kind", "--otu", "x"], "--out")],
)
def test_an_option_that_is_nearly_right_is_suggested(capsys, typed, suggested):
    parser = OneLineParser(prog="program")
    parser.add_argument("--samples")
    parser.add_subparsers().add_parser("kind").add_argument("--out")
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(typed)
    printed = capsys.readouterr()
    assert stop.value.code == 2 and printed.out == "" and printed.err.count("\n") == 1
    assert f"did you mean {suggested}?" in printed.err


def test_an_option_like_no_other_has_no_suggestion(capsys):
    with pytest.raises(SystemExit):
        OneLineParser(prog="program").parse_args(["--quux", "word"])
    assert "did you mean" not in capsys.readouterr().err


def test_the_version_has_one_home_and_what_computes_is_said(capsys):
    with pytest.raises(SystemExit) as stop:
        OneLineParser(prog="program").parse_args(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"program {genmo.runtime.__version__}\n{native.description()}\n"


def test_text_is_read_whatever_the_locale_took_it_for(monkeypatch):
    assert utf8_text("café", "--text") == "café"
    monkeypatch.setattr(cli.os, "fsencode", lambda text: text.encode("ascii", "surrogateescape"))
    assert utf8_text("caf\udcc3\udca9", "--text") == "café"
    with pytest.raises(InputError, match="--text: its bytes are no UTF-8 text"):
        utf8_text("\udcff", "--text")


# A command that prints more than a pipe holds; run_main needs nothing else of genmo, so each run is short.
PRINTS = """
import sys
from genmo.runtime.support.cli import run_main, say
def command():
    print("x" * 100_000)
    print("caf\\u00e9 \\udcff", flush=True)
    say("a note \\u00e9")
sys.exit(run_main("program", command))
"""


def shell(line, **environment):
    """Run a shell line in which $RUN is the command above."""
    given = {"RUN": f"{sys.executable} -c '{PRINTS}'", "PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(["/bin/sh", "-c", f"run() {{ {given['RUN']}; }}\n{line}"], capture_output=True, env=given)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of Unix")
@pytest.mark.parametrize(
    ("line", "status", "errors"),
    [
        ("{ run; echo $? >&3; } 3>&2 | true", b"141", 0),
        ("run > /dev/full; echo $? >&2", b"2", 1),
        ("run 2> /dev/full > /dev/null; echo $? >&2", b"0", 0),
        ("run 2>&- > /dev/null; echo $? >&2", b"0", 0),
        ("run >&-; echo $? >&2", b"0", 1),
        ("run > /dev/null; echo $? >&2", b"0", 1),
    ],
    ids=["closed pipe", "full disk", "full stderr", "closed stderr", "closed stdout", "all is well"],
)
def test_streams_that_cannot_be_written_to(line, status, errors):
    done = shell(line)
    lines = done.stderr.split(b"\n")[:-1]
    assert lines[-1] == status and len(lines) == 1 + errors and b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of Unix")
@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}])
def test_text_is_printed_in_every_locale(locale):
    done = shell("run", **locale)
    assert done.returncode == 0 and done.stdout.endswith("café ".encode() + b"\xff\n")


def test_what_a_motion_is_made_of_is_said_once(capsys):
    """Of two files one would be left out; a number may replace the one before it, as scripts have it."""
    parser = OneLineParser(prog="program")
    parser.add_argument_group("files").add_argument("--edit", action="once")
    parser.add_argument("--pair", action="once", nargs=2, default=())
    parser.add_argument("--seed", type=int)
    values = parser.parse_args(["--edit", "a", "--pair", "b", "c", "--seed", "1", "--seed", "2"])
    assert (values.edit, values.pair, values.seed) == ("a", ["b", "c"], 2)
    for twice in (["--edit", "a", "--edit", "a"], ["--pair", "a", "b", "--pair", "c", "d"]):
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(twice)
        said = capsys.readouterr().err
        assert stop.value.code == 2 and f"{twice[0]}: given twice; wanted it once" in said and said.count("\n") == 1
