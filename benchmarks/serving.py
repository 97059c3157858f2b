"""A server under a burst, clients that hang up, and any number of damaged bodies: is it right, and does it grow?

    python benchmarks/serving.py --bodies 100000 [--out benchmarks/results/serving.md]

The burst and the hang-ups go over a socket to `genmo-serve` in a process of its own; the bodies too, several at a time
over connections that stay open.  A body is a good request (two steps, three frames) with one value of it replaced, a
key dropped, or its bytes cut, and every answer must be the protocol's: 200, or an error in its envelope, never 500.
The memory is that of the server's process.

The first table is what one request of 150 frames of a text takes on one thread: seconds of the clock, and seconds of
processor time of the whole server, which say what a machine that does nothing else needs.
"""

from __future__ import annotations

import argparse
import copy
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

JUNK = (None, True, -1, 0, 1e308, -0.0, 10**30, "", "\ud800", "\x00", "é" * 200, [], {}, [[]], {"a": 1}, float("nan"))
STRUCTURED = (
    {"type": "text"},
    {"type": []},
    [{"type": "pose", "prompt": "x"}],
    {"fps": 1e-9},
    {"joints": []},
    [1, 2, 3],
)


def main() -> None:
    """Run the parts and print or write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bodies", type=int, default=2000)
    options.add_argument("--first", type=int, default=0, help="number of the first body: runs with others add up")
    options.add_argument("--minutes", type=float, default=1e9, help="send damaged bodies no longer than that")
    options.add_argument("--burst", type=int, default=200)
    options.add_argument("--hang-ups", type=int, default=20)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    command = [sys.executable, "-m", "genmo.runtime.cli.serve", "--port", "0", "--threads", "1", "--tries", "1"]
    command += ["--queue", "1000", "--timeout", "900"]  # so that a slow machine answers a burst all the same
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            port = int(re.search(r":(\d+) serves", _until(server, "serves"))[1])
            threading.Thread(target=drained, args=(server,), daemon=True).start()
            lines = measured(port, server.pid, given)
        finally:
            server.terminate()
    text = "\n".join(lines) + "\n"
    print(text)
    if given.out is not None:
        given.out.write_text(text)


def drained(server: subprocess.Popen) -> None:
    """Read the server's log, so that it never waits for us."""
    with suppress(ValueError):  # closed
        for _ in server.stderr:
            pass


def _until(server: subprocess.Popen, word: str) -> str:
    while word not in (line := server.stderr.readline()):
        assert line, "the server has ended"
    return line


def measured(port: int, pid: int, given: argparse.Namespace) -> list[str]:
    """The table."""
    good = good_request(port)
    rows = [*text_table(port, pid, good), ""]
    rows += ["| part | answers | seconds | server's memory MB before, after |", "|---|---|---:|---:|"]
    for name, work in (
        (
            "warm up, the longest motion among it",
            lambda: bodies(port, good, 50, 1) + bodies(port, longest(good, 2), 1, 1),
        ),
        (f"burst of {given.burst}", lambda: bodies(port, good, given.burst, given.burst)),
        (f"{given.hang_ups} that hang up", lambda: hang_ups(port, good, given.hang_ups)),
        ("damaged bodies", lambda: damaged_bodies(port, good, given)),
        (f"{given.hang_ups} more that hang up", lambda: hang_ups(port, good, given.hang_ups)),
        ("after it, 20 good ones", lambda: bodies(port, good, 20, 1)),
    ):
        before, start = memory(pid), time.perf_counter()
        seen = work()
        told = ", ".join(f"{what} {count}" for what, count in sorted(seen.items()))
        rows.append(f"| {name} | {told} | {time.perf_counter() - start:.1f} | {before:.0f}, {memory(pid):.0f} |")
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def text_table(port: int, pid: int, good: dict, count: int = 15) -> list[str]:
    """Five seconds of a text in the engine's own steps, asked again and again by one client."""
    request = {name: good[name] for name in ("protocol_version", "model", "skeleton")}
    spent = []
    for number in range(count + 2):
        segment = {"type": "text", "prompt": "a person walks forward", "duration_frames": 150}
        body = json.dumps({**request, "segments": [segment], "options": {"seed": number}}).encode()
        start, before = time.perf_counter(), processor_seconds(pid)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/generate", body, timeout=600) as answer:
            answer.read()
        spent.append((time.perf_counter() - start, processor_seconds(pid) - before))
    walls, processor = (sorted(column) for column in zip(*spent[2:], strict=True))
    cells = [f"{low:.2f}, {middle:.2f}" for low, middle in ((one[0], one[count // 2]) for one in (walls, processor))]
    return [
        "| 5 s of a text, one thread | wall s: least, median | processor s: least, median |",
        "|---|---:|---:|",
        f"| {count} requests | {' | '.join(cells)} |",
    ]


def processor_seconds(pid: int) -> float:
    """What a process has had of the processor, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def good_request(port: int) -> dict:
    """A request of three frames on the canonical skeleton with one of each constraint."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/capabilities") as answer:
        model = json.load(answer)["models"][0]
    return {
        "protocol_version": "1.4",
        "model": model["id"],
        "skeleton": model["canonical_skeleton"],
        "segments": [{"type": "text", "prompt": "a person walks", "duration_frames": 3, "seed": 1}],
        "constraints": [
            {"type": "root_path", "frames": [0, 2], "positions_xz": [[0, 0], [0, 0.1]], "heading_radians": [0, 0.1]},
            {"type": "effector_target", "joint": "left_wrist", "frames": [1], "positions": [[0.4, 1.2, 0.3]]},
            {
                "type": "pose_keyframe",
                "frame": 2,
                "joint_rotations": {"neck": [0, 0, 0, 1]},
                "root_position": [0, 1, 0],
            },
            {"type": "ground_height", "points": [[0, 0, 0.1]]},
        ],
        "timing": {"fps": 30},
        "options": {"seed": 1, "diffusion_steps": 2, "num_samples": 1, "guidance": {"type": "regular", "weight": [2]}},
    }


def longest(good: dict, steps: int) -> dict:
    """A good request of 600 frames in so many steps, whose working memory the server keeps."""
    long = copy.deepcopy(good)
    long["segments"][0]["duration_frames"], long["options"]["diffusion_steps"] = 600, steps
    return long


def damaged_body(good: dict, chance: random.Random) -> bytes:
    """The request with one thing wrong."""
    request = copy.deepcopy(good)
    node, parent, key = request, None, None
    while isinstance(node, dict | list) and node and (parent is None or chance.random() < 0.75):
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        parent, node = node, node[key]
    if chance.random() < 0.15:
        del parent[key]
    else:
        parent[key] = chance.choice(JUNK + STRUCTURED)
    body = json.dumps(request).encode()
    return body[: chance.randrange(len(body))] if chance.random() < 0.05 else body


def damaged_bodies(port: int, good: dict, given: argparse.Namespace) -> Counter:
    """Those of the numbers and in the time that are asked for."""
    numbers = range(given.first, given.first + given.bodies)
    return asked_with(
        port, lambda number: damaged_body(good, random.Random(number)), numbers, given.clients, 60 * given.minutes
    )


def bodies(port: int, good: dict, count: int, clients: int) -> Counter:
    """The same good request again and again."""
    content = json.dumps(good).encode()
    return asked_with(port, lambda _: content, range(count), clients)


def asked_with(
    port: int, made: Callable[[int], bytes], numbers: Iterable[int], clients: int, seconds: float = 1e12
) -> Counter:
    """How often each status came, and `wrong` for answers that are none of the protocol's."""
    seen, lock, left = Counter(), threading.Lock(), iter(numbers)
    deadline = time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        while True:
            with lock:
                number = next(left, None)
            if number is None or time.monotonic() > deadline:
                return connection.close()
            body = made(number)
            connection.request("POST", "/generate", body)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            right = "nodes" in told or "results" in told if answer.status == 200 else bool(told["error"]["code"])
            with lock:
                seen[str(answer.status)] += 1
                seen["wrong"] += not right or answer.status == 500
                if answer.status == 500:
                    print(number, told, body[:300], file=sys.stderr)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def hang_ups(port: int, good: dict, count: int) -> Counter:
    """Clients that go in the middle of their body or of the work; then how many motions still run."""
    body = json.dumps(longest(good, 300)).encode()
    head = f"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for number in range(count):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head + (body if number % 2 else body[:100]))
            time.sleep(0.05)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and gauge(port, "genmo_running") + gauge(port, "genmo_waiting"):
        time.sleep(0.1)
    return Counter({"still running": int(gauge(port, "genmo_running") + gauge(port, "genmo_waiting"))})


def gauge(port: int, name: str) -> float:
    """A number of the server's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)[1])


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
