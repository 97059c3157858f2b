"""genmo-serve's application on all machines of a Ray cluster, or as several processes of this one.

    pip install "genmo-motion[serve,scaling]"
    python examples/ray_serve.py --replicas 2

Ray Serve's proxy gives each request to a replica that has room and starts another for one that dies.  It listens on
127.0.0.1 unless told; for other machines it wants a token in GENMO_SERVE_TOKEN, and something before it that encrypts.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from typing import Any

from genmo.runtime.model import MotionModel
from genmo.runtime.serve.app import application
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.support.errors import GenmoError, InputError

HERE = ("127.0.0.1", "localhost", "::1")
"""addresses that only this machine reaches"""


class Motions:
    """The ASGI application, made where it runs: Ray sends this object to its workers, and a model does not travel."""

    def __init__(self, engine: str | None, threads: int, settings: ServeSettings) -> None:
        self.engine, self.threads, self.settings = engine, threads, settings
        self._made: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._made is None:  # with the first message, which tells that the replica starts
            self._made = application(MotionModel.load(self.engine, threads=self.threads), self.settings)
        await self._made(scope, receive, send)


def serve_on_ray(
    replicas: int, settings: ServeSettings, *, engine: str | None = None, threads: int = 1, cluster: str | None = None
) -> Any:
    """Start the replicas, each with a model of its own, and return Ray's `serve`; `cluster`: the address of one.

    Raises InputError without Ray, and GenmoError for an engine that cannot be had.
    """
    try:
        import ray
        from ray import serve
    except ImportError:
        raise InputError('Ray is not installed; this example wants: pip install "genmo-motion[scaling]"') from None
    MotionModel.load(engine, threads=threads)  # what is wrong with the engine is told here, once
    own = None if cluster else max(os.cpu_count() or 1, replicas * threads)
    ray.init(address=cluster, num_cpus=own, include_dashboard=None if cluster else False, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers have genmo, not this file
    serve.start(http_options={"host": settings.host, "port": settings.port})
    room = {"max_ongoing_requests": settings.admitted, "ray_actor_options": {"num_cpus": threads}}

    @serve.deployment(name="genmo", num_replicas=replicas, health_check_period_s=2, **room)
    @serve.ingress(Motions(engine, threads, settings))
    class Deployment:
        """What Ray calls a deployment; the application does the work."""

    serve.run(Deployment.bind(), name="genmo", route_prefix="/")
    return serve


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 ended by Ctrl-C or SIGTERM, 2 bad input."""
    options = argparse.ArgumentParser(description="genmo-serve's application as replicas of Ray Serve.")
    options.add_argument("--replicas", type=int, default=2, help="default: %(default)s")
    options.add_argument("--threads", type=int, default=1, help="of each (default: %(default)s)")
    options.add_argument("--engine", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--cluster", metavar="ADDRESS", help="of a Ray cluster (default: this machine alone)")
    options.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    options.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    options.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="under which it is called")
    args = options.parse_args(arguments)
    if args.replicas < 1 or args.threads < 1:
        options.error(f"--replicas {args.replicas}, --threads {args.threads}; wanted at least 1 of each")
    token = os.environ.get("GENMO_SERVE_TOKEN", "").strip() or None
    if token is None and args.host not in HERE:
        options.error(f"--host {args.host} without a token; wanted GENMO_SERVE_TOKEN in the environment")
    settings = ServeSettings(host=args.host, port=args.port, token=token, hosts=tuple(args.allow_host))
    try:
        serve = serve_on_ray(args.replicas, settings, engine=args.engine, threads=args.threads, cluster=args.cluster)
    except GenmoError as error:
        options.error(" ".join(str(error).split()))
    where = f"http://{args.host}:{args.port}"
    print(f"{where} serves genmo, {args.replicas} times; Ctrl-C ends it", file=sys.stderr, flush=True)
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    ended.wait()
    serve.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
