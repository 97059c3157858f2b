"""The API reference: what the docstrings of the runtime's public names say, on one page of Markdown.

    python docs/api.py build/api.md

The page is made, never edited or committed: the docstrings are the truth.  Exit status: 0 written, 1 a public name
has no docstring.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import genmo.runtime
from genmo.runtime import bulk, formats
from genmo.runtime.streaming import motion_stream
from genmo.runtime.support.atomic_write import write_aside

MODULES = (genmo.runtime, formats, motion_stream, bulk)
"""where public names live; a name is listed under the first that has it"""


def public_names() -> Iterator[tuple[str, str, Any]]:
    """Module, name and value of every public class and function, each once, as users import them."""
    told: set[int] = set()
    for module in MODULES:
        for name in getattr(module, "__all__", None) or sorted(vars(module)):
            value = getattr(module, name)
            named = inspect.isclass(value) or inspect.isfunction(value)
            here = hasattr(module, "__all__") or getattr(value, "__module__", "") == module.__name__
            if named and here and not name.startswith("_") and id(value) not in told:
                told.add(id(value))
                yield module.__name__, name, value


def members(value: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that a class defines itself, in order of definition."""
    for name, member in vars(value).items():
        inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if not name.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property)):
            yield name, inner


def undocumented() -> list[str]:
    """Public names and methods without a docstring; a property that says what it is by its name and type may do so."""
    silent = []
    for module, name, value in public_names():
        if not inspect.getdoc(value):
            silent.append(f"{module}.{name}")
        for method, inner in members(value) if inspect.isclass(value) else ():
            if inspect.isfunction(inner) and not inspect.getdoc(inner):
                silent.append(f"{module}.{name}.{method}")
    return silent


def call_of(name: str, function: Any) -> str:
    """A function with its parameters as they are written, one a line where there are many."""
    signature = inspect.signature(function)
    given = [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "cls")]
    parts = [written(parameter) for parameter in given]
    kinds = [parameter.kind for parameter in given]
    only = kinds.index(inspect.Parameter.KEYWORD_ONLY) if inspect.Parameter.KEYWORD_ONLY in kinds else None
    if only is not None and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(only, "*")
    returned = signature.return_annotation
    arrow = "" if returned in (inspect.Signature.empty, "None") else f" -> {returned}"
    line = f"{name}({', '.join(parts)}){arrow}"
    return line if len(line) <= 100 else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){arrow}"


def written(parameter: inspect.Parameter) -> str:
    """A parameter with its type and default; a default too long to read is three dots."""
    text = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "") + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {parameter.annotation}"
    if parameter.default is parameter.empty:
        return text
    default = getattr(parameter.default, "__name__", None) or repr(parameter.default)
    return f"{text} = {default if len(default) < 40 and chr(10) not in default else '...'}"


def attribute_notes(value: type) -> dict[str, str]:
    """What the strings under the fields of a dataclass say."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    assert isinstance(tree, ast.ClassDef)
    notes = {}
    for field, note in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(note, ast.Expr):
            if isinstance(note.value, ast.Constant) and isinstance(note.value.value, str):
                notes[field.target.id] = " ".join(note.value.value.split())
    return notes


def class_part(name: str, value: type) -> list[str]:
    """The fields, properties and methods of a class."""
    lines = []
    if dataclasses.is_dataclass(value):
        notes = attribute_notes(value)
        for field in dataclasses.fields(value):
            note = notes.get(field.name)
            lines.append(f"- `{field.name}: {field.type}`" + (f": {note}" if note else ""))
        lines += [""] * bool(lines)
    elif "__init__" in vars(value):
        lines += ["```python", call_of(name, value.__init__), "```", ""]
    for method, inner in members(value):
        if isinstance(inner, property):
            note = " ".join((inspect.getdoc(inner) or "").split())
            lines += [f"`{name}.{method}`" + (f": {note}" if note else ""), ""]
        else:
            lines += ["```python", call_of(f"{name}.{method}", inner), "```", "", inspect.getdoc(inner) or "", ""]
    return lines


def page() -> str:
    """The whole reference."""
    lines = ["# API reference", "", "Made from the docstrings by `make api`. World: right-handed, y up, metres.", ""]
    last = ""
    for module, name, value in public_names():
        if module != last:
            lines += [f"## {module}", "", (inspect.getdoc(sys.modules[module]) or "").splitlines()[0], ""]
            last = module
        lines += [f"### {name}", ""]
        if inspect.isclass(value):
            lines += [inspect.getdoc(value) or "", "", *class_part(name, value)]
        else:
            lines += ["```python", call_of(name, value), "```", "", inspect.getdoc(value) or "", ""]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    options = argparse.ArgumentParser(description="Write the API reference.")
    options.add_argument("out", type=Path, help="the page, .md")
    args = options.parse_args(arguments)
    silent = undocumented()
    if silent:
        print(f"no docstring: {', '.join(silent)}", file=sys.stderr)
        return 1
    write_aside(args.out, page())
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
