"""Open Sound Control 1.0: messages and bundles as bytes (opensoundcontrol.org, "OSC 1.0 specification")."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Value = int | float | str
AT_ONCE = b"\x00\x00\x00\x00\x00\x00\x00\x01"
"""The time tag that means: now."""


def message(address: str, *values: Value) -> bytes:
    """One message; whole numbers are sent as 32-bit integers, others as 32-bit floats, and text in ASCII.

    Raises ValueError for text that is not ASCII or has a zero, struct.error for integers of over 32 bits.
    """
    tags = "," + "".join(
        "s" if isinstance(value, str) else "f" if isinstance(value, float) else "i" for value in values
    )
    packed = (_text(value) if isinstance(value, str) else struct.pack(">" + tag, value)
              for tag, value in zip(tags[1:], values, strict=True))  # fmt: skip
    return _text(address) + _text(tags) + b"".join(packed)


def bundle(messages: Sequence[bytes]) -> bytes:
    """Messages that belong together, to be obeyed at once."""
    parts = (struct.pack(">i", len(one)) + one for one in messages)
    return b"#bundle\x00" + AT_ONCE + b"".join(parts)


def _text(value: str) -> bytes:
    """ASCII, ended by a zero and filled with zeros to a multiple of four."""
    if "\0" in value:
        raise ValueError(f"{value!r} holds a zero, which ends text in OSC")
    data = value.encode("ascii")
    return data + b"\0" * (4 - len(data) % 4)
