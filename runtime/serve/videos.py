"""Videos of requests: where they come from, and the motion of the most prominent person in one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from motionmcp import ProtocolError, VideoReferenceSegment, fetch_video_url

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import Motion
from genmo.runtime.serve.notes import Stopped
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.support.arrays import Image
from genmo.runtime.support.errors import BackendError, InputError
from genmo.runtime.video.libraries import library
from genmo.runtime.video.pipeline import PeopleFinder, extract_people
from genmo.runtime.video.pose_finder import check_pose_options, open_people_finder
from genmo.runtime.video.poses import Poses

SUFFIXES = {"video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm"}
Opened = Callable[[], PeopleFinder]


def people_finder(settings: ServeSettings, device: str, threads: int) -> Opened | None:
    """What opens the networks that look at a video, once a video; None where there are none and none were asked for.

    Raises InputError for networks that were asked for and cannot be had.
    """
    asked = settings.pose is not None or settings.detector is not None
    opened = partial(open_people_finder, settings.pose, settings.detector, device, threads)
    try:
        library("av")
        check_pose_options(settings.pose, settings.detector)
    except (InputError, BackendError):
        if asked:
            raise
        return None
    if asked:
        opened()  # a file that is no network is better told now than to whoever sends the first video
    return opened


class Watcher:
    """Estimates motions from videos."""

    def __init__(self, model: MotionModel, settings: ServeSettings, opened: Opened) -> None:
        self._model, self._settings, self._opened = model, settings, opened

    def motion(self, segment: VideoReferenceSegment, number: int, stop: threading.Event) -> Motion:
        """The motion of the largest person in the video of segment `number`.

        Raises ProtocolError for a video that cannot be had, read or watched, and Stopped once `stop` is set.
        """
        with tempfile.TemporaryDirectory(prefix="genmo-") as folder:
            path = Path(folder) / f"video{SUFFIXES.get(segment.video.media_type or '', '.mp4')}"
            path.write_bytes(self._content(segment))
            start = segment.start_s or 0.0
            try:
                seen = extract_people(
                    path,
                    _Stopping(self._opened(), stop),
                    start=start,
                    end=segment.end_s,
                    longest=self._settings.max_video_seconds,
                )
                return self._model.estimate(seen.people.keypoints())
            except InputError as error:
                told = str(error).replace(str(path), f"segments[{number}].video")
                raise ProtocolError("invalid_request", told, details={"segment": number}) from None

    def _content(self, segment: VideoReferenceSegment) -> bytes:
        """The bytes of the video."""
        if segment.video.url is None:
            return bytes(segment.video.decoded())
        if not self._settings.video_urls:
            raise ProtocolError("forbidden", "this server fetches no videos from the web; send it inline as video.data")
        fetched = fetch_video_url(
            segment.video.url, max_bytes=self._settings.max_video, timeout=self._settings.fetch_timeout
        )
        return bytes(fetched)


class _Stopping:
    """A finder that stops when nobody waits any more."""

    def __init__(self, finder: PeopleFinder, stop: threading.Event) -> None:
        self._finder, self._stop = finder, stop

    def people(self, image: Image) -> Poses:
        """Everybody in an RGB image."""
        if self._stop.is_set():
            raise Stopped
        return self._finder.people(image)
