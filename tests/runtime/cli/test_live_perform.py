"""genmo-live --text and --path: lines, paths, and the whole command from stdin and datagrams to decoded packets."""

import io
import json
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from genmo.runtime import InputError, MotionAhead, MotionGenerator, MotionModel, RootPath, Stick
from genmo.runtime.cli.live import main
from genmo.runtime.cli.live_lines import Lines, follow_line, parse_path
from genmo.runtime.cli.live_perform import Performance, opened_path, perform

pytestmark = pytest.mark.end_to_end


class Told:
    """What a performer was told."""

    prompt: str | None = "before"
    command: object = "before"
    frame, lead = 20, 6


def test_lines_are_prompts_and_orders():
    told = Told()
    follow_line(told, "  a person waves \n")
    assert (told.prompt, told.command) == ("a person waves", "before")
    follow_line(told, "\n")
    follow_line(told, "/go 0.5 -1.25 90")
    assert told.command == Stick((0.5, -1.25), np.pi / 2) and told.prompt == "a person waves"
    follow_line(told, "/go 0 2")
    assert told.command == Stick((0.0, 2.0))
    follow_line(told, "/path 0,0 0,3 @1.5")
    assert told.command.frames.tolist() == [26, 86]
    follow_line(told, "/auto")
    follow_line(told, "/stop")
    assert told.prompt is None and told.command == Stick()
    follow_line(told, "/free")
    assert told.command is None


@pytest.mark.parametrize(
    "line", ["/go", "/go 1", "/go a b", "/go nan 0", "/go 99 0", "/path 0,0", "/path 0,0 1;2", "/path 0,0 0,1 @x", "/x"]
)
def test_what_is_no_order_is_said(line):
    with pytest.raises(InputError, match="wanted"):
        follow_line(Told(), line)


def test_paths_come_from_words_and_files(tmp_path):
    assert parse_path("0,0 0,2.4", 5).frames.tolist() == [5, 65]
    file = tmp_path / "way.npz"
    places = np.array([[0, np.nan, 0], [np.nan, 1, np.nan], [1, 0.9, 2]])
    np.savez(file, frames=[0, 10, 60], joints=["pelvis"] * 3, positions=places)
    path = opened_path(str(file))
    assert isinstance(path, RootPath) and path.frames.tolist() == [0, 60]
    np.testing.assert_allclose(path.positions, [[0, 0], [1, 2]])
    np.savez(file, frames=[0], joints=["head"], positions=places[:1])
    with pytest.raises(InputError, match="no place of the pelvis"):
        opened_path(str(file))


def test_lines_come_from_a_stream_and_from_datagrams():
    lines = Lines(io.StringIO("one\ntwo\n"), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto("three\n\xfffour".encode(), ("127.0.0.1", lines.port))
    found, end = [], time.monotonic() + 10
    while len(found) < 4 and time.monotonic() < end:
        found += lines.waiting()
        time.sleep(0.01)
    assert sorted(line.strip() for line in found) == sorted(["one", "two", "three", "\xfffour"])
    with pytest.raises(InputError, match="wanted a free port"):
        Lines(None, lines.port)
    lines.close()


def test_a_performance_shows_every_frame_once_and_goes_where_it_is_sent(tiny_engine, capsys):
    model = MotionModel.load(tiny_engine, threads=1)
    frames = []

    class Stage:
        def show(self, frame, note):
            frames.append((frame, note))

    lines, said = Lines(io.StringIO("/go 0 1\n/nothing\n"), None), Performance()
    with MotionAhead(MotionGenerator(model, "a person walks", overlap=8, block=12, steps=2), lead=3) as ahead:
        perform(ahead, lines, Stage(), 1.5, said)
        assert ahead.command == Stick((0.0, 1.0))
    assert len(frames) == said.poses == 45 and frames[0][0].contacts is not None
    assert frames[-1][1].startswith("a person walks, 100 ms behind")
    assert "got '/nothing'; wanted /go X Z" in capsys.readouterr().err


def test_the_command_performs_and_sends(tiny_engine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        command = [sys.executable, "-m", "genmo.runtime.cli.live", "--path", "0,0 0,3 @1", "--seconds", "1", "--json"]
        options = ["--vmc", f"127.0.0.1:{listener.getsockname()[1]}", "--engine", str(tiny_engine), "--threads", "1"]
        done = subprocess.run([*command, *options], input="a person jumps\n", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["poses"] == 30 and said["lead_ms"] == 200 and said["dropped_packets"] == 0
        assert listener.recv(4096).startswith(b"#bundle")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--text", "walk", "--look-ahead", "3"], "--look-ahead with --text; wanted it with --keypoints"),
        (["--keypoints", "k.npz", "--lead", "3"], "--lead with --keypoints; wanted it with --text"),
        (["--keypoints", "k.npz", "--path", "0,0 1,1"], "wanted one of"),
        (["--path", "somewhere"], "got the path 'somewhere'"),
        (["--text", "walk", "--lead", "0"], "wanted 1 to 300"),
        (["--text", "walk", "--steps", "0"], "steps is 0"),
        (["--text", "walk", "--listen", "99999"], "--listen 99999"),
        (["--text", "walk", "--start", "none.glb"], "none.glb"),
        (["--text", "walk", "--start", "clip.fbx"], "clip.fbx: got the suffix '.fbx'"),
    ],
)
def test_bad_options_are_one_line(tiny_engine, capsys, arguments, expected):
    assert main([*arguments, "--vmc", "127.0.0.1", "--engine", str(tiny_engine), "--threads", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("genmo-live: error: ") and expected in error
