"""What every command shares: a parser whose errors are one line, and `run_main`, which every `main` goes through."""

from __future__ import annotations

import argparse
import codecs
import difflib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, NoReturn

from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.native import description
from genmo.runtime.support.version import __version__

DISTRIBUTION = "genmo-motion"
"""the name on the package index; the package is imported as `genmo`"""
BAD_INPUT = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells count"""
CLOSED_PIPE = 141
"""128 + SIGPIPE"""
_UNRECOGNIZED = "unrecognized arguments: "


class OneLineParser(argparse.ArgumentParser):
    """A parser with `--version`, whose errors are one line on stderr and exit status 2, without the usage in front.

    Options of the action "once" are refused a second time.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("action", "once", _Once)
        about = "show the version, and whether libgenmo computes, and exit"
        self.add_argument("--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help=about)

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with status 2."""
        line = one_line(f"{message}{self._suggestion(message)}")
        say(f"{self.prog}: error: {line}; see {self.prog} --help")
        raise SystemExit(BAD_INPUT)

    def _suggestion(self, message: str) -> str:
        """The option that an unknown one was probably meant to be."""
        if not message.startswith(_UNRECOGNIZED):
            return ""
        typed = message.removeprefix(_UNRECOGNIZED).split()[0].split("=")[0]
        similar = difflib.get_close_matches(typed, _option_names(self), n=1) if typed.startswith("-") else []
        return f"; did you mean {similar[0]}?" if similar else ""


class _Once(argparse.Action):
    """Stores what a motion is made of or goes to: of two files, one would be left out without a word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) != self.default:
            raise argparse.ArgumentError(self, "given twice; wanted it once")
        setattr(namespace, self.dest, values)


class _Version(argparse.Action):
    """Prints the version and whether libgenmo is there, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"{parser.prog} {__version__}\n{description()}")
        parser.exit()


def _option_names(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every option of a parser and of its subcommands."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _option_names(subparser)


def install_hint(extra: str) -> str:
    """The command that installs an extra of `pyproject.toml`."""
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def run_main(program: str, command: Callable[[], int | None], *, extra: str = "") -> int:
    """Run a command and return its exit status; every `main` of genmo is a call of this.

    0: done.  2, with one line on stderr: a GenmoError (or its own `exit_status`), too little memory, a file that
    cannot be read or written, an output that is full.  130: Ctrl-C.  141: whoever read the output has closed it.
    `extra`: the extra of `pyproject.toml` that brings the libraries which `command` imports; without one of them its
    pip command is the line.  Any other exception is a bug and passes.  SystemExit passes as well (bad options, --help).
    """
    _prepare_streams()
    try:
        status = command() or 0
        sys.stdout.flush()
        return status
    except SystemExit:
        with suppress(OSError):
            sys.stdout.flush()
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return CLOSED_PIPE
    except GenmoError as error:
        say(f"{program}: error: {one_line(str(error))}")
        return error.exit_status
    except (MemoryError, OSError) as error:
        say(f"{program}: error: {one_line(_reason(error))}")
        return BAD_INPUT
    except ModuleNotFoundError as error:
        if not extra or (error.name or "genmo").split(".")[0] == "genmo":
            raise
        say(f"{program}: error: {error.name} is not installed; wanted: {install_hint(extra)}")
        return BAD_INPUT
    finally:
        for stream in (sys.stdout, sys.stderr):
            _drop_unwritten(stream)


def _prepare_streams() -> None:
    """Make the standard streams able to take any text: one that is closed swallows it, stdout prints file names byte by
    byte as they are on the disk, and stderr escapes what the terminal does not have."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us: print() would then write errors to stdout
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="replace"))
        elif hasattr(stream, "reconfigure"):
            keeps_bytes = codecs.lookup(stream.encoding).name in ("utf-8", "ascii")
            errors = "surrogateescape" if keeps_bytes and name == "stdout" else "backslashreplace"
            stream.reconfigure(errors=errors)


def say(line: str) -> None:
    """Print a line on stderr, where that can still be written to."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """The text with single spaces for its line breaks."""
    return " ".join(text.split())


def _reason(error: MemoryError | OSError) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory for this length and number of samples; ask for less"
    what = error.strerror or str(error) or type(error).__name__
    where = "the output" if error.filename is None else os.fsdecode(error.filename)
    return f"{where}: {what}; wanted a file or folder that can be used, with room on the disk"


def _drop_unwritten(stream: IO[str]) -> None:
    """Point a stream that cannot be written to nowhere: Python flushes it again when it ends, and would complain."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def utf8_text(argument: str, option: str) -> str:
    """An argument that is text, whatever the locale took its bytes for.  Raises InputError for bytes that are no UTF-8.

    Bytes that Python cannot read in the terminal's encoding arrive as lone surrogates.
    """
    try:
        argument.encode()
        return argument
    except UnicodeEncodeError:
        pass
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        raise InputError(f"{option}: its bytes are no UTF-8 text; wanted a terminal or a script in UTF-8") from None
