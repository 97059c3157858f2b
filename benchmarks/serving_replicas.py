"""Two servers, one killed while both work: every request is answered, by the other one with the same bytes.

    python benchmarks/serving_replicas.py            # two genmo-serve
    python benchmarks/serving_replicas.py --ray      # two replicas of examples/ray_serve.py behind Ray Serve's proxy

A server keeps nothing between requests, and a request with a seed has one answer, so whoever loses its connection asks
the next server the same: what a load balancer does for a client, and this script does by itself.  Ray's proxy answers
500 for a replica that died with a request, and the client asks it again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

REQUESTS = 16
TRIES = 6


def main() -> None:
    """Start two, ask, kill one, and say what came."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--ray", action="store_true", help="behind Ray Serve's proxy")
    ports, kill, end = on_ray() if options.parse_args().ray else two_servers()
    skeleton = json.loads(asked(ports[0], "GET", "/capabilities")[1])["models"][0]["canonical_skeleton"]
    before = asked(ports[0], "POST", "/generate", body(skeleton, 0))[1]
    answers: dict[int, bytes] = {}
    lost: list[int] = []
    threads = [
        threading.Thread(target=insistent, args=(number, body(skeleton, number), ports, answers, lost))
        for number in range(REQUESTS)
    ]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    kill()
    for thread in threads:
        thread.join()
    same = before == answers.get(0) == asked(ports[-1], "POST", "/generate", body(skeleton, 0))[1]
    print(f"answered {len(answers)} of {REQUESTS}; asked again {len(lost)} times; same bytes {same}")
    end()


Parts = tuple[list[int], Callable[[], None], Callable[[], None]]
"""ports, what kills one that works, what ends all"""


def two_servers() -> Parts:
    """Two processes of genmo-serve."""
    servers = [started(), started()]

    def end() -> None:
        for server, _ in servers:
            server.kill()
            server.wait()

    return [port for _, port in servers], servers[0][0].kill, end


def on_ray() -> Parts:
    """Two replicas behind one port."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
    from ray_serve import serve_on_ray

    from genmo.runtime.serve.settings import ServeSettings

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = serve_on_ray(2, ServeSettings(port=port, timeout=600))
    return [port], lambda: os.kill(replicas()[0], signal.SIGKILL), serve.shutdown


def replicas() -> list[int]:
    """Process ids of the replicas that this process has started, through Ray's own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            above = pid = int(folder.name)
            while above > 1 and above != os.getpid():
                above = int((Path("/proc") / str(above) / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if title.startswith(b"ray::ServeReplica") and above == os.getpid():
            found.append(pid)
    assert len(found) == 2, found
    return sorted(found)


def started() -> tuple[subprocess.Popen, int]:
    """A server and its port."""
    command = [sys.executable, "-m", "genmo.runtime.cli.serve", "--port", "0", "--threads", "1"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = next(line for line in server.stderr if " serves " in line)
    threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
    return server, int(re.search(r":(\d+) serves", line)[1])


def body(skeleton: dict, seed: int) -> bytes:
    """Two seconds of a text in thirty steps."""
    segment = {"type": "text", "prompt": "a person walks", "duration_frames": 60}
    options = {"seed": seed, "diffusion_steps": 30}
    request = {"protocol_version": "1.4", "model": "genmo", "skeleton": skeleton, "segments": [segment]}
    return json.dumps({**request, "options": options}).encode()


def asked(port: int, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, path, content)
    answer = connection.getresponse()
    return answer.status, answer.read()


def insistent(number: int, content: bytes, ports: list[int], answers: dict[int, bytes], lost: list[int]) -> None:
    """Ask one server after another until one answers."""
    for attempt in range(TRIES):
        try:
            status, told = asked(ports[(number + attempt) % len(ports)], "POST", "/generate", content)
        except (OSError, http.client.HTTPException):
            status = 0
        if status == 200:
            answers[number] = told
            return
        lost.append(number)
        time.sleep(1.0)


if __name__ == "__main__":
    main()
