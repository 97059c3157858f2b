"""Who may ask: a token, web pages of known origins (CORS), and names under which the server may be called.

A server on the own machine answers everybody there, web pages in its browser included: without the last two any page
that is open could have motions made, or read them by pointing a name of its own at 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from motionmcp import ProtocolError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genmo.runtime.serve.settings import ServeSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN_PATHS = ("/health",)
"""what load balancers ask without a token; they call it by address, so it has no name to be checked either"""
METHODS = "GET, POST, OPTIONS"
PREFLIGHT_AGE = "600"


class Access:
    """Lets an application be asked only by whom the settings allow."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings
        self._names = {*LOOPBACK, *settings.hosts, settings.host} if settings.host in LOOPBACK else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed = origin is not None and ("*" in self._settings.origins or origin in self._settings.origins)
        try:
            if scope["path"] not in OPEN_PATHS:
                self._check_name(headers)
                self._check_origin(origin, allowed)
            if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                answer: ASGIApp = Response(status_code=204, headers=_preflight(headers))
            else:
                if scope["path"] not in OPEN_PATHS:
                    self._check_token(headers)
                answer = self._app
        except ProtocolError as error:
            answer = refusal(error)
        await answer(scope, receive, _with_origin(send, origin) if allowed and origin is not None else send)

    def _check_name(self, headers: Headers) -> None:
        if self._names is None:
            return
        name = headers.get("host", "")
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name.lower() not in self._names:
            raise ProtocolError("forbidden", f"the server is not called {name[:80]!r}; wanted --allow-host {name[:80]}")

    def _check_origin(self, origin: str | None, allowed: bool) -> None:
        if origin is not None and not allowed:
            raise ProtocolError(
                "forbidden", f"pages of {origin[:80]!r} may not ask; wanted --allow-origin {origin[:80]}"
            )

    def _check_token(self, headers: Headers) -> None:
        token = self._settings.token
        if token is None:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode())
        if kind.lower() != "bearer" or not same:
            raise ProtocolError(
                "unauthorized", "wanted the header Authorization: Bearer TOKEN, with this server's token"
            )


def refusal(error: ProtocolError, more: Mapping[str, str] | None = None) -> JSONResponse:
    """An error of the protocol as a response."""
    headers = dict(more or {})
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.to_envelope(), status_code=error.status_code, headers=headers)


def _preflight(headers: Headers) -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
        "Access-Control-Max-Age": PREFLIGHT_AGE,
    }


def _with_origin(send: Send, origin: str) -> Send:
    """`send` that tells a browser that the page may read the answer."""

    async def with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
            headers.add_vary_header("Origin")
        await send(message)

    return with_origin
