"""The web server under genmo-view and genmo-live: every request has an answer, and no answer is a traceback."""

import http.client
import socket
import threading
import time
from http import HTTPStatus

import pytest

from genmo.runtime.support import local_server
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.local_server import LocalServer, Response, text_response


class Server(LocalServer):
    def respond(self, path, query):
        if path == "/bug":
            raise ZeroDivisionError("secret")
        if path == "/bad":
            raise InputError("x.npz:\n wanted a motion")
        if path == "/foreign":
            return Response(b"<script>", "text/html", foreign=True, filename="a é.html")
        if path == "/pieces":
            return Response(iter([b"one", b"two"]), "text/plain")
        return text_response(HTTPStatus.OK, f"{path} {sorted(query)} \udcff")


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, *hosts, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for host in hosts or [f"127.0.0.1:{server.server_port}"]:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/x?b=1&a=", 200, b"/x ['a', 'b'] \\udcff"),
        ("/bug", 500, b"this cannot be shown (ZeroDivisionError)"),
        ("/bad", 422, b"x.npz: wanted a motion"),
        ("http://[::1/", 400, b"not an address"),
        ("/x?" + "&".join(["a=1"] * 65), 400, b"not an address"),
        ("/pieces", 200, b"onetwo"),
    ],
)
def test_every_request_is_answered(server, capfd, path, status, body):
    answer, said = ask(server, path)
    assert answer.status == status and body in said and b"\n" not in said
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["localhost"], 200),
        (["LOCALHOST:80"], 200),
        (["localhost:evil.example"], 403),
        (["evil.example"], 403),
        (["127.0.0.1.evil.example"], 403),
        (["127.0.0.1", "evil.example"], 403),
        ([""], 403),
    ],
)
def test_only_this_machine_by_our_names_is_answered(server, hosts, status):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/x", *hosts)[0].status == status


def test_what_others_wrote_runs_in_an_origin_of_its_own(server):
    answer, _ = ask(server, "/foreign")
    policy = answer.getheader("Content-Security-Policy")
    assert policy.startswith("sandbox allow-scripts;") and "same-origin" not in policy and "connect-src" not in policy
    assert answer.getheader("Content-Disposition") == "inline; filename*=UTF-8''a%20%C3%A9.html"
    assert "sandbox" not in ask(server, "/x")[0].getheader("Content-Security-Policy")


def test_head_has_no_body(server):
    answer, body = ask(server, "/x", method="HEAD")
    assert (answer.status, body) == (200, b"") and int(answer.getheader("Content-Length")) > 0


def test_a_reader_who_leaves_is_no_error(server, capfd):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(server, "/x")[0].status == 200
    assert capfd.readouterr() == ("", "")


def test_threads_are_bounded(server, monkeypatch):
    server._free = threading.Semaphore(2)
    waiting = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(2)]
    try:
        deadline = time.monotonic() + 5
        while (status := ask_raw(server)) != b"503" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert status == b"503"
    finally:
        for connection in waiting:
            connection.close()
    while (status := ask_raw(server)) != b"200" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert status == b"200"


def ask_raw(server, request=b"GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n"):
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.settimeout(5)
        try:
            connection.sendall(request)
            return connection.recv(1000)[9:12]
        except OSError:
            return b""


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /x HTTP/1.0\r\nHost: localhost", b"200"),
        (b"GET", b"400"),
        (bytes(99), b"400"),
        (b"GET / HTTP/9.9", b"505"),
    ],
)
def test_lines_that_are_no_request_have_a_status(server, line, status):
    assert ask_raw(server, line + b"\r\n\r\n") == status


def test_a_connection_that_says_nothing_is_dropped(monkeypatch):
    monkeypatch.setattr(local_server._Handler, "timeout", 0.1)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with socket.create_connection(("127.0.0.1", running.server_port)) as connection:
            connection.settimeout(5)
            assert connection.recv(10) == b""
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("port", [-1, 70000])
def test_ports_that_are_none(port):
    with pytest.raises(InputError, match=f"--port is {port}; wanted 0 to 65535"):
        Server(port)


def test_a_port_in_use_is_one_line(server):
    with pytest.raises(InputError, match="--other .* cannot be had"):
        Server(server.server_port, "--other")
