"""What a live performer is told, line by line: from the keyboard, a pipe, or datagrams on 127.0.0.1.

A line is a prompt, or an order: `/go X Z [DEGREES]` (m/s in the world, and where to face), `/stop`, `/path X,Z X,Z ...
[@SPEED]` (metres, m/s), `/free` (the prompt leads the way), `/auto` (the words are those of the speed).
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import IO

import numpy as np

from genmo.runtime.streaming.motion_ahead import MotionAhead
from genmo.runtime.streaming.root_plan import RootPath, Stick
from genmo.runtime.support.errors import InputError

ORDERS = "/go X Z [DEGREES], /stop, /path X,Z X,Z ... [@SPEED], /free, /auto, or a prompt"
WALK = 1.2
"""m/s of a path whose line says none"""
LONGEST = 2000
"""characters of a line; the rest of a longer one is left out"""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_POINT = re.compile(rf"({_NUMBER}),({_NUMBER})")


def parse_path(text: str, start: int = 0) -> RootPath:
    """The path of `X,Z X,Z ... [@SPEED]` from frame `start` on.  Raises InputError for anything else."""
    points, _, speed = text.partition("@")
    found = [_POINT.fullmatch(word) for word in points.split()]
    if len(found) < 2 or None in found or (speed and not re.fullmatch(_NUMBER, speed.strip())):
        raise InputError(
            f"got the path {text[:80]!r}; wanted X,Z X,Z ... in metres and @SPEED in m/s, as 0,0 0,3 2,4@1.3"
        )
    places = np.array([[float(one[1]), float(one[2])] for one in found if one is not None])
    return RootPath.through(places, float(speed) if speed else WALK, start)


def follow_line(ahead: MotionAhead, line: str) -> None:
    """Tell the performer what a line says.  Raises InputError for one that cannot be followed."""
    order, _, rest = line.strip()[:LONGEST].partition(" ")
    if not order.startswith("/"):
        if line.strip():
            ahead.prompt = line.strip()[:LONGEST]
    elif order == "/path":
        ahead.command = parse_path(rest, ahead.frame + ahead.lead)
    elif order == "/go":
        ahead.command = _stick(rest)
    elif order in ("/stop", "/free") and not rest.strip():
        ahead.command = Stick() if order == "/stop" else None
    elif order == "/auto" and not rest.strip():
        ahead.prompt = None
    else:
        raise InputError(f"got {line.strip()[:80]!r}; wanted {ORDERS}")


def _stick(rest: str) -> Stick:
    words = rest.split()
    if len(words) not in (2, 3) or not all(re.fullmatch(_NUMBER, word) for word in words):
        raise InputError(f"got /go {rest[:80]}; wanted /go X Z [DEGREES] in m/s, as /go 0 1.3")
    x, z, *facing = (float(word) for word in words)
    return Stick((x, z), float(np.radians(facing[0])) if facing else None)


class Lines:
    """Lines as they come, without waiting for them.

    `stream`: text that a thread reads to its end; `port`: of datagrams on 127.0.0.1, 0 is any free one.
    Raises InputError for a port that cannot be had.
    """

    def __init__(self, stream: IO[str] | None, port: int | None) -> None:
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._socket: socket.socket | None = None
        if port is not None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            try:
                self._socket.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                self._socket.close()
                raise InputError(f"--listen {port}: {error}; wanted a free port, 0 for any") from None
        if stream is not None:
            threading.Thread(target=self._read, args=(stream,), name="genmo-live-lines", daemon=True).start()

    @property
    def port(self) -> int | None:
        """Where datagrams are taken; None: nowhere."""
        return None if self._socket is None else int(self._socket.getsockname()[1])

    def waiting(self) -> Iterator[str]:
        """The lines that have come since the last call."""
        while self._socket is not None:
            try:
                data = self._socket.recv(65536)
            except OSError:  # none is there
                break
            yield from data.decode("utf-8", "replace").splitlines()
        while True:
            try:
                yield self._lines.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        """Let the socket go."""
        if self._socket is not None:
            self._socket.close()

    def _read(self, stream: IO[str]) -> None:
        try:
            for line in stream:
                self._lines.put(line)
        except (OSError, ValueError):  # closed meanwhile
            pass
