"""The web server under `genmo-view` and `genmo-live`: on 127.0.0.1, for the browser of whoever started it.

Every request is answered with a status and a body, whatever it holds: a handler that fails is one line of text with
status 4xx or 5xx, never an empty reply, and nothing is printed on the terminal.
"""

from __future__ import annotations

import os
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from genmo.runtime.support.errors import GenmoError, InputError

HOST = "127.0.0.1"
TIMEOUT = 10.0
"""seconds that a connection may say nothing, or read nothing of its answer"""
MAX_CONNECTIONS = 128
"""answered at a time, each by a thread; more are told to come back"""
MAX_FIELDS = 64
"""of a query"""
_OUR_NAME = re.compile(rf"({re.escape(HOST)}|localhost)(:[0-9]{{1,5}})?", re.ASCII | re.IGNORECASE)
_BUSY = (
    b"HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)
_OWN_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FOREIGN_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data: blob:"
)
"""of files that somebody else may have written: their scripts run in an origin of their own and can fetch nothing"""

Query = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Response:
    """What a request is answered with."""

    body: bytes | Iterator[bytes]
    """an iterator is sent piece by piece until it ends or the reader is gone"""
    content_type: str
    status: HTTPStatus = HTTPStatus.OK
    filename: str | None = None
    """what a browser should call it when it is saved"""
    foreign: bool = False
    """not made by genmo: not trusted with what this server lists"""


def text_response(status: HTTPStatus, line: str) -> Response:
    """A line of plain text."""
    return Response(line.encode("utf-8", "backslashreplace"), "text/plain; charset=utf-8", status)


class LocalServer(ThreadingHTTPServer, ABC):
    """A server on 127.0.0.1 whose answers are made by `respond`; port 0: any free one.

    Raises InputError for a port that cannot be had; `option` is the option that named it.
    """

    daemon_threads = True
    block_on_close = False  # a reader that hangs does not keep the program
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, port: int = 0, option: str = "--port") -> None:
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        if not 0 <= port <= 65535:
            raise InputError(f"{option} is {port}; wanted 0 to 65535")
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"{option} {port} cannot be had ({reason}); wanted a free {option}, or 0 for any"
            ) from None

    @property
    def address(self) -> str:
        """What the browser is given."""
        return f"http://{HOST}:{self.server_port}/"

    @abstractmethod
    def respond(self, path: str, query: Query) -> Response:
        """The answer to GET `path` with the fields of its query; called by many threads.

        A GenmoError becomes its line with status 422, any other exception a line with status 500.
        """

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or say that there are too many already."""
        if not self._free.acquire(blocking=False):
            with suppress(OSError):
                request.setblocking(False)
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread can be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The whole life of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke: nothing, the terminal belongs to the user."""


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer
    timeout = TIMEOUT
    default_request_version = "HTTP/1.0"  # of a line that cannot be read: HTTP/0.9 has no status

    def do_GET(self) -> None:  # the name that http.server calls
        with suppress(OSError):  # the reader has gone
            self._send(self._response())

    do_HEAD = do_GET

    def _response(self) -> Response:
        """The answer, whatever happens."""
        hosts = self.headers.get_all("Host") or []
        # a page elsewhere may give this machine a name of its own, and read what it answers
        if len(hosts) != 1 or not _OUR_NAME.fullmatch(hosts[0].strip()):
            return text_response(HTTPStatus.FORBIDDEN, f"wanted the host {HOST}")
        try:
            url = urlsplit(self.path)
            query = parse_qs(url.query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError as error:
            return text_response(HTTPStatus.BAD_REQUEST, f"not an address that can be read: {error}")
        try:
            return self.server.respond(url.path, query)
        except GenmoError as error:
            return text_response(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(str(error).split()))
        except Exception as error:  # the edge of the server: one bad file must not end the answers to the others
            line = f"this cannot be shown ({type(error).__name__})"
            return text_response(HTTPStatus.INTERNAL_SERVER_ERROR, line)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = {
            "Content-Type": response.content_type,
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": _FOREIGN_POLICY if response.foreign else _OWN_POLICY,
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if isinstance(response.body, bytes):
            headers["Content-Length"] = str(len(response.body))
        if response.filename is not None:
            headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(response.filename)}"
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in (response.body,) if isinstance(response.body, bytes) else response.body:
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal belongs to the user."""
