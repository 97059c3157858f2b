"""Two servers, one killed while both work: every request is answered, by the other one with the same bytes.

    python benchmarks/serving_replicas.py

A server keeps nothing between requests, and a request with a seed has one answer, so whoever loses its connection asks
the next server the same: what a load balancer does for a client, and this script does by itself.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time

REQUESTS = 16
TRIES = 6


def main() -> None:
    """Start two servers, ask, kill one, and say what came."""
    servers = [started(), started()]
    ports = [port for _, port in servers]
    skeleton = json.loads(asked(ports[0], "GET", "/capabilities")[1])["models"][0]["canonical_skeleton"]
    answers: dict[int, bytes] = {}
    lost: list[int] = []
    threads = [
        threading.Thread(target=insistent, args=(number, body(skeleton, number), ports, answers, lost))
        for number in range(REQUESTS)
    ]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    servers[0][0].kill()
    for thread in threads:
        thread.join()
    again = asked(ports[1], "POST", "/generate", body(skeleton, 0))[1]
    print(f"answered {len(answers)} of {REQUESTS}; connections lost {len(lost)}; same bytes {again == answers.get(0)}")
    for server, _ in servers:
        server.kill()
        server.wait()


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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request(method, path, content)
    answer = connection.getresponse()
    return answer.status, answer.read()


def insistent(number: int, content: bytes, ports: list[int], answers: dict[int, bytes], lost: list[int]) -> None:
    """Ask one server after another until one answers."""
    for attempt in range(TRIES):
        try:
            status, told = asked(ports[(number + attempt) % len(ports)], "POST", "/generate", content)
        except (OSError, http.client.HTTPException):
            lost.append(number)
            time.sleep(0.2)
            continue
        if status == 200:
            answers[number] = told
            return


if __name__ == "__main__":
    main()
