"""genmo-serve: motions over HTTP for animation tools, in the Motion Model Context Protocol (MMCP)."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genmo.runtime.cli.run_options import DETECTOR_HELP, POSE_HELP
from genmo.runtime.serve.settings import MEGABYTE, ServeSettings
from genmo.runtime.support.cli import OneLineParser, run_main, say
from genmo.runtime.support.cpus import usable_cpus
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_text

PROGRAM = "genmo-serve"
TOKEN = "GENMO_SERVE_TOKEN"
"""environment variable with the token"""
SHORTEST_TOKEN = 16
MOST_TOKEN = 4096
"""bytes of a file with a token"""
ORIGIN = re.compile(r"\*|null|https?://[^/\s]+")
"""as browsers send them"""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
BOUNDS = {
    "port": (0, 65535),
    "concurrency": (1, 64),
    "queue": (0, 10000),
    "timeout": (1, 3600),
    "max_seconds": (1, 600),
    "max_samples": (1, 16),
    "tries": (1, 64),
    "max_mb": (1, 1024),
    "max_video_mb": (1, 512),
    "max_video_seconds": (1, 600),
    "threads": (0, 1024),
}
"""option -> least and most"""


@dataclass(frozen=True)
class ServeOptions:
    """What `genmo-serve` was asked to do."""

    settings: ServeSettings
    engine: str | None
    backend: str | None
    device: str | None
    threads: int
    json_logs: bool


def parser() -> OneLineParser:
    """The command line."""
    defaults = ServeSettings()
    options = OneLineParser(
        prog=PROGRAM,
        description="Serve motions to animation tools that speak MMCP (Blender, Godot and others): docs/serving.md.",
        epilog=f"Example: {PROGRAM} --port 8000",
    )
    add = options.add_argument_group("who may ask").add_argument
    add("--host", default=defaults.host, help="address to listen on (default: %(default)s, this machine only)")
    add("--port", type=int, default=defaults.port, help="port to listen on; 0: any free one (default: %(default)s)")
    add("--token-file", metavar="FILE",
        help=f"file with the token that clients must send; or {TOKEN} in the environment")  # fmt: skip
    add("--open", action="store_true", help="listen for other machines without a token")
    add("--allow-origin", action="append", default=[], metavar="ORIGIN",
        help="web pages that may ask (CORS), as https://example.org; repeatable")  # fmt: skip
    add("--allow-host", action="append", default=[], metavar="NAME",
        help="name under which the server may be called besides 127.0.0.1 and localhost; repeatable")  # fmt: skip
    add = options.add_argument_group("how much").add_argument
    add("--concurrency", type=int, default=defaults.concurrency, metavar="N",
        help="motions made at a time (default: %(default)s)")  # fmt: skip
    add("--queue", type=int, default=defaults.queue, metavar="N",
        help="requests that may wait; more are told to come back (default: %(default)s)")  # fmt: skip
    add("--timeout", type=float, default=defaults.timeout, metavar="S",
        help="seconds for a motion, waiting included (default: %(default)g)")  # fmt: skip
    add("--max-seconds", type=float, default=defaults.max_seconds, metavar="S",
        help="longest motion (default: %(default)g)")  # fmt: skip
    add("--max-samples", type=int, default=defaults.max_samples, metavar="N",
        help="most samples of a motion (default: %(default)s)")  # fmt: skip
    add(
        "--tries",
        type=int,
        default=defaults.tries,
        metavar="N",
        help="takes of each motion; the one that does most of what its texts say is kept (default: %(default)s)",
    )
    add("--max-mb", type=int, default=defaults.max_body // MEGABYTE, metavar="MB",
        help="largest body of a request (default: %(default)s)")  # fmt: skip
    add = options.add_argument_group("videos (video_reference)").add_argument
    add("--pose", metavar="NAME|FILE.onnx", help=POSE_HELP)
    add("--detector", metavar="FILE.onnx", help=DETECTOR_HELP)
    add("--video-urls", action="store_true",
        help="fetch videos that requests name by https, from public addresses only")  # fmt: skip
    add("--max-video-mb", type=int, default=defaults.max_video // MEGABYTE, metavar="MB",
        help="largest video (default: %(default)s)")  # fmt: skip
    add("--max-video-seconds", type=float, default=defaults.max_video_seconds, metavar="S",
        help="longest stretch of a video (default: %(default)g)")  # fmt: skip
    add = options.add_argument_group("with what").add_argument
    add("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    add("--model-id", default=defaults.model_id, metavar="NAME",
        help="the model's name for clients (default: %(default)s)")  # fmt: skip
    add("--backend", choices=("native", "onnxruntime", "openvino", "tensorrt"),
        help="inference library (default: the best here)")  # fmt: skip
    add("--device", choices=("cpu", "cuda"), help="where the network runs (default: the best here)")
    add("--threads", type=int, default=0, metavar="N", help="CPU threads a motion (default: all cores / --concurrency)")
    add("--log", choices=("json", "text"), default="json",
        help="how requests are written to stderr (default: %(default)s)")  # fmt: skip
    return options


def read_options(arguments: Sequence[str] | None) -> ServeOptions:
    """The options of the command line.  Raises InputError for those that cannot be used or do not go together."""
    values: dict[str, Any] = vars(parser().parse_args(arguments))
    for name, (least, most) in BOUNDS.items():
        if not least <= values[name] <= most:
            raise InputError(f"--{name.replace('_', '-')} is {values[name]:g}; wanted {least} to {most}")
    token = _token(values["token_file"])
    if values["host"] not in LOOPBACK and token is None and not values["open"]:
        raise InputError(
            f"--host {values['host']} lets other machines in without a token; wanted --token-file FILE, {TOKEN} in the "
            "environment, or --open"
        )
    for origin in values["allow_origin"]:
        if not ORIGIN.fullmatch(origin):
            raise InputError(f"--allow-origin {origin[:80]!r}; wanted one such as https://example.org, no path, or *")
    if not values["model_id"].strip():
        raise InputError("--model-id is empty; wanted a name")
    settings = ServeSettings(
        model_id=values["model_id"],
        host=values["host"],
        port=values["port"],
        token=token,
        origins=tuple(values["allow_origin"]),
        hosts=tuple(name.lower() for name in values["allow_host"]),
        concurrency=values["concurrency"],
        queue=values["queue"],
        timeout=values["timeout"],
        max_body=values["max_mb"] * MEGABYTE,
        max_seconds=values["max_seconds"],
        max_samples=values["max_samples"],
        tries=values["tries"],
        video_urls=values["video_urls"],
        max_video=values["max_video_mb"] * MEGABYTE,
        max_video_seconds=values["max_video_seconds"],
        pose=values["pose"],
        detector=values["detector"],
    )
    threads = values["threads"] or max(1, len(usable_cpus()) // settings.concurrency)
    return ServeOptions(
        settings, values["engine"], values["backend"], values["device"], threads, values["log"] == "json"
    )


def _token(path: str | None) -> str | None:
    """The token of the file, or of the environment; None without either."""
    if path is not None:
        token = read_text(path, "a file with the token that clients must send", MOST_TOKEN).strip()
    else:
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            return None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or not token.isascii() or " " in token:
        raise InputError(
            f"the token is {len(token)} characters; wanted at least {SHORTEST_TOKEN} letters and digits: python -c "
            '"import secrets; print(secrets.token_urlsafe())"'
        )
    return token


def run(options: ServeOptions) -> None:
    """Serve until the process is told to stop.  Raises GenmoError for an engine or an address that cannot be had."""
    import uvicorn

    from genmo.runtime.model import MotionModel
    from genmo.runtime.serve.app import application
    from genmo.runtime.serve.logs import log_as_json, log_as_text
    from genmo.runtime.serve.videos import people_finder

    settings = options.settings
    with _listen(settings) as listening:
        model = MotionModel.load(
            options.engine, backend=options.backend, device=options.device, threads=options.threads
        )
        opened = people_finder(settings, model.device, options.threads)
        if opened is None:
            say(f"{PROGRAM}: no pose network, so no video_reference; genmo-get-pose gets one")
        (log_as_json if options.json_logs else log_as_text)()
        config = uvicorn.Config(
            application(model, settings, opened),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=15,
            timeout_graceful_shutdown=round(settings.drain),
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        say(
            f"{PROGRAM}: http://{host}:{listening.getsockname()[1]} serves {settings.model_id} ({model.backend}, "
            f"{model.device}); Ctrl-C ends it"
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: ServeSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(
            f"{settings.host}:{settings.port}: {why}; wanted an address of this machine, and a free --port"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad options, a missing library or an address that is taken (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)), extra="serve")


if __name__ == "__main__":
    sys.exit(main())
