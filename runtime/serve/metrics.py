"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one server; a process may have several, each with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "genmo_requests",
            "Requests by path, status and error code",
            ("path", "status", "code"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "genmo_request_seconds",
            "Seconds from a request to its answer",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.work = Histogram(
            "genmo_motion_seconds",
            "Seconds of making one motion, without waiting",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.frames = Counter("genmo_frames", "Frames of motion made, all samples", registry=self.registry)
        self.hung_up = Counter("genmo_hung_up", "Requests whose client went before its answer", registry=self.registry)
        self.waiting = Gauge("genmo_waiting", "Motions waiting for their turn", registry=self.registry)
        self.running = Gauge("genmo_running", "Motions being made", registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return bytes(generate_latest(self.registry))
