"""One request and its answer, whatever happens in between.

Admits so many requests at a time, reads their bodies for so long, ends the work when the client has gone, answers
exceptions in the protocol's envelope, packs glTF as binary where that is asked for, and writes down and counts it all.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextlib import suppress

from motionmcp import ProtocolError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genmo.runtime.serve.access import refusal
from genmo.runtime.serve.binary import GLTF_BINARY, packed, wants_binary
from genmo.runtime.serve.metrics import Metrics
from genmo.runtime.serve.settings import ServeSettings

log = logging.getLogger("genmo.serve")

PATHS = ("/capabilities", "/generate", "/health", "/length", "/metrics")
"""counted by name; all others together"""
RETRY_AFTER = {429: "5", 503: "5", 504: "30"}
"""status -> seconds"""
CLOSED = 499
"""the status that is written down when nobody waits for the answer; nothing is sent"""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Exchange:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._admitted = self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        start = time.perf_counter()
        heavy = scope["method"] == "POST"
        size = _stated_size(scope, self._settings.max_body) if heavy else 0
        try:
            full = self._admitted >= self._settings.admitted or self._held + size > self._settings.max_held
            if heavy and full:
                busy = ProtocolError("resource_exhausted", "too many requests at a time; try again in a few seconds")
                await refusal(busy)(scope, receive, answer.send)
                return
            self._admitted += heavy
            self._held += size
            try:
                await self._run(scope, receive, answer)
            finally:
                self._admitted -= heavy
                self._held -= size
        finally:
            self._write_down(scope, answer, time.perf_counter() - start)

    async def _run(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Run the application until it has answered or the client has gone."""
        line = _Line(receive, self._settings.body_timeout)
        work = asyncio.ensure_future(self._app(scope, line.receive, answer.send))
        gone = asyncio.ensure_future(line.gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                answer.hung_up = not answer.complete
            await work
        except asyncio.CancelledError:
            if not answer.hung_up:
                work.cancel()
                raise
        except ClientDisconnect:
            answer.hung_up = True
        except Exception as error:
            await self._failed(scope, receive, answer, error)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _failed(self, scope: Scope, receive: Receive, answer: _Answer, error: Exception) -> None:
        """Answer an exception that the application has not."""
        if isinstance(error, ProtocolError):
            told = error
        else:
            log.error("a request could not be answered", exc_info=error, extra={"request_id": answer.request_id})
            told = ProtocolError("internal_error", "the server failed at this request; its log says where")
        if not answer.started:
            await refusal(told)(scope, receive, answer.send)

    def _write_down(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        path = scope["path"] if scope["path"] in PATHS else "other"
        status = CLOSED if answer.hung_up else answer.status
        if answer.hung_up:
            self._metrics.hung_up.inc()
        self._metrics.requests.labels(path, str(status), answer.code).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        client = scope.get("client") or ("", 0)
        log.info(
            "request",
            extra={
                "request_id": answer.request_id,
                "method": scope["method"],
                "path": scope["path"][:200],
                "status": status,
                "code": answer.code,
                "milliseconds": round(1000 * seconds),
                "bytes": answer.bytes,
                "client": client[0],
            },
        )


class _Line:
    """What comes from the client: the body, within its time, and then whether it has gone."""

    def __init__(self, receive: Receive, body_timeout: float) -> None:
        self._receive, self._timeout = receive, body_timeout
        self._read = asyncio.Event()
        self._deadline = asyncio.get_running_loop().time() + body_timeout

    async def receive(self) -> Message:
        """The next message for the application.  Raises ProtocolError `timeout` for a body that does not come."""
        if self._read.is_set():  # the client is watched; nothing more comes for the application
            await asyncio.Event().wait()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise ProtocolError("timeout", f"the body did not arrive within {self._timeout:g} s") from None
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._read.set()
        return message

    async def gone(self) -> None:
        """Wait for the client to go, after its body."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Answer:
    """What goes to the client, and what is to be known of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        self.started = self.complete = self.hung_up = False
        self.status, self.code, self.bytes = 500, "", 0
        self._send = send
        self._idempotent = "idempotency-key" in headers
        self._binary = scope["path"] == "/generate" and wants_binary(headers.get("accept", ""))
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Send a message on, as it should look; a body is kept back until it is whole."""
        if message["type"] == "http.response.start":
            self.started, self._start = True, message
            return
        assert self._start is not None
        self._body.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(self._body)
        self._body.clear()
        headers = MutableHeaders(scope=self._start)
        self.status = self._start["status"]
        if self.status >= 400:
            self.code = _code(body)
        elif self._binary and headers.get("content-type", "").startswith("model/gltf+json"):
            body = await asyncio.to_thread(packed, body)
            headers["content-type"] = GLTF_BINARY
        self._finish(headers, len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})
        self.complete = True

    def _finish(self, headers: MutableHeaders, length: int) -> None:
        self.bytes = length
        if self.status != 204:
            headers["content-length"] = str(length)
        headers["x-request-id"] = self.request_id
        headers["x-content-type-options"] = "nosniff"
        if self.status in RETRY_AFTER:
            headers["retry-after"] = RETRY_AFTER[self.status]
        if self._idempotent:
            headers["idempotency-status"] = "declined"  # the same seed gives the same motion, so nothing is kept


def _stated_size(scope: Scope, largest: int) -> int:
    """Bytes that the body of a request may take: what it says, and the most where it says nothing."""
    stated = Headers(scope=scope).get("content-length", "")
    return min(int(stated), largest) if stated.isascii() and stated.isdigit() else largest


def _code(body: bytes) -> str:
    """The error code in an envelope."""
    found = re.match(rb'\{"error":\{"code":"([a-z_]{1,40})"', body)
    return found[1].decode() if found else ""
