"""What a server may do and for whom: `genmo-serve` reads it once from its options."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MEGABYTE = 2**20


@dataclass(frozen=True)
class ServeSettings:
    """The bounds of a server.  Sizes are bytes, times seconds."""

    model_id: str = "genmo"
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    """what `Authorization: Bearer` must say; None: nothing is asked for"""
    origins: tuple[str, ...] = ()
    """web pages that may ask (CORS), as `https://example.org`; a page of another origin is refused"""
    hosts: tuple[str, ...] = ()
    """names, besides those of this machine, under which the server may be called"""
    concurrency: int = 1
    """motions made at a time"""
    queue: int = 32
    """requests that may wait for their turn; more are told to come back"""
    timeout: float = 120.0
    """of one motion, its waiting included"""
    body_timeout: float = 30.0
    """for a request's body to arrive"""
    drain: float = 30.0
    """for running requests when the server is told to stop"""
    max_body: int = 8 * MEGABYTE
    max_held: int = 512 * MEGABYTE
    """of all bodies that are in memory at a time"""
    max_seconds: float = 60.0
    """of a motion"""
    max_samples: int = 16
    tries: int = 2
    """takes of each motion, of which the best is kept; two have most of what four have, in half of the time"""
    max_batch: int = 16
    max_constraints: int = 1024
    max_prompt: int = 1000
    max_reference_frames: int = 3600
    video_urls: bool = False
    """whether videos are fetched from the web, from public addresses only"""
    max_video: int = 24 * MEGABYTE
    max_video_seconds: float = 60.0
    pose: str | None = None
    """the pose network for videos (`--pose`); None: BlazePose where `genmo-get-pose` has put it"""
    detector: str | None = None
    fetch_timeout: float = 30.0
    """for a video from the web"""

    def with_videos(self) -> ServeSettings:
        """The same, with room for a video in a request's body (base64 is a third larger)."""
        return replace(self, max_body=max(self.max_body, self.max_video * 4 // 3 + MEGABYTE))

    @property
    def admitted(self) -> int:
        """Requests whose bodies may be in memory at a time."""
        return self.concurrency + self.queue
