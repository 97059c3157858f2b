"""The web application: the SDK's own for one backbone; `/length`, `/health`, `/metrics`; and the gate before it."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from motionmcp import ProtocolError, build_app
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS
from genmo.runtime.serve.access import Access
from genmo.runtime.serve.backbone import GenmoBackbone
from genmo.runtime.serve.exchange import Exchange
from genmo.runtime.serve.lengths import length_answer
from genmo.runtime.serve.metrics import Metrics
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.serve.videos import Opened
from genmo.runtime.support.version import __version__

log = logging.getLogger("genmo.serve")


def application(model: MotionModel, settings: ServeSettings, opened: Opened | None = None) -> ASGIApp:
    """The ASGI application that serves one model; `opened` opens the networks that look at videos."""
    metrics = Metrics()
    if opened is not None:
        settings = settings.with_videos()
    backbone = GenmoBackbone(model, settings, metrics, opened)
    app = build_app(backbone, title="genmo")
    _add_routes(app, backbone, metrics)
    _add_length(app, model, settings)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(TypeError, _wrong_shape)
    return Exchange(Access(app, settings), settings, metrics)


def _add_routes(app: FastAPI, backbone: GenmoBackbone, metrics: Metrics) -> None:
    async def health() -> JSONResponse:
        ready = backbone.jobs is not None
        body = {"status": "ok" if ready else "starting", "retargeting": "ready", "version": __version__}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def counted() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/metrics", counted, methods=["GET"])


def _add_length(app: FastAPI, model: MotionModel, settings: ServeSettings) -> None:
    async def length(request: Request) -> Response:
        asked = request.query_params
        return length_answer(model, settings, asked.get("prompt", ""), asked.get("fps", f"{FPS:g}"))

    app.add_api_route("/length", length, methods=["GET"])


async def _wrong_shape(_: Request, error: Exception) -> JSONResponse:
    """What SDK 0.13 trips over before it validates: a segment whose `type` is a list, for one.

    Whatever goes wrong in the backbone is a ProtocolError by then, so a TypeError is the body's.
    """
    log.warning("a body of the wrong shape", exc_info=error)
    told = ProtocolError("schema_validation", "request fails schema validation: an object or list where a name belongs")
    return JSONResponse(told.to_envelope(), status_code=told.status_code)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    """What no route answers, in the protocol's envelope."""
    assert isinstance(error, HTTPException)
    said = {404: "no such path", 405: "no such method here"}.get(error.status_code, str(error.detail))
    envelope = {"error": {"code": "invalid_request", "message": f"{said}; wanted GET /capabilities or POST /generate"}}
    envelope["error"]["details"] = {}  # type: ignore[assignment]
    return JSONResponse(envelope, status_code=error.status_code, headers=error.headers)
