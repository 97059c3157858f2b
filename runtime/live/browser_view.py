"""The browser view of a live motion: the `.html` player on 127.0.0.1, fed by server-sent events."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import quaternion_from_matrix
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.render.html import FULL_SCALE, to_html
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.local_server import LocalServer, Query, Response, text_response

PATIENCE = 5.0
"""seconds after which a reader hears that the line still stands"""

_SCRIPT = """<script>
"use strict";
const events = new EventSource("events"), note = document.getElementById("caption").children[1];
let first = true;
events.onmessage = (event) => {
  const pose = JSON.parse(event.data), person = people[0];
  person.quaternions.set(decode(pose.quaternions, Int16Array));
  person.translation.set(pose.translation);
  person.contacts.set(pose.contacts);
  note.textContent = pose.note;
  if (first) { first = false; resetView(); }
  state.stale = true;
};
events.onerror = () => { note.textContent = "nothing comes any more; genmo-live has ended or cannot be reached"; };
</script>"""


def live_page(offsets: Array) -> bytes:
    """The player for a person with rest offsets [24, 3], whose poses come as events."""
    return _live_page(np.ascontiguousarray(offsets, np.float64).tobytes())


@lru_cache(maxsize=2)
def _live_page(offsets: bytes) -> bytes:
    rest = Motion(
        np.tile(np.eye(3), (1, JOINT_COUNT, 1, 1)),
        np.asarray([[0.0, 0.93, 0.0]]),
        offsets=np.frombuffer(offsets).reshape(JOINT_COUNT, 3),
        contacts=np.zeros((1, 6)),
    )
    before, after = to_html(rest, "genmo live", "waiting for the first pose").split(b"</body>")
    return before + _SCRIPT.encode() + b"</body>" + after


def event(rotations: Array, translation: Array, contacts: Array, note: str) -> bytes:
    """One pose as a server-sent event: rotations [24, 3, 3], pelvis [3] in metres, contacts [6], a line of text."""
    quaternions = np.rint(FULL_SCALE * quaternion_from_matrix(np.asarray(rotations, np.float64))).astype("<i2")
    payload = {
        "quaternions": base64.b64encode(quaternions.tobytes()).decode(),
        "translation": np.round(translation, 4).tolist(),
        "contacts": np.rint(255 * np.clip(contacts, 0, 1)).astype(int).tolist(),
        "note": note,
    }
    return f"data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()


class LiveView(LocalServer):
    """Serves the page, and to every reader the newest pose: who reads slowly sees fewer of them.

    Raises InputError for a port that cannot be had; port 0: any free one.
    """

    def __init__(self, offsets: Array, port: int = 0) -> None:
        self.offsets = offsets
        self.changed = threading.Condition()
        self.newest, self.count, self.ended = b"", 0, False
        super().__init__(port, "--view-port")
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="genmo-live-view", daemon=True)
        self._thread.start()

    def publish(self, message: bytes) -> None:
        """Show an `event`; never waits for a reader."""
        with self.changed:
            self.newest, self.count = message, self.count + 1
            self.changed.notify_all()

    def close(self) -> None:
        """End all readers and the server."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.shutdown()
        self.server_close()
        self._thread.join(timeout=2)

    def respond(self, path: str, query: Query) -> Response:
        """The page at /, the poses at /events."""
        if path == "/":
            return Response(live_page(self.offsets), "text/html; charset=utf-8")
        if path == "/events":
            return Response(self._events(), "text/event-stream")
        return text_response(HTTPStatus.NOT_FOUND, "no such page")

    def _events(self) -> Iterator[bytes]:
        """The newest pose whenever there is one, for one reader."""
        sent = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.ended or self.count > sent, PATIENCE)  # noqa: B023
                if self.ended:
                    return
                if self.count > sent:
                    message, sent = self.newest, self.count
                else:
                    message = b": still here\n\n"
            yield message
