"""What a model tells of a request that it has answered."""

from __future__ import annotations

Note = dict[str, str]


def note(code: str, message: str, severity: str = "info") -> Note:
    """A note of the protocol's `MMCP_motion` extension."""
    return {"code": code, "severity": severity, "message": message}


class Stopped(Exception):
    """Nobody waits for this motion any more."""
