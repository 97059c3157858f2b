"""genmo-view: pages of files, and a folder served to this machine and nobody else."""

import base64
import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest

from genmo.runtime.cli import motion_pages
from genmo.runtime.cli.folder_server import FolderServer, motions_in
from genmo.runtime.cli.motion_pages import show
from genmo.runtime.cli.view import main
from genmo.runtime.conditions.provenance import MotionSources
from genmo.runtime.conditions.spans import Text
from genmo.runtime.formats import save_motion, to_bvh, to_glb
from genmo.runtime.formats.gltf import pack
from genmo.runtime.formats.npz import to_npz


@pytest.fixture(scope="module")
def takes(tmp_path_factory, random_motion):
    """A folder of motions, files that are none, and a secret beside it."""
    root = tmp_path_factory.mktemp("view")
    folder = root / "takes"
    (folder / "day two").mkdir(parents=True)
    motion = random_motion(20)
    save_motion(folder / "a.npz", motion, sources=MotionSources(texts=(Text("a person <waves>", 0, 20),)))
    save_motion(folder / "a.glb", motion)
    save_motion(folder / "day two" / "b & c.npz", replace(motion, fps=60.0))
    np.savez(folder / "keypoints.npz", keypoints=np.zeros((3, 17, 3)))
    (folder / "broken.npz").write_bytes(b"PK nothing")
    save_motion(root / "secret.npz", motion)
    (root / "secret.txt").write_text("secret")
    os.symlink(root / "secret.npz", folder / "link.npz")
    os.symlink(root / "secret.txt", folder / "a.bvh")
    return folder


@pytest.fixture(scope="module")
def server(takes):
    with FolderServer(takes) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, method="GET", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body.decode(errors="replace")


def test_motions_are_found_and_nothing_else(takes):
    result = motions_in(takes)
    assert list(result) == ["a.npz", "day two/b & c.npz"]
    assert result["a.npz"].beside == (".glb",)


@pytest.fixture
def others(takes, random_motion):
    """Motions of other formats, and files of these formats that are none."""
    motion, folder = random_motion(20), takes / "other"
    folder.mkdir()
    for name in ("a.npz", "a.bvh", "b.glb", "b.bvh", "c.bvh", "d.GLB"):
        (folder / name).write_bytes(WRITERS[name[2:].lower()](motion))
    still = parse_glb(to_glb(motion))
    (folder / "hero.glb").write_bytes(pack({k: v for k, v in still[0].items() if k != "animations"}, still[1]))
    (folder / "x.bvh").write_text("no motion")
    (folder / "y.bvh").write_text("HIERARCHY ROOT hips {")
    (folder / "z.glb").write_bytes(b"glTF" + bytes(12) + b"JSON")
    yield folder
    shutil.rmtree(folder)


WRITERS = {"npz": to_npz, "bvh": to_bvh, "glb": to_glb}


def parse_glb(data):
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def test_motions_of_every_format_are_listed_once(takes, server, others):
    """Of one name the .npz, then the .glb; the rest is beside it.  A character without an animation is no motion."""
    result = {name: entry.beside for name, entry in motions_in(takes).items() if name.startswith("other/")}
    last = {"other/d.GLB": (), "other/y.bvh": ()}
    assert result == last | {"other/a.npz": (".bvh",), "other/b.glb": (".bvh",), "other/c.bvh": ()}
    for name in ("b.glb", "c.bvh", "d.GLB"):
        answer, page = ask(server, f"/play?m={quote(f'other/{name}', safe='')}")
        data = json.loads(re.search(r'<script id="motion"[^>]*>(.*?)</script>', page)[1])
        (person,) = data["people"]
        assert answer.status == 200 and person["name"] == name and data["mannequin"]["frames"] == 1
        assert base64.b64decode(person["file"]) == (others / name).read_bytes()
        assert ask(server, f"/file?m={quote(f'other/{name}', safe='')}")[0].status == 200
    answer, body = ask(server, "/play?m=other%2Fy.bvh")
    assert answer.status == 422 and "y.bvh" in body and "\n" not in body
    both = ask(server, "/play?m=a.npz&m=other%2Fc.bvh")[1]
    assert '"mannequin":null' in both and both.count('"file":') == 1


def test_files_of_other_formats_are_shown_or_one_line(others, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main([str(others / "c.bvh"), str(others / "d.GLB"), "--out", str(out), "--no-open"]) == 0
    capsys.readouterr()
    for name, line in (("hero.glb", "has no animation"), ("y.bvh", "y.bvh"), ("../a.html", "got the suffix")):
        assert main([str(others / name), "--out", str(out), "--no-open"]) == 2
        said = capsys.readouterr().err
        assert line in said and said.count("\n") == 1


def test_the_list_and_its_links(server):
    answer, page = ask(server, "/")
    assert answer.status == 200
    assert "day two/b &amp; c.npz" in page
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 5  # two to play, .npz of both and .glb of one
    for link in links:
        assert ask(server, link.replace("&amp;", "&"))[0].status == 200


def test_one_motion_and_two(server):
    answer, page = ask(server, "/play?m=a.npz")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert "a person \\u003cwaves>" in page
    both = ask(server, f"/play?m=a.npz&m={quote('day two/b & c.npz', safe='')}")[1]
    assert both.count('"quaternions"') == 2
    assert ask(server, "/play?" + "&".join(["m=a.npz"] * 5))[0].status == 422


@pytest.mark.parametrize(
    "path",
    [
        "/play?m=../secret.npz",
        "/play?m=..%2fsecret.npz",
        "/play?m=link.npz",
        "/play?m=keypoints.npz",
        "/play?m=%00",
        "/file?m=../secret.txt",
        "/file?m=a.npz&as=bvh",
        "/file?m=a.npz&as=npz/../../secret.txt",
        "/file?m=a.npz&as=",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/secret.txt",
        "//etc/passwd",
        "/play",
        "/file",
    ],
)
def test_nothing_but_the_list_is_handed_out(server, path):
    answer, body = ask(server, path)
    assert answer.status == 404
    assert "secret" not in body


def test_other_hosts_are_refused(server):
    assert ask(server, "/", host="evil.example")[0].status == 403
    assert ask(server, "/", host=f"localhost:{server.server_port}")[0].status == 200
    assert server.server_address[0] == "127.0.0.1"


def test_head_and_other_methods(server):
    answer, body = ask(server, "/", method="HEAD")
    assert (answer.status, body) == (200, "")
    assert int(answer.getheader("Content-Length")) > 500
    assert ask(server, "/", method="POST")[0].status == 501


def test_a_file_that_broke_is_one_line(server, takes, tmp_path):
    spoilt = takes / "spoilt.npz"
    np.savez(spoilt, rotations=np.zeros((2, 24, 3, 3)), joints_world=np.zeros((2, 24, 3)))
    try:
        answer, body = ask(server, "/play?m=spoilt.npz")
    finally:
        spoilt.unlink()
    assert answer.status == 422
    assert "wanted a motion .npz" in body
    assert "\n" not in body


def stored_motion(motion):
    return dict(np.load(io.BytesIO(to_npz(motion))))


# what a file that says it is a motion may hold, and what genmo-view says to it
ODD = {
    "offsets of zero": ({"offsets": np.zeros((24, 3))}, "offsets has bones of 0"),
    "huge offsets": ({"offsets": np.full((24, 3), 1e30)}, "offsets has bones of"),
    "text for numbers": ({"rotations": np.full((20, 24, 3, 3), "x", "U8")}, "rotations holds <U8, not numbers"),
    "rotations that are none": ({"rotations": np.full((20, 24, 3, 3), 3e38, np.float32)}, "entries beyond 1"),
    "joints beyond the sun": ({"joints_world": np.full((20, 24, 3), 1e12)}, "reaches beyond"),
    "no frames a second": ({"mocap_frame_rate": np.asarray(0.0)}, "mocap_frame_rate is 0"),
    "negative rate": ({"mocap_frame_rate": np.asarray(-30.0)}, "mocap_frame_rate is -30"),
    "endless rate": ({"mocap_frame_rate": np.asarray(1e300)}, "mocap_frame_rate is 1e+300"),
    "vanishing rate": ({"mocap_frame_rate": np.asarray(1e-300)}, "mocap_frame_rate is 1e-300"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_motion_is_one_line_and_harms_no_other(server, takes, random_motion, capsys, name):
    changes, line = ODD[name]
    odd = takes / "odd.npz"
    np.savez(odd, **(stored_motion(random_motion(20)) | changes))
    try:
        answer, body = ask(server, "/play?m=odd.npz")
        assert (answer.status, ask(server, "/")[0].status, ask(server, "/play?m=a.npz")[0].status) == (422, 200, 200)
        assert line in body and "\n" not in body
        assert main([str(odd), "--out", str(takes.parent / "odd.html")]) == 2
    finally:
        odd.unlink()
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there, and there are no such pipes")
def test_entries_that_cannot_be_shown_are_passed_over(takes, server):
    """A name that is no text, a pipe that would wait for ever, a broken archive: the list has the others."""
    odd = [os.fsencode(takes) + b"/\xff.npz", os.fsencode(takes) + b"/pipe.npz", os.fsencode(takes) + b"/a.svg"]
    try:
        with open(odd[0], "wb") as file:
            file.write((takes / "a.npz").read_bytes())
        os.mkfifo(odd[1])
        os.mkfifo(odd[2])
        assert list(motions_in(takes)) == ["a.npz", "day two/b & c.npz"]
        answer, page = ask(server, "/")
        assert answer.status == 200 and "2 motions" in page and "as=svg" not in page
    finally:
        for path in odd:
            if os.path.lexists(path):
                os.unlink(path)


def test_a_page_that_lies_beside_a_motion_is_not_trusted(server, takes):
    """It is shown, in an origin of its own: it cannot read the motions of the list."""
    page = takes / "a.html"
    page.write_text("<script>fetch('/')</script>")
    try:
        answer, body = ask(server, "/file?m=a.npz&as=html")
    finally:
        page.unlink()
    assert answer.status == 200 and "fetch" in body
    assert answer.getheader("Content-Security-Policy").startswith("sandbox")


def test_a_page_of_files_is_written_and_opened(takes, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setenv("BROWSER", "some")
    monkeypatch.setattr(motion_pages.webbrowser, "open", lambda address: not opened.append(address))
    out = tmp_path / "both.html"
    assert main([str(takes / "a.npz"), str(takes / "day two" / "b & c.npz"), "--out", str(out)]) == 0
    assert opened == [out.as_uri()]
    assert out.read_text().count('"quaternions"') == 2
    assert main([str(takes / "a.npz")]) == 0
    assert capsys.readouterr().err == ""
    assert opened[1].endswith("/a.html")


def test_no_browser_is_a_note(takes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(motion_pages.webbrowser, "open", lambda address: False)
    assert main([str(takes / "a.npz"), "--out", str(tmp_path / "a.html")]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "a.html")
    assert said.err.startswith("genmo-view: note: no browser")
    monkeypatch.delenv("BROWSER", raising=False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(motion_pages.sys, "platform", "linux")
    monkeypatch.setattr(motion_pages.webbrowser, "open", lambda address: pytest.fail("a console browser would block"))
    assert "http://x" in show("http://x")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{takes}", "{takes}/a.npz"], "wanted one folder"),
        (["{takes}/none.npz"], "no such file"),
        (["{takes}/keypoints.npz"], "wanted a motion .npz"),
        (["{takes}/a.npz"] * 5, "wanted 1 to 4"),
        (["{takes}/a.npz", "--port", "80"], "wanted a folder to serve"),
        (["{takes}/a.npz", "--out", "{takes}/x.txt"], "wanted a name that ends in .html"),
        (["{takes}/a.npz", "--no-open"], "wanted --out"),
        (["{takes}", "--port", "70000"], "wanted 0 to 65535"),
        (["{takes}", "--out", "x.html"], "wanted motion files"),
    ],
)
def test_bad_input_is_one_line(takes, capsys, arguments, expected):
    assert main([argument.format(takes=takes) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("genmo-view: error: ")
    assert said.count("\n") == 1
    assert expected in said


def test_a_port_in_use_is_said(server, takes, capsys):
    assert main([str(takes), "--no-open", "--port", str(server.server_port)]) == 2
    assert "wanted a free --port" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal to a process there")
def test_ctrl_c_ends_it_cleanly(takes):
    done = subprocess.Popen(
        [sys.executable, "-m", "genmo.runtime.cli.view", str(takes), "--no-open", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.stdout.readline().startswith("http://127.0.0.1:")
    time.sleep(0.2)
    done.send_signal(signal.SIGINT)
    out, err = done.communicate(timeout=20)
    assert done.returncode == 0
    assert "Traceback" not in err
