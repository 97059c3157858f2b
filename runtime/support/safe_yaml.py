"""YAML that somebody else wrote, through the gate of `safe_read`: bounded in bytes, depth and number of parts.

Nothing in such a file can name a Python type.  Aliases are followed only where nodes are read, which costs nothing;
values with aliases could grow tenfold a line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_text

MAX_BYTES = 2**18
MAX_DEPTH = 20
"""Lists and maps inside one another."""
LONGEST_NUMBER = 100
MAX_PARTS = 30_000
"""Lists, maps, keys and values; PyYAML takes 40 microseconds for each."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no stubs
    """Composes nodes until a limit is met; `problem` says then which."""

    aliases = True
    parts, depth = 0, 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.parts += 1
        self.depth += 1
        mark = self.peek_event().start_mark
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", mark)
        if self.parts > MAX_PARTS:
            raise yaml.composer.ComposerError(None, None, f"over {MAX_PARTS} keys and values", mark)
        if not self.aliases and self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "holds an alias (*name), write the value out", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _ValueLoader(_Loader):
    aliases = False

    def long_number(self, node: Any) -> Any:
        """An integer; in parts of sixty (1:30:00) its time grows with the square of its length."""
        if len(node.value) > LONGEST_NUMBER:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number of {len(node.value)} letters", node.start_mark
            )
        return self.construct_yaml_int(node)


_ValueLoader.add_constructor("tag:yaml.org,2002:int", _ValueLoader.long_number)


def compose_yaml(path: str | Path, expected: str) -> yaml.Node | None:
    """The document of a YAML file as nodes, which know their lines; None for an empty one.

    Raises InputError with file and line for what is not YAML or over the limits.
    """
    text = read_text(path, expected, MAX_BYTES)
    node: yaml.Node | None = _read(lambda: _Loader(text).get_single_node(), str(path), expected)
    return node


def read_yaml(path: str | Path, expected: str) -> Any:
    """The value in a YAML file, of plain Python types; raises InputError as `compose_yaml` does."""
    text = read_text(path, expected, MAX_BYTES)
    return parse_yaml(text, str(path), expected)


def parse_yaml(text: str, source: str, expected: str) -> Any:
    """The value in a YAML text; raises InputError as `compose_yaml` does."""
    return _read(lambda: _ValueLoader(text).get_single_data(), source, expected)


def _read(read: Any, source: str, expected: str) -> Any:
    try:
        return read()
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(
            f"{source}{line}: not YAML ({first_line(ValueError(error.problem))}); wanted {expected}"
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # ValueError: a date that is none
        raise InputError(f"{source}: not YAML ({first_line(error)}); wanted {expected}") from None
