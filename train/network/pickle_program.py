"""What a pickle would do, told from its opcodes before any of them is run.

A pickle is a program for a stack machine.  Python's machine makes room for the highest memo number that the program
names, and hashes, frees and compares nested parts by recursion in C, which a deep enough nest crashes.  Here the
program is walked with only the nesting of each object on the stack.
"""

from __future__ import annotations

import pickle
import pickletools

MAX_DEPTH = 64
"""Containers, calls and states inside one another; a checkpoint has some ten."""
MAX_OPCODES = 1 << 22
"""A description of 100,000 tensors has as many; each takes 1.5 microseconds."""
_PUT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
_EMPTY = {"EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "EMPTY_TUPLE"}
_CHANGE = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
"""they put the objects above into the one below them on the stack"""


_Kinds = list[pickletools.StackObject]


def _taken(kinds: _Kinds) -> tuple[bool, int]:
    """Whether an opcode takes everything down to a mark, and how many objects it takes below that."""
    names = [kind.name for kind in kinds]
    return "mark" in names, names.index("mark") if "mark" in names else len(names)


_TAKES = {opcode.name: _taken(opcode.stack_before) for opcode in pickletools.opcodes}


class RefusedError(pickle.UnpicklingError):
    """The pickle asks for more than data."""


class _Object:
    """An object of the machine: how deep it nests, and whether it lies in another."""

    __slots__ = ("depth", "placed")

    def __init__(self) -> None:
        self.depth, self.placed = 0, False

    def take(self, parts: list[_Object]) -> _Object:
        """Put objects into this one.  Raises RefusedError for a nest too deep, and where a cycle could begin."""
        if parts and (self.placed or self in parts):
            raise RefusedError("it changes a part after it was put in its place")
        for part in parts:
            self.depth = max(self.depth, part.depth + 1)
            part.placed = True
        if self.depth > MAX_DEPTH:
            raise RefusedError(f"it nests over {MAX_DEPTH} deep")
        return self


_PLAIN = _Object()
"""every number, text and name: it takes no part in nesting"""


def check_pickle(described: bytes) -> None:
    """Refuse a pickle that could exhaust the memory or the stack of who loads it.

    Raises RefusedError for nests over `MAX_DEPTH`, cycles, memo numbers beyond its own size and more than
    `MAX_OPCODES` opcodes, and what `pickletools` raises (ValueError, IndexError) for one that is damaged.
    """
    stack: list[_Object | None] = []  # None: a mark
    memo: dict[int, _Object | None] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(described)):
        name = opcode.name
        if count > MAX_OPCODES:
            raise RefusedError(f"it has over {MAX_OPCODES} opcodes")
        if name in _PUT:
            number = argument if isinstance(argument, int) else len(memo)
            if number > len(described):
                raise RefusedError(f"it numbers its parts up to {number}")
            memo[number] = stack[-1]
        elif name in _GET:
            stack.append(memo[argument] if isinstance(argument, int) else None)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "MARK":
            stack.append(None)
        elif _TAKES[name] == (False, 0):
            stack.append(_Object() if name in _EMPTY else _PLAIN)
        else:
            _run(opcode, stack)


def _run(opcode: pickletools.OpcodeInfo, stack: list[_Object | None]) -> None:
    """One opcode that takes objects off the stack."""
    to_mark, count = _TAKES[opcode.name]
    taken: list[_Object] = []
    while to_mark and (top := stack.pop()) is not None:
        taken.append(top)
    taken += [part for part in (stack.pop() for _ in range(count)) if part is not None]
    target = taken.pop() if opcode.name in _CHANGE else _Object()
    parts = [part for part in taken if part is not _PLAIN]
    if opcode.stack_after:
        stack.append(target if target is _PLAIN else target.take(parts))
